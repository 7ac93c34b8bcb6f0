/** The floor is what it says: fixed bytes, and a replay that verifies. No timings here. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  fillFloor,
  Floor,
  FLOOR_EVENT_BYTES,
  FLOOR_REPLAY_BLOCK_EVENTS,
  floorEvent,
  replayFloor,
} from '../../bench/floor.ts';
import { openMemoryEngine, type Engine } from '../../src/storage/engine.ts';

let engine: Engine;

beforeEach(async () => {
  engine = await openMemoryEngine();
});

afterEach(async () => {
  await engine.close();
});

test.each([0, 1, 9_999, 10_000_000, 9_999_999_999])('event %i is 335 bytes of JSON', (number) => {
  expect(Buffer.byteLength(JSON.stringify(floorEvent(number)))).toBe(FLOOR_EVENT_BYTES);
  expect(FLOOR_EVENT_BYTES).toBe(335);
});

describe('replay', () => {
  test('reads what was filled in, in full blocks and a rest', async () => {
    await fillFloor(engine.database, 2 * FLOOR_REPLAY_BLOCK_EVENTS + 5);
    expect(await replayFloor(engine.database)).toBe(2 * FLOOR_REPLAY_BLOCK_EVENTS + 5);
    expect(await engine.database.keys().all()).toHaveLength(3);
  });

  test('reads what single writers appended', async () => {
    const floor = new Floor(engine.database);
    await Promise.all([1, 2, 3].map((number) => floor.append(floorEvent(number))));
    await floor.append(floorEvent(4));
    expect(await replayFloor(engine.database)).toBe(4);
    expect(await engine.database.keys().all()).toHaveLength(2);
  });

  test.each(['first', 'last'] as const)('refuses a flipped byte in the %s block', async (which) => {
    await fillFloor(engine.database, 3 * FLOOR_REPLAY_BLOCK_EVENTS);
    const keys = await engine.database.keys().all();
    const key = (which === 'first' ? keys[0] : keys.at(-1)) ?? '';
    const bytes = Buffer.from((await engine.database.get(key)) ?? '');
    for (const at of [0, 70, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      await engine.database.put(key, flipped);
      await expect(replayFloor(engine.database)).rejects.toThrow(Error);
    }
    await engine.database.put(key, bytes);
    expect(await replayFloor(engine.database)).toBe(3 * FLOOR_REPLAY_BLOCK_EVENTS);
  });

  test('refuses a log without one of its blocks', async () => {
    await fillFloor(engine.database, 3 * FLOOR_REPLAY_BLOCK_EVENTS);
    const [, second = ''] = await engine.database.keys().all();
    await engine.database.del(second);
    await expect(replayFloor(engine.database)).rejects.toThrow(Error);
  });
});
