/**
 * The life of a locked resource, and the decisions about locks (specification, "Concurrency & Locking").
 *
 * A lock is a lease: it ends at an absolute time that stands in the state, and its end is an event (I9). The sequence of its
 * `lock.acquired`, or of its last `lock.upgraded`, is its fencing token, so tokens of a resource only grow, over restarts too.
 * Who asks for a lock that is not free is in `lock-request.ts`.
 */
import { assign, setup } from 'xstate';
import { refuse, type Refusal } from '../core/errors.ts';
import { evolveLock, type LockFact, type LockHold, type LockRecord } from '../events/lock.ts';
import type { StateView } from '../events/view.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';
import { acquire, checkTtl, upgrade } from './lock-request.ts';
import { findHeld, isAsStrong, isCompatible, noLock } from './lock-rules.ts';
import { LockScene } from './lock-scene.ts';

const acquired = [
  { guard: 'exclusiveFits', target: 'exclusive', actions: 'evolve' },
  { guard: 'upgradeableFits', target: 'upgradeable', actions: 'evolve' },
] as const;

const upgraded = [
  { guard: 'becomesExclusive', target: 'exclusive', actions: 'evolve' },
  { guard: 'becomesUpgradeable', target: 'upgradeable', actions: 'evolve' },
] as const;

/** Requests wait also for a resource that is free, when what overlaps with it is not. */
const waits = {
  'lock.requested': { actions: 'evolve' },
  'lock.abandoned': { guard: 'isWaiting', actions: 'evolve' },
  'lock.contention': { actions: 'evolve' },
} as const;

/** What goes on in a resource that somebody holds. */
const held = { ...waits, 'lock.renewed': { guard: 'isHeld', actions: 'evolve' } } as const;

const mayUpgrade = { guard: 'mayUpgrade', actions: 'evolve' } as const;

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
    becomesExclusive: ({ context, event }) => becomes(context.record, event, 'exclusive'),
    becomesUpgradeable: ({ context, event }) => becomes(context.record, event, 'upgradeable'),
    mayUpgrade: ({ context: { record }, event }) => {
      const hold = holdOf(record, event);
      return (
        event.type === 'lock.upgrade_requested' &&
        record.upgrade === null &&
        hold !== undefined &&
        !isAsStrong(hold.type, event.payload.to)
      );
    },
    isStronger: ({ context, event }) => isOfType(holdOf(context.record, event), 'upgradeable'),
    isHeld: ({ context, event }) => holdOf(context.record, event) !== undefined,
    isWaiting: ({ context: { record }, event: { payload } }) =>
      record.upgrade?.lockId === payload.lockId ||
      record.queue.some(({ id }) => id === payload.lockId),
    leavesFree: ({ context, event }) =>
      context.record.holders.length === 1 && context.record.holders[0]?.id === event.payload.lockId,
    leavesShared: ({ context, event }) => isOfType(holdOf(context.record, event), 'upgradeable'),
  },
}).createMachine({
  id: 'lock',
  context: ({ input }) => ({ record: input.record }),
  initial: 'free',
  states: {
    free: {
      on: {
        ...waits,
        'lock.acquired': [
          ...acquired,
          { guard: 'sharedFits', target: 'shared', actions: 'evolve' },
        ],
      },
    },
    shared: {
      on: {
        ...held,
        'lock.acquired': [
          { guard: 'upgradeableFits', target: 'upgradeable', actions: 'evolve' },
          { guard: 'sharedFits', actions: 'evolve' },
        ],
        'lock.upgrade_requested': mayUpgrade,
        'lock.upgraded': upgraded,
        'lock.released': [left[0], left[2]],
        'lock.expired': [left[0], left[2]],
      },
    },
    upgradeable: {
      on: {
        ...held,
        'lock.acquired': { guard: 'sharedFits', actions: 'evolve' },
        'lock.upgrade_requested': mayUpgrade,
        'lock.upgraded': upgraded[0],
        'lock.downgraded': { guard: 'isStronger', target: 'shared', actions: 'evolve' },
        'lock.released': left,
        'lock.expired': left,
      },
    },
    exclusive: {
      on: {
        ...held,
        'lock.downgraded': { guard: 'isHeld', target: 'shared', actions: 'evolve' },
        'lock.released': left[0],
        'lock.expired': left[0],
      },
    },
  },
});

type Guarded = Pick<LockHold, 'type'> | undefined;

function isOfType(hold: Guarded, type: LockHold['type']): boolean {
  return hold?.type === type;
}

function holdOf(record: LockRecord, event: LockFact): LockHold | undefined {
  return record.holders.find(({ id }) => id === event.payload.lockId);
}

function fits(record: LockRecord, event: LockFact, type: LockHold['type']): boolean {
  return (
    event.type === 'lock.acquired' &&
    event.payload.type === type &&
    isCompatible(type, record.holders)
  );
}

function becomes(record: LockRecord, event: LockFact, type: LockHold['type']): boolean {
  const { lockId } = event.payload;
  return (
    event.type === 'lock.upgraded' &&
    event.payload.to === type &&
    holdOf(record, event) !== undefined &&
    isCompatible(
      type,
      record.holders.filter(({ id }) => id !== lockId),
    )
  );
}

/** The decisions about locks. */
export const lockDeciders: Deciders<
  | 'lock.acquire'
  | 'lock.renew'
  | 'lock.release'
  | 'lock.upgrade'
  | 'lock.downgrade'
  | 'lock.force_release'
  | 'lock.abandon'
  | 'lock.expire'
> = {
  'lock.acquire': acquire,
  'lock.upgrade': upgrade,

  'lock.renew': (view, { payload: { lockId, ttl: wanted }, timeMs }) => {
    const found = findHeld(view, lockId, timeMs);
    if (!found.ok) return found;
    const ttl = wanted ?? found.hold.ttlMs;
    const { resource } = found.record;
    return checkTtl(view, ttl) ?? facts(fact('lock.renewed', { lockId, resource, ttl }));
  },

  'lock.release': (view, { payload: { lockId }, timeMs }) => {
    const found = findHeld(view, lockId, timeMs);
    if (!found.ok) return found;
    const { resource } = found.record;
    return gone(view, found.record, { lockId, timeMs, how: { lockId, resource } });
  },

  'lock.force_release': (view, { payload: { lockId, reason }, timeMs }) => {
    const found = findHeld(view, lockId, timeMs);
    if (!found.ok) return found;
    const { resource } = found.record;
    return gone(view, found.record, { lockId, timeMs, how: { lockId, resource, reason } });
  },

  'lock.downgrade': (view, { payload: { lockId }, timeMs }) => {
    const found = findHeld(view, lockId, timeMs);
    if (!found.ok) return found;
    const { resource } = found.record;
    const scene = new LockScene(view, timeMs);
    if (found.record.upgrade?.lockId === lockId) {
      scene.dropUpgrade(lockId, fact('lock.abandoned', { lockId, resource, reason: 'aborted' }));
    }
    if (found.hold.type !== 'shared') {
      scene.retype(lockId, 'shared', fact('lock.downgraded', { lockId, resource }));
    }
    scene.grantAround(resource);
    return facts(...scene.facts);
  },

  'lock.abandon': (view, { payload: { lockId }, timeMs }) => abandon(view, lockId, { timeMs }),

  'lock.expire': (view, { payload: { lockId }, timeMs }) => {
    const record = view.resource(view.resourceOf(lockId) ?? '');
    const hold = record?.holders.find(({ id }) => id === lockId);
    if (record === undefined || hold === undefined || timeMs < hold.expiresAtMs) {
      return abandon(view, lockId, { timeMs, isDue: true });
    }
    const scene = new LockScene(view, timeMs);
    const { resource } = record;
    scene.remove(lockId, fact('lock.expired', { lockId, resource }));
    scene.grantAround(resource);
    return facts(...scene.facts);
  },
};

/** Ends a lock and lets in who waits for it. */
function gone(
  view: StateView,
  { resource }: LockRecord,
  {
    lockId,
    timeMs,
    how,
  }: {
    readonly lockId: string;
    readonly timeMs: number;
    readonly how: { readonly lockId: string; readonly resource: string; readonly reason?: string };
  },
): Decision {
  const scene = new LockScene(view, timeMs);
  scene.remove(lockId, fact('lock.released', how));
  scene.grantAround(resource);
  return facts(...scene.facts);
}

/** Takes a request from its queue, or ends the wait of an upgrade; `isDue` says that it has waited its time. */
function abandon(
  view: StateView,
  lockId: string,
  { timeMs, isDue = false }: { readonly timeMs: number; readonly isDue?: boolean },
): Decision {
  const record = view.resource(view.resourceOf(lockId) ?? '');
  const upgradeHere = record?.upgrade?.lockId === lockId ? record.upgrade : undefined;
  const wait = upgradeHere ?? record?.queue.find(({ id }) => id === lockId);
  if (record === undefined || wait === undefined) {
    return record !== undefined && isDue ? notDue(lockId) : noLock(lockId);
  }
  if (isDue && timeMs < wait.requestedAtMs + wait.timeoutMs) return notDue(lockId);
  const { resource } = record;
  const reason = isDue ? 'timeout' : 'aborted';
  const how = fact('lock.abandoned', { lockId, resource, reason });
  const scene = new LockScene(view, timeMs);
  if (upgradeHere === undefined) scene.remove(lockId, how);
  else scene.dropUpgrade(lockId, how);
  scene.grantAround(resource);
  return facts(...scene.facts);
}

function notDue(lockId: string): Refusal {
  return refuse('ILLEGAL_TRANSITION', `The deadline of ${lockId} has not passed.`, { lockId });
}
