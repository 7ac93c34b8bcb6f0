/** What `openSwarm` can be told. */
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { IdSource } from '../core/ids.ts';
import { DEFAULT_LIMITS, greaterPayload, LEAST_PAYLOAD, type Limits } from '../core/limits.ts';
import { DEFAULT_CONFIG, settableConfigSchema, settableLimitsSchema } from '../events/system.ts';
import type { SwarmConfig, SwarmRecord } from '../events/system.ts';
import type { CheckpointPolicy } from './checkpointer.ts';

/** A part of the configuration; what is absent stays as it is. */
export interface ConfigInput {
  readonly maxConcurrentAgents?: number;
  readonly defaultPriority?: SwarmConfig['defaultPriority'];
  readonly timeouts?: Partial<SwarmConfig['timeouts']>;
  readonly features?: Partial<SwarmConfig['features']>;
  readonly conflicts?: SwarmConfig['conflicts'];
  readonly audit?: SwarmConfig['audit'];
  readonly health?: SwarmConfig['health'];
}

/** How a swarm is opened. */
export interface OpenOptions {
  /** Where the log is; made when it does not exist, unless `readonly`. In memory when absent. */
  readonly directory?: string;
  /** Opens for looking only: takes no epoch and appends nothing. */
  readonly readonly?: boolean;
  readonly config?: ConfigInput;
  readonly limits?: Partial<Limits>;
  readonly clock?: Clock;
  readonly ids?: IdSource;
  readonly snapshots?: Partial<CheckpointPolicy>;
  /** The last sequence that the caller was told: a log that ends before it is refused (`LOG_TRUNCATED`). */
  readonly expectSequence?: number;
  /** Refuses a log that has events already (`ALREADY_EXISTS`), before anything is written: for whoever brings times of its own. */
  readonly expectEmpty?: boolean;
  /** Told how far recovery is, in sequences. */
  readonly onProgress?: (sequence: number, of: number) => void;
}

const OPTIONS: Readonly<Record<keyof OpenOptions, (value: never) => boolean>> = {
  directory: (value: unknown) => typeof value === 'string' && value !== '',
  readonly: (value: unknown) => typeof value === 'boolean',
  config: isObject,
  limits: isObject,
  clock: isObject,
  ids: (value: unknown) => typeof value === 'function',
  snapshots: (value: unknown) => isObject(value) && Object.values(value).every(isCount),
  expectSequence: isCount,
  expectEmpty: (value: unknown) => typeof value === 'boolean',
  onProgress: (value: unknown) => typeof value === 'function',
};

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Refuses what `openSwarm` cannot be told. Throws `INVALID_INPUT`, with the name of the option. */
export function checkOptions(options: OpenOptions): void {
  if (!isObject(options)) {
    throw new Fault(
      'INVALID_INPUT',
      "openSwarm expects options, { directory: './my-swarm' } for example.",
      {},
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const isValid =
      Object.hasOwn(OPTIONS, name) && OPTIONS[name as keyof OpenOptions](value as never);
    if (!isValid) {
      throw new Fault(
        'INVALID_INPUT',
        `openSwarm: ${name} is no option, or has a value that it cannot have. Options: ${Object.keys(OPTIONS).join(', ')}.`,
        { details: { at: name } },
      );
    }
  }
}

/** What an old log may say otherwise, from when nobody kept to it. */
const HONOURED = { eventPersistence: true } as const;

/**
 * The configuration and the limits that a swarm shall have: what was said, over what it has. What it has from before the least
 * limits were kept to is raised to them. Throws `INVALID_INPUT`.
 */
export function wantedSettings(
  options: OpenOptions,
  swarm: SwarmRecord | undefined,
): { readonly config: SwarmConfig; readonly limits: Limits } {
  const base = swarm?.config ?? DEFAULT_CONFIG;
  const config = settableConfigSchema.safeParse({
    ...base,
    ...options.config,
    timeouts: { ...base.timeouts, ...options.config?.timeouts },
    features: { ...base.features, ...HONOURED, ...options.config?.features },
  });
  const has = { ...DEFAULT_LIMITS, ...swarm?.limits };
  const raised = { ...has, ...greaterPayload(has, LEAST_PAYLOAD) };
  const limits = settableLimitsSchema.safeParse({ ...raised, ...options.limits });
  const issue = config.error?.issues[0] ?? limits.error?.issues[0];
  if (!config.success || !limits.success) {
    const at = issue?.path.join('.') ?? '';
    throw new Fault('INVALID_INPUT', `openSwarm: ${at}: ${issue?.message ?? ''}.`, {
      details: { at },
    });
  }
  return { config: config.data, limits: limits.data };
}
