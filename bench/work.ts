/** What a benchmark is: a work in one or more variants, each with what it should reach and how it is measured. */
import type { MixedLogs } from './mixed-logs.ts';

/** What a variant should reach. */
export type Goal = {
  /** What counts: the ratio to the floor, or the value itself. */
  readonly of: 'ratio' | 'value';
  /** How many times the floor's p99 ours may be, at most. */
  readonly p99RatioMax?: number;
} & (
  | {
      readonly bound: 'at least' | 'at most';
      readonly minimum: number;
      readonly aim: number;
    }
  /** Only the figures are told: nothing was promised about them. */
  | { readonly bound: 'none' }
);

/** What was measured: medians over the rounds, and the rounds themselves. */
export interface Measured {
  readonly value: number;
  /** The floor's value in the same unit; null when there is no floor. */
  readonly floor: number | null;
  /** The median of the ratios of each round. For times it says how many times faster ours is. */
  readonly ratio: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly floorP50Ms?: number;
  readonly floorP99Ms?: number;
  /** What our log stores for a commit; beside it stand the floor's bytes. */
  readonly bytesPerCommit?: number;
  readonly floorBytesPerCommit?: number;
  /** Tasks that went to two sessions. */
  readonly doubleClaims?: number;
  /** The ratio of every round, in order. */
  readonly ratios?: readonly number[];
}

/** What a measurement is given. */
export interface Setting {
  /** Pairs of floor and ours that count; one pair before them warms up. */
  readonly rounds: number;
  /** A directory on disk for whatever it writes; removed by who made it. */
  readonly directory: string;
  readonly logs: MixedLogs;
  /** Told after every sample how much of the variant is done, 0–1. */
  readonly onProgress: (fraction: number) => void;
  /** Gives up between two samples. */
  readonly signal: AbortSignal | undefined;
}

/** One line of the results to be. */
export interface Variant {
  /** Begins with the number in flight where there is one. */
  readonly variant: string;
  readonly unit: string;
  readonly goal: Goal;
  readonly measure: (setting: Setting) => Promise<Measured>;
}

/** A work that is measured. */
export interface Work {
  readonly work: string;
  /** What is done, in one line for `--help`. */
  readonly summary: string;
  readonly variants: readonly Variant[];
}
