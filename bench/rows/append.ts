/** Append: `task.progress` commands through the handle of a session, each awaited until it is durable. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import { FLOOR_EVENT_BYTES } from '../floor.ts';
import { appendToFloor } from '../floor-writers.ts';
import { closedLoop, compare, type Sample } from '../harness.ts';
import { pulseOf, registerPulses } from '../pulses.ts';
import { storedBytesAfter } from '../stored-bytes.ts';
import type { Goal, Variant, Work } from '../work.ts';

const DURATION_MS = 1_000;
const SESSIONS_MAX = 16;
const APPENDS_PER_COMMIT = 1;

function goal(minimum: number, aim: number): Goal {
  return { of: 'ratio', bound: 'at least', minimum, aim };
}

/** The work, with one variant per number of writers. */
export const append: Work = {
  work: 'append',
  summary: 'durable task.progress commands of sessions, one at a time per writer',
  variants: [
    variant(1, goal(0.75, 0.85)),
    variant(64, goal(0.45, 0.6)),
    variant(1_024, { ...goal(0.3, 0.45), p99RatioMax: 4 }),
  ],
};

function variant(inFlight: number, target: Goal): Variant {
  return {
    variant: `${inFlight} in flight`,
    unit: 'commits/s',
    goal: target,
    async measure(setting) {
      const measured = await compare(
        {
          floor: (directory) =>
            appendToFloor(directory, { inFlight, durationMs: DURATION_MS }, APPENDS_PER_COMMIT),
          ours: (directory) => progress(directory, inFlight),
        },
        setting,
      );
      return { ...measured, floorBytesPerCommit: FLOOR_EVENT_BYTES };
    },
  };
}

async function progress(directory: string, inFlight: number): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  let sample: Sample;
  let from: number;
  try {
    const writers = await runningTasks(swarm, inFlight);
    from = swarm.durableSequence;
    sample = await closedLoop({ inFlight, durationMs: DURATION_MS }, async (writer, turn) => {
      const { session, taskId } = writers[writer] ?? missing();
      return session.tasks.progress(taskId, turn % 100, `parsed ${turn % 100} of 100`);
    });
  } finally {
    await swarm.close();
  }
  const bytes = await storedBytesAfter(directory, from);
  return { ...sample, bytesPerCommit: bytes / sample.latenciesMs.length };
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
