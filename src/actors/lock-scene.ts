/**
 * The locks around a resource as the facts of one decision leave them, and who is let in next.
 *
 * A queue is served strictly in its order (`queueKey`): nobody overtakes somebody who is before him, also not when he could
 * be let in and the other cannot. So nobody starves. A holder that waits to upgrade is before everybody. Resources that
 * overlap (`repo/**` and `repo/a.ts`) count as one in all of this; what a session holds itself is never in its way.
 */
import { covers, isSubtree, overlaps } from '../core/resource.ts';
import type { NewSwarmFact } from '../events/catalog.ts';
import {
  freeResource,
  type LockHold,
  type LockRecord,
  type LockType,
  type LockUpgrade,
  type LockWait,
} from '../events/lock.ts';
import type { StateView } from '../events/view.ts';
import { fact } from './decision.ts';
import {
  asUpgrader,
  asWaiter,
  comparePlaces,
  isBefore,
  placeOf,
  type Claimant,
  type Place,
  type Waiter,
} from './lock-place.ts';
import { isAsStrong, isCompatible } from './lock-rules.ts';

/** Who is next on a resource: its upgrade, or the first request that can still be served. */
interface Next {
  readonly waiter: Waiter;
  /** Absent for the upgrade. */
  readonly wait?: LockWait;
}

/** The locks as the facts of a decision leave them, fact by fact, without a copy of long queues. */
export class LockScene {
  readonly facts: NewSwarmFact[] = [];
  readonly #view: StateView;
  readonly #timeMs: number;
  readonly #holdersMax: number;
  /** Locks that end and requests that leave their queue. */
  readonly #gone = new Set<string>();
  readonly #goneUpgrades = new Set<string>();
  readonly #retyped = new Map<string, LockType>();
  readonly #granted = new Map<string, Held[]>();
  readonly #around = new Map<string, readonly LockRecord[]>();
  /** Where somebody may be let in now. */
  readonly #toLookAt = new Set<LockRecord>();
  /** A resource that the state does not know yet, since the newcomer is the first on it. */
  readonly #fresh: LockRecord[] = [];
  #newcomer: Claimant | undefined;

  constructor(view: StateView, timeMs: number) {
    this.#view = view;
    this.#timeMs = timeMs;
    this.#holdersMax = view.swarm?.limits.lockHoldersMax ?? 0;
  }

  /** Somebody is about to wait: from now on the newcomer has its place among those who do. */
  enter(newcomer: Waiter): void {
    this.#newcomer = newcomer.claimant;
  }

  /** Whether anybody waits for a resource, or for one that overlaps with it. */
  isWaitedFor(resource: string): boolean {
    return this.around(resource).some(({ queue, upgrade }) => queue.length > 0 || upgrade !== null);
  }

  /** Whether anybody has to wait for the newcomer from now on. */
  isNewcomerBeforeAny(): boolean {
    if (this.#newcomer === undefined) return false;
    const { resource, place } = this.#newcomer;
    return this.around(resource).some(({ queue }) => {
      const last = queue.at(-1);
      return last !== undefined && isBefore(place, placeOf(last));
    });
  }

  /** The newcomer is let in, at once or since others made way; `how` says as what. */
  letIn({ lockId, claimant }: Waiter, how: NewSwarmFact): void {
    this.#newcomer = undefined;
    const { resource, type, sessionId, upgradedId } = claimant;
    if (upgradedId !== undefined) {
      this.retype(lockId, type, how);
      this.#gains(resource, sessionId);
      return;
    }
    if (this.#view.resource(resource) === undefined) {
      this.#fresh.push(freeResource(resource));
      this.#around.clear();
    }
    this.#grant(resource, { id: lockId, type, sessionId }, how);
  }

  /** A lock ends, and its upgrade with it; or a request leaves the queue. */
  remove(id: string, how: NewSwarmFact): void {
    this.#gone.add(id);
    this.#goneUpgrades.add(id);
    this.facts.push(how);
  }

  /** A holder waits no more to upgrade. */
  dropUpgrade(lockId: string, how: NewSwarmFact): void {
    this.#goneUpgrades.add(lockId);
    this.facts.push(how);
  }

  /** A held lock becomes one of another type. */
  retype(lockId: string, type: LockType, how: NewSwarmFact): void {
    this.#goneUpgrades.add(lockId);
    this.#retyped.set(lockId, type);
    this.facts.push(how);
  }

  /** Takes everything on a resource from a session. */
  release(resource: string, sessionId: string): void {
    const record = this.#view.resource(resource);
    for (const { id: lockId, holder } of record?.holders ?? []) {
      if (holder.sessionId !== sessionId) continue;
      this.remove(lockId, fact('lock.released', { lockId, resource, reason: 'session_offline' }));
    }
    // Requests too: nobody is there to use what they ask for.
    for (const { id: lockId, requester } of record?.queue ?? []) {
      if (requester.sessionId !== sessionId) continue;
      this.remove(lockId, fact('lock.abandoned', { lockId, resource, reason: 'session_offline' }));
    }
  }

  /**
   * Lets in whoever waits on a resource, or on one that overlaps with it, as long as somebody can be let in. Who is let in
   * leaves a queue, and so makes way on all that overlaps with it, which is looked at next.
   */
  grantAround(resource: string): void {
    this.#lookAround(resource);
    while (this.#toLookAt.size > 0) {
      const records = this.#inOrder([...this.#toLookAt]);
      this.#toLookAt.clear();
      for (const record of records) this.#serveQueue(record);
    }
  }

  /** Whether somebody can be let in: nobody is before it, and it fits; or it has more than that already. */
  isFree(claimant: Claimant): boolean {
    return (this.#isFirst(claimant) && this.#fits(claimant)) || this.#isWithinOwn(claimant);
  }

  /** Whether a lock fits beside all that others hold. */
  #fits({ resource, type, sessionId, upgradedId }: Claimant): boolean {
    for (const record of this.around(resource)) {
      let held = 0;
      for (const { id, type: other, sessionId: holder } of this.#holds(record)) {
        held += 1;
        const isOwn = id === upgradedId || (holder === sessionId && record.resource !== resource);
        if (!isOwn && !isCompatible(type, [{ type: other }])) return false;
      }
      if (record.resource === resource && held >= this.#holdersMax && upgradedId === undefined)
        return false;
    }
    return true;
  }

  /**
   * Which other sessions keep somebody from getting a lock. With `seen`, only what it has not led to for anybody yet, so
   * that going through all that wait in a queue goes through the queue once.
   */
  *blockers(claimant: Claimant, seen?: Seen): Generator<string> {
    const { resource, type, sessionId, place, upgradedId } = claimant;
    const isUpgrade = upgradedId !== undefined;
    for (const record of this.around(resource)) {
      const kind = `${type} ${isUpgrade} ${record.resource === resource} ${record.resource}`;
      if (seen?.kinds.has(kind) !== true) {
        seen?.kinds.add(kind);
        const isFull = !isUpgrade && record.resource === resource && this.#isStuckFull(record);
        for (const { type: other, sessionId: holder } of this.#holds(record)) {
          if (holder !== sessionId && (isFull || !isCompatible(type, [{ type: other }]))) {
            yield holder;
          }
        }
      }
      yield* this.#before(record, { sessionId, place }, seen);
    }
    if (this.#isBehindNewcomer(claimant)) yield this.#newcomer?.sessionId ?? '';
  }

  /** Locks of other sessions that are in the way, at most so many. */
  holdersInTheWay({ resource, type, sessionId }: Claimant, max: number): readonly string[] {
    const found: string[] = [];
    for (const record of this.around(resource)) {
      for (const { id, type: other, sessionId: holder } of this.#holds(record)) {
        if (found.length >= max) return found;
        if (holder !== sessionId && !isCompatible(type, [{ type: other }])) found.push(id);
      }
    }
    return found;
  }

  /** How many requests are before somebody. */
  countAhead({ resource, place }: Claimant): number {
    return this.around(resource).reduce(
      (count, { queue }) =>
        count + queue.findLastIndex((wait) => isBefore(placeOf(wait), place)) + 1,
      0,
    );
  }

  /** Everything that a session still waits for. */
  waitersOf(sessionId: string): Waiter[] {
    const { waits, upgrades } = this.#view.waits(sessionId);
    const requests = waits
      .filter(({ wait }) => this.#isServable(wait))
      .map(({ resource, wait }) => asWaiter(resource, wait));
    const upgraders = upgrades.flatMap(({ resource }) => {
      const record = this.#view.resource(resource);
      return (record && this.#upgraderOn(record)) ?? [];
    });
    return [...requests, ...upgraders];
  }

  /** The record of a resource and those of the resources that overlap with it. */
  around(resource: string): readonly LockRecord[] {
    let records = this.#around.get(resource);
    if (records === undefined) {
      const own = this.#view.resource(resource) ?? freeResource(resource);
      const others = this.#view.overlapping(resource);
      const fresh = this.#fresh.filter(
        (record) => record.resource !== resource && overlaps(record.resource, resource),
      );
      records = others.length + fresh.length === 0 ? [own] : [own, ...others, ...fresh];
      this.#around.set(resource, records);
    }
    return records;
  }

  *#holds(record: LockRecord): Generator<Held> {
    for (const { id, type, holder } of record.holders) {
      if (this.#gone.has(id)) continue;
      yield { id, type: this.#retyped.get(id) ?? type, sessionId: holder.sessionId };
    }
    yield* this.#granted.get(record.resource) ?? [];
  }

  /** Whether as many as may hold a resource do so and wait for something themselves: they will not make way. */
  #isStuckFull(record: LockRecord): boolean {
    let waiting = 0;
    for (const { sessionId } of this.#holds(record)) if (this.#isWaiting(sessionId)) waiting += 1;
    return waiting >= this.#holdersMax;
  }

  #isWaiting(sessionId: string): boolean {
    return this.#newcomer?.sessionId === sessionId || this.waitersOf(sessionId).length > 0;
  }

  *#before(
    record: LockRecord,
    { sessionId, place }: { readonly sessionId: string; readonly place: Place },
    seen?: Seen,
  ): Generator<string> {
    const { resource, queue } = record;
    const first = this.#upgraderOn(record)?.claimant;
    if (first !== undefined && first.sessionId !== sessionId && isBefore(first.place, place)) {
      yield first.sessionId;
    }
    for (let index = seen?.queued.get(resource) ?? 0; index < queue.length; index++) {
      const wait = queue[index];
      if (wait === undefined || !isBefore(placeOf(wait), place)) return;
      seen?.queued.set(resource, index + 1);
      const owner = wait.requester.sessionId;
      if (this.#isServable(wait) && owner !== sessionId) yield owner;
    }
  }

  #lookAround(resource: string): void {
    for (const record of this.around(resource)) this.#toLookAt.add(record);
  }

  /** Records on which somebody waits, in the order in which their first ones are served. */
  #inOrder(records: readonly LockRecord[]): readonly LockRecord[] {
    const places = new Map<LockRecord, Place>();
    for (const record of records) {
      const next = this.#next(record);
      if (next !== undefined) places.set(record, next.waiter.claimant.place);
    }
    const waited = [...places];
    if (waited.length > 1) waited.sort(([, a], [, b]) => comparePlaces(a, b));
    return waited.map(([record]) => record);
  }

  /** Lets in those who wait on one resource, one after the other, until the next one has to wait. */
  #serveQueue(record: LockRecord): void {
    for (
      let next = this.#next(record);
      next !== undefined && this.isFree(next.waiter.claimant);
      next = this.#next(record)
    ) {
      this.#serve(record, next);
    }
  }

  #serve({ resource, upgrade }: LockRecord, { waiter, wait }: Next): void {
    if (wait !== undefined) {
      this.#grantWait(resource, wait);
    } else if (upgrade !== null) {
      const { lockId, to } = upgrade;
      this.retype(lockId, to, fact('lock.upgraded', { lockId, resource, to }));
      this.#gains(resource, waiter.claimant.sessionId);
    }
  }

  #grantWait(resource: string, wait: LockWait): void {
    const { id, type, requester } = wait;
    this.#gone.add(id);
    const { sessionId } = requester;
    this.#grant(resource, { id, type, sessionId }, grantFact(resource, wait));
  }

  #grant(resource: string, held: Held, how: NewSwarmFact): void {
    const granted = this.#granted.get(resource);
    if (granted === undefined) this.#granted.set(resource, [held]);
    else granted.push(held);
    this.facts.push(how);
    this.#gains(resource, held.sessionId);
  }

  /** A session has more than before: what it waits for inside of that is its own, whoever waits there before it. */
  #gains(resource: string, sessionId: string): void {
    this.#lookAround(resource);
    if (!isSubtree(resource)) return; // nothing lies inside of it
    for (const { resource: inside, wait } of this.#view.waits(sessionId).waits) {
      if (!covers(resource, inside) || !this.#isServable(wait)) continue;
      if (this.#isWithinOwn(asWaiter(inside, wait).claimant)) this.#grantWait(inside, wait);
    }
  }

  #next(record: LockRecord): Next | undefined {
    const waiter = this.#upgraderOn(record);
    if (waiter !== undefined) return { waiter };
    const wait = record.queue.find((one) => this.#isServable(one));
    return wait && { waiter: asWaiter(record.resource, wait), wait };
  }

  /** Who waits to upgrade on a resource, unless that is over. */
  #upgraderOn({ resource, upgrade, holders }: LockRecord): Waiter | undefined {
    if (upgrade === null || this.#goneUpgrades.has(upgrade.lockId)) return undefined;
    const hold = holders.find(({ id }) => id === upgrade.lockId);
    if (hold === undefined || !this.#canStillUpgrade(upgrade, hold)) return undefined;
    return asUpgrader(resource, upgrade, hold.holder.sessionId);
  }

  /** Whether the newcomer, which is not recorded yet, keeps somebody waiting. */
  #isBehindNewcomer({ resource, sessionId, place }: Claimant): boolean {
    const newcomer = this.#newcomer;
    return (
      newcomer !== undefined &&
      newcomer.sessionId !== sessionId &&
      isBefore(newcomer.place, place) &&
      overlaps(newcomer.resource, resource)
    );
  }

  /** Nobody who waits on the resource, or on one that overlaps, is before it. */
  #isFirst(claimant: Claimant): boolean {
    const { resource, place } = claimant;
    if (this.#isBehindNewcomer(claimant)) return false;
    for (const record of this.around(resource)) {
      const next = this.#next(record);
      if (next === undefined) continue;
      if (isBefore(next.waiter.claimant.place, place)) return false;
    }
    return true;
  }

  /** Whoever has a subtree already does not wait for those who wait for it to give that back. */
  #isWithinOwn({ resource, type, sessionId }: Claimant): boolean {
    return this.around(resource).some(
      (record) =>
        covers(record.resource, resource) &&
        [...this.#holds(record)].some(
          (held) => held.sessionId === sessionId && isAsStrong(held.type, type),
        ),
    );
  }

  /** Neither the patience of the upgrade nor the lease that it would make stronger is over, also where that is not recorded yet. */
  #canStillUpgrade({ requestedAtMs, timeoutMs }: LockUpgrade, hold: LockHold): boolean {
    return (
      this.#timeMs < requestedAtMs + timeoutMs &&
      this.#timeMs < hold.expiresAtMs &&
      this.#view.session(hold.holder.sessionId)?.status !== 'offline'
    );
  }

  /** A request whose session has ended, or whose time is over, waits only for the event that says so. */
  #isServable(wait: LockWait): boolean {
    return (
      !this.#gone.has(wait.id) &&
      this.#timeMs < wait.requestedAtMs + wait.timeoutMs &&
      this.#view.session(wait.requester.sessionId)?.status !== 'offline'
    );
  }
}

/** What a search has gone through: holders by type of request and resource, and how far each queue. */
export interface Seen {
  readonly kinds: Set<string>;
  readonly queued: Map<string, number>;
}

interface Held {
  readonly id: string;
  readonly type: LockType;
  readonly sessionId: string;
}

function grantFact(resource: string, wait: LockWait): NewSwarmFact {
  return fact('lock.acquired', {
    lockId: wait.id,
    resource,
    type: wait.type,
    ttl: wait.ttlMs,
    holder: wait.requester,
    ...(wait.metadata === null ? {} : { metadata: wait.metadata }),
  });
}
