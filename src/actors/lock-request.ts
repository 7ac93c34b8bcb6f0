/**
 * The decisions about who asks for a lock: granted at once, put into the queue, or refused since everybody would wait for ever.
 *
 * A session that asks for what it holds is given that; when it asks for more, its lock is upgraded.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { NewSwarmFact } from '../events/catalog.ts';
import {
  CONTENTION_HOLDERS_MAX,
  freeResource,
  queueKey,
  type LockHold,
  type LockRecord,
  type LockType,
} from '../events/lock.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { findCycle, victimOf } from './deadlock.ts';
import { fact, facts, recorded, type Decision } from './decision.ts';
import { placeOfUpgrade, type Claimant, type Waiter } from './lock-place.ts';
import { findHeld, isAsStrong, isCompatible, noLock } from './lock-rules.ts';
import { LockScene } from './lock-scene.ts';

/** Asks for a lock. */
export function acquire(view: StateView, command: CommandOf<'lock.acquire'>): Decision {
  const { swarm } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  const { payload, source, timeMs } = command;
  const { resource, lockId, type } = payload;
  const { sessionId } = source;
  const record = view.resource(resource) ?? freeResource(resource);
  const hasAny = view.lockCount(sessionId) > 0; // mostly not, and then nobody has to be looked for
  const own = hasAny && record.holders.find(({ holder }) => holder.sessionId === sessionId);
  if (own) return again(view, command, own);
  const asked = hasAny && record.queue.find(({ requester }) => requester.sessionId === sessionId);
  if (asked) return asksAlready(resource, asked.id);

  const { lockDefault } = swarm.config.timeouts;
  const { ttl = lockDefault, timeout = lockDefault } = payload;
  const priority = payload.priority ?? swarm.config.defaultPriority;
  const refusal = checkTtl(view, ttl) ?? checkCount(view, sessionId, lockId);
  if (refusal !== undefined) return refusal;
  const metadata = payload.metadata === undefined ? {} : { metadata: payload.metadata };
  const place = { key: queueKey(timeMs, priority), sequence: view.sequence + 1 };
  const claimant: Claimant = { resource, type, sessionId, place };
  const granted = fact('lock.acquired', {
    lockId,
    resource,
    type,
    ttl,
    holder: source,
    ...metadata,
  });
  return admit(view, new LockScene(view, timeMs), {
    waiter: { lockId, claimant, priority },
    record,
    timeout,
    granted,
    requested: fact('lock.requested', {
      lockId,
      resource,
      type,
      ttl,
      timeout,
      priority,
      ...metadata,
    }),
    limits: swarm.limits,
  });
}

/** Asks to make a held lock a stronger one. */
export function upgrade(view: StateView, command: CommandOf<'lock.upgrade'>): Decision {
  const { swarm } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  const { payload, source, timeMs } = command;
  const { lockId, to = 'exclusive', timeout = swarm.config.timeouts.lockDefault } = payload;
  const found = findHeld(view, lockId, timeMs);
  if (!found.ok) return found;
  const { record, hold } = found;
  const { resource } = record;
  if (isAsStrong(hold.type, to)) return facts(); // it has what it asks for
  if (record.upgrade !== null) {
    return record.upgrade.lockId === lockId
      ? asksAlready(resource, lockId)
      : secondUpgrade(record, { hold, to, timeout });
  }
  const priority = payload.priority ?? swarm.config.defaultPriority;
  const claimant: Claimant = {
    resource,
    type: to,
    sessionId: source.sessionId,
    place: placeOfUpgrade({ sequence: view.sequence + 1 }),
    upgradedId: lockId,
  };
  return admit(view, new LockScene(view, timeMs), {
    waiter: { lockId, claimant, priority },
    record,
    timeout,
    granted: fact('lock.upgraded', { lockId, resource, to }),
    requested: fact('lock.upgrade_requested', { lockId, resource, to, timeout, priority }),
    limits: swarm.limits,
  });
}

/** A session asks for a resource that it holds: it has it, or its lock becomes stronger. */
function again(view: StateView, command: CommandOf<'lock.acquire'>, own: LockHold): Decision {
  const { type, timeout, priority } = command.payload;
  if (command.timeMs >= own.expiresAtMs) return noLock(own.id);
  if (type === 'shared' || isAsStrong(own.type, type)) return facts();
  const asks = { lockId: own.id, to: type, ...(timeout !== undefined && { timeout }) };
  const payload = priority === undefined ? asks : { ...asks, priority };
  return upgrade(view, { ...command, type: 'lock.upgrade', payload });
}

/** A request as it meets the locks that are there. */
interface Request {
  readonly waiter: Waiter;
  readonly record: LockRecord;
  /** How long it would wait, in milliseconds. */
  readonly timeout: number;
  readonly granted: NewSwarmFact;
  readonly requested: NewSwarmFact;
  readonly limits: Limits;
}

/** Grants a request, lets it wait, or refuses it; may take another one out of a circle first. */
function admit(view: StateView, scene: LockScene, request: Request): Decision {
  const { waiter, record, timeout, granted, requested } = request;
  const { resource, sessionId } = waiter.claimant;
  if (scene.isFree(waiter.claimant)) {
    scene.letIn(waiter, granted);
    if (scene.isWaitedFor(resource)) {
      breakCircles(view, scene, { sessionId });
      scene.grantAround(resource); // what it waits for itself may lie inside what it has now
    }
    return facts(...scene.facts);
  }
  if (timeout === 0) return isHeld(record, scene, waiter);
  const refusal = checkWait(request);
  if (refusal !== undefined) return refusal;
  scene.enter(waiter);
  const circle = breakCircles(view, scene, { sessionId, newcomer: waiter });
  if (circle !== undefined) return deadlocked(scene, waiter, circle);
  if (!scene.isFree(waiter.claimant)) {
    return facts(...scene.facts, requested, contention(scene, waiter));
  }
  scene.letIn(waiter, granted);
  scene.grantAround(resource); // for those who would have waited behind it
  return facts(...scene.facts);
}

/**
 * Takes somebody out of each circle that goes through a session, and lets in who waited for them. Answers the circle of which
 * the newcomer itself has to give up; nothing is recorded of the others then.
 */
function breakCircles(
  view: StateView,
  scene: LockScene,
  through: { readonly sessionId: string; readonly newcomer?: Waiter },
): readonly Waiter[] | undefined {
  const victims: Waiter[] = [];
  for (
    let cycle = findCycle(view, scene, through);
    cycle !== undefined;
    cycle = findCycle(view, scene, through)
  ) {
    const victim = victimOf(cycle);
    if (victim === undefined || victim === through.newcomer) return cycle;
    giveUp(scene, victim, cycle);
    victims.push(victim);
  }
  for (const { claimant } of victims) scene.grantAround(claimant.resource);
  return undefined;
}

/** The victim of a circle waits no more. */
function giveUp(scene: LockScene, victim: Waiter, cycle: readonly Waiter[]): void {
  const { lockId, claimant } = victim;
  const { resource, upgradedId } = claimant;
  scene.facts.push(contention(scene, victim, cycle));
  const how = fact('lock.abandoned', { lockId, resource, reason: 'deadlock' });
  if (upgradedId !== undefined) scene.dropUpgrade(lockId, how);
  else scene.remove(lockId, how);
}

/** What keeps somebody waiting, and the circle that it is in, if any. */
function contention(
  scene: LockScene,
  { lockId, claimant }: Waiter,
  cycle?: readonly Waiter[],
): NewSwarmFact {
  const { resource } = claimant;
  const holders = [...scene.holdersInTheWay(claimant, CONTENTION_HOLDERS_MAX)];
  const seen = { lockId, resource, holders, ahead: scene.countAhead(claimant) };
  return fact('lock.contention', cycle === undefined ? seen : { ...seen, cycle: told(cycle) });
}

/** Each waits for the next, and the last for the first. */
function told(cycle: readonly Waiter[]) {
  return cycle.map(({ lockId, claimant: { resource, sessionId } }) => ({
    lockId,
    resource,
    sessionId,
  }));
}

function deadlocked(scene: LockScene, victim: Waiter, cycle: readonly Waiter[]): Decision {
  const { lockId, claimant } = victim;
  const around = told(cycle);
  const sessions = around.map(({ sessionId }) => sessionId).join(' → ');
  return recorded(
    refuse(
      'DEADLOCK',
      `Waiting for ${JSON.stringify(claimant.resource)} would close a circle of sessions that wait for each other: ${sessions}. Release what this session holds, and begin again.`,
      { lockId, resource: claimant.resource, cycle: around },
    ),
    contention(scene, victim, cycle),
  );
}

/**
 * One upgrade of a resource waits at a time. A second one is refused at once: mostly its holder and the first would wait for
 * each other, which is a circle; where they would not, and where it would not wait, it is held.
 */
function secondUpgrade(
  record: LockRecord,
  ask: { readonly hold: LockHold; readonly to: LockType; readonly timeout: number },
): Decision {
  const { resource, upgrade: first, holders } = record;
  const { hold, to, timeout } = ask;
  const other = holders.find(({ id }) => id === first?.lockId);
  const isCircle =
    other !== undefined &&
    first !== null &&
    !isCompatible(first.to, [hold]) &&
    !isCompatible(to, [other]);
  if (timeout === 0 || !isCircle) {
    return refuse(
      'LOCK_HELD',
      `${other?.holder.agentId ?? 'Another holder'} waits to upgrade its lock on ${JSON.stringify(resource)}; one upgrade waits at a time.`,
      { resource, holders: other === undefined ? [] : [shownHold(other)], waiting: 1 },
    );
  }
  const cycle = [hold, other].map(({ id, holder }) => ({
    lockId: id,
    resource,
    sessionId: holder.sessionId,
  }));
  return recorded(
    refuse(
      'DEADLOCK',
      `${other.holder.agentId} waits to upgrade its lock on ${JSON.stringify(resource)}; both would wait for ever. Release this lock, and ask for a new one (${to}).`,
      { lockId: hold.id, resource, cycle },
    ),
    fact('lock.contention', {
      lockId: hold.id,
      resource,
      holders: cycle.slice(1).map(({ lockId }) => lockId),
      ahead: 0,
      cycle,
    }),
  );
}

function asksAlready(resource: string, lockId: string): Refusal {
  return refuse('ALREADY_EXISTS', `This session waits for ${JSON.stringify(resource)} already.`, {
    lockId,
    resource,
  });
}

/** Names who is in the way of a request that would not wait. */
function isHeld({ resource, queue }: LockRecord, scene: LockScene, waiter: Waiter): Refusal {
  const held = scene.around(resource).flatMap((record) => record.holders);
  const holders = scene
    .holdersInTheWay(waiter.claimant, CONTENTION_HOLDERS_MAX)
    .flatMap((lockId) => held.find(({ id }) => id === lockId) ?? []);
  return refuse(
    'LOCK_HELD',
    `${resource} is locked by ${holders[0]?.holder.agentId ?? 'a waiting request'}.`,
    {
      resource,
      holders: holders.map(shownHold),
      waiting: queue.length,
    },
  );
}

function shownHold({ id, type, holder }: LockHold) {
  return { id, type, holder };
}

function checkWait({ waiter, record, timeout, limits }: Request): Refusal | undefined {
  const { lockWaitMsMax, lockQueueMax } = limits;
  if (timeout > lockWaitMsMax) {
    return refuse(
      'LIMIT_EXCEEDED',
      `A request waits at most ${lockWaitMsMax} ms (lockWaitMsMax).`,
      { limit: 'lockWaitMsMax', max: lockWaitMsMax },
    );
  }
  if (waiter.claimant.upgradedId !== undefined || record.queue.length < lockQueueMax)
    return undefined;
  return refuse(
    'LIMIT_EXCEEDED',
    `${lockQueueMax} requests wait for ${record.resource}, the limit (lockQueueMax).`,
    { limit: 'lockQueueMax', max: lockQueueMax },
  );
}

/** Refuses a TTL that is too long. */
export function checkTtl(view: StateView, ttlMs: number): Refusal | undefined {
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
