/** Callers who wait for a lock: told, once it is durable, that they have it or that they will not get it. */
import { refuse, Refused, type Refusal } from '../core/errors.ts';
import type { SwarmFact } from '../events/catalog.ts';
import type { Commit } from '../events/envelope.ts';
import type { LockFact } from '../events/lock.ts';

/** How a wait ends: with the fact that granted or ended it. */
export type WaitEnd = Extract<
  SwarmFact,
  { type: 'lock.acquired' | 'lock.upgraded' | 'lock.abandoned' | 'lock.released' | 'lock.expired' }
>;

interface Waiting {
  /** The sequence of the request: what ends it comes later. */
  readonly sequence: number;
  resolve(end: WaitEnd): void;
  reject(reason: Refused): void;
}

const HOUR_MS = 3_600_000;

/** The waiting callers of one swarm. */
export class LockWaits {
  /** By the id of their request; an id may be used again before its first caller has been told. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** The timers of deadlines let a process end; one in which somebody waits for a lock has to go on. */
  #keepsProcess: NodeJS.Timeout | undefined;

  /**
   * Waits for the end of a request, or of an upgrade, that was just recorded. Throws `DEADLOCK` when it is taken out of a
   * circle, `CLOSED` or `HALTED` when the swarm ends first.
   */
  endOf(lockId: string, sequence: number): Promise<WaitEnd> {
    this.#keepsProcess ??= setInterval(() => {}, HOUR_MS);
    const end = new Promise<WaitEnd>((resolve, reject) => {
      const waiting = this.#waiting.get(lockId);
      if (waiting === undefined) this.#waiting.set(lockId, [{ sequence, resolve, reject }]);
      else waiting.push({ sequence, resolve, reject });
    });
    end.catch(() => {}); // whoever waits hears of it; until then it is nobody's unhandled rejection
    return end;
  }

  /** Tells those whom durable commits concern. */
  durable(commits: readonly Commit[]): void {
    if (this.#waiting.size === 0) return;
    for (const { facts } of commits) {
      for (const fact of facts as readonly SwarmFact[]) {
        if (!isEnd(fact)) continue;
        const waiting = this.#take(fact.payload.lockId, fact.sequence);
        const isVictim = fact.type === 'lock.abandoned' && fact.payload.reason === 'deadlock';
        if (isVictim) waiting?.reject(new Refused(deadlock(fact, facts as readonly SwarmFact[])));
        else waiting?.resolve(fact);
      }
    }
  }

  /** The swarm ends: nobody will get anything any more. */
  close(reason: Refusal): void {
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    this.#letProcessEnd();
    for (const waiting of all) waiting.reject(new Refused(reason));
  }

  /** The caller of the request that ended at a sequence. */
  #take(lockId: string, endedAt: number): Waiting | undefined {
    const waiting = this.#waiting.get(lockId);
    if (waiting === undefined || (waiting[0]?.sequence ?? 0) >= endedAt) return undefined;
    const ended = waiting.shift();
    if (waiting.length === 0) this.#waiting.delete(lockId);
    if (this.#waiting.size === 0) this.#letProcessEnd();
    return ended;
  }

  #letProcessEnd(): void {
    clearInterval(this.#keepsProcess);
    this.#keepsProcess = undefined;
  }
}

function isEnd(fact: SwarmFact): fact is WaitEnd {
  switch (fact.type as LockFact['type']) {
    case 'lock.acquired':
    case 'lock.upgraded':
    case 'lock.abandoned':
    case 'lock.released':
    case 'lock.expired':
      return true;
    case 'lock.requested':
    case 'lock.renewed':
    case 'lock.contention':
    case 'lock.upgrade_requested':
    case 'lock.downgraded':
      return false;
  }
  return false; // of another actor
}

/** What the victim of a circle is told: the circle stands in the contention that precedes its end. */
function deadlock(
  { payload: { lockId, resource } }: WaitEnd,
  facts: readonly SwarmFact[],
): Refusal {
  const found = facts.find(
    (fact) => fact.type === 'lock.contention' && fact.payload.lockId === lockId,
  );
  const cycle = found?.type === 'lock.contention' ? found.payload.cycle : undefined;
  return refuse(
    'DEADLOCK',
    `The sessions that wait for ${JSON.stringify(resource)} and this one waited for each other; this one had to give up. Release what it holds, and begin again.`,
    { lockId, resource, cycle: cycle ?? [] },
  );
}
