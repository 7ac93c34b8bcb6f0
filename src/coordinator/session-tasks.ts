/** The tasks of a session's handle. */
import { Fault, Refused } from '../core/errors.ts';
import type { AgentIdentity, Priority } from '../events/identity.ts';
import type { TaskRetry } from '../events/task-policy.ts';
import { toTaskState, type TaskState } from '../events/task-state.ts';
import type { CommandType, PayloadOf } from '../protocol/commands.ts';
import { firstAbout, type Asker } from './asker.ts';
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
  async create(task: NewTask): Promise<TaskState> {
    return this.#task('task.create', task as Partial<PayloadOf<'task.create'>>);
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

  /** Ends an open task as complete, whoever holds it; for a Conductor. */
  async close(taskId: string, closing: Closing = {}): Promise<TaskState> {
    return this.#task('task.close', { taskId, ...closing });
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
      const { swarm, tasks } = this.#asker.door.projector;
      const task = tasks.get(id ?? '');
      return task && swarm && toTaskState(task, swarm.config);
    });
    if (state === undefined)
      throw new Fault('INTERNAL', `${type} was accepted and concerns no task.`);
    return state;
  }
}
