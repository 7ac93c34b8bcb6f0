/** Fan-out: durable events that are told to many subscribers, against plain functions that are called in order. */
import { setImmediate as turn } from 'node:timers/promises';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { compare, type Sample } from '../harness.ts';
import type { Variant, Work } from '../work.ts';

/** Events that are emitted before somebody waits for the disk. */
const TOGETHER = 256;

/** The work; the floor emits the same events, and calls as many plain functions for each when it is durable. */
export const fanout: Work = {
  work: 'fanout',
  summary: 'durable app.* events, told to so many subscribers in order',
  variants: [
    variant(1, 24_576, 0.6, 0.8),
    variant(100, 6_144, 0.3, 0.5),
    variant(1_000, 4_096, 0.07, 0.15),
  ],
};

function variant(subscribers: number, events: number, minimum: number, aim: number): Variant {
  return {
    variant: `${subscribers.toLocaleString('en')} subscriber${subscribers === 1 ? '' : 's'}`,
    unit: 'calls/s',
    goal: { of: 'ratio', bound: 'at least', minimum, aim },
    measure: async (setting) =>
      compare(
        {
          floor: async (directory) => tell(directory, { subscribers, events }, callInOrder),
          ours: async (directory) => tell(directory, { subscribers, events }, subscribe),
        },
        setting,
      ),
  };
}

interface Load {
  readonly subscribers: number;
  readonly events: number;
}

/** What a subscriber does: as little as can be checked. */
type Handler = (event: { readonly sequence: number }) => void;

/** Has handlers told. Gives a function that emits events and resolves when they were told, or will be. */
type Telling = (swarm: Swarm, handlers: readonly Handler[]) => (first: number) => Promise<void>;

const callInOrder: Telling = (swarm, handlers) => async (first) => {
  const results = await Promise.all(
    Array.from({ length: TOGETHER }, async (_, index) =>
      swarm.dispatch({
        type: 'event.emit',
        payload: { type: 'app.n', data: { n: first + index } },
      }),
    ),
  );
  for (const result of results) {
    if (!result.ok) throw new Error(result.message);
    for (const event of result.events) for (const handler of handlers) handler(event);
  }
};

const subscribe: Telling = (swarm, handlers) => {
  for (const handler of handlers) swarm.events.subscribe({ type: 'app.n' }, handler);
  return async (first) => {
    for (let index = 0; index < TOGETHER; index++) {
      swarm.events.emit({ type: 'app.n', payload: { n: first + index } });
    }
    await swarm.durable();
  };
};

async function tell(
  directory: string,
  { subscribers, events }: Load,
  telling: Telling,
): Promise<Sample> {
  const swarm = await openSwarm({ directory });
  try {
    let calls = 0;
    const handlers = Array.from({ length: subscribers }, (): Handler => {
      let last = 0;
      return ({ sequence }) => {
        if (sequence <= last) throw new Error(`${sequence} was told after ${last}`);
        last = sequence;
        calls += 1;
      };
    });
    const emit = telling(swarm, handlers);
    const startMs = performance.now();
    for (let first = 0; first < events; first += TOGETHER) await emit(first);
    const isTold = () => calls === events * subscribers;
    while (!isTold()) await turn();
    return { value: (calls * 1_000) / (performance.now() - startMs), latenciesMs: [] };
  } finally {
    await swarm.close();
  }
}
