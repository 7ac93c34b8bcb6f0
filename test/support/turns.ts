/** Waiting for an agent that works on its own: real time passes for its I/O, while the clock of its swarm stands still. */
import { setTimeout as realTime } from 'node:timers/promises';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import type { ManualClock } from '../../src/testing/index.ts';

/** Far more than any I/O of a test takes. */
const PATIENCE_MS = 10_000;

/** Waits until something holds; throws when it does not in time. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`it never came to pass: ${what}`);
    await realTime(1);
  }
}

/** Everything that was asked of a swarm is durable, and whoever waited for that has gone on. */
export async function quiet(swarm: Swarm, clock: ManualClock): Promise<void> {
  let sequence = -1;
  while (sequence !== swarm.sequence) {
    sequence = swarm.sequence;
    await swarm.durable();
    for (let turn = 0; turn < 5; turn++) await clock.advance(0);
  }
}
