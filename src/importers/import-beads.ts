/**
 * Imports the event log of a swarm that used beads: its records become commands by their actors at their times.
 *
 * Keeps I5: an importer supplies times and ids itself, so it starts on an empty log only, and the same file gives the same state
 * on every machine. Two passes: the first finds out who needs which role, the second carries the commands out, through the same
 * door as everybody's. At most {@link IN_FLIGHT_MAX} records wait for the disk (I12).
 */
import { Fault, Refused, type ErrorCode, type Refusal } from '../core/errors.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { OpenOptions } from '../coordinator/open-options.ts';
import { openSwarm } from '../coordinator/open-swarm.ts';
import type { Result } from '../coordinator/result.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import type { Step } from './beads-commands.ts';
import type { BeadsItem, CloseBy } from './beads-item.ts';
import { BeadsLog } from './beads-log.ts';
import { BeadsPlanner, type Plan } from './beads-plan.ts';
import type { BeadsRecord } from './beads-record.ts';
import { surveyLog, type Survey } from './beads-survey.ts';
import { ImportClock } from './import-clock.ts';
import { ImportTally, type MappedOutcomes, type Outcomes } from './import-tally.ts';

/** How an import is done. */
export interface ImportOptions {
  /** Where the swarm shall be; nothing may be there yet. In memory when absent. */
  readonly directory?: string;
  readonly snapshots?: NonNullable<OpenOptions['snapshots']>;
  /** Ends the import after the records so far; what was carried out stays. */
  readonly signal?: AbortSignal;
  /** Told how many of the log's records are done. */
  readonly onProgress?: (done: number) => void;
  /** Shows the swarm in the end, before it is closed. */
  readonly onEnd?: (swarm: Swarm, items: ReadonlyMap<string, BeadsItem>) => void;
}

/** What came of an import. */
export interface ImportReport {
  readonly records: number;
  readonly accepted: number;
  /** Lines that are no record included: `accepted + refused = records`. */
  readonly refused: number;
  readonly reasons: Readonly<Partial<Record<ErrorCode, number>>>;
  /** The ids of the first records of each reason; `line 7` for a line without one. */
  readonly examples: Readonly<Partial<Record<ErrorCode, readonly (number | string)[]>>>;
  readonly sequence: number;
  readonly stateHash: string;
  /** False when it was ended by its signal. */
  readonly complete: boolean;
  readonly commands: readonly MappedOutcomes[];
  /** The closes, by whose they are: of the assignee, of who claimed it without a value that says so, of others, of nobody's. */
  readonly closes: Readonly<Record<CloseBy, Outcomes>>;
  /** Items that are first seen when they change, by the kind of that record. */
  readonly firstSeen: Readonly<Record<string, number>>;
  readonly items: number;
  readonly agents: { readonly conductor: number; readonly pulse: number };
}

/** Records that may wait for the disk: so many of the longest are less than the log lets wait before it refuses commands. */
const IN_FLIGHT_MAX = 48;
/** As many tasks as a session may hold at all: whoever was given work took it. */
const CAPACITY = 10_000;
/** Imported sessions never end by themselves; so many others may live beside them, as many as in any swarm. */
const ROOM_FOR_OTHERS = 1_000;
/** What is no answer to a record, but the end of the import. */
const FATAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HALTED',
  'CLOSED',
  'OVERLOADED',
  'READ_ONLY',
  'INTERNAL',
]);

/**
 * Imports a log into a new swarm, and closes the swarm.
 *
 * Throws `ALREADY_EXISTS` for a directory that has a swarm, and writes nothing then. What single records are refused with is
 * counted in the report.
 */
export async function importBeads(log: BeadsLog, options: ImportOptions): Promise<ImportReport> {
  const survey = await surveyLog(log);
  const clock = new ImportClock(log.startMs);
  const swarm = await openSwarm({
    ...(options.directory !== undefined && { directory: options.directory }),
    ...(options.snapshots && { snapshots: options.snapshots }),
    expectEmpty: true,
    config: { maxConcurrentAgents: survey.agents.size + ROOM_FOR_OTHERS },
    clock,
    ids: numbered(`beads-${log.sha256.slice(0, 16)}`),
  });
  try {
    return await new Import({ log, survey, clock, swarm }).run(options);
  } finally {
    await swarm.close();
  }
}

/** The first id is that of the swarm: another file makes another swarm. Every other id comes with its command. */
function numbered(prefix: string): () => string {
  let drawn = 0;
  return () => (drawn++ === 0 ? prefix : `${prefix}-${drawn}`);
}

interface ImportParts {
  readonly log: BeadsLog;
  readonly survey: Survey;
  readonly clock: ImportClock;
  readonly swarm: Swarm;
}

/** A record whose answers are awaited. */
interface InFlight {
  readonly record: BeadsRecord;
  readonly plan: Plan;
  readonly answers: Promise<readonly Result[] | { readonly thrown: unknown }>;
}

class Import {
  readonly #parts: ImportParts;
  readonly #planner: BeadsPlanner;
  readonly #sessions = new Map<string, AgentSession>();
  readonly #tally = new ImportTally();
  readonly #firstSeen = new Map<string, number>();

  constructor(parts: ImportParts) {
    this.#parts = parts;
    this.#planner = new BeadsPlanner({
      identityOf: (agent) => this.#identityOf(agent),
      firstValueOf: (item) => parts.survey.firstValues.get(item),
    });
  }

  async run({ signal, onProgress, onEnd }: ImportOptions): Promise<ImportReport> {
    const { log, swarm, clock } = this.#parts;
    const inFlight: InFlight[] = [];
    for (const { number } of log.badLines) {
      this.#tally.add({
        id: `line ${number}`,
        kind: 'unreadable line',
        commands: [],
        code: 'INVALID_INPUT',
      });
    }
    for await (const record of log.records()) {
      if (signal?.aborted === true) break;
      clock.moveTo(record.timeMs);
      inFlight.push(this.#carryOut(record));
      if (inFlight.length >= IN_FLIGHT_MAX) await this.#settle(inFlight.shift());
      onProgress?.(this.#tally.all.records);
    }
    for (const one of inFlight) await this.#settle(one);
    await swarm.durable();
    onEnd?.(swarm, this.#planner.items);
    return this.#report();
  }

  /** Gives the commands of a record, one after the other and before anybody else's. */
  #carryOut(record: BeadsRecord): InFlight {
    const plan = this.#planner.plan(record);
    if (plan.before.length > 0) {
      this.#firstSeen.set(record.kind, (this.#firstSeen.get(record.kind) ?? 0) + 1);
    }
    const label = `beads:${record.id}`;
    const answers = [...plan.before, ...plan.steps].flatMap((step) => this.#give(step, label));
    const settled = Promise.all(answers).catch((thrown: unknown) => ({ thrown }));
    return { record, plan, answers: settled };
  }

  #give({ by, type, payload }: Step, correlationId: string): readonly Promise<Result>[] {
    const { swarm } = this.#parts;
    const needed = 'assignedTo' in payload ? [assigneeOf(payload), by] : [by];
    const registered = needed.flatMap((agent) => this.#register(agent));
    const input = { type, payload, correlationId };
    if (by === null) return [...registered, swarm.dispatch(input)];
    const session = this.#sessions.get(by);
    return session === undefined ? registered : [...registered, session.dispatch(input)];
  }

  /** Registers the session of an agent, at the time at which the file first shows it. */
  #register(agent: string | null): readonly Promise<Result>[] {
    if (agent === null || this.#sessions.has(agent)) return [];
    const { swarm } = this.#parts;
    const identity = this.#identityOf(agent);
    const payload = { ...identity, capacity: CAPACITY, heartbeatTimeout: 0 };
    const answer = swarm.dispatch({ type: 'session.register', payload });
    try {
      this.#sessions.set(agent, swarm.session(identity));
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the answer says why there is no session
    }
    return [answer];
  }

  #identityOf(agent: string): AgentSession['identity'] {
    const agentType = this.#parts.survey.agents.get(agent) ?? 'pulse';
    return { agentId: agent, agentType, sessionId: agent };
  }

  /** Waits for the answers to a record, and counts it: refused with the first code when any of its commands is. */
  async #settle(one: InFlight | undefined): Promise<void> {
    if (one === undefined) return;
    const { record, plan } = one;
    const answers = await one.answers;
    if ('thrown' in answers) throw answers.thrown;
    const refusal = plan.refusal ?? answers.find((answer): answer is Refusal => !answer.ok);
    if (refusal !== undefined && FATAL.has(refusal.code)) {
      throw new Fault(refusal.code, refusal.message, { details: refusal.details });
    }
    this.#tally.add({
      id: record.id,
      kind: record.kind,
      commands: plan.steps.map(({ type }) => type),
      closeBy: plan.closeBy,
      code: refusal?.code,
    });
  }

  #report(): ImportReport {
    const { log, swarm, survey } = this.#parts;
    const tally = this.#tally;
    const roles = [...survey.agents.values()];
    const conductor = roles.filter((role) => role === 'conductor').length;
    return {
      ...tally.all,
      reasons: tally.reasons,
      examples: tally.examples,
      sequence: swarm.sequence,
      stateHash: swarm.stateHash,
      complete: tally.all.records === log.size,
      commands: tally.mapped,
      closes: {
        assignee: tally.closesBy('assignee'),
        claimant: tally.closesBy('claimant'),
        other: tally.closesBy('other'),
        nobody: tally.closesBy('nobody'),
      },
      firstSeen: Object.fromEntries(this.#firstSeen),
      items: this.#planner.items.size,
      agents: { conductor, pulse: roles.length - conductor },
    };
  }
}

function assigneeOf({ assignedTo }: Step['payload']): string {
  return (assignedTo as AgentSession['identity']).agentId;
}
