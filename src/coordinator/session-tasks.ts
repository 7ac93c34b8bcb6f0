/** The tasks of a session's handle. */
import { Fault, Refused } from '../core/errors.ts';
import type { Commit } from '../events/envelope.ts';
import type { AgentIdentity, Priority } from '../events/identity.ts';
import type { TaskRetry } from '../events/task-policy.ts';
import { toTaskState, type TaskState } from '../events/task-state.ts';
import type { CommandLabels, CommandType, PayloadOf } from '../protocol/commands.ts';
import type { Asker } from './asker.ts';
import { accepted } from './result.ts';

/** What a new task is. */
export interface NewTask {
  readonly goal: string;
  readonly taskId?: string;
  /** `config.defaultPriority` when absent. */
  readonly priority?: Priority;
  readonly parentTaskId?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The capabilities that an agent must have to take it. */
  readonly requires?: readonly string[];
  /** The tasks that have to be complete before it can be taken. */
  readonly dependsOn?: readonly string[];
  /** How long it may run, in milliseconds; 0 for ever. `config.timeouts.taskDefault` when absent. */
  readonly timeout?: number;
  /** How often it is tried; once when absent. */
  readonly retry?: TaskRetry;
}

/** What is said of a task that is closed. */
export interface Closing {
  readonly result?: unknown;
  readonly reason?: string;
}

/** What a session does with tasks. */
export class SessionTasks {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** Makes a pending task. */
  async create(task: NewTask, labels?: CommandLabels): Promise<TaskState> {
    return this.#task('task.create', task as Partial<PayloadOf<'task.create'>>, labels);
  }

  /**
   * Takes a task for this session: the one that is named, or the most urgent and oldest that it can do and that waits for
   * nothing.
   * @throws {Refused} `TASK_TAKEN` with its holder and since when; `NOTHING_TO_CLAIM`; `TASK_BLOCKED`; `TASK_LOST`;
   *   `AT_CAPACITY`; `FORBIDDEN` with the capabilities that are missing; `ILLEGAL_TRANSITION`
   */
  async claim(
    query: { readonly taskId?: string; readonly start?: boolean } = {},
    labels?: CommandLabels,
  ): Promise<TaskState> {
    return this.#task('task.claim', query, labels);
  }

  /** Takes the most urgent task that waits; null when none does. */
  async claimNext(
    options: { readonly start?: boolean } = {},
    labels?: CommandLabels,
  ): Promise<TaskState | null> {
    try {
      return await this.claim(options, labels);
    } catch (error) {
      if (error instanceof Refused && error.code === 'NOTHING_TO_CLAIM') return null;
      throw error;
    }
  }

  /** Gives a task to a session; for a Conductor. */
  async assign(
    taskId: string,
    assignedTo: AgentIdentity,
    labels?: CommandLabels,
  ): Promise<TaskState> {
    return this.#task('task.assign', { taskId, assignedTo }, labels);
  }

  /** @throws {Refused} `TASK_BLOCKED` while it waits for other tasks, `AT_CAPACITY` when the agent runs as many as it takes */
  async start(taskId: string, labels?: CommandLabels): Promise<TaskState> {
    return this.#task('task.start', { taskId }, labels);
  }

  /** Reports how far the task is, 0–100. */
  async progress(
    taskId: string,
    progress: number,
    message?: string,
    labels?: CommandLabels,
  ): Promise<void> {
    const payload = message === undefined ? { taskId, progress } : { taskId, progress, message };
    accepted(await this.#asker.ask('task.progress', payload, labels).answer);
  }

  /**
   * Ends the task with a result.
   * @throws {Refused} `NOT_HOLDER` when the session lost the task in the meantime: the attempt is recorded as
   *   `task.late_completion`; `TASK_BLOCKED` while subtasks are open
   */
  async complete(taskId: string, result?: unknown, labels?: CommandLabels): Promise<TaskState> {
    return this.#task('task.complete', { taskId, result }, labels);
  }

  /** Ends the task with an error; it is tried again when its policy leaves it an attempt. */
  async fail(
    taskId: string,
    error: { readonly code: string; readonly message: string },
    labels?: CommandLabels,
  ): Promise<TaskState> {
    return this.#task('task.fail', { taskId, error }, labels);
  }

  /** Ends the task; its open subtasks and what depends on it are cancelled too. */
  async cancel(taskId: string, reason?: string, labels?: CommandLabels): Promise<TaskState> {
    const payload = { taskId, ...(reason === undefined ? {} : { reason }) };
    return this.#task('task.cancel', payload, labels);
  }

  /** Ends an open task as complete, whoever holds it; for a Conductor. */
  async close(taskId: string, closing: Closing = {}, labels?: CommandLabels): Promise<TaskState> {
    return this.#task('task.close', { taskId, ...closing }, labels);
  }

  /** Takes a task from its holder; for a Conductor. */
  async requeue(taskId: string, reason?: string, labels?: CommandLabels): Promise<TaskState> {
    const payload = { taskId, ...(reason === undefined ? {} : { reason }) };
    return this.#task('task.requeue', payload, labels);
  }

  async #task<Type extends CommandType & `task.${string}`>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
    labels?: CommandLabels,
  ): Promise<TaskState> {
    const select = (commit: Commit | undefined): TaskState | undefined => {
      // A task that this session has claimed before causes nothing: then it is the one that was named.
      const id = taskOf(commit) ?? (payload as { taskId?: string } | undefined)?.taskId;
      const { swarm, tasks } = this.#asker.door.projector;
      const task = tasks.get(id ?? '');
      return task && swarm && toTaskState(task, swarm.config);
    };
    const state = await this.#asker.askFor(type, payload, select, labels);
    if (state === undefined)
      throw new Fault('INTERNAL', `${type} was accepted and concerns no task.`);
    return state;
  }
}

/** The task that a commit is about: the last one, since what makes way for it is preempted before. */
function taskOf(commit: Commit | undefined): string | undefined {
  const payload = commit?.facts.at(-1)?.payload as Readonly<Record<string, unknown>> | undefined;
  const id = payload?.['taskId'];
  return typeof id === 'string' ? id : undefined;
}
