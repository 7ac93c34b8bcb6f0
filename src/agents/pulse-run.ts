/**
 * The iterations of a Pulse, one after the other, and what follows from each.
 *
 * Whatever happens, an iteration that was begun is ended in the state too, unless the session has no say any more; and a task that
 * the session has lost is left alone (I10).
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import { assert, Refused } from '../core/errors.ts';
import type { TaskState } from '../events/task-state.ts';
import { taskOf } from './held-task.ts';
import {
  beginIteration,
  pulseEnvironment,
  runIteration,
  type PulseIterationEnd,
} from './pulse-iteration.ts';
import type { PulseOutcome, PulseWork } from './pulse-options.ts';
import type { PulseProgress, PulseRecord } from './pulse-record.ts';
import { verdictOn, type PulseFailure } from './pulse-verdict.ts';
import type { Repository } from './repository.ts';
import type { Vigil } from './vigil.ts';

/** What the iterations of one call work with. */
export interface PulseParts {
  readonly work: PulseWork;
  readonly repository: Repository;
  readonly record: PulseRecord;
  /** The task, which the session runs. */
  readonly task: TaskState;
  readonly vigil: Vigil;
}

/** The most commits, and the most files, of the result of a task. */
const RESULT_MAX = 1_000;

/** The iterations of one call of `runPulse`. */
export class PulseRun {
  readonly #session: AgentSession;
  readonly #parts: PulseParts;
  #unknownInARow = 0;

  constructor(session: AgentSession, parts: PulseParts) {
    this.#session = session;
    this.#parts = parts;
  }

  /** Runs one iteration after the other, until something else follows. */
  async run(): Promise<PulseOutcome> {
    try {
      return await this.#iterate();
    } catch (error) {
      // What is refused because the task is gone is no error of anybody's.
      const early = this.#parts.vigil.check();
      if (error instanceof Refused && early === 'lost') return this.#endedEarly();
      throw error;
    }
  }

  async #iterate(): Promise<PulseOutcome> {
    const { record, vigil, work } = this.#parts;
    const { maxIterations } = work;
    for (;;) {
      if (vigil.check() !== undefined) return this.#endedEarly();
      if (record.status === 'paused') return this.#outcome('paused', 'paused by somebody else');
      const number = record.data.currentIteration + 1;
      if (maxIterations !== 0 && number > maxIterations) {
        const message = `not complete after ${maxIterations} iterations`;
        return this.#fail({ code: 'MAX_ITERATIONS', message });
      }
      const end = await this.#iteration(number);
      const early = vigil.check();
      const isInTime = early === 'cancelled' && isDone(end); // what is done is not given back
      if (early !== undefined && !isInTime) return this.#endedEarly();
      const outcome = await this.#follow(end);
      if (outcome !== undefined) return outcome;
    }
  }

  /** Runs an iteration, with its beginning and its end in the state. */
  async #iteration(number: number): Promise<PulseIterationEnd> {
    const { work, repository, record, task, vigil } = this.#parts;
    const { clock, command, iterationTimeoutMs: timeoutMs, onOutput, onIteration } = work;
    const { identity } = this.#session;
    const branchName = await repository.branch();
    const begun = beginIteration(number, clock);
    const progress = { current: this.#share(number - 1), message: `iteration ${number} runs` };
    await record.started(begun, { branchName, progress });
    const { goal } = record.data;
    const env = {
      ...work.env,
      ...pulseEnvironment({ identity, taskId: task.id, goal, iteration: number, branchName }),
    };
    const { signal } = vigil;
    const parts = { repository, command, env, timeoutMs, signal, clock, onOutput };
    const { end, thrown } = await runIteration(begun, parts);
    const { iteration, commits } = end;
    await record.ended(iteration, { commits, progress: this.#progressAfter(end) });
    await onIteration?.(end);
    if (thrown !== undefined) throw thrown.error;
    return end;
  }

  /** Does what an iteration said; undefined when the next one is to come. */
  async #follow({ iteration, failure }: PulseIterationEnd): Promise<PulseOutcome | undefined> {
    const { work, record, task } = this.#parts;
    const { number, signal, summary } = iteration;
    this.#unknownInARow = signal === 'UNKNOWN' ? this.#unknownInARow + 1 : 0;
    const finding = { signal, summary, failure, unknownInARow: this.#unknownInARow };
    const verdict = verdictOn(finding, work);
    switch (verdict.next) {
      case 'go on':
        await this.#session.tasks.progress(task.id, this.#share(number), summary);
        return undefined;
      case 'pause':
        if (record.status !== 'paused') await this.#session.pause(); // somebody else may have
        return this.#outcome('paused', summary);
      case 'complete':
        return this.#complete(summary);
      case 'fail':
        return this.#fail(verdict.failure);
    }
  }

  async #complete(summary: string): Promise<PulseOutcome> {
    const { task, record } = this.#parts;
    const { currentIteration: iterations, commitHashes, filesModified } = record.data;
    const commits = commitHashes.slice(-RESULT_MAX);
    const files = filesModified.slice(-RESULT_MAX);
    await this.#session.tasks.complete(task.id, { iterations, commits, files, summary });
    return this.#outcome('complete', summary);
  }

  async #fail({ code, message }: PulseFailure): Promise<PulseOutcome> {
    await this.#session.tasks.fail(this.#parts.task.id, { code, message });
    return this.#outcome(code === 'BLOCKED' ? 'blocked' : 'failed', message, code);
  }

  /** The work was ended from outside: an iteration that it interrupted is written down already. */
  async #endedEarly(): Promise<PulseOutcome> {
    const { vigil, task } = this.#parts;
    const early = vigil.check();
    if (early === 'lost' || early === undefined) {
      const { status, assignedTo, error } = taskOf(this.#session, task.id) ?? task;
      const holder = assignedTo === null ? '' : `, held by ${assignedTo.agentId}`;
      const why = error === null ? '' : `: ${error.message}`;
      return this.#outcome('lost', `the task is ${status} now${holder}${why}`);
    }
    if (early !== 'cancelled') throw early.fault;
    const { sessionId } = this.#session.identity;
    await this.#session.stop('the run was cancelled');
    // What an ended session has goes back before anything else is decided: so ask for something, and have it back.
    await this.#session.dispatch({ type: 'session.heartbeat', payload: { sessionId } });
    return this.#outcome('cancelled', 'cancelled; the task was given back');
  }

  #progressAfter(end: PulseIterationEnd): PulseProgress {
    const { number, summary } = end.iteration;
    const message = summary === '' ? `iteration ${number} is over` : summary;
    return { current: isDone(end) ? 100 : this.#share(number), message };
  }

  /** How far so many iterations have brought the task, 0–99: that it is done says the command. */
  #share(iterations: number): number {
    const { maxIterations } = this.#parts.work;
    return maxIterations === 0 ? 0 : Math.floor((iterations / maxIterations) * 99);
  }

  #outcome(
    status: PulseOutcome['status'],
    message: string,
    code: PulseFailure['code'] | null = null,
  ): PulseOutcome {
    const { record, task } = this.#parts;
    const { currentIteration: iterations, commitHashes, filesModified } = record.data;
    const state = taskOf(this.#session, task.id);
    assert(state !== undefined, 'a task stays in the state when it has ended');
    return {
      status,
      code,
      message,
      task: state,
      iterations,
      commits: commitHashes,
      files: filesModified,
    };
  }
}

/** Whether the command said that the task is done, and did not fail. */
function isDone({ iteration, failure }: PulseIterationEnd): boolean {
  return iteration.signal === 'COMPLETE' && failure === null;
}
