/**
 * The life of a locked resource, and the decisions about locks (specification, "Concurrency & Locking").
 *
 * A lock is a lease: it ends at an absolute time that stands in the state, and its end is an event (I9). The sequence of its
 * `lock.acquired` is its fencing token, so tokens of a resource only grow, over restarts too.
 */
import { assign, setup } from 'xstate';
import { refuse, type Refusal } from '../core/errors.ts';
import {
  evolveLock,
  freeResource,
  queueKey,
  type LockFact,
  type LockRecord,
} from '../events/lock.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';
import { grantFacts, isCompatible, isGrantedAtOnce } from './lock-rules.ts';

const acquired = [
  { guard: 'exclusiveFits', target: 'exclusive', actions: 'evolve' },
  { guard: 'upgradeableFits', target: 'upgradeable', actions: 'evolve' },
] as const;

/** What goes on in a resource that somebody holds. */
const held = {
  'lock.requested': { actions: 'evolve' },
  'lock.renewed': { guard: 'isHeld', actions: 'evolve' },
  'lock.abandoned': { guard: 'isWaiting', actions: 'evolve' },
} as const;

/** A lock goes: the resource may become free, or what the others make it. */
const left = [
  { guard: 'leavesFree', target: 'free', actions: 'evolve' },
  { guard: 'leavesShared', target: 'shared', actions: 'evolve' },
  { guard: 'isHeld', actions: 'evolve' },
] as const;

/** The machine of a resource. Its events are the facts of the catalogue; it has no timers of its own (I9). */
export const lockMachine = setup({
  types: {
    context: {} as { record: LockRecord },
    events: {} as LockFact,
    input: {} as { record: LockRecord },
  },
  actions: {
    evolve: assign({ record: ({ context, event }) => evolveLock(context.record, event) }),
  },
  guards: {
    exclusiveFits: ({ context, event }) => fits(context.record, event, 'exclusive'),
    upgradeableFits: ({ context, event }) => fits(context.record, event, 'upgradeable'),
    sharedFits: ({ context, event }) => fits(context.record, event, 'shared'),
    isHeld: ({ context, event }) =>
      context.record.holders.some(({ id }) => id === event.payload.lockId),
    isWaiting: ({ context, event }) =>
      context.record.queue.some(({ id }) => id === event.payload.lockId),
    leavesFree: ({ context, event }) =>
      context.record.holders.length === 1 && context.record.holders[0]?.id === event.payload.lockId,
    leavesShared: ({ context, event }) =>
      context.record.holders.some(
        ({ id, type }) => id === event.payload.lockId && type === 'upgradeable',
      ),
  },
}).createMachine({
  id: 'lock',
  context: ({ input }) => ({ record: input.record }),
  initial: 'free',
  states: {
    free: {
      on: {
        'lock.acquired': [
          ...acquired,
          { guard: 'sharedFits', target: 'shared', actions: 'evolve' },
        ],
        'lock.abandoned': { guard: 'isWaiting', actions: 'evolve' },
      },
    },
    shared: {
      on: {
        ...held,
        'lock.acquired': [
          { guard: 'upgradeableFits', target: 'upgradeable', actions: 'evolve' },
          { guard: 'sharedFits', actions: 'evolve' },
        ],
        'lock.released': [left[0], left[2]],
        'lock.expired': [left[0], left[2]],
      },
    },
    upgradeable: {
      on: {
        ...held,
        'lock.acquired': { guard: 'sharedFits', actions: 'evolve' },
        'lock.released': left,
        'lock.expired': left,
      },
    },
    exclusive: {
      on: { ...held, 'lock.released': left[0], 'lock.expired': left[0] },
    },
  },
});

function fits(record: LockRecord, event: LockFact, type: 'exclusive' | 'shared' | 'upgradeable') {
  return (
    event.type === 'lock.acquired' &&
    event.payload.type === type &&
    isCompatible(type, record.holders)
  );
}

/** The decisions about locks. */
export const lockDeciders: Deciders<
  'lock.acquire' | 'lock.renew' | 'lock.release' | 'lock.abandon' | 'lock.expire'
> = {
  'lock.acquire': acquire,

  'lock.renew': (view, { payload }) => {
    const found = find(view, payload.lockId);
    if (found?.hold === undefined) return noLock(payload.lockId);
    const ttl = payload.ttl ?? found.hold.ttlMs;
    const refusal = checkTtl(view, ttl);
    if (refusal !== undefined) return refusal;
    return facts(
      fact('lock.renewed', { lockId: payload.lockId, resource: found.record.resource, ttl }),
    );
  },

  'lock.release': (view, { payload: { lockId } }) => {
    const found = find(view, lockId);
    if (found?.hold === undefined) return noLock(lockId);
    const { resource } = found.record;
    const granted = grantFacts(view, found.record, new Set([lockId]));
    return facts(fact('lock.released', { lockId, resource }), ...granted);
  },

  'lock.abandon': (view, { payload: { lockId } }) => {
    const found = find(view, lockId);
    if (found === undefined || found.hold !== undefined) return noLock(lockId);
    const { resource } = found.record;
    const granted = grantFacts(view, found.record, new Set([lockId]));
    return facts(fact('lock.abandoned', { lockId, resource, reason: 'aborted' }), ...granted);
  },

  'lock.expire': (view, { payload: { lockId }, timeMs }) => {
    const found = find(view, lockId);
    if (found === undefined) return noLock(lockId);
    if (timeMs < found.deadlineMs) {
      return refuse('ILLEGAL_TRANSITION', `The deadline of ${lockId} has not passed.`, { lockId });
    }
    const { resource } = found.record;
    const ended =
      found.hold === undefined
        ? fact('lock.abandoned', { lockId, resource, reason: 'timeout' })
        : fact('lock.expired', { lockId, resource });
    return facts(ended, ...grantFacts(view, found.record, new Set([lockId])));
  },
};

function acquire(
  view: StateView,
  { payload, source, timeMs }: CommandOf<'lock.acquire'>,
): Decision {
  const { swarm } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  const { resource, lockId, type } = payload;
  const record = view.resource(resource) ?? freeResource(resource);
  const own = record.holders.find(({ holder }) => holder.sessionId === source.sessionId);
  if (own !== undefined) {
    return own.type === type || own.type === 'exclusive'
      ? facts() // it has what it asks for
      : refuse('LOCK_HELD', `This session holds ${resource} as ${own.type}; release that first.`, {
          lockId: own.id,
          type: own.type,
        });
  }
  const asked = record.queue.find(({ requester }) => requester.sessionId === source.sessionId);
  if (asked !== undefined) {
    return refuse('ALREADY_EXISTS', `This session waits for ${JSON.stringify(resource)} already.`, {
      lockId: asked.id,
      resource,
    });
  }
  const ttl = payload.ttl ?? swarm.config.timeouts.lockDefault;
  const timeout = payload.timeout ?? swarm.config.timeouts.lockDefault;
  const priority = payload.priority ?? swarm.config.defaultPriority;
  const refusal = checkTtl(view, ttl) ?? checkCount(view, source.sessionId, lockId);
  if (refusal !== undefined) return refusal;
  const metadata = payload.metadata === undefined ? {} : { metadata: payload.metadata };
  if (isGrantedAtOnce(record, { type, key: queueKey(timeMs, priority) })) {
    return facts(
      fact('lock.acquired', { lockId, resource, type, ttl, holder: source, ...metadata }),
    );
  }
  if (timeout === 0) return isHeld(record);
  const { lockWaitMsMax, lockQueueMax } = swarm.limits;
  if (timeout > lockWaitMsMax) {
    return refuse(
      'LIMIT_EXCEEDED',
      `A request waits at most ${lockWaitMsMax} ms (lockWaitMsMax).`,
      { limit: 'lockWaitMsMax', max: lockWaitMsMax },
    );
  }
  if (record.queue.length >= lockQueueMax) {
    return refuse(
      'LIMIT_EXCEEDED',
      `${lockQueueMax} requests wait for ${resource}, the limit (lockQueueMax).`,
      { limit: 'lockQueueMax', max: lockQueueMax },
    );
  }
  return facts(
    fact('lock.requested', { lockId, resource, type, ttl, timeout, priority, ...metadata }),
  );
}

function find(view: StateView, lockId: string) {
  const record = view.resource(view.resourceOf(lockId) ?? '');
  if (record === undefined) return undefined;
  const hold = record.holders.find(({ id }) => id === lockId);
  const wait = record.queue.find(({ id }) => id === lockId);
  const deadlineMs = hold?.expiresAtMs ?? (wait?.requestedAtMs ?? 0) + (wait?.timeoutMs ?? 0);
  return { record, hold, deadlineMs };
}

function noLock(lockId: string): Refusal {
  return refuse(
    'NOT_FOUND',
    `No lock or request ${lockId}: it was released, it expired, or it never was.`,
    { lockId },
  );
}

function isHeld(record: LockRecord): Refusal {
  const holders = record.holders.map(({ id, type, holder }) => ({ id, type, holder }));
  return refuse(
    'LOCK_HELD',
    `${record.resource} is locked by ${holders[0]?.holder.agentId ?? 'a waiting request'}.`,
    {
      resource: record.resource,
      holders,
      waiting: record.queue.length,
    },
  );
}

function checkTtl(view: StateView, ttlMs: number): Refusal | undefined {
  const max = view.swarm?.limits.lockTtlMsMax ?? 0;
  return ttlMs <= max
    ? undefined
    : refuse('LIMIT_EXCEEDED', `The TTL of a lock is at most ${max} ms (lockTtlMsMax).`, {
        limit: 'lockTtlMsMax',
        max,
      });
}

function checkCount(view: StateView, sessionId: string, lockId: string): Refusal | undefined {
  if (view.resourceOf(lockId) !== undefined) {
    return refuse('ALREADY_EXISTS', `The lock ${lockId} exists already.`, { lockId });
  }
  const max = view.swarm?.limits.locksPerSessionMax ?? 0;
  return view.lockCount(sessionId) < max
    ? undefined
    : refuse(
        'LIMIT_EXCEEDED',
        `A session has at most ${max} locks and requests (locksPerSessionMax).`,
        { limit: 'locksPerSessionMax', max },
      );
}
