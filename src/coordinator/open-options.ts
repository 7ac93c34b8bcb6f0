/** What `openSwarm` can be told. */
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { IdSource } from '../core/ids.ts';
import { DEFAULT_LIMITS, type Limits } from '../core/limits.ts';
import { configSchema, DEFAULT_CONFIG, limitsSchema, type SwarmConfig } from '../events/system.ts';
import type { SwarmRecord } from '../events/system.ts';
import type { CheckpointPolicy } from './checkpointer.ts';

/** A part of the configuration; what is absent stays as it is. */
export interface ConfigInput {
  readonly maxConcurrentAgents?: number;
  readonly defaultPriority?: SwarmConfig['defaultPriority'];
  readonly timeouts?: Partial<SwarmConfig['timeouts']>;
  readonly features?: Partial<SwarmConfig['features']>;
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
  /** Told how far recovery is, in sequences. */
  readonly onProgress?: (sequence: number, of: number) => void;
}

/** The configuration and the limits that a swarm shall have: what was said, over what it has. Throws `INVALID_INPUT`. */
export function wantedSettings(
  options: OpenOptions,
  swarm: SwarmRecord | undefined,
): { readonly config: SwarmConfig; readonly limits: Limits } {
  const base = swarm?.config ?? DEFAULT_CONFIG;
  const config = configSchema.safeParse({
    ...base,
    ...options.config,
    timeouts: { ...base.timeouts, ...options.config?.timeouts },
    features: { ...base.features, ...options.config?.features },
  });
  const limits = limitsSchema.safeParse({ ...DEFAULT_LIMITS, ...swarm?.limits, ...options.limits });
  const issue = config.error?.issues[0] ?? limits.error?.issues[0];
  if (!config.success || !limits.success) {
    const at = issue?.path.join('.') ?? '';
    throw new Fault('INVALID_INPUT', `openSwarm: ${at}: ${issue?.message ?? ''}.`, {
      details: { at },
    });
  }
  return { config: config.data, limits: limits.data };
}
