/** Append: `task.progress` commands through the handle of a session, each awaited until it is durable. */
import type { Swarm } from '../../src/coordinator/swarm.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import { commitVariant, goal, SESSIONS_MAX, type Write } from '../commits.ts';
import { pulseOf, registerPulses } from '../pulses.ts';
import type { Work } from '../work.ts';

/** The work, with one variant per number of writers. */
export const append: Work = {
  work: 'append',
  summary: 'durable task.progress commands of sessions, one at a time per writer',
  variants: [
    commitVariant(1, goal(0.75, 0.85), progress),
    commitVariant(64, goal(0.45, 0.6), progress),
    commitVariant(1_024, { ...goal(0.3, 0.45), p99RatioMax: 4 }, progress),
  ],
};

async function progress(swarm: Swarm, inFlight: number): Promise<Write> {
  const writers = await runningTasks(swarm, inFlight);
  return async (writer, turn) => {
    const { session, taskId } = writers[writer] ?? missing();
    return session.tasks.progress(taskId, turn % 100, `parsed ${turn % 100} of 100`);
  };
}

interface Writer {
  readonly session: AgentSession;
  readonly taskId: string;
}

/** A running task for every writer, spread over a few sessions. */
async function runningTasks(swarm: Swarm, count: number): Promise<readonly Writer[]> {
  const sessions = await registerPulses(swarm, Math.min(count, SESSIONS_MAX));
  return Promise.all(
    Array.from({ length: count }, async (_, writer) => {
      const session = pulseOf(sessions, writer);
      const { id } = await session.tasks.create({ goal: `index src/module-${writer}.ts` });
      await session.tasks.claim({ taskId: id, start: true });
      return { session, taskId: id };
    }),
  );
}

function missing(): never {
  throw new Error('every writer has a session and a task');
}
