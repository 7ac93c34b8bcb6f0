/** The task that an agent works on: how it gets it, and whether it still has it. */
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { NewTask } from '../coordinator/session-tasks.ts';
import { randomIds, type IdSource } from '../core/ids.ts';
import type { TaskState } from '../events/task-state.ts';

/** The state of a task; undefined when there is none. */
export function taskOf(session: AgentSession, taskId: string): TaskState | undefined {
  return session.get(`global.tasks[${JSON.stringify(taskId)}]`) as TaskState | undefined;
}

/** Whether a session holds a task and runs it. */
export function runs(session: AgentSession, taskId: string): boolean {
  const task = taskOf(session, taskId);
  return task?.status === 'running' && task.assignedTo?.sessionId === session.identity.sessionId;
}

/**
 * Makes a task and begins it. Both are asked for in one turn, so that nobody can take it between the two.
 * @throws {Refused} as `tasks.create` and `tasks.claim` do
 */
export async function createAndStart(
  session: AgentSession,
  task: NewTask,
  ids: IdSource = randomIds,
): Promise<TaskState> {
  const { taskId = ids() } = task;
  const [, started] = await Promise.all([
    session.tasks.create({ ...task, taskId }),
    session.tasks.claim({ taskId, start: true }),
  ]);
  return started;
}
