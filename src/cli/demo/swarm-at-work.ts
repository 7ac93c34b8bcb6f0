/** The demonstration's swarm: five kinds of agent over one directory, and the death of one of them in the middle. */
import type { Swarm } from '../../coordinator/swarm.ts';
import { createTasks, handReportOver, registerConductor } from './conductor.ts';
import { runDreamWeaver, type Written } from './dream-weaver.ts';
import { runGuardian } from './guardian.ts';
import { runHeartbeat } from './heartbeat.ts';
import { registerPulse, runPulse, type Death, type Fate } from './pulse.ts';
import { pause, workIsLeft, type Workplace } from './workplace.ts';
import type { SwarmMetrics } from '../../projections/metrics.ts';

/** What the swarm is to do. */
export interface Job {
  readonly sources: string;
  readonly projectName: string;
  readonly files: readonly string[];
  readonly reportPath: string;
  /** How many Pulse sessions. */
  readonly agents: number;
}

/** What is told while it works. */
export interface Told {
  progress(done: number, of: number): void;
  event(text: string): void;
}

/** What came of it. */
export interface Outcome {
  /** The sequence of the first event of this run. */
  readonly fromSequence: number;
  readonly taskIds: readonly string[];
  readonly death: Death | undefined;
  /** What was written, and the task of it, which changed hands. */
  readonly report: Written & { readonly taskId: string };
}

/** Does the job. */
export async function workAsSwarm(swarm: Swarm, job: Job, told: Told): Promise<Outcome> {
  await endEarlierRun(swarm);
  const fromSequence = swarm.sequence + 1;
  const over = new AbortController();
  const workplace: Workplace = {
    swarm,
    ...job,
    tasks: job.files.length,
    openTaskIds: new Set(),
    over: over.signal,
  };
  const conductor = await registerConductor(workplace);
  const total = await createTasks(conductor, workplace, job.files);
  const taskIds = [...workplace.openTaskIds];
  told.event(`the Conductor made ${total} tasks, one per source`);
  const watchers = [
    runHeartbeat(workplace, ({ code }) =>
      told.event(`the Heartbeat may not write the health of the swarm: ${code}`),
    ),
    ...['guardian-1', 'guardian-2'].map(async (agentId) =>
      runGuardian(workplace, agentId, ({ status, issues }) =>
        told.event(`${agentId} finds the swarm ${[status, ...issues].join(': ')}`),
      ),
    ),
    keepProgress(workplace, { conductor, total, told }),
  ];
  const report = runDreamWeaver(workplace, taskIds);
  const sessions = await Promise.all(
    Array.from({ length: job.agents }, async (_, index) =>
      registerPulse(workplace, `pulse-${index + 1}`),
    ),
  );
  const fate = dieOnce(workplace, { total, told });
  const ends = await Promise.all(
    sessions.map(async (session) => runPulse(session, workplace, fate)),
  );
  const { taskId, draftWords } = await handReportOver(conductor, workplace);
  told.event(`the Conductor handed the report over, and read its draft of ${draftWords} words`);
  const written = await report;
  over.abort();
  await Promise.all(watchers);
  const death = ends.find((end) => end !== undefined);
  return { fromSequence, taskIds: [...taskIds, taskId], death, report: { ...written, taskId } };
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
function dieOnce(workplace: Workplace, { total, told }: { total: number; told: Told }): Fate {
  let hasDied = false;
  return ({ identity: { agentId } }) => {
    if (hasDied || workplace.openTaskIds.size > Math.ceil(total / 2)) return false;
    hasDied = true;
    told.event(`${agentId} dies without a word, holding a lock and a task`);
    return true;
  };
}

/** The Conductor lives as long as the work does, and tells how far it is. */
async function keepProgress(
  workplace: Workplace,
  {
    conductor,
    total,
    told,
  }: { conductor: Awaited<ReturnType<typeof registerConductor>>; total: number; told: Told },
): Promise<void> {
  const before = (conductor.get('global.metrics') as SwarmMetrics).totalTasksCompleted;
  while (!workplace.over.aborted) {
    const { totalTasksCompleted } = conductor.get('global.metrics') as SwarmMetrics;
    told.progress(totalTasksCompleted - before, total);
    await conductor.heartbeat();
    await pause(workIsLeft(workplace) ? 50 : 100, workplace.over);
  }
  told.progress(total, total);
  await conductor.stop('every task has ended');
}
