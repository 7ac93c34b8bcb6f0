/**
 * The tasks that a Conductor looks at: what waits for somebody, and what is stuck with somebody, the most urgent first and of
 * equals the oldest.
 *
 * Stuck is what a session has not started that will not come to it soon: it is in error, it drains, it stands still, or its agent
 * holds more than it takes. What a session has started stays with it: when the session ends, the coordinator takes it back.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import { PRIORITIES } from '../events/identity.ts';
import type { TaskState } from '../events/task-state.ts';
import { conductorData, fieldOf, taskOf } from './load-reader.ts';
import type { SessionLoad } from './swarm-load.ts';

/** Why a task is to leave the session that holds it. */
export type Trouble = 'error' | 'draining' | 'stalled' | 'overloaded';

/** A task to be routed. */
export interface Candidate {
  readonly task: TaskState;
  /** Who holds it, and what is wrong there; absent for one that waits for somebody. */
  readonly from?: SessionLoad;
  readonly trouble?: Trouble;
}

/** The candidates of now; `open` are the open tasks. */
export function candidatesOf(
  session: AgentSession,
  {
    open,
    sessions,
  }: { readonly open: Iterable<TaskState>; readonly sessions: readonly SessionLoad[] },
): readonly Candidate[] {
  const waiting = [...open].filter(({ assignedTo }) => assignedTo === null);
  const candidates: readonly Candidate[] = [
    ...waiting.map((task) => ({ task })),
    ...stuckTasks(session, sessions),
  ];
  return candidates.toSorted(byUrgency);
}

function byUrgency({ task: one }: Candidate, { task: other }: Candidate): number {
  const rank = PRIORITIES.indexOf(one.priority) - PRIORITIES.indexOf(other.priority);
  if (rank !== 0) return rank;
  if (one.createdAt === other.createdAt) return 0; // they stay in the order in which they were made
  return one.createdAt < other.createdAt ? -1 : 1;
}

function* stuckTasks(
  session: AgentSession,
  sessions: readonly SessionLoad[],
): Generator<Candidate> {
  const offered = new Set(conductorData(session, 'pendingHandoffs').map(({ taskId }) => taskId));
  const excess = new Map<string, number>();
  for (const from of sessions) {
    const { identity, assigned, capacity } = from;
    const { agentId } = identity;
    const trouble = troubleOf(from);
    if (trouble === undefined) continue;
    const queue = fieldOf(session, identity, 'taskQueue') as readonly TaskState[];
    // Somebody was asked already, or is about to be (`features.autoHandoff`).
    const own = queue.filter(({ id }) => !offered.has(id));
    const most = trouble === 'overloaded' ? (excess.get(agentId) ?? assigned - capacity) : Infinity;
    const tasks = most < own.length ? own.slice(own.length - most) : own; // what came last goes first
    if (trouble === 'overloaded') excess.set(agentId, most - tasks.length);
    for (const task of tasks) yield { task, from, trouble };
  }
}

function troubleOf({ status, isStalled, assigned, capacity }: SessionLoad): Trouble | undefined {
  if (status === 'error' || status === 'draining') return status;
  if (isStalled) return 'stalled';
  return assigned > capacity ? 'overloaded' : undefined;
}

/** The task as it is now; undefined when it is no longer what its candidate says, or cannot be begun yet. */
export function readyNow(
  session: AgentSession,
  { task: { id }, from }: Candidate,
  nowMs: number,
): TaskState | undefined {
  const task = taskOf(session, id);
  if (task?.status !== 'pending') return undefined;
  if (task.assignedTo?.sessionId !== from?.identity.sessionId) return undefined;
  if (task.notBefore !== undefined && Date.parse(task.notBefore) > nowMs) return undefined;
  const isBlocked = task.dependsOn?.some((other) => taskOf(session, other)?.status !== 'complete');
  return isBlocked === true ? undefined : task;
}
