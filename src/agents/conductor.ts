/**
 * The Conductor at work: gives out the tasks that nobody has, by the rules of its routing table, and writes down every decision
 * (specification, "Conductor State").
 *
 * Over the public doors only. The rules stand in the state, so whoever may write them changes them while it runs. Where a task
 * goes is said in `routing.ts`, which tasks are looked at in `conductor-candidates.ts`. Whoever registered the session
 * stops it.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { refuse, Refused } from '../core/errors.ts';
import { randomIds, type IdSource } from '../core/ids.ts';
import { canonicalJson } from '../core/json.ts';
import type { RoutingRule } from '../events/state-schemas.ts';
import { loadLanguage } from '../protocol/expression-language.ts';
import { Backlog } from './backlog.ts';
import { checkOptions, checkSession, misused } from './check-options.ts';
import { goRound, type ConductorRound } from './conductor-round.ts';
import { conductorData, conductorPath, fieldOf } from './load-reader.ts';

/** How a Conductor works. */
export interface ConductorOptions {
  /** Written to its routing table when it begins; what stands there is left alone when absent. */
  readonly rules?: readonly RoutingRule[];
  /** For the times of decisions, and for waiting. */
  readonly clock?: Clock;
  /** For the ids of decisions. */
  readonly ids?: IdSource;
}

/** How a Conductor works until somebody ends it. */
export interface ConductorRun extends ConductorOptions {
  readonly signal?: AbortSignal;
  /**
   * How long, in milliseconds, until it looks again when no task tells it to: for new sessions and rules, and for tasks whose
   * time comes. 500 when absent.
   */
  readonly intervalMs?: number;
  /** Told of every round in which something was decided or left. */
  readonly onRound?: (round: ConductorRound) => void;
}

const INTERVAL_MS = 500;

/**
 * Gives out tasks until the signal aborts: at once when a task waits or somebody gets room, and at an interval. It decides nothing
 * while its session is paused or drains.
 * @throws {Refused} `FORBIDDEN` when the session is no Conductor's; `INVALID_INPUT` for rules that cannot be used, or of which
 *   two have the same id, and for other options that cannot be meant;
 *   `SESSION_OFFLINE`, `CLOSED`, `HALTED` and others when it cannot go on
 *
 * @example
 * const swarm = await openSwarm();
 * const conductor = await swarm.register({ agentType: 'conductor', agentId: 'carl', sessionId: 'c' });
 * await swarm.register({ agentType: 'pulse', agentId: 'ant', capacity: 2 });
 * const decisions = swarm.watch('agents.conductor.c.data.decisions.*');
 * const end = new AbortController();
 * const rules = [{ id: 'all', condition: {}, target: 'pulse', weight: 1, enabled: true }];
 * const running = runConductor(conductor, { rules, signal: end.signal });
 * await conductor.tasks.create({ goal: 'count the leaves' });
 * const { value } = await decisions.next();
 * console.log(value.value.type, value.value.output.assignedTo.agentId); // route ant
 * end.abort();
 * await running;
 */
export async function runConductor(session: AgentSession, run: ConductorRun = {}): Promise<void> {
  checkCall('runConductor', session, run);
  const { clock = systemClock, intervalMs = INTERVAL_MS, onRound } = run;
  await begin(session, run);
  const backlog = new Backlog(session);
  try {
    while (run.signal?.aborted !== true) {
      try {
        const round = await look(session, backlog, run);
        if (round.decisions.length > 0 || round.left.length > 0) onRound?.(round);
        await session.heartbeat();
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      await backlog.news(intervalMs, { clock, signal: run.signal });
    }
  } finally {
    backlog.close();
  }
}

/**
 * Looks once at every task that waits or is stuck, and gives out what it can. Resolves when that is durable. Refuses as
 * {@link runConductor}.
 */
export async function conductOnce(
  session: AgentSession,
  options: ConductorOptions = {},
): Promise<ConductorRound> {
  checkCall('conductOnce', session, options);
  await begin(session, options);
  const backlog = new Backlog(session);
  try {
    return await look(session, backlog, options);
  } finally {
    backlog.close();
  }
}

/** Whether something is refused only for the moment: the next round tries again. */
function isPassing(error: unknown): boolean {
  return error instanceof Refused && (error.code === 'OVERLOADED' || error.code === 'PATH_LOCKED');
}

/** Refuses what can only be a mistake. */
function checkCall(
  runtime: 'runConductor' | 'conductOnce',
  session: AgentSession,
  options: ConductorOptions,
): void {
  checkSession(runtime, session);
  const { agentId, agentType } = session.identity;
  if (agentType !== 'conductor') {
    throw new Refused(
      refuse('FORBIDDEN', `${agentId} is a ${agentType}: only a Conductor gives out tasks.`, {
        agentId,
        agentType,
      }),
    );
  }
  checkOptions(runtime, options);
  const ids = options.rules?.map(({ id }) => id) ?? [];
  const twice = ids.find((id: unknown, at) => typeof id === 'string' && ids.indexOf(id) !== at);
  if (twice === undefined) return;
  const why = `have the id ${twice} twice, so nobody could tell by which one a task was sent`;
  throw misused(runtime, 'rules', why);
}

async function begin(session: AgentSession, { rules }: ConductorOptions): Promise<void> {
  await loadLanguage();
  if (rules === undefined) return;
  if (canonicalJson(rules) === canonicalJson(conductorData(session, 'routingTable'))) return;
  await session.update({ path: conductorPath(session, 'routingTable'), newValue: rules });
}

async function look(
  session: AgentSession,
  backlog: Backlog,
  { clock = systemClock, ids = randomIds }: ConductorOptions,
): Promise<ConductorRound> {
  await backlog.settle();
  const status = fieldOf(session, { ...session.identity, agentType: 'conductor' }, 'status');
  if (status === 'paused' || status === 'draining') return { decisions: [], left: [] };
  return goRound(session, { open: backlog, clock, ids });
}
