/** State updates: `session.update` of a field of the session's data, each awaited until it is durable. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
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
export const stateUpdate: Work = {
  work: 'state-update',
  summary: 'durable writes of a field of session data, one at a time per writer',
  variants: [variant(64, goal(0.4, 0.5)), variant(1_024, goal(0.25, 0.4))],
};

function variant(inFlight: number, target: Goal): Variant {
  return {
    variant: `${inFlight} in flight`,
    unit: 'commits/s',
    goal: target,
    async measure(setting) {
      const load = { inFlight, durationMs: DURATION_MS };
      const measured = await compare(
        {
          floor: (directory) => appendToFloor(directory, load, APPENDS_PER_COMMIT),
          ours: (directory) => updates(directory, inFlight),
        },
        setting,
      );
      return { ...measured, floorBytesPerCommit: FLOOR_EVENT_BYTES };
    },
  };
}

async function updates(directory: string, inFlight: number): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  let sample: Sample;
  let from: number;
  try {
    const sessions = await registerPulses(swarm, Math.min(inFlight, SESSIONS_MAX));
    const paths = sessions.map(
      ({ identity }) => `agents.pulse.${identity.sessionId}.data.currentIteration`,
    );
    from = swarm.durableSequence;
    sample = await closedLoop({ inFlight, durationMs: DURATION_MS }, async (writer, turn) => {
      const path = paths[writer % paths.length] ?? '';
      const { success } = await pulseOf(sessions, writer).update({ path, newValue: turn });
      if (!success) throw new Error('nobody expects a version here');
    });
  } finally {
    await swarm.close();
  }
  const bytes = await storedBytesAfter(directory, from);
  return { ...sample, bytesPerCommit: bytes / sample.latenciesMs.length };
}
