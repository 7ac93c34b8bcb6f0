/**
 * A swarm: the coordinator's handle for its operator.
 *
 * Keeps I2 (reads show the folded state and say its sequence; `durable` is the barrier), I7 (a halt refuses everything, reads
 * too) and I8 (one owner).
 */
import { ACCESS_RULES, type AccessRules } from '../access/access-rules.ts';
import { EventBusHub } from '../bus/event-bus.ts';
import { SwarmClock, systemClock } from '../core/clock.ts';
import { Fault, refuse, Refused, type Refusal } from '../core/errors.ts';
import { randomIds } from '../core/ids.ts';
import { canonicalJson, frozen } from '../core/json.ts';
import { firstFact, type Commit } from '../events/envelope.ts';
import { OPERATOR, type AgentIdentity } from '../events/identity.ts';
import type { AgentKind } from '../events/identity.ts';
import type { EventLog } from '../events/log.ts';
import type { Alert } from '../events/system.ts';
import type { QueryMatch } from '../projections/query.ts';
import { hashState } from '../projections/saved-views.ts';
import { toSwarmState } from '../projections/swarm-state.ts';
import type { SwarmState } from '../projections/swarm-state.ts';
import type { VersionedState } from '../projections/versions.ts';
import type { Projector } from '../projections/projector.ts';
import type { CommandInput } from '../protocol/commands.ts';
import { loadLanguage } from '../protocol/expression-language.ts';
import type { Engine } from '../storage/engine.ts';
import { AgentSession } from './agent-session.ts';
import { Asker, type SessionDoor } from './asker.ts';
import { busPorts } from './bus-ports.ts';
import { Checkpointer, DEFAULT_CHECKPOINTS } from './checkpointer.ts';
import { Denials } from './denials.ts';
import { SwarmConflicts, type ConflictResolver } from './conflict-resolver.ts';
import { Dispatcher } from './dispatch.ts';
import { SwarmEvents } from './event-bus.ts';
import { SwarmLocks, type LockManager } from './lock-manager.ts';
import { LockWaits } from './lock-waits.ts';
import { wantedSettings, type OpenOptions } from './open-options.ts';
import { ReadDoors } from './read-doors.ts';
import { accepted, type Recorded, type Result } from './result.ts';
import {
  StateWriter,
  type BatchEntry,
  type BatchResult,
  type StateRemoval,
  type StateUpdate,
  type UpdateResult,
} from './state-writer.ts';
import { SwarmAccess } from './swarm-access.ts';
import { Watches, type WatchOptions } from './watch.ts';
import type { StateChange } from './watch-queue.ts';

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
  /** Who may read and write what; the permission matrix when absent. */
  readonly rules?: AccessRules | undefined;
}

/** An open swarm, as its operator's handle. A session's handle is {@link AgentSession}. */
export class Swarm {
  readonly #engine: Engine;
  readonly #log: EventLog;
  readonly #projector: Projector;
  readonly #dispatcher: Dispatcher;
  readonly #checkpointer: Checkpointer;
  readonly #waits = new LockWaits();
  readonly #watches: Watches;
  readonly #hub: EventBusHub;
  readonly #clock: SwarmClock;
  readonly #door: SessionDoor;
  readonly #reads: ReadDoors;
  readonly #isReadonly: boolean;
  readonly #writer: StateWriter;
  /** The locks of everybody (specification, "Locking API"). */
  readonly locks: LockManager;
  /** What was recorded (specification, "Event Bus API"). */
  readonly events: SwarmEvents;
  /** Who may read and write what (specification, "Access Control"). */
  readonly access: SwarmAccess;
  /** How conflicting writes are resolved (specification, "Conflict Resolution"). */
  readonly conflicts: ConflictResolver;
  #stopped: Refusal | undefined;
  #closing: Promise<void> | undefined;
  readonly #closed = new AbortController();
  #shown: { readonly sequence: number; readonly state: SwarmState } | undefined;

  /** Use `openSwarm`. */
  constructor({ engine, log, projector, checkpoint, options, rules = ACCESS_RULES }: SwarmParts) {
    this.#engine = engine;
    this.#log = log;
    this.#projector = projector;
    this.#clock = new SwarmClock(options.clock ?? systemClock, projector.timeMs);
    const ids = options.ids ?? randomIds;
    const onFault = (fault: Fault) => this.#halt(fault);
    this.#watches = new Watches(projector);
    const fold = (commit: Commit) => this.#watches.fold(commit);
    const denials = new Denials();
    const checkServing = () => this.#checkServing();
    const ruled = { rules, denials };
    const timed = { clock: this.#clock, ids };
    this.#dispatcher = new Dispatcher({ log, projector, fold, ...timed, onFault, ...ruled });
    this.conflicts = new SwarmConflicts(projector);
    this.access = new SwarmAccess({ view: projector, checkServing, ...ruled });
    this.#reads = new ReadDoors({
      projector,
      log,
      clock: this.#clock,
      watches: this.#watches,
      rules,
      checkServing,
      onDenied: (source, path) => this.#dispatcher.deniedRead(source, path),
    });
    const clock = options.clock ?? systemClock;
    this.#hub = new EventBusHub(
      busPorts({ log, projector, dispatcher: this.#dispatcher, clock, ids }),
    );
    const policy = { ...DEFAULT_CHECKPOINTS, ...options.snapshots };
    this.#checkpointer = new Checkpointer(log, projector, policy, checkpoint);
    this.#door = {
      ask: (input, source) => this.#dispatcher.ask(input, source),
      projector,
      waits: this.#waits,
      checkServing,
      reads: this.#reads,
      hub: this.#hub,
    };
    this.locks = new SwarmLocks(this.#door);
    this.events = new SwarmEvents(this.#door, OPERATOR);
    this.#writer = new StateWriter(new Asker(this.#door, OPERATOR));
    if (options.readonly === true) {
      this.#dispatcher.stop(refuse('READ_ONLY', 'The swarm was opened for reading only.'));
    }
    this.#isReadonly = options.readonly === true;
    log.onSeal = (sequence) => {
      if (this.#stopped === undefined) this.#checkpointer.sealed(sequence);
    };
    log.onDurable = (commits, chars) => {
      this.#checkpointer.durable();
      this.#waits.durable(commits);
      this.#watches.durable(commits);
      this.#tell(commits, chars);
    };
    log.onHalt = (fault) => this.#halt(fault);
  }

  /** Subscribers hear what is durable, and get again what somebody had queued for them. */
  #tell(commits: readonly Commit[], chars: number): void {
    this.#hub.durable(commits, { last: this.#log.head.sequence, chars });
    for (const { command, facts } of commits) {
      if (command.type !== 'deadletter.requeue') continue;
      for (const { payload } of facts) {
        const { letterId } = payload as { readonly letterId?: string };
        const letter = this.#projector.deadLetter(letterId ?? '');
        if (letter?.status === 'queued') this.#hub.requeued(letter);
      }
    }
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
    return this.#reads.get(path, OPERATOR);
  }

  /** The value at a path with its version; undefined where there is none. */
  read(path: string): VersionedState | undefined {
    return this.#reads.read(path, OPERATOR);
  }

  /**
   * Every place of the state that a pattern matches, with its value and version, as folded now. `*` is any key or index, `**`
   * any number of levels; a place that is not there is no match. The order is that of the state.
   * @throws {Refused} `INVALID_PATH`; `LIMIT_EXCEEDED` for more than `queryMatchesMax` matches
   *
   * @example
   * const swarm = await openSwarm();
   * await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1' });
   * const [found] = swarm.query('agents.*.*.status');
   * console.log(found.path, found.value, found.version); // agents.pulse.s1.status idle 3
   */
  query(pattern: string): readonly QueryMatch[] {
    return this.#reads.query(pattern, OPERATOR);
  }

  /**
   * Tells, from now on, each place that a pattern matches and that a commit changed, when the commit is durable, in the order
   * of the log. A value is that which the commit left, whatever came after it. `docs/query-and-watch.md` says what is not told.
   *
   * Leaving the loop, `return()` and the signal end the watch. It throws `CLOSED` or `HALTED` when the swarm ends, and
   * `LIMIT_EXCEEDED` when more than `watchBufferMax` changes waited for it, with the last sequence that it told in the details.
   * @throws {Refused} `INVALID_PATH`; `INVALID_INPUT` for a pattern that leads to nothing that a watch tells; `LIMIT_EXCEEDED`
   * for more than `watchersMax` watches
   *
   * @example
   * const swarm = await openSwarm();
   * const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1' });
   * const watch = ant.watch('agents.pulse.*.currentIteration');
   * await ant.update({ path: 'agents.pulse.s1.data.currentIteration', newValue: 1 });
   * for await (const { path, value } of watch) {
   *   console.log(path, value); // agents.pulse.s1.data.currentIteration 1
   *   break;
   * }
   */
  watch(
    pattern: string,
    options?: WatchOptions,
  ): AsyncIterableIterator<StateChange, undefined> & AsyncDisposable {
    return this.#reads.watch(pattern, OPERATOR, options);
  }

  /**
   * Registers a session of an agent, and gives the handle that speaks for it.
   * @throws {Refused} `ALREADY_EXISTS`, `LIMIT_EXCEEDED`, `INVALID_INPUT`
   */
  async register(agent: NewAgent): Promise<AgentSession> {
    const result = await this.#ask({ type: 'session.register', payload: agent }, OPERATOR);
    if (!result.ok) throw new Refused(result);
    if (agent.agentType === 'conductor') await loadLanguage(); // of the rules that it may write
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

  /** Writes a free path as the operator; {@link AgentSession.update} says how. */
  async update<T>(update: StateUpdate<T>): Promise<UpdateResult> {
    return this.#writer.update(update, {});
  }

  /** Writes several free paths in one commit as the operator: all of them or none. */
  async updateAll(updates: readonly BatchEntry[]): Promise<BatchResult> {
    return this.#writer.updateAll(updates, {});
  }

  /** Adds a value at the end of a list as the operator. */
  async append(path: string, value: unknown): Promise<UpdateResult> {
    return this.#writer.append(path, value, {});
  }

  /** Takes away what is at a free path as the operator. */
  async delete(removal: StateRemoval): Promise<UpdateResult> {
    return this.#writer.delete(removal, {});
  }

  /** Records that somebody should look at something (`system.alert`). */
  async raiseAlert(alert: Alert): Promise<void> {
    accepted(await this.dispatch({ type: 'system.raise_alert', payload: alert }));
  }

  /** Records what was done to the swarm from outside: a backup, an upgrade, a repair (`system.maintenance`). */
  async noteMaintenance(action: string): Promise<void> {
    accepted(await this.dispatch({ type: 'system.note_maintenance', payload: { action } }));
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
    const reason = refuse('CLOSED', 'The swarm is closed.');
    this.#hub.close(reason);
    const savesEnd = this.#stopped === undefined && !this.#isReadonly;
    this.#stopped = reason;
    this.#dispatcher.stop(this.#stopped);
    await this.#log.drain();
    this.#waits.close(this.#stopped);
    this.#watches.close(this.#stopped);
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
    this.#watches.close(this.#stopped);
    this.#hub.close(this.#stopped);
  }

  #checkServing(): void {
    if (this.#stopped !== undefined) throw new Refused(this.#stopped);
  }
}
