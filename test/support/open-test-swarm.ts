/** A swarm under the hand of a test, whose live state is compared with its log when the test is over. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { OpenOptions } from '../../src/coordinator/open-options.ts';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { CheckpointStore } from '../../src/events/checkpoint-store.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { EventLog } from '../../src/events/log.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { checkReplay, countedIds, liveState, ManualClock } from '../../src/testing/index.ts';
import { commitsOf } from './random-life.ts';

/** A directory with a swarm that is opened and closed by the test; time stands still unless the test moves it. */
export class TestSwarm {
  readonly clock = new ManualClock();
  readonly directory: string;
  readonly #ids = countedIds();
  #swarm: Swarm | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  get swarm(): Swarm {
    if (this.#swarm === undefined) throw new Error('the test has closed its swarm');
    return this.#swarm;
  }

  async open(options: OpenOptions = {}): Promise<Swarm> {
    const { directory, clock } = this;
    this.#swarm = await openSwarm({ directory, clock, ids: this.#ids, ...options });
    return this.#swarm;
  }

  /** Closes, and compares what was shown with what the log gives. */
  async close(): Promise<void> {
    const { swarm } = this;
    await quiet(swarm);
    this.#swarm = undefined;
    const shown = liveState(swarm);
    await swarm.close();
    await checkReplay(this.directory, shown);
  }

  async reopen(options: OpenOptions & { readonly afterMs?: number } = {}): Promise<Swarm> {
    const { afterMs = 0, ...rest } = options;
    await this.close();
    this.clock.jump(afterMs);
    return this.open(rest);
  }

  /** How many checkpoints the log has; the swarm is closed for it. */
  async checkpoints(): Promise<number> {
    if (this.#swarm !== undefined) await this.close();
    const engine = await openLevelEngine(this.directory, { create: false });
    try {
      return (await new CheckpointStore(engine.database).list(Number.MAX_SAFE_INTEGER)).length;
    } finally {
      await engine.close();
    }
  }

  /** The commits of the log so far; the swarm is closed for it. */
  async commits(): Promise<readonly Commit[]> {
    if (this.#swarm !== undefined) await this.close();
    const engine = await openLevelEngine(this.directory, { create: false });
    try {
      return await commitsOf(EventLog.read(engine.database));
    } finally {
      await engine.close();
    }
  }

  get isOpen(): boolean {
    return this.#swarm !== undefined;
  }
}

/** Waits until nobody has anything more to ask by himself: subscriptions say how far they are. */
async function quiet(swarm: Swarm): Promise<void> {
  for (let before = -1; before !== swarm.sequence;) {
    before = swarm.sequence;
    await swarm.durable();
    for (let turns = 0; turns < 5; turns++) await turn();
  }
}

/** Opens a swarm in a directory of its own; closed, compared with its log and removed after the test. */
export async function openTestSwarm(options: OpenOptions = {}): Promise<TestSwarm> {
  const test = new TestSwarm(await mkdtemp(join(tmpdir(), 'stigmergy-test-')));
  onTestFinished(async () => {
    if (test.isOpen) await test.close();
    await rm(test.directory, { recursive: true });
  });
  await test.open(options);
  return test;
}

/** The types of the events that a swarm's ring shows from a sequence on. */
export function eventTypes(swarm: Swarm, after = 0): readonly string[] {
  return swarm.state.events.events
    .filter(({ sequence }) => sequence > after)
    .map(({ type }) => type);
}

/** The status of a session. */
export function statusOf(
  swarm: Swarm,
  { agentType, sessionId }: { agentType: string; sessionId: string },
): unknown {
  return swarm.get(`agents.${agentType}.${sessionId}.status`);
}
