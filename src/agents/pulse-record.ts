/**
 * What a Pulse keeps of its work in its own state (specification, `PulseState`): two commits an iteration, one at its beginning
 * and one at its end.
 *
 * The names of files and commits are bounded so that the whole always fits into one commit and into the session: of what is too
 * much the state keeps the newest, and the progress log says how much it leaves out. The log of git has all of it.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { BatchEntry, StateUpdate } from '../coordinator/state-writer.ts';
import { Refused } from '../core/errors.ts';
import { formatPath } from '../core/path.ts';
import type { AgentStatus } from '../events/session.ts';
import type { PulseIteration, PulseState } from '../events/state-schemas.ts';

/** What a Pulse works at. */
export interface PulseProject extends Pick<
  PulseState['data'],
  'projectName' | 'projectPath' | 'goal' | 'maxIterations'
> {
  /** Ours: the task that the rest is about. */
  readonly taskId: string;
}

/** How far a session is. */
export interface PulseProgress {
  /** 0–100. */
  readonly current: number;
  readonly message: string;
}

/** The most names of files in all iterations of a session together: half of what a session may hold. */
const FILES_IN_ITERATIONS_MAX = 50_000;
/** The most names of files in one list. */
const FILES_MAX = 10_000;
/** The most characters of one list of names: three of them fit into one command. */
const LIST_CHARS_MAX = 300_000;
/** The longest name that the state takes. */
const NAME_CHARS_MAX = 4_096;
const HASHES_MAX = 5_000;
/** So many new elements are added one by one; with more the list is written anew. */
const ADDED_MAX = 24;

/** Writes down what a session does as a Pulse. */
export class PulseRecord {
  readonly #session: AgentSession;
  readonly #place: string;

  constructor(session: AgentSession) {
    this.#session = session;
    this.#place = formatPath(['agents', 'pulse', session.identity.sessionId]);
  }

  get data(): PulseState['data'] {
    return this.#session.get(`${this.#place}.data`) as PulseState['data'];
  }

  /** The task that the data is about; undefined before the first. */
  get taskId(): string | undefined {
    const { taskId } = this.data;
    return typeof taskId === 'string' ? taskId : undefined;
  }

  get status(): AgentStatus {
    return this.#session.get(`${this.#place}.status`) as AgentStatus;
  }

  /** Begins with a task: nothing has been done yet. */
  async begin(project: PulseProject): Promise<void> {
    const nothingDone = {
      currentIteration: 0,
      lastSignal: 'UNKNOWN',
      iterations: [],
      totalCommits: 0,
      commitHashes: [],
      filesModified: [],
      progressLog: [],
    };
    const newValue = { ...project, ...nothingDone };
    await this.#session.update({ path: `${this.#place}.data`, newValue, merge: true });
  }

  /** Goes on with the task that the data is about; an iteration whose end nobody wrote down has failed. */
  async goOn(project: PulseProject): Promise<void> {
    const entries = Object.entries(project).map(([field, value]) => this.#entry(field, value));
    const at = this.data.iterations.findIndex(({ status }) => status === 'running');
    if (at !== -1) entries.push(this.#entry(`iterations[${at}].status`, 'failed'));
    await this.#session.updateAll(entries);
  }

  /** Writes down that an iteration has begun, and on which branch. */
  async started(
    iteration: PulseIteration,
    { branchName, progress }: { branchName: string | null; progress: PulseProgress },
  ): Promise<void> {
    await this.#session.updateAll([
      this.#append('iterations', iteration),
      this.#entry('currentIteration', iteration.number),
      this.#entry('branchName', branchName),
      { path: `${this.#place}.progress`, newValue: progress },
    ]);
  }

  /** Writes down how an iteration ended. */
  async ended(
    iteration: PulseIteration,
    { commits, progress }: { commits: readonly string[]; progress: PulseProgress },
  ): Promise<void> {
    const { iterations } = this.data;
    const inOthers = iterations.reduce((sum, one) => sum + one.filesModified.length, 0);
    const room = Math.max(0, Math.min(FILES_MAX, FILES_IN_ITERATIONS_MAX - inOthers));
    const files = newest(iteration.filesModified, room);
    try {
      await this.#session.updateAll(this.#endOf(iteration, { commits, files, progress }));
    } catch (error) {
      const isTooMuch =
        error instanceof Refused &&
        (error.code === 'LIMIT_EXCEEDED' || error.code === 'PAYLOAD_TOO_LARGE');
      if (!isTooMuch) throw error;
      // The limits of this swarm are lower than the usual ones.
      const last = commits.slice(-1);
      const less = { commits: last, files: [], progress };
      await this.#session.updateAll(this.#endOf(iteration, less, commits.length));
    }
  }

  #endOf(
    iteration: PulseIteration,
    kept: {
      readonly commits: readonly string[];
      readonly files: readonly string[];
      readonly progress: PulseProgress;
    },
    made = kept.commits.length,
  ): readonly BatchEntry[] {
    const { iterations, commitHashes, filesModified, totalCommits } = this.data;
    const { number, signal, summary, startedAt, completedAt } = iteration;
    const at = iterations.findIndex((one) => one.number === number);
    const record = { ...iteration, filesModified: kept.files };
    const known = new Set(filesModified);
    const left = iteration.filesModified.length - kept.files.length;
    const note = left === 0 ? '' : ` (${left} more files are not listed)`;
    return [
      at === -1 ? this.#append('iterations', record) : this.#entry(`iterations[${at}]`, record),
      this.#entry('lastSignal', signal),
      this.#entry('totalCommits', totalCommits + made),
      ...this.#added('commitHashes', commitHashes, kept.commits),
      ...this.#added(
        'filesModified',
        filesModified,
        kept.files.filter((name) => !known.has(name)),
      ),
      this.#append('progressLog', {
        timestamp: completedAt ?? startedAt,
        message: `${signal}${summary === '' ? '' : `: ${summary}`}${note}`,
        iteration: number,
      }),
      { path: `${this.#place}.progress`, newValue: kept.progress },
    ];
  }

  #added(
    field: 'commitHashes' | 'filesModified',
    before: readonly string[],
    added: readonly string[],
  ): readonly BatchEntry[] {
    if (added.length <= ADDED_MAX) return added.map((one) => this.#append(field, one));
    const max = field === 'filesModified' ? FILES_MAX : HASHES_MAX;
    return [this.#entry(field, newest([...before, ...added], max))];
  }

  #entry(field: string, newValue: unknown): Pick<StateUpdate, 'path' | 'newValue'> {
    return { path: `${this.#place}.data.${field}`, newValue };
  }

  #append(field: string, newValue: unknown): BatchEntry {
    return { ...this.#entry(field, newValue), append: true };
  }
}

/** The last ones of a list that are not too many and not too long together. */
function newest(names: readonly string[], max: number): readonly string[] {
  const kept: string[] = [];
  let chars = 0;
  for (const name of names.toReversed()) {
    if (name.length > NAME_CHARS_MAX) continue;
    chars += name.length;
    if (kept.length >= max || chars > LIST_CHARS_MAX) break;
    kept.push(name);
  }
  return kept.toReversed();
}
