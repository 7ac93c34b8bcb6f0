/** The locked resources, and where to find a lock or a request by its id and by its session. */
import { unreachable } from '../core/errors.ts';
import { covers, isStateResource, isSubtree, subtreesOver } from '../core/resource.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { Holdings } from '../events/view.ts';
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
    const { resource, holders, queue } = record;
    for (const { id, holder } of holders) this.#add(id, resource, holder.sessionId);
    for (const { id, requester } of queue) this.#add(id, resource, requester.sessionId);
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

  /** What a session holds and waits for, each in the order in which it got or asked for it. */
  heldBy(sessionId: string): Pick<Holdings, 'locks' | 'waits' | 'upgrades'> {
    const locks: Holdings['locks'][number][] = [];
    const waits: Holdings['waits'][number][] = [];
    const upgrades: Holdings['upgrades'][number][] = [];
    for (const lockId of this.#idsBySession.get(sessionId) ?? []) {
      const resource = this.resourceById.get(lockId) ?? '';
      const record = this.byResource.get(resource);
      const hold = record?.holders.find(({ id }) => id === lockId);
      const wait = hold === undefined && record?.queue.find(({ id }) => id === lockId);
      if (hold !== undefined) locks.push({ resource, hold });
      if (wait) waits.push({ resource, wait });
      if (record?.upgrade?.lockId === lockId) upgrades.push({ resource, upgrade: record.upgrade });
    }
    // The index may have been rebuilt from a checkpoint, so its order is not part of the state.
    locks.sort((a, b) => a.hold.fencingToken - b.hold.fencingToken);
    waits.sort((a, b) => a.wait.touched.whole.sequence - b.wait.touched.whole.sequence);
    upgrades.sort((a, b) => a.upgrade.sequence - b.upgrade.sequence);
    return { locks, waits, upgrades };
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
        break;
      case 'lock.acquired':
        this.#add(lockId, resource, fact.payload.holder.sessionId);
        break;
      case 'lock.released':
      case 'lock.expired':
        this.#drop(lockId, before.holders.find(({ id }) => id === lockId)?.holder);
        break;
      case 'lock.abandoned': // the end of a waiting upgrade leaves the lock
        this.#drop(lockId, before.queue.find(({ id }) => id === lockId)?.requester);
        break;
      case 'lock.renewed':
      case 'lock.contention':
      case 'lock.upgrade_requested':
      case 'lock.upgraded':
      case 'lock.downgraded':
        break;
      default:
        unreachable(fact);
    }
  }

  #add(id: string, resource: string, sessionId: string): void {
    this.resourceById.set(id, resource);
    const ids = this.#idsBySession.get(sessionId);
    if (ids === undefined) this.#idsBySession.set(sessionId, new Set([id]));
    else ids.add(id);
  }

  #drop(id: string, owner: AgentIdentity | undefined): void {
    if (owner === undefined) return;
    this.resourceById.delete(id);
    const ids = this.#idsBySession.get(owner.sessionId);
    ids?.delete(id);
    if (ids?.size === 0) this.#idsBySession.delete(owner.sessionId);
  }
}
