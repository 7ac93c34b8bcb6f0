/**
 * Runs the benchmarks and gives a row for each variant, in the order of the table in `docs/performance.md`.
 *
 * Not here: how rows are shown (src/cli/bench.ts).
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inDirectory } from './harness.ts';
import { MixedLogs } from './mixed-logs.ts';
import { append } from './rows/append.ts';
import { claim } from './rows/claim.ts';
import { deliver } from './rows/deliver.ts';
import { fanout } from './rows/fanout.ts';
import { locks } from './rows/locks.ts';
import { memory } from './rows/memory.ts';
import { open } from './rows/open.ts';
import { query } from './rows/query.ts';
import { replay } from './rows/replay.ts';
import { route } from './rows/route.ts';
import { stateUpdate } from './rows/state-update.ts';
import { tasks } from './rows/tasks.ts';
import { watch } from './rows/watch.ts';
import type { Goal, Measured, Work } from './work.ts';

/** Every work that can be run. */
export const WORKS: readonly Work[] = [
  append,
  stateUpdate,
  query,
  watch,
  fanout,
  deliver,
  replay,
  open,
  tasks,
  claim,
  locks,
  route,
  memory,
];

/** Rounds when nothing else was said, and the fewest that give a median worth its name. */
export const ROUNDS_DEFAULT = 5;
export const ROUNDS_MIN = 3;

/** A variant that was measured, beside its goal. As JSON it is one line of `stig bench --json`. */
export type Row = Measured &
  Goal & {
    readonly work: string;
    readonly variant: string;
    readonly unit: string;
  };

/** How far a run is. */
export interface Progress {
  /** 0–1 of the whole run. */
  readonly fraction: number;
  readonly work: string;
  readonly variant: string;
}

/** What is run, and who is told. */
export interface RunOptions {
  /** The names of the works; all when absent. */
  readonly only?: readonly string[];
  /** At least {@link ROUNDS_MIN}. */
  readonly rounds?: number;
  /** An existing directory on the disk to measure; the system's for temporary files when absent. */
  readonly directory?: string;
  readonly onRow?: (row: Row) => void;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Runs the works one after the other, in a temporary directory that is removed afterwards. */
export async function runBenchmarks(options: RunOptions = {}): Promise<readonly Row[]> {
  const {
    only,
    rounds = ROUNDS_DEFAULT,
    directory: parent = tmpdir(),
    onRow,
    onProgress,
    signal,
  } = options;
  const chosen = WORKS.filter(({ work }) => only === undefined || only.includes(work));
  const runs = chosen.flatMap(({ work, variants }) =>
    variants.map((variant) => ({ work, variant })),
  );
  return inDirectory(join(parent, 'stigmergy-bench-'), async (directory) => {
    const logs = new MixedLogs(directory);
    const rows: Row[] = [];
    for (const {
      work,
      variant: { variant, unit, goal, measure },
    } of runs) {
      const tell = (done: number): void =>
        onProgress?.({ work, variant, fraction: (rows.length + done) / runs.length });
      tell(0);
      const measured = await measure({ rounds, directory, logs, onProgress: tell, signal });
      const { value, ...rest } = measured;
      const row: Row = { work, variant, value, unit, ...rest, ...goal };
      rows.push(row);
      onRow?.(row);
    }
    return rows;
  });
}

/** Whether what was measured is as good as one bound of its goal; true where the goal has none. */
export function isReached(row: Row, wanted: 'minimum' | 'aim'): boolean {
  if (row.bound === 'none') return true;
  const reached = row.of === 'ratio' ? (row.ratio ?? 0) : row.value;
  return row.bound === 'at least' ? reached >= row[wanted] : reached <= row[wanted];
}

/** Whether its p99 is within the limit, where it has one. */
export function isPrompt({ p99RatioMax, p99Ms, floorP99Ms }: Row): boolean {
  if (p99RatioMax === undefined || p99Ms === null || floorP99Ms === undefined) return true;
  return p99Ms <= p99RatioMax * floorP99Ms;
}
