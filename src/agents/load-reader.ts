/** Reads who could take a task, over the doors of a Conductor's session: its derived `data`, and what each session shows. */
import type { AgentSession } from '../coordinator/agent-session.ts';
import { formatPath } from '../core/path.ts';
import { type AgentKind } from '../events/identity.ts';
import type { AgentStatus } from '../events/session.ts';
import type { ConductorState } from '../events/state-schemas.ts';
import type { TaskState } from '../events/task-state.ts';
import type { SessionLoad } from './swarm-load.ts';

/** The path of a part of a Conductor's data. */
export function conductorPath({ identity }: AgentSession, field: string): string {
  return formatPath(['agents', 'conductor', identity.sessionId, 'data', field]);
}

type ConductorData = Pick<
  ConductorState['data'],
  'activeSessions' | 'agentLoads' | 'pendingHandoffs' | 'routingTable'
>;

/** A part of a Conductor's data, as folded now. */
export function conductorData<Field extends keyof ConductorData>(
  session: AgentSession,
  field: Field,
): ConductorData[Field] {
  return session.get(conductorPath(session, field)) as ConductorData[Field];
}

interface Registered {
  readonly agentType: AgentKind;
  readonly capabilities: readonly string[];
  readonly sessions: readonly string[];
}

/**
 * Every live session, as folded now. `open` are the open tasks, perhaps of a moment before: whether one of them runs is looked up
 * again, when there is `preemption`.
 */
export function readSessions(
  session: AgentSession,
  { open, preemption }: { readonly open: Iterable<TaskState>; readonly preemption: boolean },
): readonly SessionLoad[] {
  const live = new Set(conductorData(session, 'activeSessions'));
  const heldBySession = bySession(open);
  const found: SessionLoad[] = [];
  const loads = Object.entries(conductorData(session, 'agentLoads'));
  for (const [agentId, { currentTasks, queuedTasks, capacity }] of loads) {
    const agent = session.get(formatPath(['global', 'registry', agentId])) as Registered;
    for (const sessionId of agent.sessions) {
      if (!live.has(sessionId)) continue;
      const { agentType, capabilities } = agent;
      const held = heldBySession.get(sessionId) ?? [];
      const identity = { agentId, agentType, sessionId };
      found.push({
        identity,
        status: fieldOf(session, identity, 'status') as AgentStatus,
        isStalled: fieldOf(session, identity, 'stalledSince') !== undefined,
        capabilities,
        assigned: currentTasks + queuedTasks,
        running: currentTasks,
        capacity,
        held: held.length,
        runsLow: preemption && held.some((task) => task.priority === 'low' && runs(session, task)),
      });
    }
  }
  return found;
}

/** A field of a session, as folded now. */
export function fieldOf(
  session: AgentSession,
  { agentType, sessionId }: Pick<SessionLoad['identity'], 'agentType' | 'sessionId'>,
  field: string,
): unknown {
  return session.get(formatPath(['agents', agentType, sessionId, field]));
}

/** A task, as folded now; undefined when there is none. */
export function taskOf(session: AgentSession, taskId: string): TaskState | undefined {
  return session.get(formatPath(['global', 'tasks', taskId])) as TaskState | undefined;
}

function bySession(open: Iterable<TaskState>): ReadonlyMap<string, readonly TaskState[]> {
  const found = new Map<string, TaskState[]>();
  for (const task of open) {
    if (task.assignedTo === null) continue;
    const { sessionId } = task.assignedTo;
    const held = found.get(sessionId);
    if (held === undefined) found.set(sessionId, [task]);
    else held.push(task);
  }
  return found;
}

function runs(session: AgentSession, { id, assignedTo }: TaskState): boolean {
  const task = taskOf(session, id);
  return task?.status === 'running' && task.assignedTo?.sessionId === assignedTo?.sessionId;
}
