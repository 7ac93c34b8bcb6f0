/**
 * How a task ends, or comes back for another attempt: by its holder, by a Conductor, by its time, by the loss of its session.
 *
 * Keeps I10: who lost a task cannot complete it; that it was tried is recorded. What follows a task that failed or was
 * cancelled is cancelled by `task.cascade`, commit after commit, since a task may have thousands of followers.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import type { NewSwarmFact } from '../events/catalog.ts';
import { versionOf } from '../events/definition.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { hasEnded, type TaskRecord } from '../events/task.ts';
import { backoffMs } from '../events/task-policy.ts';
import { taskDeadlineMs } from '../events/task-state.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { about, listed } from './about-task.ts';
import { fact, facts, recorded, type Decision } from './decision.ts';

/** Ends a task with a result; of a session that lost it, the attempt is recorded. */
export function complete(view: StateView, command: CommandOf<'task.complete'>): Decision {
  const { payload, source } = command;
  return about(view, payload.taskId, (task) => {
    const isOffline = view.session(source.sessionId)?.status === 'offline';
    const isLost = hasLost(task, source, isOffline);
    if (!isOffline && !isLost && task.assignedTo?.sessionId === source.sessionId) {
      return checkSubtasks(view, task) ?? facts(fact('task.completed', payload));
    }
    const refusal = isOffline ? hasLeft(task, source) : doesNotHold(task, isLost);
    if (!isLost) return refusal;
    const { taskId, result } = payload;
    const attempt = { taskId, by: source, ...(result === undefined ? {} : { result }) };
    return recorded(refusal, fact('task.late_completion', attempt));
  });
}

/** Whether a session had a task and has it no more: by its own end, by that of the task, or since it was taken from it. */
function hasLost(task: TaskRecord, { sessionId }: AgentIdentity, isOffline: boolean): boolean {
  if (task.assignedTo?.sessionId !== sessionId) return task.lostBy.includes(sessionId);
  return hasEnded(task) ? versionOf(task.touched, 'status').by !== sessionId : isOffline;
}

function hasLeft({ id }: TaskRecord, { sessionId }: AgentIdentity): Refusal {
  return refuse('SESSION_OFFLINE', `The session ${sessionId} has ended, so ${id} is not its own.`, {
    sessionId,
    taskId: id,
  });
}

function doesNotHold(task: TaskRecord, isLost: boolean): Refusal {
  const { id, status, assignedTo } = task;
  return refuse('NOT_HOLDER', `This session does not hold ${id}, which is ${status}.`, {
    taskId: id,
    holder: isLost && hasEnded(task) ? null : assignedTo,
    status,
  });
}

function checkSubtasks(view: StateView, task: TaskRecord): Refusal | undefined {
  const { id } = task;
  const open = view.openSubtasks(id);
  if (open.size === 0 || hasEnded(task)) return undefined;
  return refuse('TASK_BLOCKED', `${open.size} subtask(s) of ${id} are open.`, {
    taskId: id,
    openSubtasks: listed(open),
    count: open.size,
  });
}

/** Ends a task as complete for somebody who does not hold it. */
export function close(view: StateView, { payload }: CommandOf<'task.close'>): Decision {
  return about(
    view,
    payload.taskId,
    (task) => checkSubtasks(view, task) ?? facts(fact('task.closed', payload)),
  );
}

/** Ends a task with an error, or lets it be tried again. */
export function fail(view: StateView, { payload, timeMs }: CommandOf<'task.fail'>): Decision {
  const { taskId, error } = payload;
  return about(view, taskId, (task) => {
    const again = anotherAttempt(view, task, { reason: 'retry', timeMs, error });
    return facts(again ?? fact('task.failed', payload));
  });
}

/** Records that a task has run for too long. */
export function expire(view: StateView, { payload, timeMs }: CommandOf<'task.expire'>): Decision {
  const { taskId } = payload;
  return about(view, taskId, (task) => {
    const deadlineMs = view.swarm && taskDeadlineMs(task, view.swarm.config);
    if (deadlineMs === undefined || deadlineMs === null || timeMs < deadlineMs) {
      return refuse('ILLEGAL_TRANSITION', `The deadline of ${taskId} has not passed.`, { taskId });
    }
    const again = anotherAttempt(view, task, { reason: 'timeout', timeMs });
    const ranMs = deadlineMs - (task.startedAtMs ?? deadlineMs);
    const error = { code: 'TASK_TIMEOUT', message: `not done within ${ranMs} ms` };
    return facts(again ?? fact('task.failed', { taskId, error }));
  });
}

interface Setback {
  readonly reason: 'retry' | 'timeout';
  readonly timeMs: number;
  readonly error?: TaskRecord['error'] & object;
}

/** The fact that puts a running task back for another attempt; undefined when its policy leaves it none. */
function anotherAttempt(
  view: StateView,
  { id: taskId, status, assignedTo, attempts, policy }: TaskRecord,
  { reason, timeMs, error }: Setback,
): NewSwarmFact | undefined {
  const retry = policy?.retry ?? null;
  const isOver = retry === null || attempts >= retry.maxAttempts;
  if (isOver || status !== 'running' || assignedTo === null) return undefined;
  const pauseMs = backoffMs(retry, attempts, view.swarm?.limits.taskBackoffMsMax ?? 0);
  return fact('task.requeued', {
    taskId,
    reason,
    from: assignedTo,
    ...(error === undefined ? {} : { error }),
    ...(pauseMs === 0 ? {} : { notBeforeMs: timeMs + pauseMs }),
  });
}

/** What becomes of a task whose session is lost: what it had not started waits again, what it ran as its policy says. */
export function lossFact(view: StateView, taskId: string, from: AgentIdentity): NewSwarmFact {
  const task = view.task(taskId);
  const requeued = fact('task.requeued', { taskId, reason: 'session_offline', from });
  if (task?.status !== 'running') return requeued;
  const retry = task.policy?.retry ?? null;
  if (retry?.onLost === 'fail') {
    const message = `its session ${from.sessionId} ended`;
    return fact('task.failed', { taskId, error: { code: 'SESSION_LOST', message } });
  }
  const max = retry?.maxAttempts ?? view.swarm?.limits.taskAttemptsMax ?? 1;
  if (task.attempts < max) return requeued;
  const message = `its sessions ended in each of ${task.attempts} attempts`;
  return fact('task.failed', { taskId, error: { code: 'ATTEMPTS_EXHAUSTED', message } });
}

/** Cancels what follows a task that failed or was cancelled, as much as one commit may. */
export function cascade(view: StateView, { payload }: CommandOf<'task.cascade'>): Decision {
  const { taskId } = payload;
  return about(view, taskId, ({ status }) => {
    if (status !== 'failed' && status !== 'cancelled') {
      return refuse('ILLEGAL_TRANSITION', `${taskId} is ${status}: its followers go on.`, {
        taskId,
        status,
      });
    }
    const reasonById = new Map<string, string>();
    for (const id of view.openSubtasks(taskId)) reasonById.set(id, `parent_${status}`);
    for (const id of view.openDependents(taskId)) {
      if (!reasonById.has(id)) reasonById.set(id, `dependency_${status}`);
    }
    const found = [...reasonById].slice(0, view.swarm?.limits.commitFactsMax ?? 1);
    return facts(...found.map(([id, reason]) => fact('task.cancelled', { taskId: id, reason })));
  });
}
