/** Locks and waiting requests as the specification shows them (`Lock`, `LockRequest`). */
import { isoTime } from '../core/time.ts';
import type { AgentIdentity, Priority } from './identity.ts';
import type { LockHold, LockRecord, LockType, LockWait } from './lock.ts';

/** A lock as the specification shows it, with our fencing token. */
export interface Lock {
  readonly id: string;
  readonly resource: string;
  readonly type: LockType;
  readonly holder: AgentIdentity;
  readonly acquiredAt: string;
  readonly expiresAt: string;
  /** Milliseconds, as asked for last. */
  readonly ttl: number;
  readonly renewCount: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Ours: show it to whatever the lock protects; a smaller one than seen before comes from a former holder. */
  readonly fencingToken: number;
}

/** A waiting request as the specification shows it. */
export interface LockRequest {
  readonly id: string;
  readonly resource: string;
  readonly type: LockType;
  readonly requester: AgentIdentity;
  readonly requestedAt: string;
  /** How long it waits, in milliseconds. */
  readonly timeout: number;
  readonly priority: Priority;
  /** Ours: it waits to make the lock with the same id a stronger one. */
  readonly isUpgrade?: true;
}

/** Shows a held lock as the specification does. */
export function toLock(resource: string, hold: LockHold): Lock {
  return {
    id: hold.id,
    resource,
    type: hold.type,
    holder: hold.holder,
    acquiredAt: isoTime(hold.acquiredAtMs),
    expiresAt: isoTime(hold.expiresAtMs),
    ttl: hold.ttlMs,
    renewCount: hold.renewCount,
    ...(hold.metadata === null ? {} : { metadata: hold.metadata }),
    fencingToken: hold.fencingToken,
  };
}

/** Shows a waiting request as the specification does. */
export function toLockRequest(resource: string, wait: LockWait): LockRequest {
  return {
    id: wait.id,
    resource,
    type: wait.type,
    requester: wait.requester,
    requestedAt: isoTime(wait.requestedAtMs),
    timeout: wait.timeoutMs,
    priority: wait.priority,
  };
}

/** Who waits for a resource, in the order in which they are served: an upgrade first, since its session holds already. */
export function toWaitQueue({ resource, upgrade, holders, queue }: LockRecord): LockRequest[] {
  const requests = queue.map((wait) => toLockRequest(resource, wait));
  const holder = holders.find(({ id }) => id === upgrade?.lockId)?.holder;
  if (upgrade === null || holder === undefined) return requests;
  const { lockId: id, to: type, timeoutMs: timeout, priority } = upgrade;
  const requestedAt = isoTime(upgrade.requestedAtMs);
  const first = { id, resource, type, requester: holder, requestedAt, timeout, priority };
  return [{ ...first, isUpgrade: true }, ...requests];
}
