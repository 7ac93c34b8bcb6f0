/**
 * Sessions and the agents they belong to: their facts, their records, and what each fact does to them
 * (specification, "Agent State" and `GlobalState.registry`).
 *
 * A session also follows the facts of the tasks it holds: they make it busy or idle. Its last sign of life is not here but
 * in `projections/activity.ts`, since every command moves it.
 */
import * as z from 'zod';
import { assert } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { PathStep } from '../core/path.ts';
import { initialData } from './agent-data.ts';
import { ours, specified, stamp, type Draft, type FactsOf, type Touched } from './definition.ts';
import {
  AGENT_KINDS,
  idSchema,
  objectSchema,
  textSchema,
  type AgentIdentity,
  type AgentKind,
} from './identity.ts';
import type { Marked, StateFact } from './state.ts';
import type { TaskFact } from './task.ts';

/** How an agent is doing, as far as its sessions show it. */
export const AGENT_HEALTHS = ['healthy', 'unresponsive', 'offline'] as const;
export type AgentHealth = (typeof AGENT_HEALTHS)[number];

/** The fields of a new session, as a command asks and as the facts state. */
export const newAgentShape = {
  agentId: idSchema,
  agentType: z.enum(AGENT_KINDS),
  capabilities: z.array(z.string().min(1).max(128)).max(256).optional(),
  capacity: z.number().int().min(1).max(10_000).optional(),
  metadata: objectSchema.optional(),
  /** Of this session: 0 lets it be silent for ever. */
  heartbeatTimeout: z.number().int().min(0).max(31_536_000_000).optional(),
};

/** So many of the tasks of a stalled session are named. */
export const STALLED_TASKS_MAX = 100;

const aboutSession = { sessionId: idSchema };

/** What can happen to an agent and its sessions. */
export const sessionEvents = {
  'agent.registered': specified(
    'session.register, for every new session',
    null,
    z.strictObject({ ...aboutSession, ...newAgentShape }),
  ),
  'agent.started': specified(
    'session.start; session.register unless it says otherwise',
    ['status', 'startedAt'],
    z.strictObject(aboutSession),
  ),
  'agent.heartbeat': ours(
    'session.heartbeat, when a third of the deadline has passed since the last sign of life',
    [],
    z.strictObject(aboutSession),
  ),
  'agent.paused': ours('session.pause', ['status'], z.strictObject(aboutSession)),
  'agent.resumed': ours('session.resume', ['status'], z.strictObject(aboutSession)),
  'agent.draining': ours('session.drain', ['status'], z.strictObject(aboutSession)),
  'agent.errored': ours(
    'session.expire when the heartbeat deadline has passed; session.fail',
    ['status', 'errors'],
    z.strictObject({ ...aboutSession, code: z.string().min(1).max(128), message: textSchema }),
  ),
  'agent.recovered': ours(
    'session.recover; any command of a session in error',
    ['status'],
    z.strictObject(aboutSession),
  ),
  'agent.stalled': ours(
    'session.report_stalled, when a session that shows life has brought no task forward for stalledAfterMs; once per stall',
    ['stalledSince'],
    z.strictObject({
      ...aboutSession,
      taskIds: z.array(idSchema).max(STALLED_TASKS_MAX),
      sinceMs: z.number().int(),
    }),
  ),
  'agent.stopped': specified(
    'session.stop; session.expire when the grace period has passed',
    ['status'],
    z.strictObject({ ...aboutSession, reason: textSchema }),
  ),
  'agent.health_changed': specified(
    'with the facts above, when the health of the agent as a whole changes',
    ['health'],
    z.strictObject({ agentId: idSchema, from: z.enum(AGENT_HEALTHS), to: z.enum(AGENT_HEALTHS) }),
  ),
} as const;

/** A fact about an agent or a session. */
export type SessionFact = FactsOf<typeof sessionEvents>;

/** The life of a session. */
export const AGENT_STATUSES = [
  'initializing',
  'idle',
  'busy',
  'paused',
  'draining',
  'offline',
  'error',
] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

/** What a session said about its work. */
export interface AgentProgress {
  /** 0–100. */
  readonly current: number;
  readonly message: string;
  readonly eta?: string;
}

/** What a session said about what it uses. */
export interface AgentResources {
  readonly tokensUsed: number;
  readonly tokensRemaining: number;
  readonly memoryUsed: number;
  readonly cpuTime: number;
}

interface AgentError {
  readonly code: string;
  readonly message: string;
  readonly timestampMs: number;
}

/** A session as the coordinator keeps it. */
export interface SessionRecord {
  readonly identity: AgentIdentity;
  readonly status: AgentStatus;
  /** What it asked for itself; comes back when it recovers from an error. */
  readonly mode: 'starting' | 'active' | 'paused' | 'draining';
  readonly startedAtMs: number;
  /** How long it may be silent; 0 for ever, null as long as the limits say. */
  readonly heartbeatTimeoutMs: number | null;
  /** When it went to `error`; null when it is not there. */
  readonly erroredAtMs: number | null;
  /** When it went `offline`; null before. */
  readonly endedAtMs: number | null;
  /** The sequence of the event that led to its end: of its error when it did not recover from one. */
  readonly endedBy: number | null;
  /** The tasks that are assigned to it, oldest assignment first; those it runs included. */
  readonly taskIds: readonly string[];
  readonly runningIds: readonly string[];
  /** When a task that it runs last began or ended. */
  readonly workedAtMs: number;
  /** Since when it has brought none of its tasks forward, once that was reported; null when it does. */
  readonly stalledSinceMs: number | null;
  readonly errorCount: number;
  readonly lastError: AgentError | null;
  readonly progress: AgentProgress;
  readonly resources: AgentResources;
  readonly data: JsonObject;
  readonly touched: Touched;
}

/** An agent in the registry. Its `lastSeenAt` comes from its sessions' signs of life. */
export interface AgentRecord {
  readonly agentId: string;
  readonly agentType: AgentKind;
  readonly capabilities: readonly string[];
  /** How many tasks its live sessions take together; null when it did not say. */
  readonly capacity: number | null;
  readonly sessionIds: readonly string[];
  readonly registeredAtMs: number;
  readonly health: AgentHealth;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly touched: Touched;
}

/** The parts of a session that it writes itself, by `state.update`. */
const FREE_FIELDS: ReadonlySet<PathStep> = new Set(['progress', 'resources', 'data']);

/** The parts of a session that the coordinator keeps. */
const OWNED_FIELDS: ReadonlySet<PathStep> = new Set([
  'agentId',
  'agentType',
  'sessionId',
  'status',
  'startedAt',
  'lastActivityAt',
  'currentTask',
  'taskQueue',
  'errors',
  'stalledSince',
]);

/** Whether a field of a session, or no field, is what it may not write itself: the whole of it, or what the coordinator keeps. */
export function isOwnedInSession(field: PathStep | undefined): boolean {
  return field === undefined || OWNED_FIELDS.has(field);
}

/** Steps inside a session in full: an unknown first field is short for `data.FIELD`. */
export function insideSession(steps: readonly PathStep[]): readonly PathStep[] {
  const [field] = steps;
  const isKnown = field === undefined || FREE_FIELDS.has(field) || OWNED_FIELDS.has(field);
  return isKnown ? steps : ['data', ...steps];
}

const NO_PROGRESS: AgentProgress = Object.freeze({ current: 0, message: '' });
const NO_RESOURCES: AgentResources = Object.freeze({
  tokensUsed: 0,
  tokensRemaining: 0,
  memoryUsed: 0,
  cpuTime: 0,
});
const NOTHING = Object.freeze({});

/** The state of the machine that a record stands for. */
export function stateOfSession(record: SessionRecord): AgentStatus {
  return record.status;
}

/** What a living session is doing, when nothing is wrong with it. */
function statusWhenWell(record: Pick<SessionRecord, 'mode' | 'runningIds'>): AgentStatus {
  if (record.mode === 'starting') return 'initializing';
  if (record.mode !== 'active') return record.mode;
  return record.runningIds.length > 0 ? 'busy' : 'idle';
}

/** What a fact makes of a session: one of its own, or one about a task that it holds, gains or loses. */
export function evolveSession(
  record: SessionRecord | undefined,
  fact: SessionFact | TaskFact,
): SessionRecord {
  if (fact.type === 'agent.registered') return newSession(fact);
  assert(record !== undefined, 'a fact about a session follows the one that registered it');
  switch (fact.type) {
    case 'agent.started':
    case 'agent.paused':
    case 'agent.resumed':
    case 'agent.draining':
    case 'agent.recovered':
    case 'agent.stopped':
    case 'agent.stalled':
    case 'agent.errored':
      return withLife(record, fact);
    case 'task.assigned':
      return fact.payload.assignedTo.sessionId === record.identity.sessionId
        ? withWork(record, fact, withId(record.taskIds, fact.payload.taskId), record.runningIds)
        : withoutTask(record, fact);
    case 'task.started':
      return withWork(record, fact, record.taskIds, [...record.runningIds, fact.payload.taskId]);
    case 'task.completed':
    case 'task.failed':
    case 'task.cancelled':
    case 'task.closed':
    case 'task.requeued':
    case 'task.preempted':
      return withoutTask(record, fact);
    case 'task.progress':
      return withoutStall(record, fact);
    case 'agent.heartbeat':
    case 'agent.health_changed':
    case 'task.created':
    case 'task.late_completion':
      return record;
  }
}

function newSession(fact: Extract<SessionFact, { type: 'agent.registered' }>): SessionRecord {
  const { agentId, agentType, sessionId, heartbeatTimeout } = fact.payload;
  return {
    identity: Object.freeze({ agentId, agentType, sessionId }),
    status: 'initializing',
    mode: 'starting',
    startedAtMs: fact.timeMs,
    heartbeatTimeoutMs: heartbeatTimeout ?? null,
    erroredAtMs: null,
    endedAtMs: null,
    endedBy: null,
    taskIds: [],
    runningIds: [],
    workedAtMs: fact.timeMs,
    stalledSinceMs: null,
    errorCount: 0,
    lastError: null,
    progress: NO_PROGRESS,
    resources: NO_RESOURCES,
    data: initialData(agentType, fact.timeMs),
    touched: stamp(undefined, fact, null),
  };
}

type LifeFact = Exclude<
  SessionFact,
  { type: 'agent.registered' | 'agent.heartbeat' | 'agent.health_changed' }
>;

function withLife(record: SessionRecord, fact: LifeFact): SessionRecord {
  const next = copyOf(record);
  next.touched = stamp(record.touched, fact, sessionEvents[fact.type].writes);
  switch (fact.type) {
    case 'agent.started':
      next.status = 'idle';
      next.mode = 'active';
      next.startedAtMs = fact.timeMs;
      return next;
    case 'agent.paused':
      next.status = 'paused';
      next.mode = 'paused';
      return next;
    case 'agent.resumed':
      next.mode = 'active';
      next.status = statusWhenWell(next);
      return next;
    case 'agent.draining':
      next.status = 'draining';
      next.mode = 'draining';
      return next;
    case 'agent.recovered':
      next.erroredAtMs = null;
      next.status = statusWhenWell(next);
      return next;
    case 'agent.stalled':
      next.stalledSinceMs = fact.payload.sinceMs;
      return next;
    case 'agent.errored': {
      const { code, message } = fact.payload;
      next.status = 'error';
      next.erroredAtMs = fact.timeMs;
      next.errorCount = record.errorCount + 1;
      next.lastError = { code, message, timestampMs: fact.timeMs };
      return next;
    }
    case 'agent.stopped': {
      const cause = record.status === 'error' ? record.touched.fields?.['status'] : undefined;
      next.status = 'offline';
      next.erroredAtMs = null;
      next.endedAtMs = fact.timeMs;
      next.endedBy = cause?.sequence ?? fact.sequence;
      return next;
    }
  }
}

function withoutTask(record: SessionRecord, fact: TaskFact): SessionRecord {
  const { taskId } = fact.payload;
  return withWork(
    record,
    fact,
    without(record.taskIds, taskId),
    without(record.runningIds, taskId),
  );
}

/** A task that is assigned again to the session that has it keeps its place. */
function withId(ids: readonly string[], id: string): readonly string[] {
  return ids.includes(id) ? ids : [...ids, id];
}

/** One copy and no look at what does not match: a session that is swept of 10,000 tasks loses the first each time. */
function without(ids: readonly string[], id: string): readonly string[] {
  const index = ids.indexOf(id);
  return index === -1 ? ids : ids.toSpliced(index, 1);
}

const WORK = ['currentTask', 'taskQueue'];
const WORK_AND_STATUS = [...WORK, 'status'];
const STALL = ['stalledSince'];

function withWork(
  record: SessionRecord,
  fact: TaskFact,
  taskIds: readonly string[],
  runningIds: readonly string[],
): SessionRecord {
  const next = copyOf(record);
  next.taskIds = taskIds;
  next.runningIds = runningIds;
  if (record.status === 'idle' || record.status === 'busy') next.status = statusWhenWell(next);
  const writes = next.status === record.status ? WORK : WORK_AND_STATUS;
  next.touched = stamp(record.touched, fact, writes);
  if (fact.type === 'task.assigned') return next;
  next.workedAtMs = fact.timeMs;
  return withoutStall(next, fact);
}

/** A session that brings something forward is stalled no more. */
export function withoutStall(record: SessionRecord, fact: TaskFact | StateFact): SessionRecord {
  if (record.stalledSinceMs === null) return record;
  const next = copyOf(record);
  next.stalledSinceMs = null;
  next.touched = stamp(record.touched, fact, STALL);
  return next;
}

function copyOf(record: SessionRecord): Draft<SessionRecord> {
  return {
    identity: record.identity,
    status: record.status,
    mode: record.mode,
    startedAtMs: record.startedAtMs,
    heartbeatTimeoutMs: record.heartbeatTimeoutMs,
    erroredAtMs: record.erroredAtMs,
    endedAtMs: record.endedAtMs,
    endedBy: record.endedBy,
    taskIds: record.taskIds,
    runningIds: record.runningIds,
    workedAtMs: record.workedAtMs,
    stalledSinceMs: record.stalledSinceMs,
    errorCount: record.errorCount,
    lastError: record.lastError,
    progress: record.progress,
    resources: record.resources,
    data: record.data,
    touched: record.touched,
  };
}

/** What a direct write makes of a session: `document` holds the new values of the fields that it may write. */
export function withDocument(record: SessionRecord, { document, touched }: Marked): SessionRecord {
  const next = copyOf(record);
  next.progress = document['progress'] as unknown as AgentProgress;
  next.resources = document['resources'] as unknown as AgentResources;
  next.data = document['data'] as JsonObject;
  next.touched = touched;
  return next;
}

/** The fields of a session that it may write itself, as one document. */
export function documentOf(record: SessionRecord): JsonObject {
  return {
    progress: record.progress as unknown as JsonObject,
    resources: record.resources as unknown as JsonObject,
    data: record.data,
  };
}

/** What a registration may say of the agent; what it leaves out stays as it was. */
const SAID_OF_AGENT = ['capabilities', 'capacity', 'metadata'] as const;

/** What a fact makes of the agent whose session it is about. */
export function evolveAgent(record: AgentRecord | undefined, fact: SessionFact): AgentRecord {
  if (fact.type === 'agent.registered') {
    const { agentId, agentType, sessionId, capabilities, capacity, metadata } = fact.payload;
    const said = SAID_OF_AGENT.filter((field) => fact.payload[field] !== undefined);
    return {
      agentId,
      agentType,
      capabilities: capabilities ?? record?.capabilities ?? [],
      capacity: capacity ?? record?.capacity ?? null,
      sessionIds: [...(record?.sessionIds ?? []), sessionId],
      registeredAtMs: record?.registeredAtMs ?? fact.timeMs,
      health: record?.health ?? 'healthy',
      metadata: metadata ?? record?.metadata ?? NOTHING,
      touched: stamp(record?.touched, fact, record === undefined ? null : ['sessions', ...said]),
    };
  }
  assert(record !== undefined, 'a fact about an agent follows the one that registered it');
  if (fact.type !== 'agent.health_changed') return record;
  return { ...record, health: fact.payload.to, touched: stamp(record.touched, fact, ['health']) };
}
