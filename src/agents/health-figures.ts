/**
 * What a Guardian looks at: the sessions, the queues and the metrics of its swarm through its own session, and what that cannot
 * show through what it is given: the log of the swarm, and the disk.
 */
import { statfs } from 'node:fs/promises';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import type { LockRequest } from '../events/lock-state.ts';
import { longestWaitMs } from './built-in-checks.ts';
import type { HealthFigures } from './health.ts';

/** Where the log of a swarm is; an open swarm is one. A session cannot see that. */
export type LogView = Pick<Swarm, 'sequence' | 'durableSequence'>;

/** The totals of one look, of which the figures of a window are differences. */
export interface Look {
  readonly atMs: number;
  readonly completed: number;
  readonly failed: number;
  /** Undefined when nobody can see the log. */
  readonly sequence: number | undefined;
}

/** So many looks of a window are kept. */
const LOOKS_MAX = 100;

/** The totals now. */
export function lookAt(session: AgentSession, atMs: number, log: LogView | undefined): Look {
  const metrics = session.get('global.metrics') as Swarm['state']['global']['metrics'];
  const { totalTasksCompleted: completed, totalTasksFailed: failed } = metrics;
  return { atMs, completed, failed, sequence: log?.sequence };
}

/** The looks with another one: those that the window needs, and not too many. */
export function withLook(looks: readonly Look[], look: Look, windowMs: number): readonly Look[] {
  const last = looks.at(-1);
  if (last !== undefined && look.atMs - last.atMs < windowMs / LOOKS_MAX) return looks;
  const beganMs = look.atMs - windowMs;
  const needed = looks.findLastIndex(({ atMs }) => atMs <= beganMs);
  return [...looks.slice(Math.max(0, needed)), look];
}

/** The figures of a moment; what ended and how the log grew is counted from the looks before. */
export function figuresOf(
  session: AgentSession,
  {
    now,
    looks,
    log,
  }: { readonly now: Look; readonly looks: readonly Look[]; readonly log?: LogView | undefined },
): Omit<HealthFigures, 'disk' | 'said'> {
  const [since = now] = looks;
  const ended = { completed: now.completed - since.completed, failed: now.failed - since.failed };
  return {
    ...sessionFigures(session),
    queues: queueFigures(session, now.atMs),
    ended,
    log: log && {
      waiting: log.sequence - log.durableSequence,
      eventsPerSecond: growth(looks, now),
    },
  };
}

/** Of less time growth says nothing: a start, or a burst. */
const GROWTH_MS_MIN = 10_000;

function growth(looks: readonly Look[], now: Look): number {
  const before = looks.findLast(({ atMs }) => now.atMs - atMs >= GROWTH_MS_MIN);
  if (before?.sequence === undefined || now.sequence === undefined) return 0;
  return (now.sequence - before.sequence) / ((now.atMs - before.atMs) / 1_000);
}

type SessionFigures = Pick<HealthFigures, 'sessions' | 'inError' | 'working' | 'stalled'>;

/** One field of every session is asked for, and more only of those that it concerns. */
function sessionFigures(session: AgentSession): SessionFigures {
  const statuses = session
    .query('agents.*.*.status')
    .filter(({ value }) => value !== 'offline')
    .map(({ path, value }) => ({ place: path.slice(0, -'.status'.length), status: value }));
  const agentAt = (place: string) => session.get(`${place}.agentId`) as string;
  const living = new Set(statuses.map(({ place }) => place));
  const stalled = session
    .query('agents.*.*.stalledSince')
    .map(({ path }) => path.slice(0, -'.stalledSince'.length))
    .filter((place) => living.has(place));
  const busy = statuses.filter(({ status }) => status === 'busy' || status === 'draining');
  return {
    sessions: statuses.length,
    inError: statuses.filter(({ status }) => status === 'error').map(({ place }) => agentAt(place)),
    working: new Set([...busy.map(({ place }) => place), ...stalled]).size,
    stalled: stalled.map(agentAt),
  };
}

function queueFigures(session: AgentSession, nowMs: number): HealthFigures['queues'] {
  const queues = session.get('locks.waitQueue') as Readonly<Record<string, readonly LockRequest[]>>;
  return Object.entries(queues).map(([resource, queue]) => ({
    resource,
    waiting: queue.length,
    waitMs: longestWaitMs(queue, nowMs),
  }));
}

/** How full the disk of a directory is, or why that cannot be said. */
export async function diskFigures(directory: string): Promise<HealthFigures['disk']> {
  try {
    const { bavail, blocks } = await statfs(directory);
    return { freeShare: blocks === 0 ? 1 : bavail / blocks };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { failed: { reason: code ?? String(error) } };
  }
}
