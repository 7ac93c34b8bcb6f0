/**
 * From when on a Guardian calls a swarm degraded or critical: `config.health`, which is ours beside the specification's keys.
 *
 * Every key may be absent, and then has the default below. A figure counts when it reaches the threshold; free room, when it is
 * below. What is made of them, `agents/health.ts` says.
 */
import * as z from 'zod';

const share = z.number().min(0).max(1);
const count = z.number().int().min(1).max(1_000_000_000);
const milliseconds = z.number().int().min(1).max(31_536_000_000);

/** `GlobalState.config.health`. */
export const healthThresholdsSchema = z
  .strictObject({
    errorShareDegraded: share,
    errorShareCritical: share,
    stalledShareDegraded: share,
    stalledShareCritical: share,
    lockQueueDegraded: count,
    lockQueueCritical: count,
    lockWaitMsDegraded: milliseconds,
    lockWaitMsCritical: milliseconds,
    failureShareDegraded: share,
    failureShareCritical: share,
    failureTasksMin: count,
    failureWindowMs: milliseconds,
    logWaitingDegraded: count,
    logWaitingCritical: count,
    logEventsPerSecondDegraded: count,
    logEventsPerSecondCritical: count,
    diskFreeShareDegraded: share,
    diskFreeShareCritical: share,
    calmLooks: count,
    refreshMs: milliseconds,
  })
  .partial();

/** All thresholds. Shares are 0–1, times in milliseconds. */
export interface HealthThresholds {
  /** Sessions in error, of those that live. One of twenty is more than chance. */
  readonly errorShareDegraded: number;
  /** With half of them the work stands still. */
  readonly errorShareCritical: number;
  /** Sessions that bring no task forward, of those that have one. A long task is no fault; one of four is a pattern. */
  readonly stalledShareDegraded: number;
  readonly stalledShareCritical: number;
  /** Requests that wait for one lock: they work one after the other. */
  readonly lockQueueDegraded: number;
  readonly lockQueueCritical: number;
  /** How long somebody has waited for a lock: twice, and twenty times, what `timeouts.lockDefault` is at first. */
  readonly lockWaitMsDegraded: number;
  readonly lockWaitMsCritical: number;
  /** Tasks that failed for good, of those that ended in the window. */
  readonly failureShareDegraded: number;
  readonly failureShareCritical: number;
  /** Of fewer tasks that ended a share says nothing. */
  readonly failureTasksMin: number;
  /** How far the share of failed tasks looks back. */
  readonly failureWindowMs: number;
  /** Events that are folded and not on the disk yet: ten full blocks, and a hundred. */
  readonly logWaitingDegraded: number;
  readonly logWaitingCritical: number;
  /** Agents at work make tens of events a second; thousands, look after look, are a loop. */
  readonly logEventsPerSecondDegraded: number;
  readonly logEventsPerSecondCritical: number;
  /** Free room on the disk; a log that cannot be written halts the swarm. */
  readonly diskFreeShareDegraded: number;
  readonly diskFreeShareCritical: number;
  /** So many looks in a row have to be better before the status gets better: what comes and goes raises one alert. */
  readonly calmLooks: number;
  /** `lastCheck` is written anew when it is as old as this, though nothing changed: so that one sees that somebody looks. */
  readonly refreshMs: number;
}

/** The thresholds that hold when the configuration does not say otherwise. */
export const DEFAULT_HEALTH_THRESHOLDS: HealthThresholds = {
  errorShareDegraded: 0.05,
  errorShareCritical: 0.5,
  stalledShareDegraded: 0.25,
  stalledShareCritical: 0.75,
  lockQueueDegraded: 20,
  lockQueueCritical: 200,
  lockWaitMsDegraded: 60_000,
  lockWaitMsCritical: 600_000,
  failureShareDegraded: 0.2,
  failureShareCritical: 0.5,
  failureTasksMin: 5,
  failureWindowMs: 600_000,
  logWaitingDegraded: 10_000,
  logWaitingCritical: 100_000,
  logEventsPerSecondDegraded: 5_000,
  logEventsPerSecondCritical: 50_000,
  diskFreeShareDegraded: 0.05,
  diskFreeShareCritical: 0.01,
  calmLooks: 3,
  refreshMs: 300_000,
};

/** The thresholds that a configuration says, with the defaults for the rest. */
export function thresholdsOf({
  health = {},
}: {
  readonly health?: z.infer<typeof healthThresholdsSchema> | undefined;
}): HealthThresholds {
  const said = Object.entries(health).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_HEALTH_THRESHOLDS, ...Object.fromEntries(said) };
}
