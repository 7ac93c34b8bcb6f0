/**
 * The swarm itself: its configuration, limits and health, and the facts of its owners' comings and goings
 * (specification, "Global State").
 */
import * as z from 'zod';
import { assert } from '../core/errors.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../core/json.ts';
import { DEFAULT_LIMITS, LEAST_PAYLOAD, type Limits } from '../core/limits.ts';
import { isoTime } from '../core/time.ts';
import { timestampSchema } from './fields.ts';
import { healthThresholdsSchema, type HealthThresholds } from './health-thresholds.ts';
import { conflictsSchema, type ConflictStrategy } from './strategies.ts';
import {
  ours,
  specified,
  stamp,
  touchOf,
  type EarlierVersion,
  type FactsOf,
  type Touched,
} from './definition.ts';
import { stampChanges } from './marks.ts';
import { idSchema, prioritySchema, textSchema, type Priority } from './identity.ts';
import type { Marked } from './state.ts';

const milliseconds = z.number().int().min(1).max(31_536_000_000);

/** `GlobalState.config`, with every key required. */
export const configSchema = z.strictObject({
  maxConcurrentAgents: z.number().int().min(1).max(1_000_000),
  defaultPriority: prioritySchema,
  timeouts: z.strictObject({
    taskDefault: milliseconds,
    handoffDefault: milliseconds,
    lockDefault: milliseconds,
  }),
  features: z.strictObject({
    autoHandoff: z.boolean(),
    preemption: z.boolean(),
    eventPersistence: z.boolean(),
  }),
  audit: z.strictObject({ denials: z.boolean() }).optional(),
  conflicts: conflictsSchema.optional(),
  health: healthThresholdsSchema.optional(),
});

/** The configuration of a swarm (specification, `GlobalState.config`); timeouts in milliseconds. */
export interface SwarmConfig {
  readonly maxConcurrentAgents: number;
  readonly defaultPriority: Priority;
  readonly timeouts: {
    readonly taskDefault: number;
    readonly handoffDefault: number;
    readonly lockDefault: number;
  };
  readonly features: {
    readonly autoHandoff: boolean;
    readonly preemption: boolean;
    readonly eventPersistence: boolean;
  };
  /** Ours: whether what was denied is recorded as `access.denied`. Not, when absent. */
  readonly audit?: { readonly denials: boolean } | undefined;
  /** Ours: how conflicting writes are resolved, by path pattern. */
  readonly conflicts?: { readonly [pattern: string]: ConflictStrategy } | undefined;
  /** Ours: from when on a Guardian calls the swarm degraded or critical; defaults for what is absent. */
  readonly health?:
    { readonly [Name in keyof HealthThresholds]?: HealthThresholds[Name] | undefined } | undefined;
}

/** The configuration that a swarm has when nothing else was said. */
export const DEFAULT_CONFIG: SwarmConfig = {
  maxConcurrentAgents: 1_000,
  defaultPriority: 'normal',
  timeouts: { taskDefault: 3_600_000, handoffDefault: 300_000, lockDefault: 30_000 },
  features: { autoHandoff: false, preemption: false, eventPersistence: true },
};

/** Limits, every one a positive whole number. */
export const limitsSchema = z.strictObject(
  Object.fromEntries(
    Object.keys(DEFAULT_LIMITS).map((name) => [name, z.number().int().min(1)]),
  ) as Record<keyof Limits, z.ZodNumber>,
);

const settableFeaturesSchema = configSchema.shape.features.extend({
  eventPersistence: z
    .boolean()
    .refine((on) => on, 'cannot be turned off: every event is recorded before anybody hears of it'),
});

/** A configuration as it may be set: nothing in it that could not be kept to. */
export const settableConfigSchema = configSchema.extend({ features: settableFeaturesSchema });

/** Limits as they may be set: none with which no command could be read. */
export const settableLimitsSchema = limitsSchema.extend({
  payloadCharsMax: z.number().int().min(LEAST_PAYLOAD.payloadCharsMax),
  payloadNodesMax: z.number().int().min(LEAST_PAYLOAD.payloadNodesMax),
  payloadDepthMax: z.number().int().min(LEAST_PAYLOAD.payloadDepthMax),
});

/** `GlobalState.health`, as a Guardian or a Conductor writes it. */
export const healthSchema = z.strictObject({
  status: z.enum(['healthy', 'degraded', 'critical']),
  issues: z.array(textSchema).max(1_000),
  lastCheck: timestampSchema,
});

/** Limits as they are recorded. A log from before there was a limit does not name it, and stays sound. */
export const recordedLimitsSchema = limitsSchema.partial();

/** Some keys of the configuration. */
export const configChangeSchema = configSchema.partial().extend({
  timeouts: configSchema.shape.timeouts.partial().optional(),
  features: configSchema.shape.features.partial().optional(),
});

/** Some of the configuration, as it may be changed. */
export const settableConfigChangeSchema = configChangeSchema.extend({
  features: settableFeaturesSchema.partial().optional(),
});

/** Limits as they may be changed, some of them. */
export const settableChangeSchema = settableLimitsSchema.partial();

/** What changes of the configuration and the limits, and nothing else of them. */
export const settingsSchema = z.strictObject({
  config: configChangeSchema.optional(),
  limits: recordedLimitsSchema.optional(),
});

/** Some of the configuration. */
export type ConfigChange = z.infer<typeof configChangeSchema>;

/** Version 1 named all of the configuration and of the limits, which is a change of everything. */
const WHOLE_SETTINGS: EarlierVersion = {
  version: 1,
  fields: ['config', 'limits'],
  lift: (payload) => payload,
};

/** Something that somebody should look at; as severe as a task would be urgent. */
export const alertSchema = z.strictObject({
  severity: prioritySchema,
  summary: textSchema.min(1),
});

/** Something that somebody should look at. */
export type Alert = Readonly<z.infer<typeof alertSchema>>;

/** What was done to the swarm from outside: a backup, an upgrade, a repair. */
export const maintenanceSchema = z.strictObject({ action: textSchema.min(1) });

/** What can happen to the swarm as a whole. */
export const systemEvents = {
  'system.initialized': ours(
    'system.initialize, once, when a swarm is made: always sequence 1',
    null,
    z.strictObject({ swarmId: idSchema, config: configSchema, limits: recordedLimitsSchema }),
  ),
  'system.resumed': ours(
    'system.resume, at every later opening by an owner; extends the deadlines of sessions by the gap',
    ['epoch'],
    z.strictObject({ epoch: z.number().int(), gapMs: z.number().int().min(0) }),
  ),
  'system.stalled': ours(
    'system.stall, when a timer of the coordinator fired later than stallMs; extends the deadlines of sessions by the gap',
    [],
    z.strictObject({ gapMs: z.number().int().min(0) }),
  ),
  'system.config_changed': specified(
    'state.update below global.config; system.configure; opening with another configuration or other limits',
    ['config', 'limits'],
    settingsSchema,
    WHOLE_SETTINGS,
  ),
  'system.alert': specified(
    'system.raise_alert by a Guardian, a Conductor or the operator; with a write that makes `global.health` worse',
    [],
    alertSchema,
  ),
  'system.maintenance': specified('system.note_maintenance by the operator', [], maintenanceSchema),
} as const;

/** A fact about the swarm as a whole. */
export type SystemFact = FactsOf<typeof systemEvents>;

/** The swarm as the coordinator keeps it. */
export interface SwarmRecord {
  readonly swarmId: string;
  /** How many owners the log has had. */
  readonly epoch: number;
  readonly config: SwarmConfig;
  readonly limits: Limits;
  readonly health: SwarmHealth;
  /** Since when the coordinator has been there without a gap. */
  readonly heardSinceMs: number;
  readonly touched: Touched;
}

/** `GlobalState.health` of the specification. */
export interface SwarmHealth {
  readonly status: 'healthy' | 'degraded' | 'critical';
  readonly issues: readonly string[];
  readonly lastCheck: string;
}

const ALERTS = { degraded: 'high', critical: 'critical' } as const;
const FROM_BEST = ['healthy', 'degraded', 'critical'] as const;

/** The alert that a change of health is worth; undefined when it did not get worse. */
export function alertOf(before: SwarmHealth, after: SwarmHealth): Alert | undefined {
  const { status, issues } = after;
  const isWorse = FROM_BEST.indexOf(status) > FROM_BEST.indexOf(before.status);
  if (!isWorse || status === 'healthy') return undefined;
  const [first = 'no issue was given', ...others] = issues;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return { severity: ALERTS[status], summary: `${status}: ${first.slice(0, 1_000)}${more}` };
}

/** What a fact makes of the swarm. */
export function evolveSwarm(record: SwarmRecord | undefined, fact: SystemFact): SwarmRecord {
  if (fact.type === 'system.initialized') {
    const { swarmId, config } = fact.payload;
    const limits = inForce(fact.payload.limits);
    const health = { status: 'healthy', issues: [], lastCheck: isoTime(fact.timeMs) } as const;
    const heardSinceMs = fact.timeMs;
    const touched = stamp(undefined, fact, null);
    return { swarmId, epoch: 1, config, limits, health, heardSinceMs, touched };
  }
  assert(record !== undefined, 'system.initialized is the first fact of a log');
  switch (fact.type) {
    case 'system.resumed':
      return mark({ ...record, epoch: fact.payload.epoch, heardSinceMs: fact.timeMs }, fact);
    case 'system.config_changed':
      return configured(record, fact);
    case 'system.stalled':
      return { ...record, heardSinceMs: fact.timeMs };
    case 'system.alert':
    case 'system.maintenance':
      return record;
  }
}

function configured(
  record: SwarmRecord,
  fact: Extract<SystemFact, { type: 'system.config_changed' }>,
): SwarmRecord {
  const { config = {}, limits = {} } = fact.payload;
  const next = withSettings(record.config, config);
  const changes = [
    ...settingPaths(config).map((path) => ({ path: `config.${path}` })),
    ...(fact.payload.limits === undefined ? [] : [{ path: 'limits' }]),
  ];
  return {
    ...record,
    config: next,
    limits: { ...record.limits, ...(limits as Partial<Limits>) },
    touched: stampChanges(record.touched, touchOf(fact), changes, Infinity),
  };
}

/** A limit that is not recorded has its default. */
function inForce(recorded: z.infer<typeof recordedLimitsSchema>): Limits {
  return { ...DEFAULT_LIMITS, ...(recorded as Partial<Limits>) };
}

/** The groups of the configuration, whose keys change one by one; everything else changes as a whole. */
const GROUPS = ['timeouts', 'features'] as const;

/** A configuration after a change. */
export function withSettings(config: SwarmConfig, change: ConfigChange): SwarmConfig {
  return {
    ...config,
    ...change,
    timeouts: { ...config.timeouts, ...change.timeouts },
    features: { ...config.features, ...change.features },
  } as SwarmConfig;
}

/** What the keys mean that may be absent. A change can only say what a key is, so one that goes becomes this. */
const ABSENT: Pick<SwarmConfig, 'audit' | 'conflicts' | 'health'> = {
  audit: { denials: false },
  conflicts: {},
  health: {},
};

/** What has to change to make one configuration of another; undefined when nothing does. */
export function settingsChanged(before: SwarmConfig, after: SwarmConfig): ConfigChange | undefined {
  const lost = Object.entries(ABSENT).filter(([key]) => Object.hasOwn(before, key));
  return differing(
    before as unknown as JsonObject,
    { ...Object.fromEntries(lost), ...after } as unknown as JsonObject,
    GROUPS,
  );
}

/** What differs of some values by name, those of groups one by one; undefined when nothing does. */
export function differing(
  before: JsonObject | undefined,
  after: JsonObject,
  groups: readonly string[] = [],
): JsonObject | undefined {
  const changed: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(after)) {
    const was = before?.[key];
    if (groups.includes(key)) {
      const inside = differing(was as JsonObject | undefined, value as JsonObject);
      if (inside !== undefined) changed[key] = inside;
    } else if (was === undefined || canonicalJson(was) !== canonicalJson(value)) {
      changed[key] = value;
    }
  }
  return Object.keys(changed).length === 0 ? undefined : changed;
}

function settingPaths(change: ConfigChange): readonly string[] {
  return Object.entries(change).flatMap(([key, value]) =>
    key === 'timeouts' || key === 'features'
      ? Object.keys(value as object).map((name) => `${key}.${name}`)
      : [key],
  );
}

function mark(next: SwarmRecord, fact: SystemFact): SwarmRecord {
  return { ...next, touched: stamp(next.touched, fact, systemEvents[fact.type].writes) };
}

/** The free part of the swarm's record, as one document. */
export function swarmDocument(record: SwarmRecord): JsonObject {
  return { health: record.health as unknown as JsonObject };
}

/** The swarm after a direct write to its document. */
export function withSwarmDocument(record: SwarmRecord, { document, touched }: Marked): SwarmRecord {
  return { ...record, health: document['health'] as unknown as SwarmHealth, touched };
}
