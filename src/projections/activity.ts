/**
 * The last sign of life of every session, and until when its silence is forgiven (I9).
 *
 * Every command of a session is one, so this is kept apart from its record. A stall of the coordinator moves all deadlines.
 */
import type { Limits } from '../core/limits.ts';
import { touchOf, type Touch } from '../events/definition.ts';
import type { Fact } from '../events/envelope.ts';
import type { SessionRecord } from '../events/session.ts';

/** Signs of life by session. */
export class Activity {
  last = new Map<string, Touch>();
  /** No deadline of a session is before this: what a stall of the coordinator added. */
  forgivenUntilMs = new Map<string, number>();

  sign(sessionId: string, fact: Fact): void {
    this.last.set(sessionId, touchOf(fact));
    if (this.forgivenUntilMs.size > 0) this.forgivenUntilMs.delete(sessionId); // it has its full time again
  }

  /** When the silence of a session becomes an error, or its error the end; undefined when it has none. */
  deadlineMs(session: SessionRecord, limits: Limits): number | undefined {
    if (!isWatched(session)) return undefined;
    const { sessionId } = session.identity;
    const timeoutMs = session.heartbeatTimeoutMs ?? limits.heartbeatTimeoutMs;
    const dueMs =
      session.erroredAtMs === null
        ? (this.last.get(sessionId)?.timeMs ?? session.startedAtMs) + timeoutMs
        : session.erroredAtMs + limits.graceMs;
    return Math.max(dueMs, this.forgivenUntilMs.get(sessionId) ?? 0);
  }

  /** Moves the deadlines of all living sessions by a gap in which nobody could hear them. */
  forgive(sessions: Iterable<SessionRecord>, gapMs: number, limits: Limits): void {
    for (const session of sessions) {
      const deadlineMs = this.deadlineMs(session, limits);
      if (deadlineMs !== undefined) {
        this.forgivenUntilMs.set(session.identity.sessionId, deadlineMs + gapMs);
      }
    }
  }
}

/** Whether the silence of a session has a deadline: it has not ended, and did not say that it may be silent. */
export function isWatched({ status, heartbeatTimeoutMs, erroredAtMs }: SessionRecord): boolean {
  return status !== 'offline' && (heartbeatTimeoutMs !== 0 || erroredAtMs !== null);
}
