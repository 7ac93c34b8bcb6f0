/**
 * The locks of a whole swarm: the specification's `LockManager`, for the operator.
 *
 * Every method speaks for the holder that it names, and asks by the same commands as that session's own handle.
 */
import { Refused, type ErrorCode } from '../core/errors.ts';
import { OPERATOR, type AgentIdentity } from '../events/identity.ts';
import type { Lock, LockRequest } from '../events/lock-state.ts';
import { Asker, type SessionDoor } from './asker.ts';
import { SessionLocks } from './session-locks.ts';

/** A request as the specification has it; when it was made is what the swarm's own clock says, whatever `requestedAt` is. */
export interface LockRequestInput extends Omit<LockRequest, 'requestedAt' | 'isUpgrade'> {
  readonly requestedAt?: string;
  /** Ours: how long the lock is held unless renewed, in milliseconds; `config.timeouts.lockDefault` when absent. */
  readonly ttl?: number;
}

/** The specification's "Locking API", with `check` beside it. */
export interface LockManager {
  /** Acquires a lock for its requester; null when it was not granted within `timeout` milliseconds. */
  acquire(request: LockRequestInput): Promise<Lock | null>;
  /** Releases a lock; false when the holder does not hold it. */
  release(lockId: string, holder: AgentIdentity): Promise<boolean>;
  /** Extends the lease to `ttl` milliseconds from now; false when the holder does not hold it any more. */
  renew(lockId: string, holder: AgentIdentity, ttl: number): Promise<boolean>;
  /** Makes a lock exclusive, waiting for the others; false when the holder does not hold it, or in vain. */
  upgrade(lockId: string, holder: AgentIdentity): Promise<boolean>;
  /** Makes a lock shared; false when the holder does not hold it. */
  downgrade(lockId: string, holder: AgentIdentity): Promise<boolean>;
  /** Takes a lock from its holder; false when nobody holds it. */
  forceRelease(lockId: string, reason: string): Promise<boolean>;
  /** The locks that are held; on one resource when it is named. */
  getLocks(resource?: string): readonly Lock[];
  /** Who waits for a resource, in the order in which they are served. */
  getWaitQueue(resource: string): readonly LockRequest[];
  /**
   * Ours: whether a fencing token is that of a lock that is held now on a resource, or on a subtree that covers it. For
   * guards of what is outside of the swarm. False for names that no lock can have, `repo/../a` for example.
   */
  check(resource: string, fencingToken: number): boolean;
}

/** Codes that say that somebody does not hold a lock. */
const NOT_HELD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NOT_FOUND',
  'NOT_HOLDER',
  'SESSION_OFFLINE',
  'UNKNOWN_SESSION',
]);

/** The locks of one swarm. Refusals that do not say "not held" are thrown as `Refused`, `DEADLOCK` among them. */
export class SwarmLocks implements LockManager {
  readonly #door: SessionDoor;

  constructor(door: SessionDoor) {
    this.#door = door;
  }

  async acquire(request: LockRequestInput): Promise<Lock | null> {
    // Object(): whoever names nobody is refused as unknown, and does not stumble over that.
    const asked = Object(request) as LockRequestInput;
    const { id, resource, type, requester, timeout, priority, ttl } = asked;
    const query = {
      lockId: id,
      resource,
      type,
      timeout,
      priority,
      ...(ttl !== undefined && { ttl }),
    };
    return this.#of(requester).acquire(query);
  }

  async release(lockId: string, holder: AgentIdentity): Promise<boolean> {
    return isDone(this.#of(holder).release(lockId));
  }

  async renew(lockId: string, holder: AgentIdentity, ttl: number): Promise<boolean> {
    return isDone(this.#of(holder).renew(lockId, ttl));
  }

  async upgrade(lockId: string, holder: AgentIdentity): Promise<boolean> {
    return isDone(this.#of(holder).upgrade(lockId));
  }

  async downgrade(lockId: string, holder: AgentIdentity): Promise<boolean> {
    return isDone(this.#of(holder).downgrade(lockId));
  }

  async forceRelease(lockId: string, reason: string): Promise<boolean> {
    return isDone(this.#of(OPERATOR).forceRelease(lockId, reason));
  }

  getLocks(resource?: string): readonly Lock[] {
    return this.#door.reads.getLocks(OPERATOR, resource);
  }

  getWaitQueue(resource: string): readonly LockRequest[] {
    return this.#door.reads.getWaitQueue(OPERATOR, resource);
  }

  check(resource: string, fencingToken: number): boolean {
    return this.#door.reads.isCurrent(OPERATOR, resource, fencingToken);
  }

  #of(holder: AgentIdentity): SessionLocks {
    return new SessionLocks(new Asker(this.#door, this.#identityOf(holder)));
  }

  /** The identity as it was registered; whoever is not registered is refused by it. */
  #identityOf(holder: AgentIdentity): AgentIdentity {
    const { agentId, agentType, sessionId } = Object(holder) as AgentIdentity;
    const known = this.#door.projector.session(sessionId)?.identity;
    const isIt = known?.agentId === agentId && known?.agentType === agentType;
    return known !== undefined && isIt ? known : Object.freeze({ agentId, agentType, sessionId });
  }
}

/** Whether something was done; null is the answer of who waited in vain. */
async function isDone(doing: Promise<unknown>): Promise<boolean> {
  try {
    return (await doing) !== null;
  } catch (error) {
    if (error instanceof Refused && NOT_HELD.has(error.code)) return false;
    throw error;
  }
}
