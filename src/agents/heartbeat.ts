/**
 * The Heartbeat at work: checks things at an interval, and tells somebody what it found (specification, "Heartbeat State").
 *
 * When it checks next stands in the state as an absolute time, so a session that is bound again after a restart goes on with
 * it: an overdue check fires once. What is done when the time has come, `heartbeat-round.ts` says. Whoever registered the
 * session stops it.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { refuse, Refused } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import { checkOptions, checkSession, misused } from './check-options.ts';
import { heartbeatData, heartbeatPath } from './heartbeat-record.ts';
import {
  isNamed,
  NAMED_TARGETS,
  round,
  type HeartbeatOptions,
  type HeartbeatRound,
} from './heartbeat-round.ts';
import { firstDueMs, nextDueMs } from './heartbeat-schedule.ts';
import { isPassing } from './passing-refusal.ts';
import { pause } from './pause.ts';
import { showingLife } from './signs-of-life.ts';

/**
 * Checks at an interval until the signal aborts. A write that is refused only for the moment (`OVERLOADED`, `PATH_LOCKED`)
 * costs the round; every other refusal ends it.
 * @throws {Refused} `INVALID_INPUT` for options that cannot be meant; `FORBIDDEN` when the session is no Heartbeat's; `SESSION_OFFLINE`, `CLOSED`, `HALTED` and others when it
 * cannot go on
 */
export async function runHeartbeat(
  session: AgentSession,
  options: HeartbeatOptions,
): Promise<void> {
  checkCall('runHeartbeat', session, options);
  const { clock = systemClock, checks, signal } = options;
  try {
    await showingLife(session, { clock, signal }, async (end) =>
      beat(session, { ...options, clock, signal: end }),
    );
  } finally {
    for (const check of checks) await check.close?.();
  }
}

/**
 * Checks everything once, now, and delivers what is pending; what is due when is left alone. Refuses as {@link runHeartbeat}.
 * The checks are not closed.
 */
export async function checkOnce(
  session: AgentSession,
  options: HeartbeatOptions,
): Promise<HeartbeatRound> {
  checkCall('checkOnce', session, options);
  await prepare(session, options);
  return round(session, options);
}

async function beat(
  session: AgentSession,
  options: HeartbeatOptions & { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, intervalMs, signal } = options;
  await prepare(session, options);
  const nextCheckMs = Date.parse(heartbeatData(session).nextCheck);
  let dueMs = firstDueMs({ nextCheckMs, nowMs: clock.wallMs(), intervalMs });
  await write(session, { nextCheck: isoTime(dueMs) });
  while (!signal.aborted) {
    await pause(dueMs - clock.wallMs(), { clock, signal });
    const firedMs = clock.wallMs();
    if (signal.aborted) return;
    if (firedMs < dueMs) {
      dueMs = Math.min(dueMs, firedMs + intervalMs); // a timer was early, or the clock was set back
      continue;
    }
    try {
      await round(session, options);
      dueMs = nextDueMs({ dueMs, firedMs, endedMs: clock.wallMs(), intervalMs });
      if (!signal.aborted) await write(session, { nextCheck: isoTime(dueMs) });
    } catch (error) {
      if (!isPassing(error)) throw error;
      dueMs = nextDueMs({ dueMs, firedMs, endedMs: clock.wallMs(), intervalMs });
    }
  }
}

/** What it watches, and how often, as far as that is not said already. */
async function prepare(
  session: AgentSession,
  { checks, intervalMs, targets }: HeartbeatOptions,
): Promise<void> {
  const data = heartbeatData(session);
  const types = new Set(checks.map(({ type }) => type));
  const named = NAMED_TARGETS.map(
    (name) => [name, targets?.[name] ?? (types.has(name) || data.targets[name])] as const,
  );
  const custom = [...types].filter((type) => !isNamed(type));
  const wanted = { ...Object.fromEntries(named), custom };
  const isSaid =
    data.checkInterval === intervalMs &&
    custom.join('\n') === data.targets.custom.join('\n') &&
    named.every(([name, isWatched]) => data.targets[name] === isWatched);
  if (!isSaid) await write(session, { checkInterval: intervalMs, targets: wanted });
}

async function write(session: AgentSession, newValue: object): Promise<void> {
  await session.update({ path: heartbeatPath(session), newValue, merge: true });
}

/** Refuses what can only be a mistake. */
function checkCall(
  runtime: 'runHeartbeat' | 'checkOnce',
  session: AgentSession,
  options: HeartbeatOptions,
): void {
  checkSession(runtime, session);
  const { identity } = session;
  if (identity.agentType !== 'heartbeat') {
    const { agentType } = identity;
    throw new Refused(
      refuse('FORBIDDEN', `A ${agentType} session does not check: register a heartbeat.`, {
        agentType,
      }),
    );
  }
  checkOptions(runtime, options);
  const types = options.checks.map(({ type }) => type);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) {
    const why = `have the type ${twice} twice, so nobody could tell their findings apart`;
    throw misused(runtime, 'checks', why);
  }
}
