/**
 * What the agents of each kind keep in `data` (specification, "Agent-Specific State").
 *
 * The fields of the specification have its types, and are there from the registration on. Beside them a session may keep
 * whatever it likes; inside them nothing else has a place.
 */
import * as z from 'zod';
import type { JsonObject } from '../core/json.ts';
import { isoTime } from '../core/time.ts';
import { timestampSchema } from './fields.ts';
import { AGENT_KINDS, idSchema, objectSchema, prioritySchema, textSchema } from './identity.ts';
import type { AgentKind } from './identity.ts';

const count = z.number().int().min(0);
const amount = z.number().min(0);
/** Of a file, a branch, a project. */
const nameSchema = z.string().max(4_096);
const namesSchema = z.array(nameSchema);
const share = z.number().min(0).max(1);

/** How an iteration ended (specification, `PulseSignal`). */
export const pulseSignalSchema = z.enum(['CONTINUE', 'COMPLETE', 'BLOCKED', 'PAUSE', 'UNKNOWN']);

/** One iteration of a Pulse (specification, `PulseIteration`). */
export const pulseIterationSchema = z.strictObject({
  number: count,
  status: z.enum(['pending', 'running', 'complete', 'failed']),
  signal: pulseSignalSchema,
  summary: textSchema,
  commitHash: nameSchema.nullable(),
  startedAt: timestampSchema.nullable(),
  completedAt: timestampSchema.nullable(),
  durationSeconds: amount.nullable(),
  filesModified: namesSchema,
});

/** One line of what a Pulse tells of its work. Named by the specification and not described there: ours. */
export const progressEntrySchema = z.strictObject({
  timestamp: timestampSchema,
  message: textSchema,
  /** The iteration that it is about. */
  iteration: count.optional(),
});

const pulseDataSchema = z.looseObject({
  projectName: nameSchema,
  projectPath: nameSchema,
  goal: textSchema,
  branchName: nameSchema.nullable(),
  currentIteration: count,
  /** 0 for as many as it takes. */
  maxIterations: count,
  lastSignal: pulseSignalSchema,
  iterations: z.array(pulseIterationSchema),
  totalCommits: count,
  commitHashes: namesSchema,
  filesModified: namesSchema,
  progressLog: z.array(progressEntrySchema),
});

/** One run of a check (specification, `HeartbeatCheck`); the duration in milliseconds. */
export const heartbeatCheckSchema = z.strictObject({
  id: idSchema,
  type: nameSchema,
  timestamp: timestampSchema,
  duration: amount,
  status: z.enum(['success', 'failed', 'skipped']),
  findings: count,
});

/** Something that a check found (specification, `HeartbeatFinding`). */
export const heartbeatFindingSchema = z.strictObject({
  id: idSchema,
  type: nameSchema,
  priority: prioritySchema,
  summary: textSchema,
  details: objectSchema,
  notified: z.boolean(),
  timestamp: timestampSchema,
});

/** A finding that somebody is to be told of. Named by the specification and not described there: ours. */
export const notificationSchema = z.strictObject({
  id: idSchema,
  findingId: idSchema,
  priority: prioritySchema,
  summary: textSchema,
  createdAt: timestampSchema,
  /** When it was delivered; null before. */
  deliveredAt: timestampSchema.nullable(),
});

const heartbeatDataSchema = z.looseObject({
  /** Milliseconds; 0 when nothing is checked by the clock. */
  checkInterval: count,
  /** The time of the registration until something was checked. */
  lastCheck: timestampSchema,
  nextCheck: timestampSchema,
  checks: z.array(heartbeatCheckSchema),
  targets: z.strictObject({
    email: z.boolean(),
    calendar: z.boolean(),
    weather: z.boolean(),
    mentions: z.boolean(),
    custom: namesSchema,
  }),
  findings: z.array(heartbeatFindingSchema),
  pendingNotifications: z.array(notificationSchema),
});

/** What a Dream Weaver works at (specification, `DreamType`). */
export const dreamTypeSchema = z.enum([
  'analysis',
  'creative_writing',
  'code_generation',
  'research',
  'synthesis',
]);

/** Something that a Dream Weaver made (specification, `Artifact`); the size in bytes. */
export const artifactSchema = z.strictObject({
  id: idSchema,
  type: z.enum(['document', 'code', 'diagram', 'data']),
  path: nameSchema,
  size: count,
  createdAt: timestampSchema,
  metadata: objectSchema,
});

const dreamWeaverDataSchema = z.looseObject({
  dreamId: idSchema.nullable(),
  dreamType: dreamTypeSchema,
  prompt: textSchema,
  phase: z.enum(['planning', 'generating', 'refining', 'complete']),
  artifacts: z.array(artifactSchema),
  contextWindow: z.strictObject({
    documents: namesSchema,
    maxTokens: count,
    usedTokens: count,
  }),
  quality: z.strictObject({ coherence: share, relevance: share, creativity: share }),
});

/** Where a Conductor sends which task (specification, `RoutingRule`). */
export const routingRuleSchema = z.strictObject({
  id: idSchema,
  condition: z.strictObject({
    taskType: nameSchema.optional(),
    priority: prioritySchema.optional(),
    keywords: namesSchema.optional(),
    custom: z.string().max(4_096).optional(),
  }),
  target: z.enum(AGENT_KINDS),
  weight: amount,
  enabled: z.boolean(),
});

/** What a Conductor decided, of what, and why (specification, `ConductorDecision`). */
export const conductorDecisionSchema = z.strictObject({
  id: idSchema,
  type: z.enum(['route', 'handoff', 'preempt', 'reject']),
  input: objectSchema,
  output: objectSchema,
  reason: textSchema,
  timestamp: timestampSchema,
});

/** What the coordinator derives for every Conductor: shown in its `data`, and kept nowhere. */
export const DERIVED_FOR_CONDUCTORS = ['activeSessions', 'pendingHandoffs', 'agentLoads'] as const;

const derived = z.never({ error: 'is derived from the log: leave it out' }).optional();

const conductorDataSchema = z.looseObject({
  activeSessions: derived,
  pendingHandoffs: derived,
  agentLoads: derived,
  routingTable: z.array(routingRuleSchema),
  decisions: z.array(conductorDecisionSchema),
});

/** The schemas of `data`, as it may be written. */
export const DATA_SCHEMAS = {
  pulse: pulseDataSchema,
  heartbeat: heartbeatDataSchema,
  dream_weaver: dreamWeaverDataSchema,
  conductor: conductorDataSchema,
  guardian: objectSchema,
} as const;

const PULSE_DATA: z.infer<typeof pulseDataSchema> = {
  projectName: '',
  projectPath: '',
  goal: '',
  branchName: null,
  currentIteration: 0,
  maxIterations: 0,
  lastSignal: 'UNKNOWN',
  iterations: [],
  totalCommits: 0,
  commitHashes: [],
  filesModified: [],
  progressLog: [],
};

const DREAM_WEAVER_DATA: z.infer<typeof dreamWeaverDataSchema> = {
  dreamId: null,
  dreamType: 'analysis',
  prompt: '',
  phase: 'planning',
  artifacts: [],
  contextWindow: { documents: [], maxTokens: 0, usedTokens: 0 },
  quality: { coherence: 0, relevance: 0, creativity: 0 },
};

const CONDUCTOR_DATA: z.infer<typeof conductorDataSchema> = { routingTable: [], decisions: [] };

/** The times are those of the registration until something is checked. */
function heartbeatData(registeredAt: string): z.infer<typeof heartbeatDataSchema> {
  return {
    checkInterval: 0,
    lastCheck: registeredAt,
    nextCheck: registeredAt,
    checks: [],
    targets: { email: false, calendar: false, weather: false, mentions: false, custom: [] },
    findings: [],
    pendingNotifications: [],
  };
}

const INITIAL = {
  pulse: PULSE_DATA,
  dream_weaver: DREAM_WEAVER_DATA,
  conductor: CONDUCTOR_DATA,
  guardian: {},
} as const;

/** What `data` is when a session is registered: every field of the specification, and nothing in it yet. */
export function initialData(kind: AgentKind, timeMs: number): JsonObject {
  const data: unknown = kind === 'heartbeat' ? heartbeatData(isoTime(timeMs)) : INITIAL[kind];
  return data as JsonObject;
}
