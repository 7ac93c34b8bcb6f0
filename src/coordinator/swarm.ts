/**
 * A swarm: the coordinator's handle for its operator.
 *
 * Keeps I2 (reads show the folded state and say its sequence; `durable` is the barrier), I7 (a halt refuses everything, reads
 * too) and I8 (one owner).
 */
import { SwarmClock, systemClock } from '../core/clock.ts';
import { Fault, refuse, Refused, type Refusal } from '../core/errors.ts';
import { randomIds } from '../core/ids.ts';
import { canonicalJson, frozen } from '../core/json.ts';
import { parsePath } from '../core/path.ts';
import { isMisleading, subtreesOver } from '../core/resource.ts';
import { firstFact } from '../events/envelope.ts';
import { OPERATOR, type AgentIdentity } from '../events/identity.ts';
import type { AgentKind } from '../events/identity.ts';
import { toLock, toWaitQueue, type Lock, type LockRequest } from '../events/lock-state.ts';
import type { EventLog } from '../events/log.ts';
import { hashState } from '../projections/saved-views.ts';
import { toSwarmState, valueAtPath, versionedAtPath } from '../projections/swarm-state.ts';
import type { SwarmState, VersionedState } from '../projections/swarm-state.ts';
import type { Projector } from '../projections/projector.ts';
import type { CommandInput } from '../protocol/commands.ts';
import type { Engine } from '../storage/engine.ts';
import { AgentSession, updateResult } from './agent-session.ts';
import type { SessionDoor } from './asker.ts';
import type { StateUpdate, UpdateResult } from './agent-session.ts';
import { Checkpointer, DEFAULT_CHECKPOINTS } from './checkpointer.ts';
import { Dispatcher } from './dispatch.ts';
import { SwarmLocks, type LockManager } from './lock-manager.ts';
import { LockWaits } from './lock-waits.ts';
import { wantedSettings, type OpenOptions } from './open-options.ts';
import type { Recorded, Result } from './result.ts';

/** What an agent says of itself when it registers a session. */
export interface NewAgent {
  readonly agentType: AgentKind;
  readonly agentId: string;
  readonly sessionId?: string;
  readonly capabilities?: readonly string[];
  /** How many tasks it takes at once. */
  readonly capacity?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** How long this session may be silent, in milliseconds; 0 for ever. `limits.heartbeatTimeoutMs` when absent. */
  readonly heartbeatTimeout?: number;
  /** False leaves the session `initializing` until it says `start`. */
  readonly ready?: boolean;
}

/** What a swarm is made of. */
export interface SwarmParts {
  readonly engine: Engine;
  readonly log: EventLog;
  readonly projector: Projector;
  readonly checkpoint: number;
  readonly options: OpenOptions;
}

/** An open swarm, as its operator's handle. A session's handle is {@link AgentSession}. */
export class Swarm {
  readonly #engine: Engine;
  readonly #log: EventLog;
  readonly #projector: Projector;
  readonly #dispatcher: Dispatcher;
  readonly #checkpointer: Checkpointer;
  readonly #waits = new LockWaits();
  readonly #clock: SwarmClock;
  readonly #door: SessionDoor;
  readonly #isReadonly: boolean;
  /** The locks of everybody (specification, "Locking API"). */
  readonly locks: LockManager;
  #stopped: Refusal | undefined;
  #closing: Promise<void> | undefined;
  readonly #closed = new AbortController();
  #shown: { readonly sequence: number; readonly state: SwarmState } | undefined;

  /** Use `openSwarm`. */
  constructor({ engine, log, projector, checkpoint, options }: SwarmParts) {
    this.#engine = engine;
    this.#log = log;
    this.#projector = projector;
    this.#clock = new SwarmClock(options.clock ?? systemClock, projector.timeMs);
    const ids = options.ids ?? randomIds;
    const onFault = (fault: Fault) => this.#halt(fault);
    this.#dispatcher = new Dispatcher({ log, projector, clock: this.#clock, ids, onFault });
    const policy = { ...DEFAULT_CHECKPOINTS, ...options.snapshots };
    this.#checkpointer = new Checkpointer(log, projector, policy, checkpoint);
    this.#door = {
      ask: (input, source) => this.#dispatcher.ask(input, source),
      projector,
      waits: this.#waits,
      checkServing: () => this.#checkServing(),
      getLocks: (resource) => this.#getLocks(resource),
      getWaitQueue: (resource) => this.#getWaitQueue(resource),
      isCurrent: (resource, token) => this.#isCurrent(resource, token),
      get: (path) => this.get(path),
      read: (path) => this.read(path),
    };
    this.locks = new SwarmLocks(this.#door);
    if (options.readonly === true) {
      this.#dispatcher.stop(refuse('READ_ONLY', 'The swarm was opened for reading only.'));
    }
    this.#isReadonly = options.readonly === true;
    log.onSeal = (sequence) => {
      if (this.#stopped === undefined) this.#checkpointer.sealed(sequence);
    };
    log.onDurable = (commits) => {
      this.#checkpointer.durable();
      this.#waits.durable(commits);
    };
    log.onHalt = (fault) => this.#halt(fault);
  }

  /** Records the beginning of the swarm, or of this ownership of it. Called once, by `openSwarm`. */
  async begin(options: OpenOptions): Promise<void> {
    const { swarm, timeMs } = this.#projector;
    const settings = wantedSettings(options, swarm);
    if (swarm === undefined) {
      this.#dispatcher.recordOwn({ type: 'system.initialize', payload: settings });
    } else {
      void this.#followChain();
      const gapMs = this.#clock.nowMs() - timeMs;
      const resumed = { epoch: this.#log.head.epoch, gapMs };
      this.#dispatcher.recordOwn({ type: 'system.resume', payload: resumed });
      const { config, limits } = swarm;
      if (canonicalJson(settings) !== canonicalJson({ config, limits })) {
        this.#dispatcher.recordOwn({ type: 'system.configure', payload: settings });
      }
    }
    await this.durable();
    this.#dispatcher.settleDeadlines();
  }

  /** Verifies, while commands go on, what lies before the checkpoint from which the state was read. */
  async #followChain(): Promise<void> {
    const { sequence, hash } = this.#log.head;
    try {
      await this.#log.followChain({ sequence, hash }, this.#closed.signal);
    } catch (error) {
      const cause =
        error instanceof Fault ? error : new Fault('LOG_UNKNOWN', String(error), { cause: error });
      if (!this.#closed.signal.aborted) this.#halt(new Fault('HALTED', cause.message, { cause }));
    }
  }

  /** The id of the swarm, given when it was made. */
  get id(): string {
    return this.#projector.swarm?.swarmId ?? '';
  }

  /** The sequence of the last folded event: what the reads below show. */
  get sequence(): number {
    return this.#projector.sequence;
  }

  /** The sequence of the last durable event. */
  get durableSequence(): number {
    return this.#log.head.sequence;
  }

  /** The whole state as folded now; read-only. Costs a visit of every record, once per sequence. */
  get state(): SwarmState {
    this.#checkServing();
    const { sequence } = this.#projector;
    if (this.#shown?.sequence !== sequence) {
      this.#shown = { sequence, state: frozen(toSwarmState(this.#projector)) };
    }
    return this.#shown.state;
  }

  /** The SHA-256 of the whole state and of everything derived from it (I1). */
  get stateHash(): string {
    this.#checkServing();
    return hashState(this.#projector);
  }

  /**
   * The value at a path, as folded now; undefined where there is none.
   * @throws {Refused} `INVALID_PATH`
   */
  get(path: string): unknown {
    return frozen(valueAtPath(this.#projector, this.#steps(path)));
  }

  /** The value at a path with its version; undefined where there is none. */
  read(path: string): VersionedState | undefined {
    return frozen(versionedAtPath(this.#projector, this.#steps(path)));
  }

  #steps(path: string) {
    this.#checkServing();
    const parsed = parsePath(path);
    if (!parsed.ok) throw new Refused(parsed);
    return parsed.steps;
  }

  #getLocks(resource?: string): readonly Lock[] {
    this.#checkServing();
    const { byResource } = this.#projector.locks;
    const named = resource === undefined ? undefined : byResource.get(resource);
    const records = resource === undefined ? [...byResource.values()] : named ? [named] : [];
    return frozen(
      records.flatMap((record) => record.holders.map((hold) => toLock(record.resource, hold))),
    );
  }

  #getWaitQueue(resource: string): readonly LockRequest[] {
    this.#checkServing();
    const record = this.#projector.resource(resource);
    return record === undefined ? [] : frozen(toWaitQueue(record));
  }

  #isCurrent(resource: string, fencingToken: number): boolean {
    this.#checkServing();
    const nowMs = this.#clock.nowMs();
    // A subtree covers a name, not the place that a reader might take it for.
    const covering = isMisleading(resource) ? [resource] : [resource, ...subtreesOver(resource)];
    return covering.some((name) =>
      this.#projector
        .resource(name)
        ?.holders.some((hold) => hold.fencingToken === fencingToken && nowMs < hold.expiresAtMs),
    );
  }

  /**
   * Registers a session of an agent, and gives the handle that speaks for it.
   * @throws {Refused} `ALREADY_EXISTS`, `LIMIT_EXCEEDED`, `INVALID_INPUT`
   */
  async register(agent: NewAgent): Promise<AgentSession> {
    const result = await this.#ask({ type: 'session.register', payload: agent }, OPERATOR);
    if (!result.ok) throw new Refused(result);
    const { sessionId } = firstFact((result as Recorded).commit).payload as { sessionId: string };
    return this.#handle(sessionId);
  }

  /**
   * Binds again to a live session, after reopening for example.
   * @throws {Refused} `UNKNOWN_SESSION`, `SESSION_OFFLINE`
   */
  session({ agentId, sessionId }: Pick<AgentIdentity, 'agentId' | 'sessionId'>): AgentSession {
    this.#checkServing();
    const session = this.#projector.session(sessionId);
    if (session === undefined || session.identity.agentId !== agentId) {
      throw new Refused(
        refuse('UNKNOWN_SESSION', `There is no session ${sessionId} of ${agentId}.`, {
          agentId,
          sessionId,
        }),
      );
    }
    if (session.status === 'offline') {
      throw new Refused(
        refuse('SESSION_OFFLINE', `The session ${sessionId} has ended. Register a new one.`, {
          sessionId,
        }),
      );
    }
    return this.#handle(sessionId);
  }

  #handle(sessionId: string): AgentSession {
    const session = this.#projector.session(sessionId);
    if (session === undefined) throw new Fault('INTERNAL', 'a registered session has a record');
    return new AgentSession(this.#door, Object.freeze(session.identity));
  }

  /** Carries out any command as the operator; refusals are values. Resolves when the outcome is durable (I2). */
  async dispatch(command: CommandInput): Promise<Result> {
    return this.#ask(command, OPERATOR);
  }

  /** Writes a free path as the operator. */
  async update<T>(update: StateUpdate<T>): Promise<UpdateResult> {
    return updateResult(await this.dispatch({ type: 'state.update', payload: update }));
  }

  async #ask(command: CommandInput, source: AgentIdentity): Promise<Result> {
    return this.#dispatcher.ask(command, source).answer;
  }

  /** Resolves once a sequence, or everything that is folded now, is durable; throws the fault that kept it from being so. */
  async durable(sequence = this.#projector.sequence): Promise<number> {
    this.#checkServing();
    if (this.#log.head.sequence >= sequence) return sequence;
    if (!(sequence <= this.#projector.sequence)) {
      const details = { sequence, folded: this.#projector.sequence };
      throw new Refused(
        refuse('INVALID_INPUT', `Nothing has the sequence ${sequence} yet.`, details),
      );
    }
    return new Promise((resolve, reject) => {
      this.#log.settle({ resolve, reject, value: sequence });
    });
  }

  /** Waits for what was asked, saves the end of the log, and gives the directory back. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    const savesEnd = this.#stopped === undefined && !this.#isReadonly;
    this.#stopped = refuse('CLOSED', 'The swarm is closed.');
    this.#dispatcher.stop(this.#stopped);
    await this.#log.drain();
    this.#waits.close(this.#stopped);
    if (savesEnd) await this.#checkpointer.close();
    await this.#engine.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #halt(fault: Fault): void {
    this.#stopped ??= refuse('HALTED', fault.message, { cause: (fault.cause as Fault).code });
    this.#dispatcher.stop(this.#stopped);
    this.#waits.close(this.#stopped);
  }

  #checkServing(): void {
    if (this.#stopped !== undefined) throw new Refused(this.#stopped);
  }
}
