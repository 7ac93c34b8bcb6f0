/** The lock of the floor passes on in the order of asking, no later and no earlier than a durable coordinator may. */
import { expect, test } from 'vitest';
import { FloorLock } from '../../bench/floor-lock.ts';
import { Floor, floorEvent, replayFloor } from '../../bench/floor.ts';
import { openMemoryEngine } from '../../src/storage/engine.ts';

/** Appends that become durable one by one, when the test says so. */
class HeldAppends {
  readonly #durable: (() => void)[] = [];
  readonly append = () => new Promise<void>((resolve) => this.#durable.push(resolve));

  async settle(count: number): Promise<void> {
    for (const resolve of this.#durable.splice(0, count)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('is granted in the order of asking, and to nobody before the release of who had it is durable', async () => {
  const appends = new HeldAppends();
  const lock = new FloorLock(appends.append);
  const served: string[] = [];
  const turns = ['ada', 'bob', 'cyd'].map(async (name) => {
    await lock.acquire();
    served.push(name);
    await lock.release();
  });
  await appends.settle(3);
  expect(served).toEqual(['ada']);
  await appends.settle(1);
  expect(served).toEqual(['ada', 'bob']);
  await appends.settle(1);
  expect(served).toEqual(['ada', 'bob', 'cyd']);
  await appends.settle(1);
  await Promise.all(turns);
});

test('passes to who waits when the release is decided, before it is durable', async () => {
  const appends = new HeldAppends();
  const lock = new FloorLock(appends.append);
  const story: string[] = [];
  void lock.acquire();
  void lock.acquire().then(() => story.push('bob has it'));
  await appends.settle(2);
  void lock.release();
  void lock.acquire().then(() => story.push('cyd has it'));
  await appends.settle(2);
  expect(story).toEqual(['bob has it']); // it was his when cyd asked
});

test('takes one block a turn', async () => {
  const [writers, turns] = [4, 5];
  const engine = await openMemoryEngine();
  const floor = new Floor(engine.database);
  let events = 0;
  const lock = new FloorLock(() => floor.append(floorEvent(++events)));
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (let turn = 0; turn < turns; turn++) {
        await lock.acquire();
        await lock.release();
      }
    }),
  );
  expect(await replayFloor(engine.database)).toBe(2 * writers * turns);
  expect(await engine.database.keys().all()).toHaveLength(1 + writers * turns); // the first requests share one
  await engine.close();
});
