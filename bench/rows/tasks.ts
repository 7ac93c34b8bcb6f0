/** Tasks: whole lives (create, assign, start, complete), each step awaited until it is durable, many lives at once. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { appendToFloor } from '../floor-writers.ts';
import { closedLoop, compare, type Load, type Sample } from '../harness.ts';
import { pulseOf, registerPulses } from '../pulses.ts';
import type { Work } from '../work.ts';

const IN_FLIGHT = 64;
const PULSES = 16;
const LOAD: Load = { inFlight: IN_FLIGHT, durationMs: 1_000 };
const APPENDS_PER_LIFE = 4;

/** The work, against as many appends of the floor as a life has commands. */
export const tasks: Work = {
  work: 'tasks',
  summary: 'create, assign, start, complete, each awaited, 64 lives at once',
  variants: [
    {
      variant: `${IN_FLIGHT} in flight`,
      unit: 'tasks/s',
      goal: { of: 'ratio', bound: 'at least', minimum: 0.45, aim: 0.6 },
      measure: (setting) =>
        compare(
          {
            floor: (directory) => appendToFloor(directory, LOAD, APPENDS_PER_LIFE),
            ours: live,
          },
          setting,
        ),
    },
  ],
};

async function live(directory: string): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  try {
    const conductor = await swarm.register({ agentType: 'conductor', agentId: 'conductor-1' });
    const pulses = await registerPulses(swarm, PULSES);
    return await closedLoop(LOAD, async (writer, turn) => {
      const pulse = pulseOf(pulses, writer);
      const { id } = await conductor.tasks.create({
        goal: `index src/module-${writer}-${turn}.ts`,
      });
      await conductor.tasks.assign(id, pulse.identity);
      await pulse.tasks.start(id);
      await pulse.tasks.complete(id, { functions: 12 });
    });
  } finally {
    await swarm.close();
  }
}
