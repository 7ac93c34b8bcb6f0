/**
 * The handle of a session: everything an agent may do, with its identity bound.
 *
 * Every method asks by one command. What a method returns is the state as its own command left it, and it is returned when
 * that is durable (I2). A refusal is thrown as `Refused`, with its code.
 */
import { Refused, type Refusal } from '../core/errors.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { VersionedState } from '../projections/swarm-state.ts';
import type { CommandInput, CommandLabels, CommandType } from '../protocol/commands.ts';
import { Asker, type SessionDoor } from './asker.ts';
import { accepted, type Accepted, type Result } from './result.ts';
import { SessionHandoffs } from './session-handoffs.ts';
import { SessionLocks } from './session-locks.ts';
import { SessionTasks } from './session-tasks.ts';

/** A direct write (specification, `StateUpdate`). */
export interface StateUpdate<T = unknown> {
  readonly path: string;
  /** Refuses the write when the path is at another version; 0 means that it never existed; absent does not check. */
  readonly expectedVersion?: number;
  readonly newValue: T;
  /** Merges deeply instead of replacing. */
  readonly merge?: boolean;
}

/** The outcome of a direct write (specification, `UpdateResult`). */
export interface UpdateResult {
  readonly success: boolean;
  readonly newVersion?: number;
  readonly conflict?: { readonly currentVersion: number; readonly currentValue: unknown };
}

/** One run of one agent, as its own handle. */
export class AgentSession {
  readonly identity: AgentIdentity;
  readonly tasks: SessionTasks;
  readonly locks: SessionLocks;
  readonly handoffs: SessionHandoffs;
  readonly #door: SessionDoor;

  /** Use `swarm.register` or `swarm.session`. */
  constructor(door: SessionDoor, identity: AgentIdentity) {
    this.identity = identity;
    this.#door = door;
    const asker = new Asker(door, identity);
    this.tasks = new SessionTasks(asker);
    this.locks = new SessionLocks(asker);
    this.handoffs = new SessionHandoffs(asker);
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
   * Writes a free path. A version that is not the expected one is an outcome, not an error.
   * With `labels.fencingToken` the write is refused when its session no longer holds that lock.
   * @throws {Refused} `ACTOR_OWNED_PATH`, `FORBIDDEN`, `INVALID_INPUT`, `INVALID_PATH`, `NOT_FOUND`, `LIMIT_EXCEEDED`,
   * `PATH_LOCKED`, `STALE_TOKEN`
   */
  async update<T>(update: StateUpdate<T>, labels: CommandLabels = {}): Promise<UpdateResult> {
    return updateResult(await this.dispatch({ ...labels, type: 'state.update', payload: update }));
  }

  /** The value at a path, as folded now; undefined where there is none. */
  get(path: string): unknown {
    return this.#door.get(path);
  }

  /** The value at a path with its version; undefined where there is none. */
  read(path: string): VersionedState | undefined {
    return this.#door.read(path);
  }

  async #self(type: CommandType, rest: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const payload = { sessionId: this.identity.sessionId, ...rest };
    accepted(await this.#door.ask({ type, payload }, this.identity).answer);
  }
}

/** Turns the answer to `state.update` into the specification's outcome; throws what is no conflict. */
export function updateResult(result: Accepted | Refusal): UpdateResult {
  if (result.ok) return { success: true, newVersion: result.sequence };
  if (result.code !== 'VERSION_CONFLICT') throw new Refused(result);
  const { currentVersion, currentValue } = result.details as {
    currentVersion: number;
    currentValue: unknown;
  };
  return { success: false, conflict: { currentVersion, currentValue } };
}
