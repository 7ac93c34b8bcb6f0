/** Which locks may be held together, and which gives more than another. */
import { refuse, type Refusal } from '../core/errors.ts';
import type { LockHold, LockRecord, LockType } from '../events/lock.ts';
import type { StateView } from '../events/view.ts';

/** Whether a lock of the type in the row may be held beside one of the type in the column. */
const COMPATIBLE: Readonly<Record<LockType, Readonly<Record<LockType, boolean>>>> = {
  //             beside   exclusive         shared        upgradeable
  exclusive: { exclusive: false, shared: false, upgradeable: false },
  shared: { exclusive: false, shared: true, upgradeable: true },
  upgradeable: { exclusive: false, shared: true, upgradeable: false },
};

const STRENGTH: Readonly<Record<LockType, number>> = { shared: 0, upgradeable: 1, exclusive: 2 };

/** Whether a lock of one type gives all that one of another type gives. */
export function isAsStrong(type: LockType, other: LockType): boolean {
  return STRENGTH[type] >= STRENGTH[other];
}

/** Whether a lock may be held beside all that are held. */
export function isCompatible(
  type: LockType,
  holders: Iterable<{ readonly type: LockType }>,
): boolean {
  for (const holder of holders) if (!COMPATIBLE[type][holder.type]) return false;
  return true;
}

/** A lock that is held at a time. The lease is looked at again here: the event of its end may not be recorded yet. */
export function findHeld(
  view: StateView,
  lockId: string,
  timeMs: number,
): { readonly ok: true; readonly record: LockRecord; readonly hold: LockHold } | Refusal {
  const record = view.resource(view.resourceOf(lockId) ?? '');
  const hold = record?.holders.find(({ id }) => id === lockId);
  if (record === undefined || hold === undefined || timeMs >= hold.expiresAtMs) {
    return noLock(lockId);
  }
  return { ok: true, record, hold };
}

/** Refuses what is about a lock or request that is not there. */
export function noLock(lockId: string): Refusal {
  return refuse(
    'NOT_FOUND',
    `No lock or request ${lockId}: it was released, it expired, or it never was.`,
    { lockId },
  );
}
