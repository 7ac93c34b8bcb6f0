/** Delivery: recorded events that a durable subscription handles with each guarantee, against its commits alone. */
import { setImmediate as turn } from 'node:timers/promises';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { compare, type Sample } from '../harness.ts';
import type { Variant, Work } from '../work.ts';

const NAME = 'bench';
type Guarantee = 'at-most-once' | 'at-least-once' | 'exactly-once';

/** The work; the floor reads the events, calls a function, and gives the same commands without a subscription. */
export const deliver: Work = {
  work: 'deliver',
  summary: 'recorded events, handled by a durable subscription from the beginning',
  variants: [
    variant('at-most-once', 2_000, 0.5, 0.8),
    variant('at-least-once', 20_000, 0.3, 0.5),
    variant('exactly-once', 10_000, 0.5, 0.7),
  ],
};

function variant(delivery: Guarantee, events: number, minimum: number, aim: number): Variant {
  return {
    variant: delivery,
    unit: 'events/s',
    goal: { of: 'ratio', bound: 'at least', minimum, aim },
    measure: async (setting) =>
      compare(
        {
          floor: async (directory) => handled(directory, events, COMMITS[delivery]),
          ours: async (directory) =>
            handled(directory, events, async (swarm) => subscribed(swarm, delivery, events)),
        },
        setting,
      ),
  };
}

function effect(payload: unknown) {
  return { type: 'app.effect', payload };
}

async function subscribed(swarm: Swarm, delivery: Guarantee, events: number): Promise<void> {
  const hears = swarm.events.subscribe(
    { type: 'app.n' },
    ({ payload }, context) => {
      if (delivery === 'exactly-once') context.emit(effect(payload));
    },
    { name: NAME, delivery, from: 'beginning' },
  );
  while (hears.stats.processed < events) await turn();
}

/** What the guarantees cost by themselves. */
const COMMITS: Readonly<Record<Guarantee, (swarm: Swarm) => Promise<void>>> = {
  /** A commit for each event, and each is waited for. */
  async 'at-most-once'(swarm) {
    await create(swarm);
    await swarm.events.replay({ types: ['app.n'] }, async ({ sequence: through }) => {
      await swarm.dispatch({ type: 'subscription.advance', payload: { name: NAME, through } });
    });
  },
  /** One commit at the end. */
  async 'at-least-once'(swarm) {
    await create(swarm);
    let through = 0;
    await swarm.events.replay({ types: ['app.n'] }, ({ sequence }) => {
      through = sequence;
    });
    await swarm.dispatch({ type: 'subscription.advance', payload: { name: NAME, through } });
  },
  /** A commit for each event, with what the handler asks for; nobody waits before the next one. */
  async 'exactly-once'(swarm) {
    await create(swarm);
    let last: Promise<unknown> = Promise.resolve();
    await swarm.events.replay({ types: ['app.n'] }, ({ sequence: through, payload: data }) => {
      const commands = [
        { type: 'event.emit', payload: { type: 'app.effect', data } },
        { type: 'subscription.advance', payload: { name: NAME, through } },
      ];
      last = swarm.dispatch({ type: 'compound.apply', payload: { commands } });
    });
    await last;
  },
};

async function create(swarm: Swarm): Promise<void> {
  await swarm.dispatch({ type: 'subscription.create', payload: { name: NAME, through: 0 } });
}

async function handled(
  directory: string,
  events: number,
  handle: (swarm: Swarm) => Promise<void>,
): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  try {
    for (let n = 0; n < events; n++) {
      swarm.events.emit({ type: 'app.n', payload: { n, text: 'x'.repeat(100) } });
      if (n % 1_024 === 0) await swarm.durable();
    }
    await swarm.durable();
    const startMs = performance.now();
    await handle(swarm);
    await swarm.durable();
    return { value: (events * 1_000) / (performance.now() - startMs), latenciesMs: [] };
  } finally {
    await swarm.close();
  }
}
