/**
 * Circles of sessions that wait for each other, found when the request that closes one comes.
 *
 * A session waits for whoever holds what it asks for and for whoever is before it in the queue. A newcomer adds to that on
 * both sides: what it waits for, and who has to wait for it now, since it goes before them or was let in at once. So every
 * circle that did not exist before goes through the newcomer's session, and the search starts there. Of its waiters the
 * least urgent, and of those the youngest, has to give up; that is not always the newcomer.
 */
import { PRIORITIES } from '../events/identity.ts';
import type { StateView } from '../events/view.ts';
import type { Waiter } from './lock-place.ts';
import type { LockScene, Seen } from './lock-scene.ts';

/**
 * The circle through a session, from its own wait to the one that waits for it; undefined when there is none. A newcomer that
 * has to wait has entered the scene, and one that was let in holds its lock there.
 */
export function findCycle(
  view: StateView,
  scene: LockScene,
  { sessionId: target, newcomer }: { readonly sessionId: string; readonly newcomer?: Waiter },
): readonly Waiter[] | undefined {
  // When nobody has to wait for the newcomer, a new circle begins with what it waits for itself.
  const isLast = newcomer !== undefined && !scene.isNewcomerBeforeAny();
  if (isLast && view.lockCount(target) === 0) return undefined; // nobody waits for who has nothing
  const own = isLast ? [] : scene.waitersOf(target);
  if (newcomer !== undefined) own.push(newcomer);
  const blockedBy = new Map<string, Waiter>();
  const sessions: string[] = [];
  const reach = (waiter: Waiter, seen?: Seen): boolean => {
    for (const sessionId of scene.blockers(waiter.claimant, seen)) {
      if (sessionId === target) return true;
      if (blockedBy.has(sessionId)) continue;
      blockedBy.set(sessionId, waiter);
      sessions.push(sessionId);
    }
    return false;
  };
  for (const waiter of own) reach(waiter); // by itself: what is its own there must be found again by the others
  const seen: Seen = { kinds: new Set(), queued: new Map() };
  for (const sessionId of sessions) {
    for (const waiter of scene.waitersOf(sessionId)) {
      if (reach(waiter, seen)) return pathTo(waiter, blockedBy);
    }
  }
  return undefined;
}

/** The waiter of a circle that has to give up. */
export function victimOf(cycle: readonly Waiter[]): Waiter | undefined {
  return cycle.toSorted(
    (a, b) =>
      PRIORITIES.indexOf(b.priority) - PRIORITIES.indexOf(a.priority) ||
      b.claimant.place.sequence - a.claimant.place.sequence,
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
