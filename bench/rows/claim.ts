/** Claim: 64 sessions drain a queue of pending tasks, and each task goes to exactly one of them. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import { onFloor } from '../floor-writers.ts';
import { compare, drain, type Sample } from '../harness.ts';
import { pulseOf, registerPulses } from '../pulses.ts';
import type { Work } from '../work.ts';

const SESSIONS = 64;
const TASKS = 10_000;
const CREATIONS_IN_FLIGHT = 1_024;

/** The work, against two appends of the floor a task: the claim, which starts it, and the completion. */
export const claim: Work = {
  work: 'claim',
  summary: `${SESSIONS} sessions claim and complete ${TASKS.toLocaleString('en')} tasks until none is left`,
  variants: [
    {
      variant: `${SESSIONS} sessions, ${TASKS.toLocaleString('en')} tasks`,
      unit: 'tasks/s',
      goal: { of: 'ratio', bound: 'none' },
      async measure(setting) {
        const measured = await compare({ floor: appendTwice, ours: claimAll }, setting);
        return { ...measured, doubleClaims: 0 }; // one would have thrown
      },
    },
  ],
};

async function appendTwice(directory: string): Promise<Sample> {
  return onFloor(directory, async (append) => {
    let left = TASKS;
    return drain(SESSIONS, async () => {
      if (left === 0) return false;
      left -= 1;
      await append();
      await append();
      return true;
    });
  });
}

/** Throws when a task was claimed twice, or never. */
async function claimAll(directory: string): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  try {
    const pulses = await registerPulses(swarm, SESSIONS);
    await createTasks(pulseOf(pulses, 0));
    const claimed = new Set<string>();
    const sample = await drain(SESSIONS, async (writer) => {
      const { tasks } = pulseOf(pulses, writer);
      const task = await tasks.claimNext({ start: true });
      if (task === null) return false;
      if (claimed.has(task.id)) throw new Error(`task ${task.id} was claimed twice`);
      claimed.add(task.id);
      await tasks.complete(task.id, { functions: 12 });
      return true;
    });
    if (claimed.size !== TASKS) throw new Error(`${TASKS - claimed.size} tasks were lost`);
    return sample;
  } finally {
    await swarm.close();
  }
}

async function createTasks({ tasks }: AgentSession): Promise<void> {
  let made = 0;
  await drain(CREATIONS_IN_FLIGHT, async () => {
    if (made === TASKS) return false;
    made += 1;
    await tasks.create({ goal: `index src/module-${made}.ts` });
    return true;
  });
}
