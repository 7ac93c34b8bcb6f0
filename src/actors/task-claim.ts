/** Who gets a task: by claiming it, by being assigned it, and when it may be started. */
import { refuse, type Refusal } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { hasEnded, type TaskRecord } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf, SwarmCommand } from '../protocol/commands.ts';
import { about, noTask } from './about-task.ts';
import { fact, facts, type Decision } from './decision.ts';
import { preemptionFacts } from './preemption.ts';
import {
  canOthers,
  capabilitiesOf,
  checkCapabilities,
  checkKind,
  checkQueue,
  checkReady,
  checkRoom,
  checkRunning,
  isLocked,
  leftUntilMs,
} from './task-fit.ts';

/** Takes the named task for the caller, or the best that waits for somebody like it. */
export function claim(view: StateView, command: CommandOf<'task.claim'>): Decision {
  const { payload, source, timeMs } = command;
  if (payload.taskId === undefined) {
    const best = bestFor(view, source, timeMs);
    return best === undefined
      ? refuse('NOTHING_TO_CLAIM', 'No task that this session could take waits for somebody.')
      : take(view, best, command);
  }
  const task = view.task(payload.taskId);
  if (task === undefined) return noTask(payload.taskId);
  if (hasEnded(task)) {
    return refuse('ILLEGAL_TRANSITION', `${task.id} is ${task.status}.`, {
      taskId: task.id,
      status: task.status,
    });
  }
  if (task.assignedTo?.sessionId === source.sessionId) {
    const isToStart = payload.start === true && task.status === 'pending';
    return isToStart ? startOf(view, task, command) : facts(); // it has it already
  }
  const refusal =
    checkTaken(task) ??
    checkCapabilities(view, task, source) ??
    checkReady(view, task, timeMs) ??
    checkLost(view, task, command);
  return refusal ?? take(view, task, command);
}

function take(view: StateView, task: TaskRecord, command: CommandOf<'task.claim'>): Decision {
  const { payload, source } = command;
  const taskId = task.id;
  const preempted = preemptionFacts(view, task, source, command);
  const refusal = preempted.length > 0 ? undefined : checkRoom(view, source);
  if (refusal !== undefined) return refusal;
  const assigned = fact('task.assigned', { taskId, assignedTo: source });
  return payload.start === true
    ? facts(...preempted, assigned, fact('task.started', { taskId }))
    : facts(...preempted, assigned);
}

/** The most urgent and then oldest task that the session may take; one that it lost last only when it is left to nobody else. */
function bestFor(view: StateView, source: AgentIdentity, timeMs: number): TaskRecord | undefined {
  const { sessionId } = source;
  const capabilities = capabilitiesOf(view, source.agentId);
  const othersByNeed = new Map<string, boolean>();
  const fitting = view.claimable((requires) => requires.every((one) => capabilities.includes(one)));
  for (const task of fitting) {
    if (task.notBeforeMs !== null && task.notBeforeMs > timeMs) continue;
    if (isLocked(view, task, { sessionId, timeMs })) continue;
    if (leftUntilMs(view, task, { sessionId, timeMs }) === undefined) return task;
    // Who else could take it is the same for all tasks that require the same.
    const need = JSON.stringify(task.policy?.requires ?? []);
    const isLeft = othersByNeed.get(need) ?? canOthers(view, task, source);
    if (!isLeft) return task;
    othersByNeed.set(need, isLeft);
  }
  return undefined;
}

function checkTaken(task: TaskRecord): Refusal | undefined {
  if (task.assignedTo === null) return undefined;
  const { agentId, sessionId } = task.assignedTo;
  const sinceMs = task.touched.fields?.['assignedTo']?.timeMs ?? task.createdAtMs;
  return refuse('TASK_TAKEN', `${task.id} is taken by ${agentId} (session ${sessionId}).`, {
    taskId: task.id,
    assignedTo: task.assignedTo,
    sinceMs,
  });
}

function checkLost(
  view: StateView,
  task: TaskRecord,
  { source, timeMs }: CommandOf<'task.claim'>,
): Refusal | undefined {
  const untilMs = leftUntilMs(view, task, { sessionId: source.sessionId, timeMs });
  if (untilMs === undefined || !canOthers(view, task, source)) return undefined;
  return refuse('TASK_LOST', `This session lost ${task.id}, and another one can take it.`, {
    taskId: task.id,
    until: isoTime(untilMs),
  });
}

/** Gives a pending task to a session: beyond the capacity of its agent it waits in the queue, and also while it is blocked. */
export function assign(view: StateView, command: CommandOf<'task.assign'>): Decision {
  const { payload } = command;
  const { assignedTo } = payload;
  const session = view.session(assignedTo.sessionId)?.identity;
  if (session?.agentId !== assignedTo.agentId || session.agentType !== assignedTo.agentType) {
    return refuse(
      'NOT_FOUND',
      `There is no such session: ${assignedTo.sessionId} of ${assignedTo.agentId}.`,
      { assignedTo },
    );
  }
  return about(view, payload.taskId, (task) => {
    const refusal = checkKind(assignedTo, task) ?? checkCapabilities(view, task, assignedTo);
    if (refusal !== undefined) return refusal;
    const assigned = fact('task.assigned', payload);
    if (task.assignedTo?.sessionId === assignedTo.sessionId) return facts(assigned);
    const isPending = task.status === 'pending';
    const preempted = isPending ? preemptionFacts(view, task, assignedTo, command) : [];
    if (preempted.length > 0) return facts(...preempted, assigned);
    return checkQueue(view, assignedTo.sessionId) ?? facts(assigned);
  });
}

/** Begins to work on a task. */
export function start(view: StateView, command: CommandOf<'task.start'>): Decision {
  return about(view, command.payload.taskId, (task) => startOf(view, task, command));
}

function startOf(view: StateView, task: TaskRecord, command: SwarmCommand): Decision {
  const { source, timeMs } = command;
  const started = fact('task.started', { taskId: task.id });
  if (task.status !== 'pending') return facts(started); // which its machine refuses
  const blocked = checkReady(view, task, timeMs);
  if (blocked !== undefined) return blocked;
  const full = checkRunning(view, source);
  if (full === undefined) return facts(started);
  // One that was blocked when it was assigned makes its place now.
  const preempted = preemptionFacts(view, task, source, command);
  return preempted.length > 0 ? facts(...preempted, started) : full;
}
