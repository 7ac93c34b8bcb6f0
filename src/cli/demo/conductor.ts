/** What the Conductor of the demonstration makes and hands over. Who gets which task, `runConductor` decides by its rules. */
import { readFile } from 'node:fs/promises';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { RoutingRule } from '../../events/state-schemas.ts';
import type { TaskState } from '../../events/task-state.ts';
import { draftPathOf, REPORT, until, type Workplace } from './workplace.ts';

/** The routing table. The report waits until no Pulse has a task any more, one that died included. */
export const RULES: readonly RoutingRule[] = [
  {
    id: 'sources',
    condition: { taskType: 'analyse' },
    target: 'pulse',
    weight: 1,
    enabled: true,
  },
  {
    id: 'report',
    condition: { taskType: 'report', custom: 'loads.pulse.tasks == 0' },
    target: 'conductor',
    weight: 1,
    enabled: true,
  },
];

/** The tasks of a run. */
export interface Tasks {
  readonly sourceIds: readonly string[];
  readonly reportId: string;
}

/**
 * Makes one task per source, and one for the report. They are asked for at once, so that many share a block of the log; the
 * report comes last, since it is the least urgent.
 */
export async function createTasks(
  conductor: AgentSession,
  sources: string,
  files: readonly string[],
): Promise<Tasks> {
  const [report, ...analyses] = await Promise.all([
    conductor.tasks.create({
      goal: 'write the report',
      priority: 'low',
      metadata: { type: 'report' },
    }),
    ...files.map(async (file) =>
      conductor.tasks.create({
        goal: `analyse ${file}`,
        metadata: { type: 'analyse', directory: sources, file },
      }),
    ),
  ]);
  return { sourceIds: analyses.map(({ id }) => id), reportId: report.id };
}

/**
 * Begins the report when it is its turn, and hands it over to the Dream Weaver. While it reads the draft it holds a shared lock
 * on the report, until somebody waits to write it. Returns how many words the draft had.
 */
export async function handReportOver(
  conductor: AgentSession,
  { reportPath, openTaskIds }: Workplace,
  taskId: string,
): Promise<number> {
  const task = () => conductor.get(`global.tasks["${taskId}"]`) as TaskState;
  // What a session that ended gives back is with nobody for a moment.
  await until(() => task().assignedTo !== null && openTaskIds.size === 0);
  const reading = await conductor.locks.acquire({ resource: REPORT, type: 'shared', ttl: 60_000 });
  await conductor.tasks.start(taskId);
  const to = { agentType: 'dream_weaver' } as const;
  const reason = 'every source is analysed; now write';
  await conductor.handoffs.request({ taskId, to, reason });
  await until(() => task().progress >= 50); // the draft is there
  const draft = await readFile(draftPathOf(reportPath), 'utf8');
  await until(() => conductor.locks.getWaitQueue(REPORT).length > 0); // now somebody wants to write it
  if (reading !== null) await conductor.locks.release(reading.id);
  return draft.split(/\s+/).length;
}
