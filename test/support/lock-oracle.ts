/**
 * What must hold of the locks of a swarm at any moment, said again without the code that keeps it: holders fit together,
 * nobody waits who could be let in, and somebody can always go on.
 */
import { covers, overlaps } from '../../src/core/resource.ts';
import type { LockRecord, LockType } from '../../src/events/lock.ts';
import type { Projector } from '../../src/projections/projector.ts';

const BESIDE: Readonly<Record<LockType, readonly LockType[]>> = {
  exclusive: [],
  shared: ['shared', 'upgradeable'],
  upgradeable: ['shared'],
};
const STRENGTH = ['shared', 'upgradeable', 'exclusive'];

interface Held {
  readonly id: string;
  readonly session: string;
  readonly resource: string;
  readonly type: LockType;
  /** When its lease, or its patience, is over. */
  readonly endsAtMs: number;
}

interface Wait extends Held {
  readonly isUpgrade: boolean;
  readonly place: readonly [key: number, sequence: number];
}

/** What is wrong with the locks; nothing when all is well. What is over is in the way until its end is recorded, and not for ever. */
export function lockFaults(projector: Projector, timeMs: number): readonly string[] {
  const records = [...projector.locks.byResource.values()];
  const holds = records.flatMap(holdsOn);
  const waits = records.flatMap(waitsOn);
  const max = projector.swarm?.limits.lockHoldersMax ?? 0;
  const lasts = ({ session, endsAtMs }: Held) =>
    timeMs < endsAtMs && projector.session(session)?.status !== 'offline';
  const lasting = { holds: holds.filter(lasts), waits: waits.filter(lasts), max };
  return [
    ...excluded(holds),
    ...lasting.waits
      .filter((wait) => !isBlocked({ holds, waits, max }, wait))
      .map((wait) => `${told(wait)} in vain`),
    ...stuck(lasting).map((wait) => `${told(wait)} for ever`),
  ];
}

interface Scene {
  readonly holds: readonly Held[];
  readonly waits: readonly Wait[];
  readonly max: number;
}

function holdsOn({ resource, holders }: LockRecord): Held[] {
  return holders.map(({ id, type, holder, expiresAtMs: endsAtMs }) => {
    return { id, session: holder.sessionId, resource, type, endsAtMs };
  });
}

function waitsOn({ resource, queue, upgrade, holders }: LockRecord): Wait[] {
  const requests = queue.map(({ id, type, requester, key, touched, ...wait }): Wait => {
    const place = [key, touched.whole.sequence] as const;
    const endsAtMs = wait.requestedAtMs + wait.timeoutMs;
    const session = requester.sessionId;
    return { id, session, resource, type, place, endsAtMs, isUpgrade: false };
  });
  const hold = holders.find(({ id }) => id === upgrade?.lockId);
  if (upgrade === null || hold === undefined) return requests;
  const endsAtMs = Math.min(upgrade.requestedAtMs + upgrade.timeoutMs, hold.expiresAtMs);
  const place = [-Infinity, upgrade.sequence] as const;
  const { id, holder } = hold;
  const session = holder.sessionId;
  return [
    { id, session, resource, type: upgrade.to, place, endsAtMs, isUpgrade: true },
    ...requests,
  ];
}

function excluded(holds: readonly Held[]): string[] {
  return holds.flatMap((one, index) =>
    holds
      .slice(index + 1)
      .filter((other) => excludes(one, other))
      .map((other) => `${told(one)} and ${told(other)} together`),
  );
}

function excludes(one: Held, other: Held): boolean {
  return (
    one.session !== other.session &&
    overlaps(one.resource, other.resource) &&
    !BESIDE[one.type].includes(other.type)
  );
}

/** Whether what holds and waits keeps somebody waiting; with `others`, only what is not its own session's. */
function isBlocked({ holds, waits, max }: Scene, wait: Wait, others = false): boolean {
  if (holds.some((hold) => excludes(wait, hold))) return true;
  const isWithinOwn = holds.some(
    ({ session, resource, type }) =>
      session === wait.session &&
      covers(resource, wait.resource) &&
      STRENGTH.indexOf(type) >= STRENGTH.indexOf(wait.type),
  );
  if (isWithinOwn) return false;
  const isFull = holds.filter(({ resource }) => resource === wait.resource).length >= max;
  if (isFull && !wait.isUpgrade) return true;
  return waits.some(
    (other) =>
      other !== wait &&
      !(others && other.session === wait.session) &&
      overlaps(other.resource, wait.resource) &&
      isBefore(other, wait),
  );
}

function isBefore({ place: one }: Wait, { place: other }: Wait): boolean {
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);
}

/**
 * Who waits for ever: left over when every session that need not wait gives back all it has, again and again. A session goes
 * on when it has all that it asked for.
 */
function stuck(scene: Scene): readonly Wait[] {
  let left = scene;
  for (;;) {
    const waiting = new Set(
      left.waits.filter((wait) => isBlocked(left, wait, true)).map(({ session }) => session),
    );
    const holds = left.holds.filter(({ session }) => waiting.has(session));
    const waits = left.waits.filter(({ session }) => waiting.has(session));
    if (holds.length === left.holds.length && waits.length === left.waits.length) return waits;
    left = { ...left, holds, waits };
  }
}

function told({ session, type, resource }: Held): string {
  return `${session} ${type} ${resource}`;
}
