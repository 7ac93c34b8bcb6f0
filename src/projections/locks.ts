/** The locked resources, and where to find a lock or a request by its id and by its session. */
import { unreachable } from '../core/errors.ts';
import { covers, isStateResource, isSubtree, subtreesOver } from '../core/resource.ts';
import type { Holdings, Waits } from '../events/view.ts';
import { evolveLock, freeResource, type LockFact, type LockRecord } from '../events/lock.ts';

const NONE: readonly LockRecord[] = [];

/** Resources with their holders and queues. A resource that nobody holds or waits for is not kept. */
export class Locks {
  byResource = new Map<string, LockRecord>();
  /** Held locks and waiting requests, by id. */
  readonly resourceById = new Map<string, string>();
  readonly #subtrees = new Set<string>();
  readonly #stateResources = new Set<string>();
  /** The ids of what a session holds or waits for, in the order in which it got or asked for them. */
  readonly #idsBySession = new Map<string, Set<string>>();
  /** Of these, what it waits for: requests and upgrades. */
  readonly #waitingBySession = new Map<string, Set<string>>();

  apply(fact: LockFact): LockRecord {
    const { resource } = fact.payload;
    const before = this.byResource.get(resource) ?? freeResource(resource);
    const after = evolveLock(before, fact);
    if (after.holders.length + after.queue.length === 0) this.#remove(resource);
    else this.#put(after);
    this.#follow(before, fact);
    return after;
  }

  /** Takes a record as it was saved. */
  load(record: LockRecord): void {
    this.#put(record);
    const { resource, holders, queue, upgrade } = record;
    for (const { id, holder } of holders) {
      this.#add(id, resource, holder.sessionId);
      if (id === upgrade?.lockId) addTo(this.#waitingBySession, holder.sessionId, id);
    }
    for (const { id, requester } of queue) {
      this.#add(id, resource, requester.sessionId);
      addTo(this.#waitingBySession, requester.sessionId, id);
    }
  }

  /** The other resources that have something in common with one, in the order of their names. */
  overlapping(resource: string): readonly LockRecord[] {
    const isWide = isSubtree(resource);
    if (this.#subtrees.size === 0 && !isWide) return NONE; // the usual case
    const found: LockRecord[] = [];
    for (const name of subtreesOver(resource)) {
      const record = this.#subtrees.has(name) ? this.byResource.get(name) : undefined;
      if (record !== undefined) found.push(record);
    }
    if (isWide) {
      for (const [name, record] of this.byResource) {
        if (name !== resource && covers(resource, name)) found.push(record);
      }
    }
    return found.toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
  }

  get hasStateLocks(): boolean {
    return this.#stateResources.size > 0;
  }

  #put(record: LockRecord): void {
    const { resource } = record;
    this.byResource.set(resource, record);
    if (isSubtree(resource)) this.#subtrees.add(resource);
    if (isStateResource(resource)) this.#stateResources.add(resource);
  }

  #remove(resource: string): void {
    this.byResource.delete(resource);
    this.#subtrees.delete(resource);
    this.#stateResources.delete(resource);
  }

  /** What a session holds, in the order in which it got it. */
  heldBy(sessionId: string): Holdings['locks'] {
    const locks: Holdings['locks'][number][] = [];
    for (const lockId of this.#idsBySession.get(sessionId) ?? []) {
      const { resource, record } = this.#at(lockId);
      const hold = record?.holders.find(({ id }) => id === lockId);
      if (hold !== undefined) locks.push({ resource, hold });
    }
    // The index may have been rebuilt from a checkpoint, so its order is not part of the state.
    return locks.toSorted((a, b) => a.hold.fencingToken - b.hold.fencingToken);
  }

  /** What a session waits for, in the order in which it asked for it. */
  waitedForBy(sessionId: string): Waits {
    const ids = this.#waitingBySession.get(sessionId);
    if (ids === undefined) return NO_WAITS; // the usual case
    const waits: Waits['waits'][number][] = [];
    const upgrades: Waits['upgrades'][number][] = [];
    for (const lockId of ids) {
      const { resource, record } = this.#at(lockId);
      const upgrade = record?.upgrade?.lockId === lockId ? record.upgrade : null;
      const wait = upgrade === null && record?.queue.find(({ id }) => id === lockId);
      if (wait) waits.push({ resource, wait });
      if (upgrade !== null) upgrades.push({ resource, upgrade });
    }
    waits.sort((a, b) => a.wait.touched.whole.sequence - b.wait.touched.whole.sequence);
    upgrades.sort((a, b) => a.upgrade.sequence - b.upgrade.sequence);
    return { waits, upgrades };
  }

  #at(lockId: string): { readonly resource: string; readonly record: LockRecord | undefined } {
    const resource = this.resourceById.get(lockId) ?? '';
    return { resource, record: this.byResource.get(resource) };
  }

  countOf(sessionId: string): number {
    return this.#idsBySession.get(sessionId)?.size ?? 0;
  }

  /** Whose a lock or request is, said by the fact: a long queue is not gone through for it. */
  #follow(before: LockRecord, fact: LockFact): void {
    const { lockId, resource } = fact.payload;
    switch (fact.type) {
      case 'lock.requested':
        this.#add(lockId, resource, fact.source.sessionId);
        addTo(this.#waitingBySession, fact.source.sessionId, lockId);
        break;
      case 'lock.upgrade_requested':
        addTo(this.#waitingBySession, fact.source.sessionId, lockId);
        break;
      case 'lock.acquired': {
        const { sessionId } = fact.payload.holder;
        this.#add(lockId, resource, sessionId);
        removeFrom(this.#waitingBySession, sessionId, lockId);
        break;
      }
      case 'lock.upgraded':
        removeFrom(this.#waitingBySession, ownerIn(before.holders, lockId), lockId);
        break;
      case 'lock.released':
      case 'lock.expired':
        this.#drop(lockId, ownerIn(before.holders, lockId));
        break;
      case 'lock.abandoned':
        // The end of a waiting upgrade leaves the lock.
        if (before.upgrade?.lockId === lockId) {
          removeFrom(this.#waitingBySession, ownerIn(before.holders, lockId), lockId);
        } else {
          const wait = before.queue.find(({ id }) => id === lockId);
          this.#drop(lockId, wait?.requester.sessionId);
        }
        break;
      case 'lock.renewed':
      case 'lock.contention':
      case 'lock.downgraded':
        break;
      default:
        unreachable(fact);
    }
  }

  #add(id: string, resource: string, sessionId: string): void {
    this.resourceById.set(id, resource);
    addTo(this.#idsBySession, sessionId, id);
  }

  #drop(id: string, sessionId: string | undefined): void {
    if (sessionId === undefined) return;
    this.resourceById.delete(id);
    removeFrom(this.#idsBySession, sessionId, id);
    removeFrom(this.#waitingBySession, sessionId, id);
  }
}

const NO_WAITS: Waits = { waits: [], upgrades: [] };

function ownerIn(holders: LockRecord['holders'], lockId: string): string | undefined {
  return holders.find(({ id }) => id === lockId)?.holder.sessionId;
}

function addTo(index: Map<string, Set<string>>, sessionId: string, id: string): void {
  const ids = index.get(sessionId);
  if (ids === undefined) index.set(sessionId, new Set([id]));
  else ids.add(id);
}

function removeFrom(
  index: Map<string, Set<string>>,
  sessionId: string | undefined,
  id: string,
): void {
  const ids = index.get(sessionId ?? '');
  ids?.delete(id);
  if (ids?.size === 0) index.delete(sessionId ?? '');
}
