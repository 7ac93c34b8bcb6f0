/**
 * Time travel over a log: its events, its state at any moment, and the proof that it is sound.
 *
 * Read-only: takes no epoch and appends nothing (I8). Shows durable events only (I2).
 */
import { Fault, type Refusal } from '../core/errors.ts';
import { parsePath, parsePattern, type PathStep } from '../core/path.ts';
import { parseTime } from '../core/time.ts';
import {
  toDeadLetter,
  toDurableSubscription,
  type DeadLetter,
  type DurableSubscription,
} from '../coordinator/dead-letters.ts';
import { recover, type Moment } from '../coordinator/recovery.ts';
import { firstFact, sequenceOfEventId, type SwarmEvent } from '../events/envelope.ts';
import { checkFilter, selectEvents, type EventFilter } from '../events/filter.ts';
import { EventLog, type LogHead } from '../events/log.ts';
import type { Projector } from '../projections/projector.ts';
import { queryAt, type QueryMatch } from '../projections/query.ts';
import { hashState } from '../projections/saved-views.ts';
import { toSwarmState, valueAtPath, type SwarmState } from '../projections/swarm-state.ts';
import { versionedAtPath, type VersionedState } from '../projections/versions.ts';
import { openLevelEngine, type Engine } from '../storage/engine.ts';
import { verifyLog, type Verification, type VerifyOptions } from './verify.ts';

function asFault({ code, message, details }: Refusal): Fault {
  return new Fault(code, message, { details });
}

/** A durable subscription at a moment. Whether somebody listened then is not known: listening leaves no trace. */
export type PastSubscription = Omit<DurableSubscription, 'status'>;

/** The state at a moment of the past. */
export class PastState {
  readonly #projector: Projector;

  constructor(projector: Projector) {
    this.#projector = projector;
  }

  /** The sequence of the last event it includes. */
  get sequence(): number {
    return this.#projector.sequence;
  }

  /** When that event was recorded, in milliseconds since 1970. */
  get timeMs(): number {
    return this.#projector.timeMs;
  }

  get state(): SwarmState {
    return toSwarmState(this.#projector);
  }

  get stateHash(): string {
    return hashState(this.#projector);
  }

  /** The value at a path; undefined where there is none. Throws `INVALID_PATH`. */
  get(path: string): unknown {
    const parsed = parsePath(path);
    if (!parsed.ok) throw asFault(parsed);
    return valueAtPath(this.#projector, parsed.steps);
  }

  /** The value at a path with its version; undefined where there is none. Throws `INVALID_PATH`. */
  read(path: string): VersionedState | undefined {
    const parsed = parsePath(path);
    if (!parsed.ok) throw asFault(parsed);
    return this.readAt(parsed.steps);
  }

  /** Every place that a pattern matches, in the order of the state. Throws `INVALID_PATH`, `LIMIT_EXCEEDED`. */
  query(text: string): readonly QueryMatch[] {
    const pattern = parsePattern(text);
    if (!pattern.ok) throw asFault(pattern);
    const max = this.#projector.swarm?.limits.queryMatchesMax ?? 0;
    const found = queryAt(this.#projector, pattern.segments, { canRead: () => true, max });
    if (!found.ok) throw asFault(found);
    return found.matches;
  }

  /** The value at the end of some steps, with its version, time and author; undefined where there is none. */
  readAt(steps: readonly PathStep[]): VersionedState | undefined {
    return versionedAtPath(this.#projector, steps);
  }

  /** What subscriptions could not handle, oldest event first. */
  get deadLetters(): readonly DeadLetter[] {
    const { deadLetters, swarm } = this.#projector;
    return [...deadLetters.values()]
      .toSorted((a, b) => a.eventSequence - b.eventSequence)
      .map((record) => toDeadLetter(record, swarm?.swarmId ?? ''));
  }

  /** The durable subscriptions, by name. */
  get subscriptions(): readonly PastSubscription[] {
    const { subscriptions, sequence } = this.#projector;
    return [...subscriptions.values()]
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((record) => {
        const shown = toDurableSubscription(record, sequence, undefined);
        const { name, agentId, through, behind, createdAt } = shown;
        return { name, agentId, through, behind, createdAt };
      });
  }
}

/** The history of one swarm. */
export class History {
  readonly #engine: Engine;
  readonly #log: EventLog;
  #swarmId: string | undefined;

  private constructor(engine: Engine) {
    this.#engine = engine;
    this.#log = EventLog.read(engine.database);
  }

  /** Opens the history of a closed swarm. Throws the faults of the directory, `SWARM_HELD` among them. */
  static async open(directory: string): Promise<History> {
    const engine = await openLevelEngine(directory, { create: false });
    try {
      return new History(engine);
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  get head(): LogHead {
    return this.#log.head;
  }

  /**
   * The state at a sequence, an ISO time or an event id; at the end when absent. A moment inside a commit is the one before
   * the commit: commits are atomic (I3). Throws `INVALID_INPUT` for another text, `NOT_FOUND` for a moment outside the log.
   */
  async at(point?: number | string, onProgress?: (sequence: number) => void): Promise<PastState> {
    const upTo = point === undefined ? undefined : await this.#momentOf(point);
    const { projector } = await recover(this.#log, {
      ...(upTo && { upTo }),
      ...(onProgress && { onProgress }),
    });
    if (projector.sequence === 0) throw this.#outside(String(point));
    return new PastState(projector);
  }

  /** The events that match a filter, in order, read block by block. */
  async *events(filter: EventFilter = {}): AsyncGenerator<SwarmEvent> {
    const refusal = checkFilter(filter);
    if (refusal !== undefined) throw asFault(refusal);
    yield* selectEvents(this.#log, await this.#id(), filter);
  }

  /** Proves that the log is sound: see {@link verifyLog}. */
  async verify(options: VerifyOptions = {}): Promise<Verification> {
    return verifyLog(this.#log, options);
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #id(): Promise<string> {
    if (this.#swarmId === undefined) {
      for await (const { block } of this.#log.blocks()) {
        for (const commit of block.commits.slice(0, 1)) {
          ({ swarmId: this.#swarmId } = firstFact(commit).payload as { swarmId: string });
        }
        break;
      }
    }
    return this.#swarmId ?? '';
  }

  async #momentOf(point: number | string): Promise<Moment> {
    if (typeof point === 'number' || /^\d+$/.test(point)) return this.#inside(Number(point));
    const sequence = sequenceOfEventId(await this.#id(), point);
    if (sequence !== undefined) return this.#inside(sequence);
    const timeMs = parseTime(point);
    if (timeMs === undefined) {
      throw new Fault(
        'INVALID_INPUT',
        `${JSON.stringify(point)} is no moment: give a sequence, an ISO time or an event id.`,
        { details: { point } },
      );
    }
    return { timeMs };
  }

  #inside(sequence: number): Moment {
    if (!Number.isSafeInteger(sequence) || sequence < 1 || sequence > this.head.sequence) {
      throw this.#outside(String(sequence));
    }
    return { sequence };
  }

  #outside(point: string): Fault {
    const { sequence } = this.head;
    return new Fault(
      'NOT_FOUND',
      `The log has no moment ${point}: it goes from sequence 1 to ${sequence}.`,
      { details: { point, sequence } },
    );
  }
}
