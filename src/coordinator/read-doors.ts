/**
 * The doors that read the state: every one of them knows who asks, and asks the permission matrix.
 *
 * What stands at one path is refused as a whole (`FORBIDDEN`); of what is above rows of the matrix, and of whatever gives many
 * things, the rest is shown. Reads show the folded state (I2).
 */
import type { AccessRules } from '../access/access-rules.ts';
import { notFor } from '../access/access-control.ts';
import type { SwarmClock } from '../core/clock.ts';
import { refuse, Refused } from '../core/errors.ts';
import { frozen } from '../core/json.ts';
import { parsePath, parsePattern, type PathStep } from '../core/path.ts';
import { isMisleading, subtreesOver } from '../core/resource.ts';
import type { SwarmEvent } from '../events/envelope.ts';
import { checkFilter, selectEvents, type EventFilter } from '../events/filter.ts';
import { inFull } from '../events/full-path.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { EventLog } from '../events/log.ts';
import { toLock, toWaitQueue, type Lock, type LockRequest } from '../events/lock-state.ts';
import type { Projector } from '../projections/projector.ts';
import { queryAt, type QueryMatch } from '../projections/query.ts';
import { valueAtPath } from '../projections/swarm-state.ts';
import { versionedAtPath, type VersionedState } from '../projections/versions.ts';
import type { Watches, WatchOptions } from './watch.ts';
import type { WatchQueue } from './watch-queue.ts';

/** What the doors work with. */
export interface ReadParts {
  readonly projector: Projector;
  readonly log: EventLog;
  readonly clock: SwarmClock;
  readonly watches: Watches;
  readonly rules: AccessRules;
  /** Throws why nothing is served any more, when that is so. */
  readonly checkServing: () => void;
  /** Told of a path that somebody may not read. */
  readonly onDenied: (source: AgentIdentity, path: string) => void;
}

/** The doors that read. */
export class ReadDoors {
  readonly #parts: ReadParts;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  get(path: string, source: AgentIdentity): unknown {
    const steps = this.#steps(path, source);
    return frozen(this.#shown(steps, valueAtPath(this.#parts.projector, steps), source));
  }

  read(path: string, source: AgentIdentity): VersionedState | undefined {
    const steps = this.#steps(path, source);
    const found = versionedAtPath(this.#parts.projector, steps);
    return found && frozen({ ...found, value: this.#shown(steps, found.value, source) });
  }

  query(text: string, source: AgentIdentity): readonly QueryMatch[] {
    const { projector, checkServing } = this.#parts;
    checkServing();
    const pattern = parsePattern(text);
    if (!pattern.ok) throw new Refused(pattern);
    const found = queryAt(projector, pattern.segments, {
      canRead: (steps) => this.canRead(steps, source),
      show: (steps, value) => this.#shown(steps, value, source),
      max: projector.swarm?.limits.queryMatchesMax ?? 0,
    });
    if (!found.ok) throw new Refused(found);
    return frozen(found.matches);
  }

  watch(pattern: string, source: AgentIdentity, options?: WatchOptions): WatchQueue {
    this.#parts.checkServing();
    return this.#parts.watches.watch(pattern, (steps) => this.canRead(steps, source), options);
  }

  /** Refuses somebody who may not read the events. */
  checkEvents(source: AgentIdentity): void {
    this.#steps('events.events', source);
  }

  /** The events of the history that match a filter, oldest first. */
  events(filter: EventFilter, source: AgentIdentity): readonly SwarmEvent[] {
    const { swarmId } = this.#filtered(filter, source);
    return frozen(this.#parts.projector.ring.find(swarmId, filter));
  }

  /** The durable events that match a filter, read from the log. */
  async *recorded(filter: EventFilter, source: AgentIdentity): AsyncGenerator<SwarmEvent> {
    const { checkServing, log } = this.#parts;
    const { swarmId } = this.#filtered(filter, source);
    const events = selectEvents(log, swarmId, filter);
    try {
      for await (const event of events) {
        checkServing();
        yield event;
      }
    } catch (error) {
      checkServing(); // a log that was closed under its reader says why
      throw error;
    }
  }

  /** A filter that can be meant, of somebody who may read the history. */
  #filtered(filter: EventFilter, source: AgentIdentity): { readonly swarmId: string } {
    this.checkEvents(source);
    const refusal = checkFilter(filter);
    if (refusal !== undefined) throw new Refused(refusal);
    return { swarmId: this.#parts.projector.swarm?.swarmId ?? '' };
  }

  getLocks(source: AgentIdentity, resource?: string): readonly Lock[] {
    this.#parts.checkServing();
    const { byResource } = this.#parts.projector.locks;
    const named = resource === undefined ? undefined : byResource.get(resource);
    const records = resource === undefined ? [...byResource.values()] : named ? [named] : [];
    const locks = records.flatMap((record) =>
      record.holders.map((hold) => toLock(record.resource, hold)),
    );
    return frozen(locks.filter(({ id }) => this.canRead(['locks', 'locks', id], source)));
  }

  getWaitQueue(source: AgentIdentity, resource: string): readonly LockRequest[] {
    const { projector, checkServing } = this.#parts;
    checkServing();
    const record = projector.resource(resource);
    if (record === undefined || !this.canRead(['locks', 'waitQueue', resource], source)) return [];
    return frozen(toWaitQueue(record));
  }

  isCurrent(source: AgentIdentity, resource: string, fencingToken: number): boolean {
    const { projector, clock, checkServing } = this.#parts;
    checkServing();
    const nowMs = clock.nowMs();
    // A subtree covers a name, not the place that a reader might take it for.
    const covering = isMisleading(resource) ? [resource] : [resource, ...subtreesOver(resource)];
    const holds = covering.flatMap((name) => projector.resource(name)?.holders ?? []);
    return holds.some(
      (hold) =>
        hold.fencingToken === fencingToken &&
        nowMs < hold.expiresAtMs &&
        this.canRead(['locks', 'locks', hold.id], source),
    );
  }

  /** Whether somebody may read a place; the steps are in full. */
  canRead(steps: readonly PathStep[], source: AgentIdentity): boolean {
    return this.#parts.rules.allow(this.#parts.projector, source, steps, 'read');
  }

  /** The steps of a path in full, for somebody who may read it. */
  #steps(path: string, source: AgentIdentity): readonly PathStep[] {
    this.#parts.checkServing();
    const parsed = parsePath(path);
    if (!parsed.ok) throw new Refused(parsed);
    const steps = inFull(parsed.steps);
    if (this.canRead(steps, source)) return steps;
    this.#parts.onDenied(source, path);
    const details = { path, operation: 'read', role: source.agentType };
    throw new Refused(refuse('FORBIDDEN', notFor(path, source, 'read'), details));
  }

  /** A value without what somebody may not read in it. Only what is above rows of the matrix can hold such. */
  #shown(steps: readonly PathStep[], value: unknown, source: AgentIdentity): unknown {
    if (!this.#parts.rules.isContainer(steps)) return value;
    if (typeof value !== 'object' || value === null || source.agentType === 'system') return value;
    const shown = Object.create(null) as Record<string, unknown>;
    for (const [key, inside] of Object.entries(value)) {
      const place = [...steps, key];
      if (this.canRead(place, source)) shown[key] = this.#shown(place, inside, source);
    }
    return shown;
  }
}
