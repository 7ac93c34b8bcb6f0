/**
 * The handle of a session: everything an agent may do, with its identity bound.
 *
 * Every method asks by one command. What a method returns is the state as its own command left it, and it is returned when
 * that is durable (I2). A refusal is thrown as `Refused`, with its code.
 */
import { Fault, Refused, type Refusal } from '../core/errors.ts';
import { frozen } from '../core/json.ts';
import type { Commit } from '../events/envelope.ts';
import { toHandoffRequest, type Addressee, type HandoffRequest } from '../events/handoff.ts';
import type { AgentIdentity, Priority } from '../events/identity.ts';
import { toLock, type Lock, type LockType } from '../events/lock.ts';
import { toTaskState, type TaskState } from '../events/task.ts';
import type { VersionedState } from '../projections/swarm-state.ts';
import type { Projector } from '../projections/projector.ts';
import type { CommandInput, CommandType, PayloadOf } from '../protocol/commands.ts';
import type { Asked } from './dispatch.ts';
import type { LockWaits, WaitEnd } from './lock-waits.ts';
import { accepted, type Accepted, type Result } from './result.ts';

/** What a new task is. */
export interface NewTask {
  readonly goal: string;
  readonly taskId?: string;
  /** `config.defaultPriority` when absent. */
  readonly priority?: Priority;
  readonly parentTaskId?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What lock is asked for. */
export interface LockQuery {
  /** What it protects: a path or another name. */
  readonly resource: string;
  readonly type: LockType;
  /** How long it is held unless renewed, in milliseconds; `config.timeouts.lockDefault` when absent. */
  readonly ttl?: number;
  /** How long to wait, in milliseconds; 0 is not at all, `config.timeouts.lockDefault` when absent. */
  readonly timeout?: number;
  readonly priority?: Priority;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Gives up waiting; `acquire` then answers null. */
  readonly signal?: AbortSignal;
}

/** What handoff is asked for. */
export interface NewHandoff {
  readonly taskId: string;
  /** A session, an agent, or a kind of agent: the first to accept has it. */
  readonly to: Addressee;
  readonly reason: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly priority?: Priority;
  /** How long the offer stands, in milliseconds; `config.timeouts.handoffDefault` when absent. */
  readonly timeout?: number;
}

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

/** Where a command of a session goes. */
export interface SessionDoor {
  ask(input: CommandInput, source: AgentIdentity): Asked;
  readonly projector: Projector;
  readonly waits: LockWaits;
  get(path: string): unknown;
  read(path: string): VersionedState | undefined;
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
   * @throws {Refused} `ACTOR_OWNED_PATH`, `FORBIDDEN`, `INVALID_INPUT`, `INVALID_PATH`, `NOT_FOUND`, `LIMIT_EXCEEDED`
   */
  async update<T>(update: StateUpdate<T>): Promise<UpdateResult> {
    return updateResult(await this.dispatch({ type: 'state.update', payload: update }));
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

/** Asks by commands of one session. */
class Asker {
  readonly door: SessionDoor;
  readonly identity: AgentIdentity;

  constructor(door: SessionDoor, identity: AgentIdentity) {
    this.door = door;
    this.identity = identity;
  }

  ask<Type extends CommandType>(type: Type, payload: Partial<PayloadOf<Type>>): Asked {
    return this.door.ask({ type, payload }, this.identity);
  }

  /** Answers with something of the state as the command left it; `commit` is undefined when it caused nothing. */
  async askFor<Type extends CommandType, T>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
    select: (commit: Commit | undefined) => T,
  ): Promise<T> {
    const { answer, commit } = this.ask(type, payload);
    const selected = frozen(select(commit));
    accepted(await answer);
    return selected;
  }
}

/** What a session does with tasks. */
class SessionTasks {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** Makes a pending task. */
  async create(task: NewTask): Promise<TaskState> {
    return this.#task('task.create', task);
  }

  /**
   * Takes a task for this session: the one that is named, or the most urgent and oldest that waits.
   * @throws {Refused} `TASK_TAKEN` with its holder and since when; `NOTHING_TO_CLAIM`; `ILLEGAL_TRANSITION`
   */
  async claim(
    query: { readonly taskId?: string; readonly start?: boolean } = {},
  ): Promise<TaskState> {
    return this.#task('task.claim', query);
  }

  /** Takes the most urgent task that waits; null when none does. */
  async claimNext(options: { readonly start?: boolean } = {}): Promise<TaskState | null> {
    try {
      return await this.claim(options);
    } catch (error) {
      if (error instanceof Refused && error.code === 'NOTHING_TO_CLAIM') return null;
      throw error;
    }
  }

  /** Gives a task to a session; for a Conductor. */
  async assign(taskId: string, assignedTo: AgentIdentity): Promise<TaskState> {
    return this.#task('task.assign', { taskId, assignedTo });
  }

  async start(taskId: string): Promise<TaskState> {
    return this.#task('task.start', { taskId });
  }

  /** Reports how far the task is, 0–100. */
  async progress(taskId: string, progress: number, message?: string): Promise<void> {
    const payload = message === undefined ? { taskId, progress } : { taskId, progress, message };
    accepted(await this.#asker.ask('task.progress', payload).answer);
  }

  /** @throws {Refused} `NOT_HOLDER` when the session lost the task in the meantime */
  async complete(taskId: string, result?: unknown): Promise<TaskState> {
    return this.#task('task.complete', { taskId, result });
  }

  async fail(
    taskId: string,
    error: { readonly code: string; readonly message: string },
  ): Promise<TaskState> {
    return this.#task('task.fail', { taskId, error });
  }

  async cancel(taskId: string, reason?: string): Promise<TaskState> {
    return this.#task('task.cancel', { taskId, ...(reason === undefined ? {} : { reason }) });
  }

  /** Takes a task from its holder; for a Conductor. */
  async requeue(taskId: string, reason?: string): Promise<TaskState> {
    return this.#task('task.requeue', { taskId, ...(reason === undefined ? {} : { reason }) });
  }

  async #task<Type extends CommandType & `task.${string}`>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
  ): Promise<TaskState> {
    const state = await this.#asker.askFor(type, payload, (commit) => {
      // A task that this session has claimed before causes nothing: then it is the one that was named.
      const id =
        firstAbout(commit, 'taskId')?.id ?? (payload as { taskId?: string } | undefined)?.taskId;
      const task = this.#asker.door.projector.task(id ?? '');
      return task && toTaskState(task);
    });
    if (state === undefined)
      throw new Fault('INTERNAL', `${type} was accepted and concerns no task.`);
    return state;
  }
}

/** What a session does with locks. */
class SessionLocks {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /**
   * Acquires a lock, waiting in the queue of its resource; null when it was not granted in time.
   * A session that holds what it asks for is given the lock that it has.
   * @throws {Refused} `LIMIT_EXCEEDED`, `LOCK_HELD` when the session holds the resource in a weaker form
   */
  async acquire({ signal, ...query }: LockQuery): Promise<Lock | null> {
    if (signal?.aborted) return null;
    const { answer, commit } = this.#asker.ask('lock.acquire', query);
    const request = firstAbout(commit, 'lockId');
    if (request === undefined) return this.#unrecorded(query.resource, await answer);
    const { id: lockId, type } = request;
    const granted = this.#lockOf(query.resource, lockId);
    const end = type === 'lock.requested' ? this.#asker.door.waits.endOf(lockId) : undefined;
    accepted(await answer);
    const lock = end === undefined ? granted : await this.#waitFor(end, { query, lockId, signal });
    if (lock === undefined || !signal?.aborted) return lock ?? null;
    await this.release(lockId).catch(ignoreRefusal); // granted to somebody who had given up
    return null;
  }

  async #waitFor(
    end: Promise<WaitEnd>,
    {
      query,
      lockId,
      signal,
    }: { query: LockQuery; lockId: string; signal: AbortSignal | undefined },
  ): Promise<Lock | undefined> {
    // Whether it could still be given up is told by how the wait ends.
    const giveUp = () => {
      this.#asker.ask('lock.abandon', { lockId }).answer.catch(() => {});
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp(); // in the meantime
    try {
      const { type } = await end;
      return type === 'lock.acquired' ? this.#lockOf(query.resource, lockId) : undefined;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Extends the lease, from now. A lock that has ended is not granted again.
   * @throws {Refused} `NOT_FOUND` when it has ended, `NOT_HOLDER`, `LIMIT_EXCEEDED`
   */
  async renew(lockId: string, ttl?: number): Promise<void> {
    const payload = ttl === undefined ? { lockId } : { lockId, ttl };
    accepted(await this.#asker.ask('lock.renew', payload).answer);
  }

  /** @throws {Refused} `NOT_FOUND` when it has ended, `NOT_HOLDER` */
  async release(lockId: string): Promise<void> {
    accepted(await this.#asker.ask('lock.release', { lockId }).answer);
  }

  #unrecorded(resource: string, result: Result): Lock | null {
    if (!result.ok) {
      const isBusy = result.code === 'LOCK_HELD' && result.details['holders'] !== undefined;
      if (isBusy) return null;
      throw new Refused(result);
    }
    const { sessionId } = this.#asker.identity;
    const record = this.#asker.door.projector.resource(resource);
    const own = record?.holders.find(({ holder }) => holder.sessionId === sessionId);
    return own === undefined ? null : frozen(toLock(resource, own));
  }

  #lockOf(resource: string, lockId: string): Lock | undefined {
    const record = this.#asker.door.projector.resource(resource);
    const hold = record?.holders.find(({ id }) => id === lockId);
    return hold && frozen(toLock(resource, hold));
  }
}

/** What a session does with handoffs. */
class SessionHandoffs {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** Offers a task that this session holds. */
  async request(handoff: NewHandoff): Promise<HandoffRequest> {
    return this.#handoff('handoff.request', handoff);
  }

  async accept(handoffId: string): Promise<HandoffRequest> {
    return this.#handoff('handoff.accept', { handoffId });
  }

  async reject(handoffId: string, reason?: string): Promise<HandoffRequest> {
    return this.#handoff('handoff.reject', {
      handoffId,
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /** Takes the task over: from here on its old holder can do nothing with it. */
  async complete(handoffId: string): Promise<HandoffRequest> {
    return this.#handoff('handoff.complete', { handoffId });
  }

  async #handoff<Type extends CommandType & `handoff.${string}`>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
  ): Promise<HandoffRequest> {
    const state = await this.#asker.askFor(type, payload, (commit) => {
      const handoff = this.#asker.door.projector.handoff(firstAbout(commit, 'handoffId')?.id ?? '');
      return handoff && toHandoffRequest(handoff);
    });
    if (state === undefined)
      throw new Fault('INTERNAL', `${type} was accepted and concerns no handoff.`);
    return state;
  }
}

/** The first fact about a thing, if any: a session that was in error recovers before it, in the same commit. */
function firstAbout(
  commit: Commit | undefined,
  field: 'taskId' | 'lockId' | 'handoffId',
): { readonly type: string; readonly id: string } | undefined {
  for (const { type, payload } of commit?.facts ?? []) {
    const id = (payload as Readonly<Record<string, unknown>>)[field];
    if (typeof id === 'string') return { type, id };
  }
  return undefined;
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
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
