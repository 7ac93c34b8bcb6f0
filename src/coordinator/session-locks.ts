/** The locks of a session's handle. */
import { Refused } from '../core/errors.ts';
import { frozen } from '../core/json.ts';
import type { Priority } from '../events/identity.ts';
import { toLock, type Lock, type LockType } from '../events/lock.ts';
import { firstAbout, type Asker } from './asker.ts';
import type { WaitEnd } from './lock-waits.ts';
import { accepted, type Result } from './result.ts';

/** What lock is asked for. */
export interface LockQuery {
  /** What it protects: a path or another name. */
  readonly resource: string;
  readonly type: LockType;
  /** How long it is held unless renewed, in milliseconds; `config.timeouts.lockDefault` when absent. */
  readonly ttl?: number;
  /** How long to wait, in milliseconds; 0 is not at all, `config.timeouts.lockDefault` when absent. */
  readonly timeout?: number;
  readonly priority?: Priority;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Gives up waiting; `acquire` then answers null. */
  readonly signal?: AbortSignal;
}

/** What a session does with locks. */
export class SessionLocks {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /**
   * Acquires a lock, waiting in the queue of its resource; null when it was not granted in time.
   * A session that holds what it asks for is given the lock that it has.
   * @throws {Refused} `LIMIT_EXCEEDED`, `LOCK_HELD` when the session holds the resource in a weaker form
   */
  async acquire({ signal, ...query }: LockQuery): Promise<Lock | null> {
    if (signal?.aborted) return null;
    const { answer, commit } = this.#asker.ask('lock.acquire', query);
    const request = firstAbout(commit, 'lockId');
    if (request === undefined) return this.#unrecorded(query.resource, await answer);
    const { id: lockId, type } = request;
    const granted = this.#lockOf(query.resource, lockId);
    const end = type === 'lock.requested' ? this.#asker.door.waits.endOf(lockId) : undefined;
    accepted(await answer);
    const lock = end === undefined ? granted : await this.#waitFor(end, { query, lockId, signal });
    if (lock === undefined || !signal?.aborted) return lock ?? null;
    await this.release(lockId).catch(ignoreRefusal); // granted to somebody who had given up
    return null;
  }

  async #waitFor(
    end: Promise<WaitEnd>,
    {
      query,
      lockId,
      signal,
    }: { query: LockQuery; lockId: string; signal: AbortSignal | undefined },
  ): Promise<Lock | undefined> {
    // Whether it could still be given up is told by how the wait ends.
    const giveUp = () => {
      this.#asker.ask('lock.abandon', { lockId }).answer.catch(() => {});
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp(); // in the meantime
    try {
      const { type } = await end;
      return type === 'lock.acquired' ? this.#lockOf(query.resource, lockId) : undefined;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Extends the lease, from now. A lock that has ended is not granted again.
   * @throws {Refused} `NOT_FOUND` when it has ended, `NOT_HOLDER`, `LIMIT_EXCEEDED`
   */
  async renew(lockId: string, ttl?: number): Promise<void> {
    const payload = ttl === undefined ? { lockId } : { lockId, ttl };
    accepted(await this.#asker.ask('lock.renew', payload).answer);
  }

  /** @throws {Refused} `NOT_FOUND` when it has ended, `NOT_HOLDER` */
  async release(lockId: string): Promise<void> {
    accepted(await this.#asker.ask('lock.release', { lockId }).answer);
  }

  #unrecorded(resource: string, result: Result): Lock | null {
    if (!result.ok) {
      const isBusy = result.code === 'LOCK_HELD' && result.details['holders'] !== undefined;
      if (isBusy) return null;
      throw new Refused(result);
    }
    const { sessionId } = this.#asker.identity;
    const record = this.#asker.door.projector.resource(resource);
    const own = record?.holders.find(({ holder }) => holder.sessionId === sessionId);
    return own === undefined ? null : frozen(toLock(resource, own));
  }

  #lockOf(resource: string, lockId: string): Lock | undefined {
    const record = this.#asker.door.projector.resource(resource);
    const hold = record?.holders.find(({ id }) => id === lockId);
    return hold && frozen(toLock(resource, hold));
  }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
}
