/**
 * The state as the specification shows it: `SwarmState`, and the value at any of its paths. Their versions are in `versions.ts`.
 *
 * Records are turned into the specification's forms when somebody looks. A path is followed without making what lies beside it.
 */
import { isoTime } from '../core/time.ts';
import type { PathStep } from '../core/path.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { inFull } from '../events/full-path.ts';
import { isDerived } from '../events/owned-path.ts';
import { toLock, toWaitQueue, type Lock, type LockRequest } from '../events/lock-state.ts';
import type {
  AgentHealth,
  AgentProgress,
  AgentRecord,
  AgentResources,
  AgentStatus,
  SessionRecord,
} from '../events/session.ts';
import { valueAt } from '../events/state.ts';
import type { SwarmConfig, SwarmHealth } from '../events/system.ts';
import { toTaskState, type TaskState } from '../events/task-state.ts';
import { assert } from '../core/errors.ts';
import { CAPACITY_MAX, shownData } from './conductor-view.ts';
import type { EventHistory } from './event-ring.ts';
import { toSwarmMetrics, type SwarmMetrics } from './metrics.ts';
import type { Projector } from './projector.ts';

/** An agent in the registry. */
export interface AgentRegistration {
  readonly agentId: string;
  readonly agentType: AgentIdentity['agentType'];
  readonly capabilities: readonly string[];
  /** How many tasks it takes at once; 10,000 when it did not say. */
  readonly capacity: number;
  readonly sessions: readonly string[];
  readonly registeredAt: string;
  readonly lastSeenAt: string;
  readonly health: AgentHealth;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A session as the specification shows it (`AgentState`). */
export interface AgentState {
  readonly agentId: string;
  readonly agentType: AgentIdentity['agentType'];
  readonly sessionId: string;
  readonly status: AgentStatus;
  readonly startedAt: string;
  readonly lastActivityAt: string;
  /** The task it runs: of several, the one that it started first. */
  readonly currentTask: TaskState | null;
  /** What is assigned to it and not started, in the order of assignment. */
  readonly taskQueue: readonly TaskState[];
  readonly progress: AgentProgress;
  readonly resources: AgentResources;
  readonly errors: {
    readonly count: number;
    readonly last?: { readonly code: string; readonly message: string; readonly timestamp: string };
  };
  readonly data: Readonly<Record<string, unknown>>;
  /** Since when it has brought none of the tasks that it runs forward, once that was reported. */
  readonly stalledSince?: string;
}

/** `GlobalState` of the specification. */
export interface GlobalState {
  readonly config: SwarmConfig;
  readonly registry: { readonly [agentId: string]: AgentRegistration };
  readonly tasks: { readonly [taskId: string]: TaskState };
  readonly metrics: SwarmMetrics;
  readonly health: SwarmHealth;
}

/** `LockRegistry` of the specification. */
export interface LockRegistry {
  readonly locks: { readonly [lockId: string]: Lock };
  readonly waitQueue: { readonly [resource: string]: readonly LockRequest[] };
}

/** The whole state of a swarm, as the specification has it. */
export interface SwarmState {
  readonly global: GlobalState;
  readonly agents: {
    readonly [agentType: string]: { readonly [sessionId: string]: AgentState };
  };
  readonly locks: LockRegistry;
  readonly events: EventHistory;
}

/** Shows the whole state. Costs a visit of every record. */
export function toSwarmState(projector: Projector): SwarmState {
  return {
    global: toGlobalState(projector),
    agents: toAgents(projector),
    locks: toLockRegistry(projector),
    events: toHistory(projector),
  };
}

/** The value at a path; undefined where there is none. */
export function valueAtPath(projector: Projector, path: readonly PathStep[]): unknown {
  const steps = inFull(path);
  const [root, section, id, ...rest] = steps;
  if (id !== undefined) {
    if (root === 'global' && section === 'tasks') {
      const task = projector.tasks.get(String(id));
      return task && valueAt(toTaskState(task, configOf(projector)), rest);
    }
    if (root === 'global' && section === 'registry') {
      const agent = projector.agents.get(String(id));
      return agent && valueAt(toRegistration(projector, agent), rest);
    }
    if (root === 'agents') {
      const session = sessionAt(projector, section, id);
      const [field, ...inside] = rest;
      if (session === undefined || field === undefined) {
        return session && toAgentState(projector, session);
      }
      const isKept = field === 'data' && inside[0] !== undefined && !isDerived(steps);
      return valueAt(isKept ? session.data : agentField(projector, session, field), inside);
    }
  }
  const inside = steps.slice(1);
  if (root === 'global') {
    const isPart = section === 'config' || section === 'health' || section === 'metrics';
    return isPart
      ? valueAt(globalPart(projector, section), steps.slice(2))
      : valueAt(toGlobalState(projector), inside);
  }
  if (root === 'agents') return valueAt(toAgents(projector), inside);
  if (root === 'locks') return valueAt(toLockRegistry(projector), inside);
  return root === 'events' ? valueAt(toHistory(projector), inside) : undefined;
}

/** The lock with an id; a request that waits is none. */
export function holdOf(projector: Projector, lockId: string) {
  const record = projector.resource(projector.resourceOf(lockId) ?? '');
  return record?.holders.find(({ id }) => id === lockId);
}

/** The session at `agents.TYPE.ID`. */
export function sessionAt(projector: Projector, type: PathStep | undefined, id: PathStep) {
  const session = projector.sessions.get(String(id));
  return session?.identity.agentType === type ? session : undefined;
}

export function configOf({ swarm }: Projector): SwarmConfig {
  assert(swarm !== undefined, 'the first fact of a log initializes the swarm');
  return swarm.config;
}

/** A part of `global` that is one record. */
export function globalPart(
  { swarm, metrics }: Projector,
  part: 'config' | 'health' | 'metrics',
): SwarmConfig | SwarmHealth | SwarmMetrics | undefined {
  return part === 'metrics' ? toSwarmMetrics(metrics) : swarm?.[part];
}

function toGlobalState(projector: Projector): GlobalState {
  const { swarm, agents, tasks, metrics } = projector;
  assert(swarm !== undefined, 'the first fact of a log initializes the swarm');
  return {
    config: swarm.config,
    registry: objectOf(agents, (agent) => toRegistration(projector, agent)),
    tasks: objectOf(tasks, (task) => toTaskState(task, swarm.config)),
    metrics: toSwarmMetrics(metrics),
    health: swarm.health,
  };
}

/** Shows an agent as the specification does. */
export function toRegistration(projector: Projector, agent: AgentRecord): AgentRegistration {
  return {
    agentId: agent.agentId,
    agentType: agent.agentType,
    capabilities: agent.capabilities,
    capacity: agent.capacity ?? CAPACITY_MAX,
    sessions: agent.sessionIds,
    registeredAt: isoTime(agent.registeredAtMs),
    lastSeenAt: isoTime(lastSeenMs(projector, agent)),
    health: agent.health,
    metadata: agent.metadata,
  };
}

function lastSeenMs(projector: Projector, { sessionIds, registeredAtMs }: AgentRecord): number {
  return sessionIds.reduce(
    (latest, id) => Math.max(latest, projector.lastActivity(id)?.timeMs ?? 0),
    registeredAtMs,
  );
}

function toAgents(projector: Projector): SwarmState['agents'] {
  const agents: Record<string, Record<string, AgentState>> = {};
  for (const [sessionId, session] of projector.sessions) {
    const type = session.identity.agentType;
    const ofType = (agents[type] ??= Object.create(null) as Record<string, AgentState>);
    ofType[sessionId] = toAgentState(projector, session);
  }
  return agents;
}

/** Shows a session as the specification does. */
export function toAgentState(projector: Projector, session: SessionRecord): AgentState {
  return {
    ...ownFields(projector, session),
    currentTask: currentTask(projector, session),
    taskQueue: taskQueue(projector, session),
    data: shownData(projector, session),
  };
}

/** One field of a session as it is shown; its tasks are not gone through for the others. */
export function agentField(projector: Projector, session: SessionRecord, field: PathStep): unknown {
  switch (field) {
    case 'status':
      return session.status;
    case 'currentTask':
      return currentTask(projector, session);
    case 'taskQueue':
      return taskQueue(projector, session);
    case 'data':
      return shownData(projector, session);
    default:
      return valueAt(ownFields(projector, session), [field]);
  }
}

function currentTask(projector: Projector, { runningIds }: SessionRecord): TaskState | null {
  const [running] = runningIds;
  return running === undefined ? null : heldTask(projector, running);
}

function taskQueue(projector: Projector, { taskIds, runningIds }: SessionRecord): TaskState[] {
  return taskIds.filter((id) => !runningIds.includes(id)).map((id) => heldTask(projector, id));
}

function heldTask(projector: Projector, id: string): TaskState {
  const task = projector.tasks.get(id);
  assert(task !== undefined, 'a session holds tasks that exist');
  return toTaskState(task, configOf(projector));
}

/** A session without its tasks, and without what is derived for Conductors. */
function ownFields(projector: Projector, session: SessionRecord): AgentState {
  const { identity, lastError } = session;
  const seen = projector.lastActivity(identity.sessionId)?.timeMs ?? session.startedAtMs;
  return {
    ...identity,
    status: session.status,
    startedAt: isoTime(session.startedAtMs),
    lastActivityAt: isoTime(seen),
    currentTask: null,
    taskQueue: [],
    progress: session.progress,
    resources: session.resources,
    errors: {
      count: session.errorCount,
      ...(lastError === null
        ? {}
        : {
            last: {
              code: lastError.code,
              message: lastError.message,
              timestamp: isoTime(lastError.timestampMs),
            },
          }),
    },
    data: session.data,
    ...(session.stalledSinceMs === null ? {} : { stalledSince: isoTime(session.stalledSinceMs) }),
  };
}

function toLockRegistry({ locks }: Projector): LockRegistry {
  const held: Record<string, Lock> = Object.create(null) as Record<string, Lock>;
  const waitQueue = Object.create(null) as Record<string, readonly LockRequest[]>;
  for (const [resource, record] of locks.byResource) {
    for (const hold of record.holders) held[hold.id] = toLock(resource, hold);
    const waiting = toWaitQueue(record);
    if (waiting.length > 0) waitQueue[resource] = waiting;
  }
  return { locks: held, waitQueue };
}

function toHistory({ swarm, ring }: Projector): EventHistory {
  assert(swarm !== undefined, 'the first fact of a log initializes the swarm');
  return ring.history(swarm.swarmId, swarm.limits);
}

/** Without a prototype: ids are anybody's text. */
function objectOf<Record, Shown>(
  records: ReadonlyMap<string, Record>,
  show: (record: Record) => Shown,
): { readonly [id: string]: Shown } {
  const object = Object.create(null) as { [id: string]: Shown };
  for (const [id, record] of records) object[id] = show(record);
  return object;
}
