/**
 * Locks: their facts, the record of a resource, and what each fact does to it (specification, "Concurrency & Locking").
 *
 * One record per resource holds its holders and its wait queue. A lock keeps the id of the request that it was granted to.
 * Which requests may hold together is decided in `actors/lock-rules.ts`.
 */
import * as z from 'zod';
import { assert } from '../core/errors.ts';
import { ours, specified, stamp, type FactsOf, type Touched } from './definition.ts';
import {
  identitySchema,
  idSchema,
  objectSchema,
  prioritySchema,
  textSchema,
  type AgentIdentity,
  type Priority,
} from './identity.ts';

export const LOCK_TYPES = ['exclusive', 'shared', 'upgradeable'] as const;

/** What a lock keeps others from. */
export type LockType = (typeof LOCK_TYPES)[number];

/** A resource: a path or another name. Spaces may stand inside it, since they do in names of files. */
export const resourceSchema = z
  .string()
  .regex(
    /^(?! )[^\p{C}\p{Zl}\p{Zp}]{1,1024}(?<! )$/u,
    'a resource of 1 to 1024 printable characters, no space at either end',
  );

const ttlMs = z.number().int().min(1);

/** The fields of a request, as a command asks and as the facts state. */
export const lockRequestShape = {
  resource: resourceSchema,
  type: z.enum(LOCK_TYPES),
  metadata: objectSchema.optional(),
};

/** What a weaker lock can become. */
export const upgradeSchema = z.enum(['exclusive', 'upgradeable']);

/** The locks that `lock.contention` names, of all that are in the way: enough to see who it is. */
export const CONTENTION_HOLDERS_MAX = 16;

const aboutLock = { lockId: idSchema, resource: resourceSchema };

/** What can happen to the locks of a resource. */
export const lockEvents = {
  'lock.requested': ours(
    'lock.acquire, when the request has to wait',
    null,
    z.strictObject({
      lockId: idSchema,
      ...lockRequestShape,
      ttl: ttlMs,
      timeout: ttlMs,
      priority: prioritySchema,
    }),
  ),
  'lock.acquired': specified(
    'lock.acquire, or whatever let a waiting request in; its sequence is the fencing token',
    null,
    z.strictObject({ lockId: idSchema, ...lockRequestShape, ttl: ttlMs, holder: identitySchema }),
  ),
  'lock.renewed': ours(
    'lock.renew by the holder',
    ['expiresAt', 'ttl', 'renewCount'],
    z.strictObject({ ...aboutLock, ttl: ttlMs }),
  ),
  'lock.released': specified(
    'lock.release by the holder; lock.force_release; session.sweep when its session is offline',
    null,
    z.strictObject({ ...aboutLock, reason: textSchema.optional() }),
  ),
  'lock.expired': specified(
    'lock.expire, when the TTL of a lock has passed',
    null,
    z.strictObject(aboutLock),
  ),
  'lock.abandoned': ours(
    'lock.abandon by the requester; lock.expire when a request or an upgrade has waited its time; session.sweep; whatever closed a circle of which this request is the victim',
    null,
    z.strictObject({
      ...aboutLock,
      reason: z.enum(['timeout', 'aborted', 'session_offline', 'deadlock']),
    }),
  ),
  'lock.contention': specified(
    'lock.acquire or lock.upgrade, when it has to wait; and when it closes a circle: then about the victim, with the circle',
    [],
    z.strictObject({
      ...aboutLock,
      holders: z.array(idSchema).max(CONTENTION_HOLDERS_MAX),
      ahead: z.number().int().min(0),
      cycle: z.array(z.strictObject({ ...aboutLock, sessionId: idSchema })).optional(),
    }),
  ),
  'lock.upgrade_requested': ours(
    'lock.upgrade, or lock.acquire of a stronger lock by a holder, when it has to wait for other holders',
    [],
    z.strictObject({ ...aboutLock, to: upgradeSchema, timeout: ttlMs, priority: prioritySchema }),
  ),
  'lock.upgraded': ours(
    'lock.upgrade, or lock.acquire of a stronger lock by a holder, or whatever made a waiting upgrade possible; its sequence is the new fencing token, and the lease begins anew',
    ['type', 'expiresAt', 'fencingToken'],
    z.strictObject({ ...aboutLock, to: upgradeSchema }),
  ),
  'lock.downgraded': ours('lock.downgrade by the holder', ['type'], z.strictObject(aboutLock)),
} as const;

/** A fact about a lock. */
export type LockFact = FactsOf<typeof lockEvents>;

/** A lock that is held. */
export interface LockHold {
  readonly id: string;
  readonly type: LockType;
  readonly holder: AgentIdentity;
  readonly acquiredAtMs: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  readonly renewCount: number;
  /** The sequence of its `lock.acquired` or last `lock.upgraded`: grows with every grant of the resource. */
  readonly fencingToken: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly touched: Touched;
}

/** A request that waits. */
export interface LockWait {
  readonly id: string;
  readonly type: LockType;
  readonly requester: AgentIdentity;
  readonly requestedAtMs: number;
  readonly timeoutMs: number;
  readonly ttlMs: number;
  readonly priority: Priority;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Its place in the queue: see {@link queueKey}. */
  readonly key: number;
  readonly touched: Touched;
}

/** A held lock that waits to become a stronger one. */
export interface LockUpgrade {
  readonly lockId: string;
  readonly to: z.infer<typeof upgradeSchema>;
  readonly requestedAtMs: number;
  readonly timeoutMs: number;
  readonly priority: Priority;
  /** The sequence of its request. */
  readonly sequence: number;
}

/** A resource with its holders and its queue. It exists as long as it has one of either. */
export interface LockRecord {
  readonly resource: string;
  readonly holders: readonly LockHold[];
  readonly queue: readonly LockWait[];
  /** At most one: two that wait to upgrade wait for each other. */
  readonly upgrade: LockUpgrade | null;
}

/** The states of a resource. */
export type LockStatus = 'free' | 'shared' | 'upgradeable' | 'exclusive';

/** How much earlier than it came a request counts, in milliseconds: this bounds how long anybody is overtaken. */
export const PRIORITY_BOOST_MS: Readonly<Record<Priority, number>> = {
  critical: 60_000,
  high: 20_000,
  normal: 10_000,
  low: 0,
};

/** The place of a request in its queue: smaller is served earlier; the order of asking breaks ties. */
export function queueKey(requestedAtMs: number, priority: Priority): number {
  return requestedAtMs - PRIORITY_BOOST_MS[priority];
}

/** The state of the machine that a record stands for. */
export function stateOfLock(record: LockRecord): LockStatus {
  return record.holders.reduce<LockStatus>(
    (state, { type }) => (type === 'shared' && state === 'upgradeable' ? state : type),
    'free',
  );
}

/** A resource that nobody holds and nobody waits for. */
export function freeResource(resource: string): LockRecord {
  return { resource, holders: [], queue: [], upgrade: null };
}

/** What a fact makes of a resource. */
export function evolveLock(record: LockRecord, fact: LockFact): LockRecord {
  switch (fact.type) {
    case 'lock.requested':
      return { ...record, queue: inserted(record.queue, waitOf(fact)) };
    case 'lock.acquired':
      return {
        ...record,
        holders: [...record.holders, holdOf(fact)],
        queue: withoutId(record.queue, fact.payload.lockId),
      };
    case 'lock.renewed':
      return withHold(record, fact.payload.lockId, (hold) => renewed(hold, fact));
    case 'lock.released':
    case 'lock.expired': {
      const { lockId } = fact.payload;
      const holders = withoutId(record.holders, lockId);
      return { ...withoutUpgrade(record, lockId), holders };
    }
    case 'lock.abandoned': {
      const { lockId } = fact.payload;
      return { ...withoutUpgrade(record, lockId), queue: withoutId(record.queue, lockId) };
    }
    case 'lock.upgrade_requested':
      return { ...record, upgrade: upgradeOf(fact) };
    case 'lock.upgraded': {
      const { lockId, to } = fact.payload;
      const next = withoutUpgrade(record, lockId);
      return withHold(next, lockId, (hold) => upgraded(hold, to, fact));
    }
    case 'lock.downgraded':
      return withHold(record, fact.payload.lockId, (hold) => ({
        ...hold,
        type: 'shared',
        touched: stamp(hold.touched, fact, lockEvents['lock.downgraded'].writes),
      }));
    case 'lock.contention':
      return record;
  }
}

function withHold(
  record: LockRecord,
  id: string,
  change: (hold: LockHold) => LockHold,
): LockRecord {
  const index = record.holders.findIndex((hold) => hold.id === id);
  const hold = record.holders[index];
  assert(hold !== undefined, 'a fact about a lock follows the one that granted it');
  return { ...record, holders: record.holders.with(index, change(hold)) };
}

function withoutUpgrade(record: LockRecord, lockId: string): LockRecord {
  return record.upgrade?.lockId === lockId ? { ...record, upgrade: null } : record;
}

function upgradeOf(fact: Extract<LockFact, { type: 'lock.upgrade_requested' }>): LockUpgrade {
  const { lockId, to, timeout, priority } = fact.payload;
  return {
    lockId,
    to,
    requestedAtMs: fact.timeMs,
    timeoutMs: timeout,
    priority,
    sequence: fact.sequence,
  };
}

function upgraded(hold: LockHold, to: LockType, fact: LockFact): LockHold {
  return {
    ...hold,
    type: to,
    expiresAtMs: fact.timeMs + hold.ttlMs,
    fencingToken: fact.sequence,
    touched: stamp(hold.touched, fact, lockEvents['lock.upgraded'].writes),
  };
}

function waitOf(fact: Extract<LockFact, { type: 'lock.requested' }>): LockWait {
  const { lockId, type, priority, ttl, timeout, metadata } = fact.payload;
  return {
    id: lockId,
    type,
    requester: fact.source,
    requestedAtMs: fact.timeMs,
    timeoutMs: timeout,
    ttlMs: ttl,
    priority,
    metadata: metadata ?? null,
    key: queueKey(fact.timeMs, priority),
    touched: stamp(undefined, fact, null),
  };
}

function holdOf(fact: Extract<LockFact, { type: 'lock.acquired' }>): LockHold {
  const { lockId, type, holder, ttl, metadata } = fact.payload;
  return {
    id: lockId,
    type,
    holder,
    acquiredAtMs: fact.timeMs,
    expiresAtMs: fact.timeMs + ttl,
    ttlMs: ttl,
    renewCount: 0,
    fencingToken: fact.sequence,
    metadata: metadata ?? null,
    touched: stamp(undefined, fact, null),
  };
}

function renewed(hold: LockHold, fact: Extract<LockFact, { type: 'lock.renewed' }>): LockHold {
  const { ttl } = fact.payload;
  return {
    ...hold,
    expiresAtMs: fact.timeMs + ttl,
    ttlMs: ttl,
    renewCount: hold.renewCount + 1,
    touched: stamp(hold.touched, fact, lockEvents['lock.renewed'].writes),
  };
}

/** After all that are served before it or with the same key: a stable order. */
function inserted(queue: readonly LockWait[], wait: LockWait): readonly LockWait[] {
  const index = queue.findLastIndex((other) => other.key <= wait.key) + 1;
  return queue.toSpliced(index, 0, wait);
}

function withoutId<T extends { readonly id: string }>(
  list: readonly T[],
  id: string,
): readonly T[] {
  const index = list.findIndex((item) => item.id === id);
  return index === -1 ? list : list.toSpliced(index, 1);
}

/** What of a resource ends by itself: a lease, the patience of a request, that of an upgrade. */
export type LockDeadlineKind = 'lock' | 'wait' | 'upgrade';

/** When a held lock, a waiting request or a waiting upgrade ends by itself; undefined when there is none. */
export function lockDeadlineMs(
  record: LockRecord | undefined,
  kind: LockDeadlineKind,
  id: string,
): number | undefined {
  if (kind === 'lock') return record?.holders.find((hold) => hold.id === id)?.expiresAtMs;
  const upgrade = record?.upgrade?.lockId === id ? record.upgrade : undefined;
  const waits = kind === 'upgrade' ? upgrade : record?.queue.find((wait) => wait.id === id);
  return waits && waits.requestedAtMs + waits.timeoutMs;
}
