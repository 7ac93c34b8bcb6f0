/** The demonstration's swarm: the five agents over one directory, and the death of one Pulse session in the middle. */
import { builtInChecks } from '../../agents/built-in-checks.ts';
import type { ConductorRound } from '../../agents/conductor-round.ts';
import { runConductor } from '../../agents/conductor.ts';
import { runGuardian } from '../../agents/guardian.ts';
import { runHeartbeat } from '../../agents/heartbeat.ts';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { Swarm } from '../../coordinator/swarm.ts';
import { archiveReport, type Archived } from './archive.ts';
import { createTasks, handReportOver, RULES, type Tasks } from './conductor.ts';
import { countSources } from './counting.ts';
import { writeReport, type Written } from './dream-weaver.ts';
import { logCheck, overreach } from './heartbeat.ts';
import { plural } from './markdown.ts';
import { tellNews, type Told } from './news.ts';
import { analyseSources, registerPulse, type Death, type Fate } from './pulse.ts';
import { until, type Workplace } from './workplace.ts';

/** What the swarm is to do. */
export interface Job {
  readonly sources: string;
  readonly projectName: string;
  readonly files: readonly string[];
  /** Where the log is. */
  readonly directory: string;
  readonly reportPath: string;
  /** How many Pulse sessions analyse. */
  readonly agents: number;
}

/** What came of it. */
export interface Outcome {
  /** The sequence of the first event of this run. */
  readonly fromSequence: number;
  readonly taskIds: readonly string[];
  readonly death: Death | undefined;
  /** What was written, and the task of it, which changed hands. */
  readonly report: Written & { readonly taskId: string };
  /** Undefined when there is no git. */
  readonly archive: Archived | undefined;
}

/** How often the watchers look, in milliseconds. */
const INTERVAL_MS = { heartbeat: 250, guardian: 100, conductor: 100 };

/** Does the job. */
export async function workAsSwarm(swarm: Swarm, job: Job, told: Told): Promise<Outcome> {
  await endEarlierRun(swarm);
  const fromSequence = swarm.sequence + 1;
  const conductor = await swarm.register({
    agentType: 'conductor',
    agentId: 'conductor',
    capacity: 1,
  });
  const tasks = await createTasks(conductor, job.sources, job.files);
  told.event(`the Conductor made ${plural(tasks.sourceIds.length, 'task')}, one per source`);
  const openTaskIds = new Set(tasks.sourceIds);
  const workplace: Workplace = { swarm, ...job, total: job.files.length, openTaskIds };
  const news = tellNews(swarm, { told, sourceIds: new Set(tasks.sourceIds) });
  // Before the Conductor looks: for its rules, no Pulse with a task means that all is done.
  const pulses = await Promise.all(
    Array.from({ length: job.agents }, async (_, index) =>
      registerPulse(workplace, `pulse-${index + 1}`),
    ),
  );
  const over = new AbortController();
  const [outcome] = await Promise.all([
    work(workplace, { tasks, conductor, pulses, told }).finally(() => over.abort()),
    conduct(conductor, told, over.signal),
    watch(swarm, { job, told, signal: over.signal }),
  ]);
  const sequence = await swarm.durable();
  await until(() => news.next > sequence);
  return { fromSequence, ...outcome };
}

/** From the first analysis to the commit of the report. */
async function work(
  workplace: Workplace,
  { tasks, conductor, pulses, told }: WorkParts,
): Promise<Omit<Outcome, 'fromSequence'>> {
  const { swarm, openTaskIds } = workplace;
  const { sourceIds, reportId } = tasks;
  const counted = countSources(swarm, new Set(sourceIds));
  const weaver = await swarm.register({ agentType: 'dream_weaver', agentId: 'dream-weaver' });
  const fate = dieOnce(openTaskIds, told);
  const [written, draftWords, ...ends] = await Promise.all([
    writeReport(weaver, workplace, sourceIds),
    handReportOver(conductor, workplace, reportId),
    ...pulses.map(async (session) => analyseSources(session, workplace, fate)),
  ]);
  told.event(
    `the Conductor read its draft of ${draftWords} words; ${weaver.identity.agentId} wrote it`,
  );
  const archive = await archiveReport(workplace, told);
  const isComplete = (id: string) => swarm.get(`global.tasks["${id}"].status`) === 'complete';
  await counted(sourceIds.filter(isComplete).length);
  return {
    taskIds: [...sourceIds, reportId, ...(archive === undefined ? [] : [archive.taskId])],
    death: ends.find((end) => end !== undefined),
    report: { ...written, taskId: reportId },
    archive,
  };
}

interface WorkParts {
  readonly tasks: Tasks;
  readonly conductor: AgentSession;
  readonly pulses: readonly AgentSession[];
  readonly told: Told;
}

/** Gives out the tasks until the work is over. */
async function conduct(conductor: AgentSession, told: Told, signal: AbortSignal): Promise<void> {
  const onRound = ({ decisions }: ConductorRound) => {
    const moved = decisions.filter(({ type }) => type === 'handoff').length;
    if (moved > 0)
      told.event(`the Conductor gives others what waited with it: ${plural(moved, 'task')}`);
  };
  const intervalMs = INTERVAL_MS.conductor;
  await runConductor(conductor, { rules: RULES, intervalMs, onRound, signal });
  await conductor.stop('the work is over');
}

/** A Heartbeat, and two Guardians, since one may die: they look until the work is over. */
async function watch(
  swarm: Swarm,
  { job: { directory }, told, signal }: { job: Job; told: Told; signal: AbortSignal },
): Promise<void> {
  const heartbeat = await swarm.register({ agentType: 'heartbeat', agentId: 'heartbeat' });
  await overreach(heartbeat);
  const guardians = await Promise.all(
    ['guardian-1', 'guardian-2'].map(async (agentId) =>
      swarm.register({ agentType: 'guardian', agentId }),
    ),
  );
  await Promise.all([
    runHeartbeat(heartbeat, {
      checks: [...builtInChecks({ directory }), logCheck(swarm)],
      intervalMs: INTERVAL_MS.heartbeat,
      deliver: ({ summary }) => told.event(`the Heartbeat reports: ${summary}`),
      signal,
    }),
    ...guardians.map(async (guardian) =>
      runGuardian(guardian, { intervalMs: INTERVAL_MS.guardian, directory, log: swarm, signal }),
    ),
  ]);
  for (const session of [heartbeat, ...guardians]) await session.stop('the work is over');
}

/** A run that was interrupted in this directory left sessions and tasks behind. */
async function endEarlierRun(swarm: Swarm): Promise<void> {
  const reason = 'left behind by an earlier run';
  const { agents, global } = swarm.state;
  for (const { sessionId, status } of Object.values(agents).flatMap((kind) =>
    Object.values(kind),
  )) {
    if (status === 'offline') continue;
    await swarm.dispatch({ type: 'session.stop', payload: { sessionId, reason } });
  }
  for (const { id, status } of Object.values(global.tasks)) {
    if (status !== 'pending' && status !== 'running') continue;
    await swarm.dispatch({ type: 'task.cancel', payload: { taskId: id, reason } });
  }
}

/** Whoever holds a file once half of the tasks have ended dies without a word; once. */
function dieOnce(openTaskIds: ReadonlySet<string>, told: Told): Fate {
  const half = Math.ceil(openTaskIds.size / 2);
  let hasDied = false;
  return ({ identity: { agentId } }) => {
    if (hasDied || openTaskIds.size > half) return false;
    hasDied = true;
    told.event(`${agentId} dies without a word, holding a lock and a task`);
    return true;
  };
}
