/** The pause before something is tried again. */

/** How pauses grow. */
export interface Backoff {
  /** The first pause, in milliseconds. */
  readonly baseMs: number;
  /** The longest pause, in milliseconds. */
  readonly maxMs: number;
}

/**
 * The pause after an attempt, in milliseconds: doubled for each one, and drawn from its upper half, so that those who failed
 * together do not come back together. `chance` is from 0 up to 1.
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, chance: number): number {
  const fullMs = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(fullMs / 2 + (fullMs / 2) * chance);
}
