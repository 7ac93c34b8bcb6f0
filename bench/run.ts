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
import { memory } from './rows/memory.ts';
import { open } from './rows/open.ts';
import { replay } from './rows/replay.ts';
import { tasks } from './rows/tasks.ts';
import type { Goal, Measured, Work } from './work.ts';

/** Every work that can be run. */
export const WORKS: readonly Work[] = [append, replay, open, tasks, memory];

/** Rounds when nothing else was said, and the fewest that give a median worth its name. */
export const ROUNDS_DEFAULT = 5;
export const ROUNDS_MIN = 3;

/** A variant that was measured. As JSON it is one line of `stig bench --json`. */
export interface Row extends Measured {
  readonly work: string;
  readonly variant: string;
  readonly unit: string;
  readonly minimum: number;
  readonly aim: number;
  readonly goal: Goal;
  /** Whether the minimum was reached, the limit on the p99 included. */
  readonly reached: boolean;
}

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
  readonly onRow?: (row: Row) => void;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Runs the works one after the other, in a directory of the system for temporary files that is removed afterwards. */
export async function runBenchmarks(options: RunOptions = {}): Promise<readonly Row[]> {
  const { only, rounds = ROUNDS_DEFAULT, onRow, onProgress, signal } = options;
  const chosen = WORKS.filter(({ work }) => only === undefined || only.includes(work));
  const runs = chosen.flatMap(({ work, variants }) =>
    variants.map((variant) => ({ work, variant })),
  );
  return inDirectory(join(tmpdir(), 'stigmergy-bench-'), async (directory) => {
    const logs = new MixedLogs(directory);
    const rows: Row[] = [];
    for (const { work, variant } of runs) {
      const tell = (done: number): void =>
        onProgress?.({
          work,
          variant: variant.variant,
          fraction: (rows.length + done) / runs.length,
        });
      tell(0);
      const measured = await variant.measure({ rounds, directory, logs, onProgress: tell, signal });
      const row = toRow({
        work,
        variant: variant.variant,
        unit: variant.unit,
        goal: variant.goal,
        measured,
      });
      rows.push(row);
      onRow?.(row);
    }
    return rows;
  });
}

type Parts = Pick<Row, 'work' | 'variant' | 'unit' | 'goal'> & { readonly measured: Measured };

function toRow({ work, variant, unit, goal, measured }: Parts): Row {
  const { value, floor, ratio, p50Ms, p99Ms, ...rest } = measured;
  return {
    work,
    variant,
    value,
    unit,
    floor,
    ratio,
    p50Ms,
    p99Ms,
    minimum: goal.minimum,
    aim: goal.aim,
    reached: isWithin(goal, measured, goal.minimum),
    ...rest,
    goal,
  };
}

/** Whether what was measured is as good as one bound of its goal: the minimum or the aim. */
export function isWithin(goal: Goal, measured: Measured, bound: number): boolean {
  const reached = goal.of === 'ratio' ? (measured.ratio ?? 0) : measured.value;
  const { p99Ms, floorP99Ms } = measured;
  const isSlow =
    goal.p99RatioMax !== undefined && (p99Ms ?? 0) > goal.p99RatioMax * (floorP99Ms ?? 0);
  return !isSlow && (goal.bound === 'at least' ? reached >= bound : reached <= bound);
}
