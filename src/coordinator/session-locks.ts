/** The locks of a session's handle. */
import { refuse, Refused } from '../core/errors.ts';
import { frozen } from '../core/json.ts';
import type { Commit } from '../events/envelope.ts';
import type { SwarmFact } from '../events/catalog.ts';
import type { Priority } from '../events/identity.ts';
import { toLock } from '../events/lock-state.ts';
import type { LockType } from '../events/lock.ts';
import type { Lock, LockRequest } from '../events/lock-state.ts';
import type { Asker } from './asker.ts';
import type { Asked } from './dispatch.ts';
import type { WaitEnd } from './lock-waits.ts';
import { accepted, type Result } from './result.ts';

/** How long and how urgently a lock is waited for. */
export interface LockPatience {
  /** How long to wait, in milliseconds; 0 is not at all, `config.timeouts.lockDefault` when absent. */
  readonly timeout?: number;
  readonly priority?: Priority;
  /** Gives up waiting; the answer is then null. */
  readonly signal?: AbortSignal;
}

/** What lock is asked for. */
export interface LockQuery extends LockPatience {
  /** What it protects: a path or another name. `repo/src/**` is a whole subtree, `state/…` a part of the state. */
  readonly resource: string;
  readonly type: LockType;
  /** The id that the request and then the lock has; drawn when absent. */
  readonly lockId?: string;
  /** How long it is held unless renewed, in milliseconds; `config.timeouts.lockDefault` when absent. */
  readonly ttl?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What a session does with locks. */
export class SessionLocks {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /**
   * Acquires a lock, waiting in the queue of its resource; null when it was not granted in time.
   * A session that holds what it asks for is given the lock that it has; when it asks for more, its lock is upgraded.
   * @throws {Refused} `DEADLOCK` with the circle in its details, `LIMIT_EXCEEDED`, `ALREADY_EXISTS` when it waits for it already
   */
  async acquire({ signal, ...query }: LockQuery): Promise<Lock | null> {
    checkSignal(signal);
    if (signal?.aborted) return null;
    const asked = this.#asker.ask('lock.acquire', query);
    const request = this.#requestIn(asked.commit);
    if (request === undefined) return this.#unrecorded(query.resource, await asked.answer);
    return this.#outcome(asked, request, signal);
  }

  /**
   * Makes a held lock exclusive, or `upgradeable`; waits until the other holders have left. The lock then has a new fencing
   * token, and its lease begins anew. Null when that was not possible in time, or the lock ended: what is held is unchanged.
   * @throws {Refused} `DEADLOCK` when another holder waits to upgrade too; `NOT_FOUND` when the lock has ended; `NOT_HOLDER`
   */
  async upgrade(
    lockId: string,
    { signal, ...patience }: LockPatience & { readonly to?: 'exclusive' | 'upgradeable' } = {},
  ): Promise<Lock | null> {
    checkSignal(signal);
    if (signal?.aborted) return null;
    const resource = this.#asker.door.projector.resourceOf(lockId) ?? '';
    const asked = this.#asker.ask('lock.upgrade', { lockId, ...patience });
    const request = this.#requestIn(asked.commit);
    if (request === undefined) return this.#unrecorded(resource, await asked.answer);
    return this.#outcome(asked, request, signal);
  }

  /**
   * Makes a held lock a shared one; whoever fits beside it is let in at once.
   * @throws {Refused} `NOT_FOUND` when it has ended, `NOT_HOLDER`
   */
  async downgrade(lockId: string): Promise<void> {
    accepted(await this.#asker.ask('lock.downgrade', { lockId }).answer);
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

  /**
   * Takes a lock from whoever holds it, for a reason that stands in the event; for a Conductor.
   * @throws {Refused} `FORBIDDEN`, `NOT_FOUND`
   */
  async forceRelease(lockId: string, reason: string): Promise<void> {
    accepted(await this.#asker.ask('lock.force_release', { lockId, reason }).answer);
  }

  /** The locks that are held, of everybody; on one resource when it is named. */
  getLocks(resource?: string): readonly Lock[] {
    return this.#asker.door.reads.getLocks(this.#asker.identity, resource);
  }

  /** Who waits for a resource, in the order in which they are served. */
  getWaitQueue(resource: string): readonly LockRequest[] {
    return this.#asker.door.reads.getWaitQueue(this.#asker.identity, resource);
  }

  /** Whether a fencing token is that of a lock that is held now on a resource, by anybody, or on a subtree that covers it. */
  check(resource: string, fencingToken: number): boolean {
    return this.#asker.door.reads.isCurrent(this.#asker.identity, resource, fencingToken);
  }

  /** The fact that granted or queued what was asked for; others may have been let in, or given up, by the same commit. */
  #requestIn(commit: Commit | undefined): OwnRequest | undefined {
    const drawn = (commit?.command.payload as { readonly lockId?: string } | undefined)?.lockId;
    const facts = (commit?.facts ?? []) as readonly SwarmFact[];
    const own = facts.filter(isRequest).find(({ type, payload: { lockId, resource } }) => {
      const isUpgrade = type === 'lock.upgraded' || type === 'lock.upgrade_requested';
      return lockId === drawn || (isUpgrade && this.#holds(resource, lockId));
    });
    if (own === undefined) return undefined;
    const { lockId, resource } = own.payload;
    const waits = own.type === 'lock.requested' || own.type === 'lock.upgrade_requested';
    return { lockId, resource, type: own.type, waits, sequence: own.sequence };
  }

  #holds(resource: string, lockId: string): boolean {
    const record = this.#asker.door.projector.resource(resource);
    const hold = record?.holders.find(({ id }) => id === lockId);
    return hold?.holder.sessionId === this.#asker.identity.sessionId;
  }

  /** A request that was recorded: it is granted, or it waits for its end. */
  async #outcome(
    { answer }: Asked,
    { lockId, resource, type, waits, sequence }: OwnRequest,
    signal: AbortSignal | undefined,
  ): Promise<Lock | null> {
    const atOnce = waits ? undefined : this.#lockOf(resource, lockId);
    const end = waits ? this.#asker.door.waits.endOf(lockId, sequence) : undefined;
    accepted(await answer);
    const how = end === undefined ? type : (await this.#endWith(end, lockId, signal)).type;
    if (how !== 'lock.acquired' && how !== 'lock.upgraded') return null;
    const lock = atOnce ?? this.#lockOf(resource, lockId) ?? null;
    if (lock === null || how === 'lock.upgraded' || !signal?.aborted) return lock;
    await this.release(lockId).catch(ignoreRefusal); // granted to somebody who had given up
    return null;
  }

  async #endWith(
    end: Promise<WaitEnd>,
    lockId: string,
    signal: AbortSignal | undefined,
  ): Promise<WaitEnd> {
    // Whether it could still be given up is told by how the wait ends.
    const giveUp = () => {
      this.#asker.ask('lock.abandon', { lockId }).answer.catch(() => {});
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp(); // in the meantime
    try {
      return await end;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  #unrecorded(resource: string, result: Result): Lock | null {
    if (!result.ok) {
      if (result.code === 'LOCK_HELD') return null;
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

interface OwnRequest {
  readonly lockId: string;
  readonly resource: string;
  readonly type: RequestFact['type'];
  readonly waits: boolean;
  readonly sequence: number;
}

type RequestFact = Extract<
  SwarmFact,
  { type: 'lock.acquired' | 'lock.requested' | 'lock.upgraded' | 'lock.upgrade_requested' }
>;

function isRequest(fact: SwarmFact): fact is RequestFact {
  return (
    fact.type === 'lock.acquired' ||
    fact.type === 'lock.requested' ||
    fact.type === 'lock.upgraded' ||
    fact.type === 'lock.upgrade_requested'
  );
}

/** Before anything is asked: what cannot be listened to could not give up. */
function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new Refused(
    refuse('INVALID_INPUT', 'signal: expected an AbortSignal, as of new AbortController().', {}),
  );
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
}
