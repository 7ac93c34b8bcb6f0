/**
 * The handle of a session: everything an agent may do, with its identity bound.
 *
 * Every method asks by one command. What a method returns is the state as its own command left it, and it is returned when
 * that is durable (I2). A refusal is thrown as `Refused`, with its code.
 */
import type { AgentIdentity } from '../events/identity.ts';
import type { Alert } from '../events/system.ts';
import type { QueryMatch } from '../projections/query.ts';
import type { VersionedState } from '../projections/versions.ts';
import type { CommandInput, CommandLabels, CommandType } from '../protocol/commands.ts';
import { Asker, type SessionDoor } from './asker.ts';
import { SwarmEvents } from './event-bus.ts';
import { accepted, type Result } from './result.ts';
import { SessionHandoffs } from './session-handoffs.ts';
import { SessionLocks } from './session-locks.ts';
import { SessionTasks } from './session-tasks.ts';
import {
  StateWriter,
  type BatchEntry,
  type BatchResult,
  type StateRemoval,
  type StateUpdate,
  type UpdateResult,
} from './state-writer.ts';
import type { WatchOptions } from './watch.ts';
import type { StateChange } from './watch-queue.ts';

/** One run of one agent, as its own handle. */
export class AgentSession {
  readonly identity: AgentIdentity;
  readonly tasks: SessionTasks;
  readonly locks: SessionLocks;
  readonly handoffs: SessionHandoffs;
  readonly events: SwarmEvents;
  readonly #door: SessionDoor;
  readonly #writer: StateWriter;

  /** Use `swarm.register` or `swarm.session`. */
  constructor(door: SessionDoor, identity: AgentIdentity) {
    this.identity = identity;
    this.#door = door;
    const asker = new Asker(door, identity);
    this.tasks = new SessionTasks(asker);
    this.locks = new SessionLocks(asker);
    this.handoffs = new SessionHandoffs(asker);
    this.events = new SwarmEvents(door, identity);
    this.#writer = new StateWriter(asker);
  }

  /** Carries out any command as this session; refusals are values. */
  async dispatch(command: CommandInput): Promise<Result> {
    return this.#door.ask(command, this.identity).answer;
  }

  /** Shows life. Recorded only when a third of the deadline has passed since the last sign. */
  async heartbeat(): Promise<void> {
    await this.#self('session.heartbeat');
  }

  /** Ends `initializing`, for a session that was registered with `ready: false`. */
  async start(): Promise<void> {
    await this.#self('session.start');
  }

  /** Takes no more tasks until it resumes; goes on with none. */
  async pause(): Promise<void> {
    await this.#self('session.pause');
  }

  async resume(): Promise<void> {
    await this.#self('session.resume');
  }

  /** Finishes what it holds and takes nothing more. */
  async drain(): Promise<void> {
    await this.#self('session.drain');
  }

  /** Ends the session; what it still holds goes back. */
  async stop(reason?: string): Promise<void> {
    await this.#self('session.stop', reason === undefined ? {} : { reason });
  }

  /** Reports a failure of the session itself. */
  async fail(error: { readonly code: string; readonly message: string }): Promise<void> {
    await this.#self('session.fail', error);
  }

  /** Says that the failure is over. */
  async recover(): Promise<void> {
    await this.#self('session.recover');
  }

  /**
   * Records that somebody should look at something (`system.alert`); for Guardians and Conductors.
   * @throws {Refused} `FORBIDDEN`, `INVALID_INPUT`
   */
  async raiseAlert(alert: Alert): Promise<void> {
    accepted(await this.dispatch({ type: 'system.raise_alert', payload: alert }));
  }

  /**
   * Writes a free path. A version that is not the expected one is an outcome, not an error.
   * With `labels.fencingToken` the write is refused when its session no longer holds that lock.
   * @throws {Refused} `ACTOR_OWNED_PATH`, `FORBIDDEN`, `INVALID_INPUT`, `INVALID_PATH`, `NOT_FOUND`, `LIMIT_EXCEEDED`,
   * `PATH_LOCKED`, `STALE_TOKEN`
   */
  async update<T>(update: StateUpdate<T>, labels: CommandLabels = {}): Promise<UpdateResult> {
    return this.#writer.update(update, labels);
  }

  /** Writes several free paths in one commit: all of them or none. Refuses as {@link update} does. */
  async updateAll(
    updates: readonly BatchEntry[],
    labels: CommandLabels = {},
  ): Promise<BatchResult> {
    return this.#writer.updateAll(updates, labels);
  }

  /**
   * Adds a value at the end of a list, wherever that is when it is decided: two who append at once both do. Refuses as
   * {@link update} does.
   */
  async append(path: string, value: unknown, labels: CommandLabels = {}): Promise<UpdateResult> {
    return this.#writer.append(path, value, labels);
  }

  /** Takes away what is at a free path; what is not there is no error. Refuses as {@link update} does. */
  async delete(removal: StateRemoval, labels: CommandLabels = {}): Promise<UpdateResult> {
    return this.#writer.delete(removal, labels);
  }

  /**
   * The value at a path, as folded now; undefined where there is none. What is above what may be read, `agents` for example,
   * is shown without the rest.
   * @throws {Refused} `FORBIDDEN` when this session may not read it; `INVALID_PATH`
   */
  get(path: string): unknown {
    return this.#door.reads.get(path, this.identity);
  }

  /** The value at a path with its version; undefined where there is none. Refuses as {@link get} does. */
  read(path: string): VersionedState | undefined {
    return this.#door.reads.read(path, this.identity);
  }

  /** Like `swarm.query`, for what this session may read: the rest is left out. */
  query(pattern: string): readonly QueryMatch[] {
    return this.#door.reads.query(pattern, this.identity);
  }

  /** Like `swarm.watch`, for what this session may read: the rest is not told. */
  watch(
    pattern: string,
    options?: WatchOptions,
  ): AsyncIterableIterator<StateChange, undefined> & AsyncDisposable {
    return this.#door.reads.watch(pattern, this.identity, options);
  }

  async #self(type: CommandType, rest: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const payload = { sessionId: this.identity.sessionId, ...rest };
    accepted(await this.#door.ask({ type, payload }, this.identity).answer);
  }
}
