/**
 * The locks around a resource as the facts of one decision leave them, and who is let in next.
 *
 * A queue is served strictly in its order (`queueKey`): nobody overtakes somebody who is before him, also not when he could
 * be let in and the other cannot. So nobody starves. A holder that waits to upgrade is before everybody. Resources that
 * overlap (`repo/**` and `repo/a.ts`) count as one in all of this; what a session holds itself is never in its way.
 */
import { covers } from '../core/resource.ts';
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
import { isAsStrong, isCompatible } from './lock-rules.ts';

/** Somebody who asks for a lock: waiting, or about to. */
export interface Claimant {
  readonly resource: string;
  readonly type: LockType;
  readonly sessionId: string;
  /** Its place among those who wait; an upgrade has none and is before all. */
  readonly place: Place | null;
}

/** A place in a queue: smaller is served earlier. */
export interface Place {
  readonly key: number;
  readonly sequence: number;
}

/** Who is next on a resource: its upgrade, or the first request that can still be served. */
type Next =
  { readonly upgrade: LockUpgrade; readonly hold: LockHold } | { readonly wait: LockWait };

/** The locks as the facts of a decision leave them, fact by fact, without a copy of long queues. */
export class LockScene {
  readonly facts: NewSwarmFact[] = [];
  readonly #view: StateView;
  readonly #timeMs: number;
  /** Locks that end and requests that leave their queue. */
  readonly #gone = new Set<string>();
  readonly #goneUpgrades = new Set<string>();
  readonly #retyped = new Map<string, LockType>();
  readonly #granted = new Map<string, LockWait[]>();
  readonly #around = new Map<string, readonly LockRecord[]>();

  constructor(view: StateView, timeMs: number) {
    this.#view = view;
    this.#timeMs = timeMs;
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

  /** Lets in whoever waits on a resource, or on one that overlaps with it, as long as somebody can be let in. */
  grantAround(resource: string): void {
    const records = this.around(resource);
    if (records.every(({ queue, upgrade }) => queue.length === 0 && upgrade === null)) return;
    for (let served = this.#grantNext(records); served; served = this.#grantNext(records));
  }

  /** Whether a new request is let in at once: nobody is before it, and it fits. */
  isFree(claimant: Claimant): boolean {
    return (
      (this.#isFirst(claimant) || this.#isWithinOwn(claimant)) && this.fits(claimant, undefined)
    );
  }

  /** Whether a lock fits beside all that others hold; `upgradedId` is the lock that it is made of. */
  fits({ resource, type, sessionId }: Claimant, upgradedId: string | undefined): boolean {
    const max = this.#view.swarm?.limits.lockHoldersMax ?? 0;
    for (const record of this.around(resource)) {
      let held = 0;
      for (const { id, type: other, sessionId: holder } of this.#holds(record)) {
        held += 1;
        const isOwn = id === upgradedId || (holder === sessionId && record.resource !== resource);
        if (!isOwn && !isCompatible(type, [{ type: other }])) return false;
      }
      if (record.resource === resource && held >= max && upgradedId === undefined) return false;
    }
    return true;
  }

  /**
   * What of other sessions keeps somebody from getting a lock. With `seen`, only what it has not led to for anybody yet, so
   * that going through all that wait in a queue goes through the queue once.
   */
  *blockers(claimant: Claimant, seen?: Seen): Generator<Blocker> {
    const { type, sessionId, place } = claimant;
    for (const record of this.around(claimant.resource)) {
      const kind = `${type} ${record.resource}`;
      if (seen?.kinds.has(kind) !== true) {
        seen?.kinds.add(kind);
        for (const { id, type: other, sessionId: holder } of this.#holds(record)) {
          if (holder !== sessionId && !isCompatible(type, [{ type: other }])) {
            yield { id, sessionId: holder, holds: true };
          }
        }
      }
      if (place !== null) yield* this.#before(record, claimant, place, seen);
    }
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

  /** How many requests are before somebody; nobody is before an upgrade. */
  countAhead({ resource, place }: Claimant): number {
    if (place === null) return 0;
    return this.around(resource).reduce(
      (count, { queue }) =>
        count + queue.findLastIndex((wait) => isBefore(placeOf(wait), place)) + 1,
      0,
    );
  }

  /** Whether a lock or request is gone, as far as the facts go. */
  isGone(id: string): boolean {
    return this.#gone.has(id);
  }

  /** The record of a resource and those of the resources that overlap with it. */
  around(resource: string): readonly LockRecord[] {
    let records = this.#around.get(resource);
    if (records === undefined) {
      const own = this.#view.resource(resource) ?? freeResource(resource);
      const others = this.#view.overlapping(resource);
      records = others.length === 0 ? [own] : [own, ...others];
      this.#around.set(resource, records);
    }
    return records;
  }

  /** Whether a holder waits no more to upgrade, as far as the facts go. */
  isGoneUpgrade(lockId: string): boolean {
    return this.#goneUpgrades.has(lockId);
  }

  *#holds(record: LockRecord): Generator<Held> {
    for (const { id, type, holder } of record.holders) {
      if (this.#gone.has(id)) continue;
      yield { id, type: this.#retyped.get(id) ?? type, sessionId: holder.sessionId };
    }
    for (const { id, type, requester } of this.#granted.get(record.resource) ?? []) {
      yield { id, type, sessionId: requester.sessionId };
    }
  }

  *#before(
    { resource, upgrade, holders, queue }: LockRecord,
    { sessionId }: Claimant,
    place: Place,
    seen?: Seen,
  ): Generator<Blocker> {
    if (upgrade !== null && !this.#goneUpgrades.has(upgrade.lockId)) {
      const owner = holders.find(({ id }) => id === upgrade.lockId)?.holder.sessionId;
      if (owner !== undefined && owner !== sessionId) {
        yield { id: upgrade.lockId, sessionId: owner, holds: false };
      }
    }
    for (let index = seen?.queued.get(resource) ?? 0; index < queue.length; index++) {
      const wait = queue[index];
      if (wait === undefined || !isBefore(placeOf(wait), place)) return;
      seen?.queued.set(resource, index + 1);
      const owner = wait.requester.sessionId;
      if (this.#isServable(wait) && owner !== sessionId) {
        yield { id: wait.id, sessionId: owner, holds: false };
      }
    }
  }

  #grantNext(records: readonly LockRecord[]): boolean {
    let first: { readonly record: LockRecord; readonly next: Next } | undefined;
    for (const record of records) {
      const next = this.#next(record);
      if (next === undefined || !this.#canServe(record, next)) continue;
      if (first === undefined || isBefore(placeOfNext(next), placeOfNext(first.next))) {
        first = { record, next };
      }
    }
    if (first === undefined) return false;
    this.#serve(first.record, first.next);
    return true;
  }

  #canServe({ resource }: LockRecord, next: Next): boolean {
    if ('upgrade' in next) {
      const { to: type, lockId } = next.upgrade;
      const { sessionId } = next.hold.holder;
      return this.fits({ resource, type, sessionId, place: null }, lockId);
    }
    const { type, requester } = next.wait;
    const place = placeOf(next.wait);
    return this.isFree({ resource, type, sessionId: requester.sessionId, place });
  }

  #serve({ resource }: LockRecord, next: Next): void {
    if ('upgrade' in next) {
      const { lockId, to } = next.upgrade;
      this.retype(lockId, to, fact('lock.upgraded', { lockId, resource, to }));
      return;
    }
    const { wait } = next;
    this.#gone.add(wait.id);
    const granted = this.#granted.get(resource);
    if (granted === undefined) this.#granted.set(resource, [wait]);
    else granted.push(wait);
    this.facts.push(grantFact(resource, wait));
  }

  #next({ upgrade, holders, queue }: LockRecord): Next | undefined {
    if (upgrade !== null && !this.#goneUpgrades.has(upgrade.lockId)) {
      const hold = holders.find(({ id }) => id === upgrade.lockId);
      if (hold !== undefined && this.#canStillUpgrade(upgrade, hold)) return { upgrade, hold };
    }
    const wait = queue.find((one) => this.#isServable(one));
    return wait && { wait };
  }

  /** Nobody who waits on the resource, or on one that overlaps, is before it. */
  #isFirst({ resource, place }: Claimant): boolean {
    for (const record of this.around(resource)) {
      const next = this.#next(record);
      if (next === undefined) continue;
      if (place !== null && isBefore(placeOfNext(next), place)) return false;
    }
    return true;
  }

  /** Whoever has a subtree already does not wait for those who wait for it to give that back. */
  #isWithinOwn({ resource, type, sessionId }: Claimant): boolean {
    return this.around(resource).some(
      (record) =>
        covers(record.resource, resource) &&
        record.holders.some(
          (hold) =>
            hold.holder.sessionId === sessionId &&
            !this.#gone.has(hold.id) &&
            isAsStrong(this.#retyped.get(hold.id) ?? hold.type, type),
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

/** A lock or a waiting request that is in somebody's way. */
export interface Blocker {
  readonly id: string;
  readonly sessionId: string;
  /** Whether it is held; otherwise it waits before the other. */
  readonly holds: boolean;
}

/** The place of a waiting request. */
export function placeOf({ key, touched }: LockWait): Place {
  return { key, sequence: touched.whole.sequence };
}

const FOREMOST: Place = { key: Number.NEGATIVE_INFINITY, sequence: 0 };

function placeOfNext(next: Next): Place {
  return 'wait' in next ? placeOf(next.wait) : FOREMOST;
}

function isBefore(one: Place, other: Place): boolean {
  return one.key < other.key || (one.key === other.key && one.sequence < other.sequence);
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
