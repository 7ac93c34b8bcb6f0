/**
 * The task of a dream: taken before it begins, brought forward with its phases, and ended with it.
 *
 * A task can be lost in the middle: somebody cancels it, or it runs out of time. What is asked of it then is refused, and that is
 * the end of the dream too, without another word about the task.
 */
import { Refused } from '../core/errors.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { TaskState } from '../events/task-state.ts';

/** That a task was lost, with the code of the refusal. */
export class TaskLost extends Error {
  override readonly name = 'TaskLost';
  readonly code: string;

  constructor(refused: Refused) {
    super(refused.message, { cause: refused });
    this.code = refused.code;
  }
}

/**
 * Takes a task and starts it, unless this session runs it already; its goal.
 * @throws {Refused} `NOT_FOUND`, `TASK_TAKEN`, `TASK_BLOCKED` and others, as claiming and starting do
 */
export async function takeTask(session: AgentSession, taskId: string): Promise<string> {
  const task = session.get(`global.tasks[${JSON.stringify(taskId)}]`) as TaskState | undefined;
  const isOwn = task?.assignedTo?.sessionId === session.identity.sessionId;
  if (task !== undefined && isOwn && task.status === 'running') return task.goal;
  const { goal } =
    task !== undefined && isOwn && task.status === 'pending'
      ? await session.tasks.start(taskId)
      : await session.tasks.claim({ taskId, start: true });
  return goal;
}

const LOST: ReadonlySet<string> = new Set(['NOT_HOLDER', 'ILLEGAL_TRANSITION', 'NOT_FOUND']);

/** Asks something of a task that this session runs. Throws {@link TaskLost} when it does not any more. */
export async function ofTask<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    throw error instanceof Refused && LOST.has(error.code) ? new TaskLost(error) : error;
  }
}
