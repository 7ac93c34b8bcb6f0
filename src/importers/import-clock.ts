/**
 * The time of an import: it stands at the moment of the record that is carried out, and no timer of it ever fires (I5).
 *
 * So nothing runs out while the past of others is written down, and the same file gives the same times on every machine.
 */
import type { CancelTimer, Clock } from '../core/clock.ts';

/** A clock that stands where it was put. */
export class ImportClock implements Clock {
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  /** Puts it to the time of a record; never back. */
  moveTo(timeMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  schedule(): CancelTimer {
    return () => {};
  }
}
