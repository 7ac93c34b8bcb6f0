/** The locked resources, and where to find a lock or a request by its id and by its session. */
import { evolveLock, freeResource, type LockFact, type LockRecord } from '../events/lock.ts';

/** Resources with their holders and queues. A resource that nobody holds or waits for is not kept. */
export class Locks {
  byResource = new Map<string, LockRecord>();
  /** Held locks and waiting requests, by id. */
  readonly resourceById = new Map<string, string>();
  /** The ids of what a session holds or waits for, in the order in which it got or asked for them. */
  readonly #idsBySession = new Map<string, Set<string>>();

  apply(fact: LockFact): LockRecord {
    const { resource, lockId } = fact.payload;
    const before = this.byResource.get(resource) ?? freeResource(resource);
    const owner = ownerOf(before, lockId);
    const after = evolveLock(before, fact);
    if (after.holders.length + after.queue.length === 0) this.byResource.delete(resource);
    else this.byResource.set(resource, after);
    this.#reindex(lockId, resource, owner, ownerOf(after, lockId));
    return after;
  }

  /** Takes a record as it was saved. */
  load(record: LockRecord): void {
    this.byResource.set(record.resource, record);
    const byAge = [...record.holders, ...record.queue];
    for (const { id } of byAge) this.#reindex(id, record.resource, undefined, ownerOf(record, id));
  }

  idsOf(sessionId: string): Iterable<string> {
    return this.#idsBySession.get(sessionId) ?? [];
  }

  countOf(sessionId: string): number {
    return this.#idsBySession.get(sessionId)?.size ?? 0;
  }

  #reindex(
    id: string,
    resource: string,
    before: string | undefined,
    after: string | undefined,
  ): void {
    if (before === after) return;
    if (after === undefined) {
      this.resourceById.delete(id);
      const ids = this.#idsBySession.get(before ?? '');
      ids?.delete(id);
      if (ids?.size === 0) this.#idsBySession.delete(before ?? '');
    } else {
      this.resourceById.set(id, resource);
      const ids = this.#idsBySession.get(after);
      if (ids === undefined) this.#idsBySession.set(after, new Set([id]));
      else ids.add(id);
    }
  }
}

function ownerOf(record: LockRecord, id: string): string | undefined {
  const hold = record.holders.find((one) => one.id === id);
  if (hold !== undefined) return hold.holder.sessionId;
  return record.queue.find((one) => one.id === id)?.requester.sessionId;
}
