/**
 * Every interface of the specification's "State Schema" and "Agent-Specific State" as a schema, under its name.
 *
 * They describe the state as it is shown, with what we add to it. What of it can be written, `agent-data.ts` and
 * `documents.ts` say, of which these are made. The types of the agents' states are these schemas' own; for those that a
 * projection makes, test/events/state-schemas.test.ts has the compiler compare the two.
 */
import * as z from 'zod';
import {
  artifactSchema,
  conductorDecisionSchema,
  DATA_SCHEMAS,
  dreamTypeSchema,
  heartbeatCheckSchema,
  heartbeatFindingSchema,
  notificationSchema,
  progressEntrySchema,
  pulseIterationSchema,
  pulseSignalSchema,
  routingRuleSchema,
} from './agent-data.ts';
import { progressSchema, resourcesSchema } from './documents.ts';
import { addresseeSchema, HANDOFF_STATUSES } from './handoff.ts';
import { identitySchema, idSchema, objectSchema, prioritySchema, textSchema } from './identity.ts';
import { LOCK_TYPES } from './lock.ts';
import { AGENT_HEALTHS, AGENT_STATUSES } from './session.ts';
import { configSchema, healthSchema } from './system.ts';
import { TASK_STATUSES } from './task.ts';

const momentSchema = z.iso.datetime();
const count = z.number().int().min(0);
const errorShape = { code: z.string(), message: textSchema };
const mapOf = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value);

const lockTypeSchema = z.enum(LOCK_TYPES);

const taskStateSchema = z.strictObject({
  id: idSchema,
  goal: textSchema,
  status: z.enum(TASK_STATUSES),
  priority: prioritySchema,
  assignedTo: identitySchema.nullable(),
  createdAt: momentSchema,
  startedAt: momentSchema.nullable(),
  completedAt: momentSchema.nullable(),
  parentTaskId: idSchema.optional(),
  metadata: objectSchema,
  progress: z.number().min(0).max(100),
  message: textSchema.nullable(),
  result: z.unknown(),
  error: z.strictObject(errorShape).nullable(),
  attempts: count,
  requires: z.array(z.string()).optional(),
  dependsOn: z.array(idSchema).optional(),
  timeout: count.optional(),
  retry: z
    .strictObject({
      maxAttempts: count,
      backoffMs: count.optional(),
      factor: z.number().optional(),
      onLost: z.enum(['requeue', 'fail']).optional(),
    })
    .optional(),
  deadline: momentSchema.optional(),
  notBefore: momentSchema.optional(),
});

const agentStatusSchema = z.enum(AGENT_STATUSES);

const agentStateSchema = z.strictObject({
  agentId: idSchema,
  agentType: identitySchema.shape.agentType,
  sessionId: idSchema,
  status: agentStatusSchema,
  startedAt: momentSchema,
  lastActivityAt: momentSchema,
  currentTask: taskStateSchema.nullable(),
  taskQueue: z.array(taskStateSchema),
  progress: progressSchema,
  resources: resourcesSchema,
  errors: z.strictObject({
    count,
    last: z.strictObject({ ...errorShape, timestamp: momentSchema }).optional(),
  }),
  data: objectSchema,
  stalledSince: momentSchema.optional(),
});

const handoffRequestSchema = z.strictObject({
  id: idSchema,
  taskId: idSchema,
  from: identitySchema,
  to: addresseeSchema,
  reason: textSchema,
  context: objectSchema,
  priority: prioritySchema,
  requestedAt: momentSchema,
  timeout: count,
  status: z.enum(HANDOFF_STATUSES),
});

const pulseStateSchema = agentStateSchema.extend({
  agentType: z.literal('pulse'),
  data: DATA_SCHEMAS.pulse,
});

const heartbeatStateSchema = agentStateSchema.extend({
  agentType: z.literal('heartbeat'),
  data: DATA_SCHEMAS.heartbeat,
});

const dreamWeaverStateSchema = agentStateSchema.extend({
  agentType: z.literal('dream_weaver'),
  data: DATA_SCHEMAS.dream_weaver,
});

const conductorStateSchema = agentStateSchema.extend({
  agentType: z.literal('conductor'),
  data: DATA_SCHEMAS.conductor.extend({
    activeSessions: z.array(idSchema),
    pendingHandoffs: z.array(handoffRequestSchema),
    agentLoads: mapOf(z.strictObject({ currentTasks: count, queuedTasks: count, capacity: count })),
  }),
});

const guardianStateSchema = agentStateSchema.extend({ agentType: z.literal('guardian') });

const agentRegistrationSchema = z.strictObject({
  agentId: idSchema,
  agentType: identitySchema.shape.agentType,
  capabilities: z.array(z.string()),
  capacity: count,
  sessions: z.array(idSchema),
  registeredAt: momentSchema,
  lastSeenAt: momentSchema,
  health: z.enum(AGENT_HEALTHS),
  metadata: objectSchema,
});

const globalStateSchema = z.strictObject({
  config: configSchema,
  registry: mapOf(agentRegistrationSchema),
  tasks: mapOf(taskStateSchema),
  metrics: z.strictObject({
    totalTasksCompleted: count,
    totalTasksFailed: count,
    totalTasksClosed: count.optional(),
    totalHandoffs: count,
    totalDenied: count.optional(),
    averageTaskDuration: z.number().min(0),
    lastUpdated: momentSchema,
  }),
  health: healthSchema,
});

const lockSchema = z.strictObject({
  id: idSchema,
  resource: z.string(),
  type: lockTypeSchema,
  holder: identitySchema,
  acquiredAt: momentSchema,
  expiresAt: momentSchema,
  ttl: count,
  renewCount: count,
  metadata: objectSchema.optional(),
  fencingToken: count,
});

const lockRequestSchema = z.strictObject({
  id: idSchema,
  resource: z.string(),
  type: lockTypeSchema,
  requester: identitySchema,
  requestedAt: momentSchema,
  timeout: count,
  priority: prioritySchema,
  isUpgrade: z.literal(true).optional(),
});

const lockRegistrySchema = z.strictObject({
  locks: mapOf(lockSchema),
  waitQueue: mapOf(z.array(lockRequestSchema)),
});

const swarmEventSchema = z.strictObject({
  id: z.string(),
  type: z.string(),
  source: identitySchema,
  timestamp: momentSchema,
  payload: z.unknown(),
  metadata: z.strictObject({
    correlationId: z.string().optional(),
    causationId: z.string().optional(),
    trace: z
      .strictObject({ traceparent: z.string(), tracestate: z.string().optional() })
      .optional(),
  }),
  sequence: count,
});

const indexSchema = z.map(z.string(), z.array(z.string()));

const eventHistorySchema = z.strictObject({
  maxEvents: count,
  retentionMs: count,
  events: z.array(swarmEventSchema),
  byType: indexSchema,
  bySource: indexSchema,
  byCorrelation: indexSchema,
});

const swarmStateSchema = z.strictObject({
  global: globalStateSchema,
  agents: z.strictObject({
    pulse: mapOf(pulseStateSchema).optional(),
    heartbeat: mapOf(heartbeatStateSchema).optional(),
    dream_weaver: mapOf(dreamWeaverStateSchema).optional(),
    conductor: mapOf(conductorStateSchema).optional(),
    guardian: mapOf(guardianStateSchema).optional(),
  }),
  locks: lockRegistrySchema,
  events: eventHistorySchema,
});

/** The schemas of the state by the names of the specification, with `parse` and `safeParse` (specification, "State Schema"). */
export const STATE_SCHEMAS = {
  SwarmState: swarmStateSchema,
  GlobalState: globalStateSchema,
  TaskState: taskStateSchema,
  AgentState: agentStateSchema,
  AgentStatus: agentStatusSchema,
  AgentRegistration: agentRegistrationSchema,
  PulseState: pulseStateSchema,
  PulseIteration: pulseIterationSchema,
  PulseSignal: pulseSignalSchema,
  ProgressEntry: progressEntrySchema,
  HeartbeatState: heartbeatStateSchema,
  HeartbeatCheck: heartbeatCheckSchema,
  HeartbeatFinding: heartbeatFindingSchema,
  Notification: notificationSchema,
  DreamWeaverState: dreamWeaverStateSchema,
  DreamType: dreamTypeSchema,
  Artifact: artifactSchema,
  ConductorState: conductorStateSchema,
  RoutingRule: routingRuleSchema,
  ConductorDecision: conductorDecisionSchema,
  HandoffRequest: handoffRequestSchema,
  LockType: lockTypeSchema,
  Lock: lockSchema,
  LockRequest: lockRequestSchema,
  LockRegistry: lockRegistrySchema,
  EventHistory: eventHistorySchema,
} as const;

/** What is shown is read-only at every depth. */
type Shown<Value> = Value extends readonly (infer Item)[]
  ? readonly Shown<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Shown<Value[Key]> }
    : Value;

type Of<Name extends keyof typeof STATE_SCHEMAS> = Shown<z.infer<(typeof STATE_SCHEMAS)[Name]>>;

/** A session of a Pulse (specification, `PulseState`). */
export type PulseState = Of<'PulseState'>;
/** One iteration of a Pulse (specification, `PulseIteration`). */
export type PulseIteration = Of<'PulseIteration'>;
/** How an iteration ended (specification, `PulseSignal`). */
export type PulseSignal = Of<'PulseSignal'>;
/** One line of what a Pulse tells of its work; the specification names it and does not describe it. */
export type ProgressEntry = Of<'ProgressEntry'>;
/** A session of a Heartbeat (specification, `HeartbeatState`); `checkInterval` in milliseconds. */
export type HeartbeatState = Of<'HeartbeatState'>;
/** One run of a check (specification, `HeartbeatCheck`); `duration` in milliseconds. */
export type HeartbeatCheck = Of<'HeartbeatCheck'>;
/** Something that a check found (specification, `HeartbeatFinding`). */
export type HeartbeatFinding = Of<'HeartbeatFinding'>;
/** A finding that somebody is to be told of; the specification names it and does not describe it. */
export type Notification = Of<'Notification'>;
/** A session of a Dream Weaver (specification, `DreamWeaverState`). */
export type DreamWeaverState = Of<'DreamWeaverState'>;
/** What a Dream Weaver works at (specification, `DreamType`). */
export type DreamType = Of<'DreamType'>;
/** Something that a Dream Weaver made (specification, `Artifact`); `size` in bytes. */
export type Artifact = Of<'Artifact'>;
/** A session of a Conductor (specification, `ConductorState`). */
export type ConductorState = Of<'ConductorState'>;
/** Where a Conductor sends which task (specification, `RoutingRule`). */
export type RoutingRule = Of<'RoutingRule'>;
/** What a Conductor decided (specification, `ConductorDecision`). */
export type ConductorDecision = Of<'ConductorDecision'>;
