/** The window of the newest events: what is in it is given at once, what is older is read, once for all who ask. */
import { expect, test } from 'vitest';
import { EventWindow, type Stretch } from '../../src/bus/event-window.ts';
import type { Block } from '../../src/events/block.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { OPERATOR } from '../../src/events/identity.ts';

function commit(sequence: number, facts = 1): Commit {
  const command = { type: 'x', version: 1, payload: {}, source: OPERATOR, timeMs: 0 };
  const made = Array.from({ length: facts }, (_, index) => ({
    type: 'app.x',
    payload: { data: sequence + index },
    sequence: sequence + index,
    timeMs: 0,
    source: OPERATOR,
  }));
  return { command, facts: made };
}

/** A log of blocks of ten events, which counts how often it is read. */
function scene(last: number) {
  const reads: number[] = [];
  const readBlock = async (sequence: number): Promise<Block> => {
    reads.push(sequence);
    const first = Math.floor((sequence - 1) / 10) * 10 + 1;
    await Promise.resolve();
    return { first, count: 10, epoch: 1, previous: '', commits: [commit(first, 10)] };
  };
  return { window: new EventWindow({ readBlock, swarmId: () => 'swarm', last }), reads };
}

function sequences(stretch: Stretch | undefined): readonly number[] {
  return (stretch ?? []).map(({ fact }) => fact.sequence);
}

test('what is durable is given at once; what is not, not at all', () => {
  const { window, reads } = scene(10);
  expect(window.stretchAt(11)).toBeUndefined();
  window.push([commit(11), commit(12, 2)], 100);
  window.push([commit(14)], 100);
  expect(sequences(window.stretchAt(12) as Stretch)).toEqual([11, 12, 13]);
  expect(sequences(window.stretchAt(14) as Stretch)).toEqual([14]);
  expect(window.stretchAt(15)).toBeUndefined();
  expect(window.last).toBe(14);
  expect(reads).toEqual([]);
});

test('an event is put into its envelope once, and is frozen', () => {
  const { window } = scene(0);
  window.push([commit(1)], 10);
  const [entry] = window.stretchAt(1) as Stretch;
  expect(entry?.event).toBe(entry?.event);
  expect(entry?.event).toMatchObject({ id: 'swarm-1', type: 'app.x', payload: 1, sequence: 1 });
  expect(Object.isFrozen(entry?.event)).toBe(true);
});

test('what is older is read, once for all who ask together, and kept for a while', async () => {
  const { window, reads } = scene(100);
  const found = await Promise.all(Array.from({ length: 50 }, async () => window.stretchAt(35)));
  expect(sequences(found[0])).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
  expect(reads).toEqual([35]);
  expect(window.stretchAt(31)).toBe(found[0]); // no promise any more
  for (const sequence of [1, 11, 21, 41, 51]) await window.stretchAt(sequence);
  await window.stretchAt(35);
  expect(reads).toEqual([35, 1, 11, 21, 41, 51, 35]);
});

test('[I12] no more is kept than events and characters allow; what falls out is read', async () => {
  const { window, reads } = scene(0);
  for (let first = 1; first <= 5_000; first += 10) window.push([commit(first, 10)], 10);
  expect(window.stretchAt(901)).toBeInstanceOf(Promise);
  expect(sequences(window.stretchAt(2_001) as Stretch)[0]).toBe(2_001);
  await window.stretchAt(901);
  expect(reads).toEqual([901]);
  window.push([commit(5_001, 10)], 4_000_000);
  window.push([commit(5_011, 10)], 4_000_000);
  expect(window.stretchAt(5_001)).toBeInstanceOf(Promise);
  expect(sequences(window.stretchAt(5_011) as Stretch)).toHaveLength(10);
});

test('a read that fails is not kept', async () => {
  let fails = true;
  const readBlock = async (): Promise<Block> => {
    await Promise.resolve();
    if (fails) throw new Error('gone');
    return { first: 1, count: 1, epoch: 1, previous: '', commits: [commit(1)] };
  };
  const window = new EventWindow({ readBlock, swarmId: () => 'swarm', last: 1 });
  await expect(window.stretchAt(1)).rejects.toThrow('gone');
  fails = false;
  expect(sequences(await window.stretchAt(1))).toEqual([1]);
});
