/**
 * Whether a session may take a task, start it, and has room for it.
 *
 * Capabilities and room are the agent's: all its live sessions count. A task is not given straight back to the session that
 * lost it: for a while it is left to others, when there are some that could take it.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import { versionOf } from '../events/definition.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { TaskRecord } from '../events/task.ts';
import { unmetDependencies } from '../events/task-policy.ts';
import type { StateView } from '../events/view.ts';
import { guardOf } from '../protocol/paths.ts';
import { listed } from './about-task.ts';

/** The session that asks for a task or would get it, and when. */
interface Asker {
  readonly sessionId: string;
  readonly timeMs: number;
}

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
export function isLocked(view: StateView, { id }: TaskRecord, who: Asker): boolean {
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

/**
 * Until when a session leaves a task to others since it was the last that lost it; undefined when it does not, or no more.
 * It counts from the loss on, or from when the task may be tried again.
 */
export function leftUntilMs(
  view: StateView,
  { lostBy, notBeforeMs, touched }: TaskRecord,
  { sessionId, timeMs }: Asker,
): number | undefined {
  if (lostBy.at(-1) !== sessionId) return undefined;
  const lostAtMs = versionOf(touched, 'assignedTo').timeMs; // what is assigned to nobody was lost then
  const untilMs = Math.max(lostAtMs, notBeforeMs ?? 0) + (view.swarm?.limits.lostPreferenceMs ?? 0);
  return timeMs < untilMs ? untilMs : undefined;
}

/** Whether another session than the one that lost a task works on tasks, takes some now, is able to do this one, and has room. */
export function canOthers(view: StateView, task: TaskRecord, loser: AgentIdentity): boolean {
  for (const { identity, status } of view.liveSessions()) {
    if (identity.sessionId === loser.sessionId || (status !== 'idle' && status !== 'busy'))
      continue;
    if (!isWorker(identity, loser)) continue;
    const refusal = checkRoom(view, identity) ?? checkCapabilities(view, task, identity);
    if (refusal === undefined) return true;
  }
  return false;
}

/** A Conductor, a Heartbeat and a Guardian have other work, and are not waited for, unless one of them had the task. */
function isWorker({ agentType }: AgentIdentity, loser: AgentIdentity): boolean {
  return agentType === 'pulse' || agentType === 'dream_weaver' || agentType === loser.agentType;
}
