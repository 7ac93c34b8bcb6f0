/** Callers who wait for a lock: told, once it is durable, that they have it or that they will not get it. */
import { Refused, type Refusal } from '../core/errors.ts';
import type { SwarmFact } from '../events/catalog.ts';
import type { Commit } from '../events/envelope.ts';

/** How a wait ends: with the fact that granted or ended it. */
export type WaitEnd = Extract<SwarmFact, { type: 'lock.acquired' | 'lock.abandoned' }>;

interface Waiting {
  resolve(end: WaitEnd): void;
  reject(reason: Refused): void;
}

const HOUR_MS = 3_600_000;

/** The waiting callers of one swarm, by the id of their request. */
export class LockWaits {
  readonly #waiting = new Map<string, Waiting>();
  /** The timers of deadlines let a process end; one in which somebody waits for a lock has to go on. */
  #keepsProcess: NodeJS.Timeout | undefined;

  /** Waits for the end of a request that was just recorded. Throws `CLOSED` or `HALTED` when the swarm ends first. */
  endOf(lockId: string): Promise<WaitEnd> {
    this.#keepsProcess ??= setInterval(() => {}, HOUR_MS);
    const end = new Promise<WaitEnd>((resolve, reject) => {
      this.#waiting.set(lockId, { resolve, reject });
    });
    end.catch(() => {}); // whoever waits hears of it; until then it is nobody's unhandled rejection
    return end;
  }

  /** Tells those whom durable commits concern. */
  durable(commits: readonly Commit[]): void {
    if (this.#waiting.size === 0) return;
    for (const { facts } of commits) {
      for (const fact of facts as readonly SwarmFact[]) {
        if (fact.type === 'lock.acquired' || fact.type === 'lock.abandoned') {
          this.#take(fact.payload.lockId)?.resolve(fact);
        }
      }
    }
  }

  /** The swarm ends: nobody will get anything any more. */
  close(reason: Refusal): void {
    for (const lockId of this.#waiting.keys()) this.#take(lockId)?.reject(new Refused(reason));
  }

  #take(lockId: string): Waiting | undefined {
    const waiting = this.#waiting.get(lockId);
    this.#waiting.delete(lockId);
    if (this.#waiting.size === 0) {
      clearInterval(this.#keepsProcess);
      this.#keepsProcess = undefined;
    }
    return waiting;
  }
}
