/** When a Heartbeat checks: absolute times, each fired once. Pure. */

/** What a schedule is about, in milliseconds. */
export interface Round {
  /** When it was due. */
  readonly dueMs: number;
  /** When it began. */
  readonly firedMs: number;
  /** When it was over. */
  readonly endedMs: number;
  readonly intervalMs: number;
}

/**
 * When the first round is due: at once when it is overdue, and never later than in an interval, also when the clock was set
 * back or the interval is a shorter one than before.
 */
export function firstDueMs({
  nextCheckMs,
  nowMs,
  intervalMs,
}: {
  readonly nextCheckMs: number;
  readonly nowMs: number;
  readonly intervalMs: number;
}): number {
  return Math.min(Math.max(nextCheckMs, nowMs), nowMs + intervalMs);
}

/**
 * When the next round is due. The rhythm is kept; what was passed over while a round took long is skipped. After a round that
 * came late by an interval or more, a stall, the rhythm is counted from when it came: never two in a burst.
 */
export function nextDueMs({ dueMs, firedMs, endedMs, intervalMs }: Round): number {
  const baseMs = firedMs - dueMs < intervalMs ? dueMs : firedMs;
  const passed = Math.floor((endedMs - baseMs) / intervalMs);
  return baseMs + (passed + 1) * intervalMs;
}
