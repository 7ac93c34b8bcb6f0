/** Callers who wait for a lock: told, once it is durable, that they have it or that they will not get it. */
import type { SwarmFact } from '../events/catalog.ts';
import type { Commit } from '../events/envelope.ts';

/** How a wait ends: with the fact that granted or ended it; undefined when the swarm closed first. */
export type WaitEnd = Extract<SwarmFact, { type: 'lock.acquired' | 'lock.abandoned' }> | undefined;

const HOUR_MS = 3_600_000;

/** The waiting callers of one swarm, by the id of their request. */
export class LockWaits {
  readonly #ends = new Map<string, (end: WaitEnd) => void>();
  /** The timers of deadlines let a process end; one in which somebody waits for a lock has to go on. */
  #keepsProcess: NodeJS.Timeout | undefined;

  /** Waits for the end of a request that was just recorded. */
  endOf(lockId: string): Promise<WaitEnd> {
    this.#keepsProcess ??= setInterval(() => {}, HOUR_MS);
    return new Promise((resolve) => {
      this.#ends.set(lockId, resolve);
    });
  }

  /** Tells those whom durable commits concern. */
  durable(commits: readonly Commit[]): void {
    if (this.#ends.size === 0) return;
    for (const { facts } of commits) {
      for (const fact of facts as readonly SwarmFact[]) {
        if (fact.type === 'lock.acquired' || fact.type === 'lock.abandoned') {
          this.#end(fact.payload.lockId, fact);
        }
      }
    }
  }

  /** Nobody waits any more. */
  close(): void {
    for (const lockId of this.#ends.keys()) this.#end(lockId, undefined);
  }

  #end(lockId: string, end: WaitEnd): void {
    this.#ends.get(lockId)?.(end);
    this.#ends.delete(lockId);
    if (this.#ends.size > 0) return;
    clearInterval(this.#keepsProcess);
    this.#keepsProcess = undefined;
  }
}
