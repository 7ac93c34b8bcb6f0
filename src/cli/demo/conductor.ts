/** The Conductor of the demonstration: makes one task per source, and at the end hands the report over to whoever writes. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { ConductorDecision } from '../../events/state-schemas.ts';
import type { TaskState } from '../../events/task-state.ts';
import { draftPathOf, pause, REPORT, type Workplace } from './workplace.ts';

/** Registers the Conductor, with the rule by which it sends the tasks. */
export async function registerConductor({ swarm }: Workplace): Promise<AgentSession> {
  const conductor = await swarm.register({ agentType: 'conductor', agentId: 'conductor' });
  await conductor.append(`${dataOf(conductor)}.routingTable`, {
    id: 'sources',
    condition: { taskType: 'analyse' },
    target: 'pulse',
    weight: 1,
    enabled: true,
  });
  return conductor;
}

function dataOf({ identity }: AgentSession): string {
  return `agents.conductor.${identity.sessionId}.data`;
}

/** Writes down what it decided, and why (specification, `ConductorDecision`). */
async function note(
  conductor: AgentSession,
  decision: Pick<ConductorDecision, 'type' | 'input' | 'output' | 'reason'>,
): Promise<void> {
  const id = randomUUID();
  const timestamp = new Date().toISOString();
  await conductor.append(`${dataOf(conductor)}.decisions`, { id, ...decision, timestamp });
}

/** Makes the tasks; returns how many. They are asked for at once, so that many share a block of the log. */
export async function createTasks(
  conductor: AgentSession,
  { openTaskIds, sources }: Workplace,
  files: readonly string[],
): Promise<number> {
  const tasks = await Promise.all(
    files.map((file) =>
      conductor.tasks.create({
        goal: `analyse ${file}`,
        metadata: { type: 'analyse', directory: sources, file },
      }),
    ),
  );
  for (const { id } of tasks) openTaskIds.add(id);
  await note(conductor, {
    type: 'route',
    input: { taskType: 'analyse', tasks: tasks.length },
    output: { target: 'pulse', rule: 'sources' },
    reason: 'whoever is free claims the next one',
  });
  return tasks.length;
}

/**
 * Begins the report and hands it over to the Dream Weaver. While it reads the draft it holds a shared lock on the report, until
 * somebody waits to write it; returns the task, and how many words the draft had.
 */
export async function handReportOver(
  conductor: AgentSession,
  { reportPath }: Workplace,
): Promise<{ readonly taskId: string; readonly draftWords: number }> {
  const reading = await conductor.locks.acquire({ resource: REPORT, type: 'shared', ttl: 60_000 });
  const { id: taskId } = await conductor.tasks.create({ goal: 'write the report' });
  await conductor.tasks.claim({ taskId, start: true });
  const to = { agentType: 'dream_weaver' } as const;
  const reason = 'every source is analysed; now write';
  const { id: handoffId } = await conductor.handoffs.request({ taskId, to, reason });
  await note(conductor, {
    type: 'handoff',
    input: { taskId },
    output: { handoffId, ...to },
    reason,
  });
  while ((conductor.get(`global.tasks["${taskId}"]`) as TaskState).progress < 50) await pause(10);
  const draft = await readFile(draftPathOf(reportPath), 'utf8');
  while (conductor.locks.getWaitQueue(REPORT).length === 0) await pause(5); // nobody wants to write it yet
  if (reading !== null) await conductor.locks.release(reading.id);
  return { taskId, draftWords: draft.split(/\s+/).length };
}
