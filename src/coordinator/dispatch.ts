/**
 * The journey of a command: receive, permit, decide, fold, record, tell.
 *
 * Keeps I2 (everybody is answered when what they saw is durable), I5 (time and ids enter here), I7 (after a fault nothing is
 * served) and I9 (what is due is recorded before a command is decided). Between reading the state and folding the facts
 * there is no `await`, so commands are decided one after the other, in the order in which they come.
 */
import {
  decide,
  denied,
  recordsDenials,
  triesTooOften,
  type Decided,
  type DecidedRefusal,
} from '../actors/decide.ts';
import type { AccessRules } from '../access/access-rules.ts';
import { permit } from '../access/permit.ts';
import { Fault, refuse, type Refusal } from '../core/errors.ts';
import type { IdSource } from '../core/ids.ts';
import { DEFAULT_LIMITS, greaterPayload } from '../core/limits.ts';
import type { Commit } from '../events/envelope.ts';
import { COORDINATOR, type AgentIdentity } from '../events/identity.ts';
import type { EventLog, KeyWrite } from '../events/log.ts';
import type { Projector } from '../projections/projector.ts';
import type { CommandInput, SwarmCommand } from '../protocol/commands.ts';
import { issue, readRequest, receive } from '../protocol/receive.ts';
import type { SwarmClock } from '../core/clock.ts';
import type { Denials } from './denials.ts';
import { DeadlineWatch } from './deadline-watch.ts';
import { chained } from './handoff-chain.ts';
import { Recorded, type Result } from './result.ts';

/** What a dispatcher works with. */
export interface DispatcherParts {
  readonly log: EventLog;
  readonly projector: Projector;
  /** Folds a commit into the projector. */
  readonly fold: (commit: Commit) => void;
  readonly clock: SwarmClock;
  readonly ids: IdSource;
  readonly rules: AccessRules;
  readonly denials: Denials;
  /** Told once when a fault of ours makes it stop: the state in memory may hold half a commit. */
  readonly onFault: (fault: Fault) => void;
}

/** The refusal of a compound command one of whose parts is not permitted. */
interface DeniedPart extends DecidedRefusal {
  readonly isDenied: true;
}

/** A command on its way: the answer to come, and what it caused already in memory. */
export interface Asked {
  readonly answer: Promise<Result>;
  readonly commit: Commit | undefined;
  /** Why it was refused, known at once; undefined when it was not. */
  readonly refusal: Refusal | undefined;
}

/** Carries commands from the caller to the log and back. */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #watch: DeadlineWatch;
  #stopped: Refusal | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#watch = new DeadlineWatch(parts, {
      record: (command, timeMs) => this.#recordOwn(command, { source: COORDINATOR, timeMs }),
      onFault: (error) => void this.#fault(error),
    });
  }

  /**
   * Carries out a command for somebody, whose identity comes from a handle. `writes` to other keys of the database become
   * durable with the commit, or not at all.
   */
  ask(input: unknown, source: AgentIdentity, writes?: readonly KeyWrite[]): Asked {
    if (this.#stopped !== undefined) return stopped(this.#stopped);
    const { log, projector, clock, ids, rules } = this.#parts;
    try {
      const limits = projector.swarm?.limits ?? DEFAULT_LIMITS;
      const read = readRequest(input, { ids, limits });
      if (this.#stopped !== undefined) return stopped(this.#stopped); // reading runs code of the caller
      if (!read.ok) return this.#answer(read);
      if (log.isOverloaded) return this.#answer(overloaded());
      const timeMs = clock.nowMs();
      this.#watch.settle(timeMs);
      const command = chained(projector, issue(read.request, { source, timeMs }));
      const repeated = this.#repeated(command);
      if (repeated !== undefined) return repeated;
      const refusal = permit(projector, command, rules);
      if (refusal !== undefined) return this.#denied(command, refusal);
      const decided =
        command.type === 'compound.apply' ? this.#decideParts(command) : decide(projector, command);
      if (!decided.ok && 'isDenied' in decided) return this.#denied(command, withoutFacts(decided));
      if (decided.facts.length > 0) return this.#record(command, decided, writes);
      return this.#answer(decided.ok ? this.#holdsAlready() : withoutFacts(decided));
    } catch (error) {
      const answer = Promise.reject<Result>(this.#fault(error));
      return { answer, commit: undefined, refusal: undefined };
    }
  }

  /** Decides a compound command: each part is permitted on what those before it left. */
  #decideParts(command: SwarmCommand): Decided | DecidedRefusal | DeniedPart {
    const { projector, rules } = this.#parts;
    let isDenied = false;
    const decided = decide(projector, command, (view, part) => {
      const denial = permit(view, part, rules);
      isDenied = denial !== undefined;
      return denial;
    });
    return isDenied && !decided.ok ? { ...decided, isDenied } : decided;
  }

  /** Counts a denial, and records it where that is configured. */
  #denied(command: SwarmCommand, refusal: Refusal): Asked {
    const { projector, denials } = this.#parts;
    denials.count(refusal.code, command.source.agentType);
    const left = denied(projector, command, refusal);
    return left.facts.length > 0 ? this.#record(command, left) : this.#answer(refusal);
  }

  /** Counts a path that a session may not read, and records it where that is configured. */
  deniedRead({ sessionId, agentType }: AgentIdentity, subject: string): void {
    const { log, projector, clock, denials } = this.#parts;
    denials.count('FORBIDDEN', agentType);
    if (this.#stopped !== undefined || log.isOverloaded) return;
    if (!recordsDenials(projector, sessionId)) return;
    try {
      const timeMs = clock.nowMs();
      this.#watch.settle(timeMs);
      if (triesTooOften(projector, sessionId, timeMs)) return;
      const report = { type: 'access.report_denied', payload: { sessionId, subject } } as const;
      this.#recordOwn(report, { source: COORDINATOR, timeMs });
    } catch (error) {
      throw this.#fault(error);
    }
  }

  /** Folds and offers; the caller is answered when the block that holds the commit is durable. */
  #record(
    command: SwarmCommand,
    decided: Decided | DecidedRefusal,
    writes?: readonly KeyWrite[],
  ): Asked {
    const { log, projector, fold } = this.#parts;
    const { facts } = decided;
    const commit: Commit = decided.ok
      ? { command, facts }
      : { command, refused: decided.code, facts };
    fold(commit);
    const swarmId = projector.swarm?.swarmId ?? '';
    const value = decided.ok ? new Recorded(swarmId, commit) : withoutFacts(decided);
    const answer = new Promise<Result>((resolve, reject) => {
      log.offer(commit, { resolve, reject, value }, decided.ok ? writes : undefined);
    });
    this.#watch.arm();
    return { answer, commit, refusal: value.ok ? undefined : value };
  }

  /** Answers what appended nothing, once the last fact that it saw is durable: it is an answer too (I2). */
  #answer(result: Result): Asked {
    const { log } = this.#parts;
    const answer = new Promise<Result>((resolve, reject) => {
      log.settle({ resolve, reject, value: result });
    });
    return { answer, commit: undefined, refusal: result.ok ? undefined : result };
  }

  /** The first result of a command that its session gave before under the same key; undefined when it did not. */
  #repeated({ idempotency, source, timeMs }: SwarmCommand): Asked | undefined {
    const { log, projector } = this.#parts;
    if (idempotency === undefined || projector.swarm === undefined) return undefined;
    const { swarmId, limits } = projector.swarm;
    const { key, fingerprint } = idempotency;
    const found = projector.idempotency.find(source.sessionId, key, { timeMs, limits });
    if (found === undefined) return undefined;
    if (found.fingerprint !== fingerprint) return this.#answer(keyReused(key));
    const { answer } = this.#answer(this.#holdsAlready());
    return {
      answer: answer.then(async () => new Recorded(swarmId, await log.commitAt(found.first))),
      commit: undefined,
      refusal: undefined,
    };
  }

  #holdsAlready(): Result {
    return { ok: true, sequence: this.#parts.projector.sequence, events: [] };
  }

  /**
   * Records a command of the coordinator itself, for which nobody waits: before anything that is due, since it may be what
   * moves the deadlines.
   */
  recordOwn(input: CommandInput): void {
    const timeMs = this.#parts.clock.nowMs();
    try {
      this.#recordOwn(input, { source: COORDINATOR, timeMs });
    } catch (error) {
      throw this.#fault(error);
    }
  }

  #recordOwn(
    input: CommandInput,
    { source, timeMs }: { readonly source: AgentIdentity; readonly timeMs: number },
  ): void {
    const { log, projector, fold, ids } = this.#parts;
    // What the swarm allows others to send never keeps the coordinator from recording what happens.
    const limits = greaterPayload(projector.swarm?.limits ?? DEFAULT_LIMITS, DEFAULT_LIMITS);
    const received = receive(input, { source, timeMs, ids, limits });
    const decided = received.ok ? decide(projector, received.command) : received;
    if (!received.ok || !decided.ok) {
      throw new Fault(
        'INTERNAL',
        `${input.type} of the coordinator was refused: ${decided.ok ? '' : decided.message}`,
        {
          details: { command: input, refusal: decided },
        },
      );
    }
    const commit: Commit = { command: received.command, facts: decided.facts };
    fold(commit);
    log.offer(commit, undefined);
  }

  /** Records what is due now, as the timer does. */
  settleDeadlines(): void {
    if (this.#stopped === undefined) this.#watch.fire();
  }

  /** Serves nothing more; later commands are answered with the reason. */
  stop(reason: Refusal): void {
    this.#stopped ??= reason;
    this.#watch.close();
  }

  /** A fault between decide and record may have left half a commit in memory: nothing more is served (I7). */
  #fault(error: unknown): Fault {
    const fault =
      error instanceof Fault ? error : new Fault('INTERNAL', String(error), { cause: error });
    const message = `The swarm halted: ${fault.message} Open it again.`;
    this.stop(refuse('HALTED', message, { cause: fault.code }));
    this.#parts.onFault(new Fault('HALTED', message, { cause: fault }));
    return fault;
  }
}

function stopped(reason: Refusal): Asked {
  return { answer: Promise.resolve(reason), commit: undefined, refusal: reason };
}

/** What a caller is told: what was recorded of the attempt is in the log. */
function withoutFacts({ ok, code, message, details }: DecidedRefusal): Refusal {
  return { ok, code, message, details };
}

function keyReused(key: string): Refusal {
  return refuse(
    'IDEMPOTENCY_KEY_REUSED',
    `The idempotency key ${JSON.stringify(key)} was used for another command of this session. Draw a new key for each command.`,
    { idempotencyKey: key },
  );
}

function overloaded(): Refusal {
  return refuse(
    'OVERLOADED',
    'Too many commands wait for the disk. Ask again when some were answered.',
  );
}
