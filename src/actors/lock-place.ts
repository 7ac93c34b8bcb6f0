/** Who asks for a lock, and the place among those who wait for it. */
import type { Priority } from '../events/identity.ts';
import type { LockType, LockUpgrade, LockWait } from '../events/lock.ts';

/** Somebody who asks for a lock: waiting, or about to. */
export interface Claimant {
  readonly resource: string;
  readonly type: LockType;
  readonly sessionId: string;
  /** Its place among those who wait. */
  readonly place: Place;
  /** The lock that is made stronger; absent for a request. */
  readonly upgradedId?: string;
}

/** Somebody who waits: a request in a queue, or a holder that waits to upgrade. */
export interface Waiter {
  readonly lockId: string;
  readonly claimant: Claimant;
  readonly priority: Priority;
}

/** A place in a queue: smaller is served earlier. */
export interface Place {
  readonly key: number;
  /** The sequence of the request: greater is younger. */
  readonly sequence: number;
}

/** The place of a waiting request. */
export function placeOf({ key, touched }: LockWait): Place {
  return { key, sequence: touched.whole.sequence };
}

/** A request in a queue, as somebody who waits. */
export function asWaiter(resource: string, wait: LockWait): Waiter {
  const { id: lockId, type, requester, priority } = wait;
  const { sessionId } = requester;
  return { lockId, claimant: { resource, type, sessionId, place: placeOf(wait) }, priority };
}

/** A holder that waits to upgrade, as somebody who waits. */
export function asUpgrader(resource: string, upgrade: LockUpgrade, sessionId: string): Waiter {
  const { lockId, to: type, priority } = upgrade;
  const place = placeOfUpgrade(upgrade);
  return { lockId, claimant: { resource, type, sessionId, place, upgradedId: lockId }, priority };
}

/** The place of an upgrade: before every request, and behind the upgrades that wait already. */
export function placeOfUpgrade({ sequence }: Pick<LockUpgrade, 'sequence'>): Place {
  return { key: -Number.MAX_VALUE, sequence };
}

/** Negative when the first place is served earlier. */
export function comparePlaces(one: Place, other: Place): number {
  return one.key - other.key || one.sequence - other.sequence;
}

/** Whether one place is served earlier than another. */
export function isBefore(one: Place, other: Place): boolean {
  return comparePlaces(one, other) < 0;
}
