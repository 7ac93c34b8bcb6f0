/** Watch: what the writes of `state-update` cost when somebody watches, against the same writes when nobody does. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { closedLoop, compare, type Sample } from '../harness.ts';
import { pulseOf, registerPulses } from '../pulses.ts';
import type { Goal, Variant, Work } from '../work.ts';

const DURATION_MS = 1_000;
const IN_FLIGHT = 1_024;
const SESSIONS = 16;
const OTHERS = 100;

/** The work; the floor is our own speed with no watch. */
export const watch: Work = {
  work: 'watch',
  summary: `durable writes of session data, ${IN_FLIGHT.toLocaleString('en')} in flight, while they are watched`,
  variants: [
    variant('one watch of all that is written', goal(0.5, 0.7), (swarm) => [
      swarm.watch('agents.*.*.data.currentIteration'),
    ]),
    variant(`${OTHERS} watches of other places`, goal(0.7, 0.9), (swarm) =>
      Array.from({ length: OTHERS }, (_, number) => swarm.watch(`global.tasks.t-${number}.**`)),
    ),
  ],
};

function goal(minimum: number, aim: number): Goal {
  return { of: 'ratio', bound: 'at least', minimum, aim };
}

type Watching = (swarm: Swarm) => readonly ReturnType<Swarm['watch']>[];

function variant(name: string, target: Goal, watching: Watching): Variant {
  return {
    variant: name,
    unit: 'commits/s',
    goal: target,
    measure: async (setting) =>
      compare(
        {
          floor: (directory) => updates(directory, () => []),
          ours: (directory) => updates(directory, watching),
        },
        setting,
      ),
  };
}

async function updates(directory: string, watching: Watching): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  try {
    const sessions = await registerPulses(swarm, SESSIONS);
    const watches = watching(swarm);
    const told = watches.map(count);
    const sample = await closedLoop(
      { inFlight: IN_FLIGHT, durationMs: DURATION_MS },
      async (writer, turn) => {
        const session = pulseOf(sessions, writer);
        const path = `agents.pulse.${session.identity.sessionId}.data.currentIteration`;
        // Every write changes the value, which is 0 at first, also when several writers share a session.
        await session.update({ path, newValue: turn * IN_FLIGHT + writer + 1 });
      },
    );
    await new Promise(setImmediate); // the watches have taken what is durable by then
    await Promise.all(watches.map(async (one) => one[Symbol.asyncDispose]()));
    const [first] = await Promise.all(told);
    if (watches.length === 1 && (first ?? 0) < sample.latenciesMs.length) {
      throw new Error(`${first} of ${sample.latenciesMs.length} changes were told`);
    }
    return sample;
  } finally {
    await swarm.close();
  }
}

async function count(changes: AsyncIterable<unknown>): Promise<number> {
  let told = 0;
  for await (const _change of changes) told += 1;
  return told;
}
