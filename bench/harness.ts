/**
 * How things are measured, the floor and ours alike.
 *
 * Machines are noisy and change their speed while one looks, so floor and ours alternate in one run, every pair gives a ratio,
 * and the median of the ratios counts. Each sample has a fresh database, so that no compaction of the one runs beside the other.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Measured, Setting } from './work.ts';

/** What one run of one side gave. */
export interface Sample {
  readonly value: number;
  /** How long each operation took. */
  readonly latenciesMs: readonly number[];
  readonly bytesPerCommit?: number;
}

/** Takes one sample in an empty directory of its own. */
export type Sampler = (directory: string) => Promise<Sample>;

/** The two sides of a comparison. */
export interface Sides {
  readonly floor: Sampler;
  readonly ours: Sampler;
  /** True when the value is a time: then less is better, and the ratio is the floor's over ours. */
  readonly isTime?: boolean;
}

/** Measures floor, ours, floor, ours …; the first pair warms up and is not counted. */
export async function compare(
  { floor, ours, isTime = false }: Sides,
  setting: Setting,
): Promise<Measured> {
  const pairs: { readonly floor: Sample; readonly ours: Sample }[] = [];
  const samples = 2 * (setting.rounds + 1);
  for (let round = 0; round <= setting.rounds; round++) {
    const floorSample = await sampleOnce(floor, setting);
    setting.onProgress((2 * round + 1) / samples);
    const oursSample = await sampleOnce(ours, setting);
    setting.onProgress((2 * round + 2) / samples);
    if (round > 0) pairs.push({ floor: floorSample, ours: oursSample });
  }
  const ratios = pairs.map((pair) =>
    isTime ? pair.floor.value / pair.ours.value : pair.ours.value / pair.floor.value,
  );
  const bytes = pairs.flatMap((pair) => pair.ours.bytesPerCommit ?? []);
  return {
    value: median(pairs.map((pair) => pair.ours.value)),
    floor: median(pairs.map((pair) => pair.floor.value)),
    ratio: median(ratios),
    p50Ms: median(pairs.map((pair) => percentile(pair.ours.latenciesMs, 50))),
    p99Ms: median(pairs.map((pair) => percentile(pair.ours.latenciesMs, 99))),
    floorP50Ms: median(pairs.map((pair) => percentile(pair.floor.latenciesMs, 50))),
    floorP99Ms: median(pairs.map((pair) => percentile(pair.floor.latenciesMs, 99))),
    ...(bytes.length > 0 && { bytesPerCommit: median(bytes) }),
    ratios,
  };
}

async function sampleOnce(sampler: Sampler, { directory, signal }: Setting): Promise<Sample> {
  signal?.throwIfAborted();
  return inDirectory(join(directory, 'sample-'), async (path) => {
    globalThis.gc?.();
    return sampler(path);
  });
}

/** Lends a new directory whose name begins so, and removes it afterwards. */
export async function inDirectory<T>(
  prefix: string,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(prefix);
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** How hard, and how long, {@link closedLoop} drives. */
export interface Load {
  /** Writers, each of which has one operation under way. */
  readonly inFlight: number;
  readonly durationMs: number;
}

/** Has every writer do one operation after the other until the time is up. The value is operations per second. */
export async function closedLoop(
  { inFlight, durationMs }: Load,
  operate: (writer: number, turn: number) => Promise<unknown>,
): Promise<Sample> {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  async function write(writer: number): Promise<void> {
    let beganMs = startMs;
    for (let turn = 0; beganMs - startMs < durationMs; turn++) {
      await operate(writer, turn);
      const endedMs = performance.now();
      latenciesMs.push(endedMs - beganMs);
      beganMs = endedMs;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, (_, writer) => write(writer)));
  return perSecond(latenciesMs, startMs);
}

/** Has every writer do one operation after the other until one answers that nothing is left. Counts as {@link closedLoop}. */
export async function drain(
  inFlight: number,
  operate: (writer: number) => Promise<boolean>,
): Promise<Sample> {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  async function write(writer: number): Promise<void> {
    let beganMs = startMs;
    while (await operate(writer)) {
      const endedMs = performance.now();
      latenciesMs.push(endedMs - beganMs);
      beganMs = endedMs;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, (_, writer) => write(writer)));
  return perSecond(latenciesMs, startMs);
}

function perSecond(latenciesMs: readonly number[], startMs: number): Sample {
  return { value: (latenciesMs.length * 1_000) / (performance.now() - startMs), latenciesMs };
}

/** The value in the middle; the mean of the two in the middle when their number is even. */
export function median(values: readonly number[]): number {
  return (percentile(values, 50) + percentile(values, 50, 'upper')) / 2;
}

/** The smallest value that is at least as great as so many hundredths of all: the nearest rank. */
function percentile(
  values: readonly number[],
  percent: number,
  side: 'lower' | 'upper' = 'lower',
): number {
  const sorted = Float64Array.from(values).toSorted();
  const rank = (percent / 100) * sorted.length;
  const index = side === 'lower' ? Math.ceil(rank) - 1 : Math.floor(rank);
  return sorted[Math.max(0, index)] ?? Number.NaN;
}
