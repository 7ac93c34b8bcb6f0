/** How many refused attempts of each session were recorded, minute by minute: what bounds their number. */

const MINUTE_MS = 60_000;

/** The attempts of one session in one minute of the swarm's time. */
interface Minute {
  readonly startMs: number;
  readonly count: number;
}

/** Recorded refusals by session. */
export class Refusals {
  readonly bySession = new Map<string, Minute>();

  note(sessionId: string, timeMs: number): void {
    const count = this.countAt(sessionId, timeMs) + 1;
    this.bySession.set(sessionId, { startMs: minuteOf(timeMs), count });
  }

  countAt(sessionId: string, timeMs: number): number {
    const minute = this.bySession.get(sessionId);
    return minute?.startMs === minuteOf(timeMs) ? minute.count : 0;
  }
}

function minuteOf(timeMs: number): number {
  return timeMs - (timeMs % MINUTE_MS);
}
