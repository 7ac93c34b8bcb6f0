/**
 * Commands that were carried out under an idempotency key, by the session and its key: the newest, and none that is too old.
 *
 * What they led to stands in the log, so only the place of it is kept.
 */
import type { Limits } from '../core/limits.ts';
import { firstSequence, type Commit } from '../events/envelope.ts';

/** A command that was carried out. */
export interface CarriedOut {
  /** The sequence of its first fact. */
  readonly first: number;
  readonly fingerprint: string;
  readonly timeMs: number;
}

/** The remembered commands of one swarm, oldest first. */
export class Idempotency {
  readonly byKey = new Map<string, CarriedOut>();

  /** Remembers a commit that has a key, and forgets what is too old or too many. */
  follow(commit: Commit, limits: Limits): void {
    const { idempotency, source, timeMs } = commit.command;
    if (idempotency === undefined || commit.refused !== undefined) return;
    const { key, fingerprint } = idempotency;
    const name = nameOf(source.sessionId, key);
    this.byKey.delete(name); // an expired one of the same name would keep its old place
    this.byKey.set(name, { first: firstSequence(commit), fingerprint, timeMs });
    for (const [oldest, { timeMs: thenMs }] of this.byKey) {
      const isTooOld = timeMs - thenMs > limits.idempotencyWindowMs;
      if (!isTooOld && this.byKey.size <= limits.idempotencyKeysMax) break;
      this.byKey.delete(oldest);
    }
  }

  /** The command that a session gave under a key, as long as it is remembered. */
  find(sessionId: string, key: string, at: { timeMs: number; limits: Limits }) {
    const found = this.byKey.get(nameOf(sessionId, key));
    const isFresh = found && at.timeMs - found.timeMs <= at.limits.idempotencyWindowMs;
    return isFresh ? found : undefined;
  }
}

/** Ids hold no white space, so no two pairs have one name. */
function nameOf(sessionId: string, key: string): string {
  return `${sessionId} ${key}`;
}
