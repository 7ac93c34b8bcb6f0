/** Locks: acquire and release, each awaited until it is durable; alone, side by side, and many on one resource. */
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { FloorLock } from '../floor-lock.ts';
import { appendToFloor, onFloor } from '../floor-writers.ts';
import { closedLoop, compare, type Load, type Sample, type Sides } from '../harness.ts';
import { pulseOf, registerPulses } from '../pulses.ts';
import type { Goal, Variant, Work } from '../work.ts';

const DURATION_MS = 1_000;
const SESSIONS = 16;
const APPENDS_PER_PAIR = 2;

const alone: Load = { inFlight: 1, durationMs: DURATION_MS };
const together: Load = { inFlight: SESSIONS, durationMs: DURATION_MS };

/** The work, against two appends of the floor a pair; where sessions wait for each other, its lock passes on in memory. */
export const locks: Work = {
  work: 'locks',
  summary: 'acquire and release, each awaited: alone, on 16 resources, 16 waiting for one',
  variants: [
    variant('one at a time', goal(0.75, 0.85), {
      floor: (directory) => appendToFloor(directory, alone, APPENDS_PER_PAIR),
      ours: (directory) => acquireAndRelease(directory, alone, ownResource),
    }),
    variant(`${SESSIONS} resources`, goal(0.5, 0.6), {
      floor: (directory) => appendToFloor(directory, together, APPENDS_PER_PAIR),
      ours: (directory) => acquireAndRelease(directory, together, ownResource),
    }),
    variant(`${SESSIONS} waiters on one resource`, goal(0.6, 0.75), {
      floor: takeTurnsOnFloor,
      ours: (directory) => acquireAndRelease(directory, together, () => 'src/module.ts'),
    }),
  ],
};

function goal(minimum: number, aim: number): Goal {
  return { of: 'ratio', bound: 'at least', minimum, aim };
}

function variant(name: string, target: Goal, sides: Sides): Variant {
  return {
    variant: name,
    unit: 'pairs/s',
    goal: target,
    measure: (setting) => compare(sides, setting),
  };
}

function ownResource(writer: number): string {
  return `src/module-${writer}.ts`;
}

async function takeTurnsOnFloor(directory: string): Promise<Sample> {
  return onFloor(directory, async (append) => {
    const lock = new FloorLock(append);
    return closedLoop(together, async () => {
      await lock.acquire();
      await lock.release();
    });
  });
}

/** Each writer with a session of its own. Throws when a grant did not come in the order of asking. */
async function acquireAndRelease(
  directory: string,
  load: Load,
  resourceOf: (writer: number) => string,
): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  try {
    const pulses = await registerPulses(swarm, load.inFlight);
    const order = new AskingOrder();
    return await closedLoop(load, async (writer) => {
      const session = pulseOf(pulses, writer);
      const resource = resourceOf(writer);
      order.asks(resource, writer); // a call has its place in the queue before it returns
      const lock = await session.locks.acquire({ resource, type: 'exclusive' });
      if (lock === null) throw new Error('a lock was not granted in time');
      order.gets(resource, writer);
      await session.locks.release(lock.id);
    });
  } finally {
    await swarm.close();
  }
}

/** Who asked for a resource and has not got it yet, in order. */
class AskingOrder {
  readonly #waiting = new Map<string, number[]>();

  asks(resource: string, writer: number): void {
    const waiting = this.#waiting.get(resource);
    if (waiting === undefined) this.#waiting.set(resource, [writer]);
    else waiting.push(writer);
  }

  gets(resource: string, writer: number): void {
    const first = this.#waiting.get(resource)?.shift();
    if (first !== writer) throw new Error(`writer ${writer} was served before writer ${first}`);
  }
}
