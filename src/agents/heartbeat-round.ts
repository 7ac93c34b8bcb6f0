/**
 * One round of a Heartbeat: every check once, what is written of each, and then what is told.
 *
 * What a check is, `check.ts` says; what is written of it, `heartbeat-record.ts`; how it is told, `heartbeat-delivery.ts`.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { randomIds, type IdSource } from '../core/ids.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { HeartbeatCheck, HeartbeatFinding } from '../events/state-schemas.ts';
import { measure, type Check } from './check.ts';
import { deliverPending, type Deliver, type Deliveries } from './heartbeat-delivery.ts';
import { heartbeatData, recordRun, type CheckRun } from './heartbeat-record.ts';
import type { Waiting } from './pause.ts';

/** What the specification lets a Heartbeat watch by name. Nothing measures them by itself. */
export const NAMED_TARGETS = ['email', 'calendar', 'weather', 'mentions'] as const;

/** A Heartbeat's work. */
export interface HeartbeatOptions {
  /** What is checked, in this order; every type once. */
  readonly checks: readonly Check[];
  /** Between two rounds, in milliseconds. */
  readonly intervalMs: number;
  /** Which of the specification's targets are watched; as the state has them when absent. One that has no check is skipped. */
  readonly targets?: Partial<Readonly<Record<(typeof NAMED_TARGETS)[number], boolean>>>;
  /** Tells somebody of a finding; what is found stays pending when absent. */
  readonly deliver?: Deliver;
  /** How long one delivery may take, in milliseconds; 10,000 when absent. */
  readonly deliveryTimeoutMs?: number;
  /** Told of each round that is over. */
  readonly onRound?: (round: HeartbeatRound) => void;
  /** Ends it; a check that runs is not recorded. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly ids?: IdSource;
}

/** What came of one round of checks. */
export interface HeartbeatRound extends Deliveries {
  readonly checks: readonly HeartbeatCheck[];
  /** Those that are new. */
  readonly findings: readonly HeartbeatFinding[];
}

/** Every check once, and then the deliveries. */
export async function round(
  session: AgentSession,
  options: HeartbeatOptions,
): Promise<HeartbeatRound> {
  const { clock = systemClock, ids = randomIds, deliver, deliveryTimeoutMs, signal } = options;
  const checks: HeartbeatCheck[] = [];
  const findings: HeartbeatFinding[] = [];
  for (const due of watched(session, options)) {
    const run = await carryOut(session, due, { clock, signal });
    if (run === undefined) break;
    const recorded = await recordRun(session, run, ids);
    checks.push(recorded.check);
    findings.push(...recorded.findings);
  }
  const deliveries =
    deliver === undefined || signal?.aborted === true
      ? { delivered: [], failed: [] }
      : await deliverPending(session, { deliver, timeoutMs: deliveryTimeoutMs, clock, signal });
  const done = { checks, findings, ...deliveries };
  options.onRound?.(done);
  return done;
}

/** The named targets that are watched, with their checks if there are any, and every other check. */
function watched(
  session: AgentSession,
  { checks }: HeartbeatOptions,
): readonly (Check | { readonly type: string })[] {
  const { targets } = heartbeatData(session);
  const named = NAMED_TARGETS.filter((name) => targets[name]).map(
    (name) => checks.find(({ type }) => type === name) ?? { type: name },
  );
  return [...named, ...checks.filter(({ type }) => !isNamed(type))];
}

/** Whether a check measures one of the specification's targets. */
export function isNamed(type: string): boolean {
  return (NAMED_TARGETS as readonly string[]).includes(type);
}

/** What came of a check, and how long it took; undefined when it was cancelled. Nothing measures a target without a check. */
async function carryOut(
  session: AgentSession,
  due: Check | { readonly type: string },
  { clock, signal = new AbortController().signal }: Waiting,
): Promise<CheckRun | undefined> {
  const { type } = due;
  const atMs = clock.wallMs();
  if (!('measure' in due)) return { type, outcome: { how: 'skipped' }, atMs, durationMs: 0 };
  const startedMs = clock.monotonicMs();
  const outcome = await measure(due, { session, clock, signal });
  if (outcome.how === 'cancelled') return undefined;
  return { type, outcome, atMs, durationMs: clock.monotonicMs() - startedMs };
}
