/**
 * The task of a dream: taken before it begins, brought forward with its phases, and ended with it.
 *
 * A task can be lost in the middle: somebody cancels it, takes it away, or it runs out of time. That is the end of the dream too,
 * without another word about the task (I10).
 */
import { Refused } from '../core/errors.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import { runs, taskOf } from './held-task.ts';

/** That a session does not run a task any more. */
export class TaskLost extends Error {
  override readonly name = 'TaskLost';

  constructor(session: AgentSession, taskId: string) {
    const task = taskOf(session, taskId);
    super(`the task ${taskId} is ${task?.status ?? 'gone'}, and not run by this session`);
  }
}

/**
 * Takes a task and starts it, unless this session runs it already; its goal.
 * @throws {Refused} `NOT_FOUND`, `TASK_TAKEN`, `TASK_BLOCKED` and others, as claiming and starting do
 */
export async function takeTask(session: AgentSession, taskId: string): Promise<string> {
  const task = taskOf(session, taskId);
  if (task !== undefined && runs(session, taskId)) return task.goal;
  const isOwn = task?.assignedTo?.sessionId === session.identity.sessionId;
  const { goal } =
    isOwn && task?.status === 'pending'
      ? await session.tasks.start(taskId)
      : await session.tasks.claim({ taskId, start: true });
  return goal;
}

/** Asks something of a task that this session runs. Throws {@link TaskLost} when it does not any more. */
export async function ofTask<T>(
  session: AgentSession,
  taskId: string,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Refused) || runs(session, taskId)) throw error;
    throw new TaskLost(session, taskId);
  }
}
