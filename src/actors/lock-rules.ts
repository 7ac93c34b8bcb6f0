/**
 * Which locks may be held together, and who is let in next.
 *
 * The queue is served strictly in its order (`queueKey`): nobody overtakes somebody who is before him, also not when he could
 * be let in and the other cannot. So nobody starves.
 */
import type { NewSwarmFact } from '../events/catalog.ts';
import type { LockRecord, LockType, LockWait } from '../events/lock.ts';
import type { StateView } from '../events/view.ts';
import { fact } from './decision.ts';

/** Whether a lock of the type in the row may be held beside one of the type in the column. */
const COMPATIBLE: Readonly<Record<LockType, Readonly<Record<LockType, boolean>>>> = {
  //             beside   exclusive         shared        upgradeable
  exclusive: { exclusive: false, shared: false, upgradeable: false },
  shared: { exclusive: false, shared: true, upgradeable: true },
  upgradeable: { exclusive: false, shared: true, upgradeable: false },
};

/** Whether a lock may be held beside all that are held. */
export function isCompatible(
  type: LockType,
  holders: Iterable<{ readonly type: LockType }>,
): boolean {
  for (const holder of holders) if (!COMPATIBLE[type][holder.type]) return false;
  return true;
}

/** Whether a new request would be let in at once: nobody is before it in the queue, and it fits beside the holders. */
export function isGrantedAtOnce(
  record: LockRecord,
  request: { readonly type: LockType; readonly key: number },
): boolean {
  const first = record.queue[0];
  return (
    (first === undefined || first.key > request.key) && isCompatible(request.type, record.holders)
  );
}

/** The facts that let waiting requests in once some locks and requests are gone. */
export function grantFacts(
  view: StateView,
  record: LockRecord,
  gone: ReadonlySet<string>,
): NewSwarmFact[] {
  const holders: { readonly type: LockType }[] = record.holders.filter(({ id }) => !gone.has(id));
  const found: NewSwarmFact[] = [];
  for (const wait of record.queue) {
    if (gone.has(wait.id) || !isLive(view, wait)) continue;
    if (!isCompatible(wait.type, holders)) break;
    holders.push(wait);
    found.push(grantFact(record.resource, wait));
  }
  return found;
}

/** The facts that take everything on a resource from a session, and let in who waits. */
export function releaseFacts(view: StateView, resource: string, sessionId: string): NewSwarmFact[] {
  const record = view.resource(resource);
  if (record === undefined) return [];
  const holds = record.holders.filter(({ holder }) => holder.sessionId === sessionId);
  const waits = record.queue.filter(({ requester }) => requester.sessionId === sessionId);
  return [
    ...holds.map(({ id }) =>
      fact('lock.released', { lockId: id, resource, reason: 'session_offline' }),
    ),
    ...waits.map(({ id }) =>
      fact('lock.abandoned', { lockId: id, resource, reason: 'session_offline' }),
    ),
    ...grantFacts(view, record, new Set([...holds, ...waits].map(({ id }) => id))),
  ];
}

/** The requests of a session that has ended wait only to be swept. */
function isLive(view: StateView, wait: LockWait): boolean {
  return view.session(wait.requester.sessionId)?.status !== 'offline';
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
