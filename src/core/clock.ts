/**
 * Where time comes from.
 *
 * A swarm asks its clock when it opens, for the wall time, and after that only for the monotonic time since (I5):
 * its own time never goes back, whatever the administrator does to the wall clock.
 */

/** Cancels a timer. Harmless when the timer has fired. */
export type CancelTimer = () => void;

/** The time and the timers of a coordinator; `testing/` has one that stands still until it is moved. */
export interface Clock {
  /** Milliseconds since 1970, as the machine believes. */
  wallMs(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonicMs(): number;
  /** Calls back once after a delay in milliseconds. Must not keep the process alive. */
  schedule(delayMs: number, callback: () => void): CancelTimer;
}

const TIMER_DELAY_MS_MAX = 2 ** 31 - 1; // Node fires longer ones at once

/** The machine's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), TIMER_DELAY_MS_MAX));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** The time of one swarm: max(wall time at open, last recorded) plus the monotonic time since (I5). */
export class SwarmClock {
  readonly #clock: Clock;
  readonly #offsetMs: number;

  constructor(clock: Clock, lastRecordedMs: number) {
    this.#clock = clock;
    this.#offsetMs = Math.max(clock.wallMs(), lastRecordedMs) - clock.monotonicMs();
  }

  /** Now, in whole milliseconds since 1970. */
  nowMs(): number {
    return Math.floor(this.#clock.monotonicMs() + this.#offsetMs);
  }

  /** Calls back once when the swarm's time has reached a moment. */
  scheduleAt(atMs: number, callback: () => void): CancelTimer {
    return this.#clock.schedule(Math.ceil(atMs - this.nowMs()), callback);
  }
}

/**
 * Calls back when nobody has anything more to do in this turn: whoever was just answered goes on after some promises, and
 * what it asks next is asked by then. Ticks that are asked for in a microtask come after all microtasks.
 */
export function atEndOfTurn(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}
