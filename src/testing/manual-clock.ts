/**
 * A clock that stands still until a test moves it.
 *
 * Two ways of moving, because time fails in two ways (I9): `advance` passes every timer at its moment, as a machine that keeps
 * up does; `jump` moves the time past them, so that they fire late: a stall of the process, or a suspended machine.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { CancelTimer, Clock } from '../core/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** How many timers one move may fire: a timer that arms itself for the same moment again and again is a mistake. */
const FIRED_MAX = 1_000_000;

/**
 * A {@link Clock} under the hand of a test.
 *
 * @example
 * const clock = new ManualClock();
 * const swarm = await openSwarm({ clock });
 * await clock.advance(60_000); // whatever runs out within a minute does so, each at its own moment
 */
export class ManualClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #timers: Timer[] = [];
  #order = 0;

  /** Starts at a wall time in milliseconds since 1970; 2026-01-01T00:00:00Z when none is given. */
  constructor(wallMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Timers that wait; those that a closed swarm left behind would show here. */
  get pending(): number {
    return this.#timers.length;
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const timer: Timer = { atMs, order: this.#order++, callback };
    this.#timers.push(timer);
    return () => this.#remove(timer);
  }

  /**
   * Moves the time on, and fires every timer that it passes at its own moment, the earliest first; those that the callbacks
   * arm on the way too. Before each step, whoever waits for a promise goes on. `advance(0)` fires what is due now.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await yieldToOthers();
    for (let fired = 0; fired < FIRED_MAX; fired++) {
      const next = this.#earliest();
      if (next === undefined || next.atMs > endMs) {
        this.#nowMs = Math.max(this.#nowMs, endMs);
        return;
      }
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#remove(next);
      next.callback();
      await yieldToOthers();
    }
    throw new Error(
      `${FIRED_MAX} timers fired while the clock moved by ${ms} ms: some timer arms itself for now.`,
    );
  }

  /** Moves the time on and fires nothing on the way: what is overdue then fires late, at the next {@link advance}. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  /** Sets the wall time and leaves the monotonic one alone, as an administrator does. */
  setWallMs(wallMs: number): void {
    this.#wallOffsetMs = wallMs - this.#nowMs;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (earliest === undefined || isBefore(timer, earliest)) earliest = timer;
    }
    return earliest;
  }

  #remove(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}
