/** Query: one field of each of 10,000 sessions by a pattern, against making the whole state. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { compare, type Sample } from '../harness.ts';
import type { Work } from '../work.ts';

const SESSIONS = 10_000;
const PATTERN = 'agents.*.*.status';
/** Reads in a sample, after a write each, so that no answer is kept from the one before. */
const READS = 10;

/** The work; the floor is `swarm.state`, from which the same could be picked. */
export const query: Work = {
  work: 'query',
  summary: `${PATTERN} over ${SESSIONS.toLocaleString('en')} sessions, against making the whole state`,
  variants: [
    {
      variant: `${SESSIONS.toLocaleString('en')} sessions`,
      unit: 'ms',
      goal: { of: 'ratio', bound: 'at least', minimum: 1, aim: 1.5 },
      async measure(setting) {
        return compare(
          {
            floor: async (directory) =>
              reads(directory, ({ state }) =>
                Object.values(state.agents).reduce((sum, of) => sum + Object.keys(of).length, 0),
              ),
            ours: async (directory) => reads(directory, (swarm) => swarm.query(PATTERN).length),
            isTime: true,
          },
          setting,
        );
      },
    },
  ],
};

async function reads(directory: string, read: (swarm: Swarm) => number): Promise<Sample> {
  const swarm = await openSwarm({ directory, config: { maxConcurrentAgents: SESSIONS } });
  try {
    await Promise.all(
      Array.from({ length: SESSIONS }, async (_, number) =>
        swarm.register({ agentType: 'pulse', agentId: `pulse-${number}`, heartbeatTimeout: 0 }),
      ),
    );
    const latenciesMs: number[] = [];
    for (let turn = 0; turn < READS; turn++) {
      await swarm.update({ path: 'global.health.issues', newValue: [`issue ${turn}`] });
      const startMs = performance.now();
      const found = read(swarm);
      latenciesMs.push(performance.now() - startMs);
      if (found !== SESSIONS) throw new Error(`found ${found} of ${SESSIONS} sessions`);
    }
    const value = latenciesMs.toSorted((one, other) => one - other)[READS / 2] ?? 0;
    return { value, latenciesMs };
  } finally {
    await swarm.close();
  }
}
