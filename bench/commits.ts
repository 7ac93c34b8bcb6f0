/** The works that count durable commits of so many writers, each beside one append of the floor. */
import { openSwarm } from '../src/coordinator/open-swarm.ts';
import type { Swarm } from '../src/coordinator/swarm.ts';
import { FLOOR_EVENT_BYTES } from './floor.ts';
import { appendToFloor } from './floor-writers.ts';
import { closedLoop, compare, type Sample } from './harness.ts';
import { storedBytesAfter } from './stored-bytes.ts';
import type { Goal, Variant } from './work.ts';

const DURATION_MS = 1_000;
const APPENDS_PER_COMMIT = 1;
/** So many sessions share the writers. */
export const SESSIONS_MAX = 16;

/** One commit of a writer, awaited until it is durable. */
export type Write = (writer: number, turn: number) => Promise<unknown>;

/** A ratio that is at least this, and better that. */
export function goal(minimum: number, aim: number): Goal {
  return { of: 'ratio', bound: 'at least', minimum, aim };
}

/** The variant for so many writers; `prepare` makes what they need, and says what one of them does. */
export function commitVariant(
  inFlight: number,
  target: Goal,
  prepare: (swarm: Swarm, inFlight: number) => Promise<Write>,
): Variant {
  return {
    variant: `${inFlight} in flight`,
    unit: 'commits/s',
    goal: target,
    async measure(setting) {
      const load = { inFlight, durationMs: DURATION_MS };
      const measured = await compare(
        {
          floor: (directory) => appendToFloor(directory, load, APPENDS_PER_COMMIT),
          ours: (directory) => commits(directory, inFlight, prepare),
        },
        setting,
      );
      return { ...measured, floorBytesPerCommit: FLOOR_EVENT_BYTES };
    },
  };
}

async function commits(
  directory: string,
  inFlight: number,
  prepare: (swarm: Swarm, inFlight: number) => Promise<Write>,
): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  let sample: Sample;
  let from: number;
  try {
    const write = await prepare(swarm, inFlight);
    from = swarm.durableSequence;
    sample = await closedLoop({ inFlight, durationMs: DURATION_MS }, write);
  } finally {
    await swarm.close();
  }
  const bytes = await storedBytesAfter(directory, from);
  return { ...sample, bytesPerCommit: bytes / sample.latenciesMs.length };
}
