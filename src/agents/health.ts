/**
 * How a swarm is, out of what a Guardian saw: the status, and an issue for each figure that reaches its threshold
 * (specification, `GlobalState.health`). Pure.
 *
 * An issue is a sentence with names and thresholds and without figures, so that it changes only when something does.
 */
import type { HealthThresholds } from '../events/health-thresholds.ts';
import type { SwarmHealth } from '../events/system.ts';
import { names, percent, sentence } from './sentences.ts';

/** What a Guardian saw of a swarm. Shares are 0–1. */
export interface HealthFigures {
  /** How many sessions live. */
  readonly sessions: number;
  /** The agents of the sessions in error, one for each session. */
  readonly inError: readonly string[];
  /** How many sessions have a task to bring forward. */
  readonly working: number;
  /** The agents of those that bring none forward. */
  readonly stalled: readonly string[];
  /** The queues in front of locks. */
  readonly queues: readonly {
    readonly resource: string;
    readonly waiting: number;
    /** How long the one has waited who has waited longest. */
    readonly waitMs: number;
  }[];
  /** The tasks that ended in the window. */
  readonly ended: { readonly completed: number; readonly failed: number };
  /** Undefined when nobody can see the log. */
  readonly log?: { readonly waiting: number; readonly eventsPerSecond: number } | undefined;
  /** Undefined when no disk is looked at. */
  readonly disk?:
    { readonly freeShare: number } | { readonly failed: { readonly reason: string } } | undefined;
  /** Sentences: what a probe says is wrong. */
  readonly said?: readonly string[];
}

/** A status with its reasons. */
export type Health = Pick<SwarmHealth, 'status' | 'issues'>;

type Status = SwarmHealth['status'];

/** From the best to the worst. */
const STATUSES: readonly Status[] = ['healthy', 'degraded', 'critical'];

/** Something that is wrong, and how bad that is. */
interface Issue {
  readonly status: Status;
  readonly text: string;
}

/** The health that some figures amount to: as bad as the worst of its issues, which stand first. */
export function deriveHealth(figures: HealthFigures, thresholds: HealthThresholds): Health {
  const issues = [
    ...livenessIssues(figures, thresholds),
    ...lockIssues(figures, thresholds),
    ...failureIssues(figures, thresholds),
    ...logIssues(figures, thresholds),
    ...diskIssues(figures, thresholds),
    ...(figures.said ?? []).map((text): Issue => ({ status: 'degraded', text })),
  ].toSorted((one, other) => rankOf(other.status) - rankOf(one.status));
  return { status: issues[0]?.status ?? 'healthy', issues: issues.map(({ text }) => text) };
}

function livenessIssues(
  { sessions, inError, working, stalled }: HealthFigures,
  limits: HealthThresholds,
): readonly Issue[] {
  const silent = { degraded: limits.errorShareDegraded, critical: limits.errorShareCritical };
  const idle = { degraded: limits.stalledShareDegraded, critical: limits.stalledShareCritical };
  return [
    ...issue(shareOf(inError.length, sessions), silent, () =>
      sentence(inError, 'is', 'are', 'in error'),
    ),
    ...issue(shareOf(stalled.length, working), idle, () =>
      sentence(stalled, 'brings', 'bring', 'no task forward'),
    ),
  ];
}

function lockIssues({ queues }: HealthFigures, limits: HealthThresholds): readonly Issue[] {
  const length = { degraded: limits.lockQueueDegraded, critical: limits.lockQueueCritical };
  const wait = { degraded: limits.lockWaitMsDegraded, critical: limits.lockWaitMsCritical };
  return [
    ...locksBeyond(
      queues.map(({ resource, waiting }) => ({ resource, figure: waiting })),
      length,
      (level, locks) => `${level} or more wait for the lock on ${locks}`,
    ),
    ...locksBeyond(
      queues.map(({ resource, waitMs }) => ({ resource, figure: waitMs })),
      wait,
      (level, locks) =>
        `somebody has waited for ${seconds(level)} or more for the lock on ${locks}`,
    ),
  ];
}

/** One issue for the locks that are critical, one for those that are degraded. */
function locksBeyond(
  queues: readonly { readonly resource: string; readonly figure: number }[],
  levels: Levels,
  say: (level: number, locks: string) => string,
): readonly Issue[] {
  return (['critical', 'degraded'] as const).flatMap((status) => {
    const such = queues.filter(({ figure }) => levelOf(figure, levels) === status);
    if (such.length === 0) return [];
    const locks = names(such.map(({ resource }) => resource));
    return [{ status, text: say(levels[status], locks) }];
  });
}

function failureIssues({ ended }: HealthFigures, limits: HealthThresholds): readonly Issue[] {
  const all = ended.completed + ended.failed;
  if (all < limits.failureTasksMin) return [];
  const levels = { degraded: limits.failureShareDegraded, critical: limits.failureShareCritical };
  return issue(
    ended.failed / all,
    levels,
    (level) =>
      `${percent(level)} or more of the tasks that ended in ${seconds(limits.failureWindowMs)} failed`,
  );
}

function logIssues({ log }: HealthFigures, limits: HealthThresholds): readonly Issue[] {
  if (log === undefined) return [];
  const waiting = { degraded: limits.logWaitingDegraded, critical: limits.logWaitingCritical };
  const growth = {
    degraded: limits.logEventsPerSecondDegraded,
    critical: limits.logEventsPerSecondCritical,
  };
  return [
    ...issue(log.waiting, waiting, (level) => `${level} events or more wait for the disk`),
    ...issue(
      log.eventsPerSecond,
      growth,
      (level) => `the log grows by ${level} events a second or more`,
    ),
  ];
}

function diskIssues({ disk }: HealthFigures, limits: HealthThresholds): readonly Issue[] {
  if (disk === undefined) return [];
  if ('failed' in disk) {
    return [{ status: 'degraded', text: `the disk cannot be looked at: ${disk.failed.reason}` }];
  }
  const status =
    disk.freeShare < limits.diskFreeShareCritical
      ? 'critical'
      : disk.freeShare < limits.diskFreeShareDegraded
        ? 'degraded'
        : 'healthy';
  if (status === 'healthy') return [];
  const level = status === 'critical' ? limits.diskFreeShareCritical : limits.diskFreeShareDegraded;
  return [{ status, text: `less than ${percent(level)} of the disk is free` }];
}

interface Levels {
  readonly degraded: number;
  readonly critical: number;
}

function issue(figure: number, levels: Levels, say: (level: number) => string): readonly Issue[] {
  const status = levelOf(figure, levels);
  return status === 'healthy' ? [] : [{ status, text: say(levels[status]) }];
}

/** Nothing at all reaches no threshold, not even 0. */
function levelOf(figure: number, { degraded, critical }: Levels): Status {
  if (figure <= 0) return 'healthy';
  if (figure >= critical) return 'critical';
  return figure >= degraded ? 'degraded' : 'healthy';
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}

function rankOf(status: Status): number {
  return STATUSES.indexOf(status);
}

/** What becomes of the health that is written, by what was found now. */
export interface Step {
  /** What to write; undefined when that which is written stands. */
  readonly next: Health | undefined;
  /** How many looks in a row found it better than it is written. */
  readonly calm: number;
}

/**
 * Worse, or other issues, at once; better only after so many looks in a row that found it better. What is written may be
 * another Guardian's: the two agree by it.
 */
export function nextHealth({
  written,
  found,
  calm,
  calmLooks,
}: {
  readonly written: Health;
  readonly found: Health;
  readonly calm: number;
  readonly calmLooks: number;
}): Step {
  if (rankOf(found.status) < rankOf(written.status)) {
    const looks = calm + 1;
    return looks < calmLooks ? { next: undefined, calm: looks } : { next: found, calm: 0 };
  }
  const isSame =
    found.status === written.status &&
    found.issues.length === written.issues.length &&
    found.issues.every((text, at) => text === written.issues[at]);
  return { next: isSame ? undefined : found, calm: 0 };
}
