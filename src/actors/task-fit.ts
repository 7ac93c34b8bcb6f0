/**
 * Whether a session may take a task, start it, and has room for it.
 *
 * Capabilities and room are the agent's: all its live sessions count. A task goes back to a session that lost it only when
 * nobody else could take it.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { SessionRecord } from '../events/session.ts';
import type { TaskRecord } from '../events/task.ts';
import { unmetDependencies } from '../events/task-policy.ts';
import type { StateView } from '../events/view.ts';
import { guardOf } from '../protocol/paths.ts';
import { listed } from './about-task.ts';

/** Refuses a Guardian, which watches: it may neither start a task nor end it. */
export function checkKind(
  { agentId, agentType }: AgentIdentity,
  { id }: TaskRecord,
): Refusal | undefined {
  if (agentType !== 'guardian') return undefined;
  return refuse(
    'FORBIDDEN',
    `${agentId} is a Guardian, which takes no tasks: assign ${id} to another kind of agent.`,
    { taskId: id, agentId, agentType },
  );
}

/** Refuses when the agent lacks a capability that the task requires. */
export function checkCapabilities(
  view: StateView,
  { id, policy }: TaskRecord,
  { agentId }: AgentIdentity,
): Refusal | undefined {
  if (policy === null) return undefined;
  const capabilities = capabilitiesOf(view, agentId);
  const missing = policy.requires.filter((one) => !capabilities.includes(one));
  if (missing.length === 0) return undefined;
  return refuse('FORBIDDEN', `${id} requires what ${agentId} cannot do: ${missing.join(', ')}.`, {
    taskId: id,
    missing,
  });
}

export function capabilitiesOf(view: StateView, agentId: string): readonly string[] {
  return view.agent(agentId)?.capabilities ?? [];
}

/** Refuses while the task waits for others, or for the time of its next attempt. */
export function checkReady(
  view: StateView,
  { id, policy, notBeforeMs }: TaskRecord,
  timeMs: number,
): Refusal | undefined {
  const waitsFor = unmetDependencies(policy, (taskId) => view.task(taskId));
  if (waitsFor.length > 0) {
    return refuse('TASK_BLOCKED', `${id} waits for ${waitsFor.length} other task(s).`, {
      taskId: id,
      waitsFor: listed(waitsFor),
      count: waitsFor.length,
    });
  }
  if (notBeforeMs === null || notBeforeMs <= timeMs) return undefined;
  const notBefore = isoTime(notBeforeMs);
  return refuse('TASK_BLOCKED', `${id} is tried again at ${notBefore}, not before.`, {
    taskId: id,
    notBefore,
  });
}

/** Whether another session has locked a task, and so keeps this one from it. */
export function isLocked(
  view: StateView,
  { id }: TaskRecord,
  who: { readonly sessionId: string; readonly timeMs: number },
): boolean {
  return guardOf(view, ['global', 'tasks', id], who) !== undefined;
}

/** Refuses when the agent holds as many tasks as it takes, or the session as many as it may. */
export function checkRoom(
  view: StateView,
  { agentId, sessionId }: AgentIdentity,
): Refusal | undefined {
  const capacity = view.agent(agentId)?.capacity ?? null;
  const { assigned } = view.load(agentId);
  if (capacity === null || assigned < capacity) return checkQueue(view, sessionId);
  return refuse('AT_CAPACITY', `${agentId} holds ${assigned} tasks, and takes ${capacity}.`, {
    agentId,
    assigned,
    capacity,
  });
}

/** Refuses when the session has as many tasks as it may, those of its queue included. */
export function checkQueue(view: StateView, sessionId: string): Refusal | undefined {
  const max = view.swarm?.limits.tasksPerSessionMax ?? 0;
  if ((view.session(sessionId)?.taskIds.length ?? 0) < max) return undefined;
  return refuse('LIMIT_EXCEEDED', `A session has at most ${max} tasks (tasksPerSessionMax).`, {
    limit: 'tasksPerSessionMax',
    max,
  });
}

/** Refuses when the agent runs as many tasks as it takes at once. */
export function checkRunning(view: StateView, { agentId }: AgentIdentity): Refusal | undefined {
  const capacity = view.agent(agentId)?.capacity ?? null;
  const { running } = view.load(agentId);
  if (capacity === null || running < capacity) return undefined;
  return refuse('AT_CAPACITY', `${agentId} runs ${running} tasks, and takes ${capacity}.`, {
    agentId,
    running,
    capacity,
  });
}

/** Whether a session is the last that lost a task while another session can take it. */
export function isLost(view: StateView, task: TaskRecord, { sessionId }: AgentIdentity): boolean {
  if (task.lostBy.at(-1) !== sessionId) return false;
  for (const other of view.liveSessions()) {
    if (other.identity.sessionId !== sessionId && isFree(view, other, task)) return true;
  }
  return false;
}

/** Whether a session takes tasks now, is able to do this one, and has room for it. */
function isFree(view: StateView, { identity, status }: SessionRecord, task: TaskRecord): boolean {
  if (status !== 'idle' && status !== 'busy') return false;
  if (identity.agentType === 'guardian') return false;
  return (
    checkRoom(view, identity) === undefined && checkCapabilities(view, task, identity) === undefined
  );
}
