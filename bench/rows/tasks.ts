/** Tasks: whole lives (create, assign, start, complete), each step awaited until it is durable, many lives at once. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { Floor, floorEvent } from '../floor.ts';
import { closedLoop, compare, type Sample } from '../harness.ts';
import type { Work } from '../work.ts';

const IN_FLIGHT = 64;
const PULSES = 16;
const DURATION_MS = 1_000;
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
      measure: (setting) => compare({ floor: appendFour, ours: live }, setting),
    },
  ],
};

async function appendFour(directory: string): Promise<Sample> {
  const engine = await openLevelEngine(directory, { create: true });
  try {
    const floor = new Floor(engine.database);
    let number = 0;
    return await closedLoop({ inFlight: IN_FLIGHT, durationMs: DURATION_MS }, async () => {
      for (let step = 0; step < APPENDS_PER_LIFE; step++) {
        number += 1;
        await floor.append(floorEvent(number));
      }
    });
  } finally {
    await engine.close();
  }
}

async function live(directory: string): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  try {
    const conductor = await swarm.register({ agentType: 'conductor', agentId: 'conductor-1' });
    const pulses: AgentSession[] = [];
    for (let number = 1; number <= PULSES; number++) {
      pulses.push(await swarm.register({ agentType: 'pulse', agentId: `pulse-${number}` }));
    }
    return await closedLoop(
      { inFlight: IN_FLIGHT, durationMs: DURATION_MS },
      async (writer, turn) => {
        const pulse = pulses[writer % PULSES] ?? conductor;
        const { id } = await conductor.tasks.create({
          goal: `index src/module-${writer}-${turn}.ts`,
        });
        await conductor.tasks.assign(id, pulse.identity);
        await pulse.tasks.start(id);
        await pulse.tasks.complete(id, { functions: 12 });
      },
    );
  } finally {
    await swarm.close();
  }
}
