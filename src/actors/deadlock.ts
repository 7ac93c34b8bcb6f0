/**
 * Circles of sessions that wait for each other, found when the request that closes one comes.
 *
 * A session waits for whoever holds what it asks for and for whoever is before it in the queue. A circle that did not exist
 * before goes through the newcomer, so the search starts there. Of its waiters the least urgent, and of those the youngest,
 * has to give up; that is not always the newcomer.
 */
import { PRIORITIES, type Priority } from '../events/identity.ts';
import type { StateView } from '../events/view.ts';
import { placeOf, type Claimant, type LockScene, type Seen } from './lock-scene.ts';

/** Somebody who waits: a request in a queue, or a holder that waits to upgrade. */
export interface Waiter {
  readonly lockId: string;
  readonly claimant: Claimant;
  readonly priority: Priority;
  /** The sequence of its request: greater is younger. */
  readonly sequence: number;
}

/** The circle that a newcomer closes, from it to the one that waits for it; undefined when there is none. */
export function findCycle(
  view: StateView,
  scene: LockScene,
  newcomer: Waiter,
): readonly Waiter[] | undefined {
  const { sessionId: target } = newcomer.claimant;
  if (view.lockCount(target) === 0) return undefined; // nobody waits for who has nothing
  const blockedBy = new Map<string, Waiter>();
  const sessions: string[] = [];
  const reach = (waiter: Waiter, seen?: Seen): boolean => {
    for (const { sessionId } of scene.blockers(waiter.claimant, seen)) {
      if (sessionId === target) return true;
      if (blockedBy.has(sessionId)) continue;
      blockedBy.set(sessionId, waiter);
      sessions.push(sessionId);
    }
    return false;
  };
  reach(newcomer); // by itself: what is its own there must be found again by the others
  const seen: Seen = { kinds: new Set(), queued: new Map() };
  for (const sessionId of sessions) {
    for (const waiter of waitersOf(view, scene, sessionId)) {
      if (reach(waiter, seen)) return pathTo(waiter, blockedBy);
    }
  }
  return undefined;
}

/** The waiter of a circle that has to give up. */
export function victimOf(cycle: readonly Waiter[]): Waiter | undefined {
  return cycle.toSorted(
    (a, b) =>
      PRIORITIES.indexOf(b.priority) - PRIORITIES.indexOf(a.priority) || b.sequence - a.sequence,
  )[0];
}

function pathTo(last: Waiter, blockedBy: ReadonlyMap<string, Waiter>): readonly Waiter[] {
  const path: Waiter[] = [];
  for (let waiter: Waiter | undefined = last; waiter !== undefined;) {
    path.unshift(waiter);
    waiter = blockedBy.get(waiter.claimant.sessionId);
  }
  return path;
}

/** Everything that a session waits for. */
function waitersOf(view: StateView, scene: LockScene, sessionId: string): readonly Waiter[] {
  const { waits, upgrades } = view.holdings(sessionId);
  const requests = waits
    .filter(({ wait }) => !scene.isGone(wait.id))
    .map(({ resource, wait }) => ({
      lockId: wait.id,
      claimant: { resource, type: wait.type, sessionId, place: placeOf(wait) },
      priority: wait.priority,
      sequence: wait.touched.whole.sequence,
    }));
  const waitingToUpgrade = upgrades
    .filter(({ upgrade }) => !scene.isGoneUpgrade(upgrade.lockId))
    .map(({ resource, upgrade: { lockId, to, priority, sequence } }) => ({
      lockId,
      claimant: { resource, type: to, sessionId, place: null },
      priority,
      sequence,
    }));
  return [...requests, ...waitingToUpgrade];
}
