/** The Conductor of the demonstration: makes one task per source. */
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { Workplace } from './workplace.ts';

/** Registers the Conductor. */
export async function registerConductor({ swarm }: Workplace): Promise<AgentSession> {
  return swarm.register({ agentType: 'conductor', agentId: 'conductor' });
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
  return tasks.length;
}
