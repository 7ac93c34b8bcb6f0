/** Writers on a floor of their own: what stands beside a sample of ours that is made of so many commands. */
import { openLevelEngine } from '../src/storage/engine.ts';
import { Floor, floorEvent } from './floor.ts';
import { closedLoop, type Load, type Sample } from './harness.ts';

/** Appends the next event of a floor; resolves when it is durable. */
export type FloorAppend = () => Promise<void>;

/** Lends a floor over a new database on disk. */
export async function onFloor<T>(
  directory: string,
  use: (append: FloorAppend) => Promise<T>,
): Promise<T> {
  const engine = await openLevelEngine(directory, { create: true });
  try {
    const floor = new Floor(engine.database);
    let number = 0;
    return await use(() => {
      number += 1;
      return floor.append(floorEvent(number));
    });
  } finally {
    await engine.close();
  }
}

/** Operations of so many appends each, one after the other, each durable before the next. */
export async function appendToFloor(
  directory: string,
  load: Load,
  appendsPerOperation: number,
): Promise<Sample> {
  return onFloor(directory, async (append) =>
    closedLoop(load, async () => {
      for (let step = 0; step < appendsPerOperation; step++) await append();
    }),
  );
}
