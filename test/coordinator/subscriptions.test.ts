/** Subscriptions (specification, "Event Bus API"): who is told what, when, in which order, and by what he is not kept waiting. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { countedIds, ManualClock } from '../../src/testing/index.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';
import { codeOf } from '../support/refusal-code.ts';

/** Lets everybody who has something to do, do it. */
async function settle(turns = 50): Promise<void> {
  for (let one = 0; one < turns; one++) await turn();
}

const even = ({ payload }: SwarmEvent) => (payload as number) % 2 === 0;
const large = ({ payload }: SwarmEvent) => (payload as number) > 3;
const nothing = (): void => {};

const numbers = (events: readonly SwarmEvent[]) => events.map(({ payload }) => payload);

describe('[I2] what is told', () => {
  test('is durable, in the order of the log, from now on, and once', async () => {
    const database = new GatedDatabase();
    const options = { clock: new ManualClock(), ids: countedIds() };
    const swarm = await openSwarmOver(database, options);
    const told: SwarmEvent[] = [];
    swarm.events.emit({ type: 'app.x', payload: 'before' });
    swarm.events.subscribe({ type: 'app.*' }, (event) => void told.push(event));
    await swarm.durable();
    await settle();
    expect(told).toEqual([]);
    database.hold();
    for (let n = 1; n <= 5; n++) swarm.events.emit({ type: 'app.x', payload: n });
    await settle();
    expect(told).toEqual([]); // decided and folded, and nobody hears of it
    database.release();
    await swarm.durable();
    await settle();
    expect(numbers(told)).toEqual([1, 2, 3, 4, 5]);
    expect(told.map(({ sequence }) => sequence)).toEqual(
      told.map((_, index) => (told[0]?.sequence ?? 0) + index),
    );
    await swarm.close();
    await database.close();
  });

  test('is what matches: type, source and both predicates', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const told: unknown[] = [];
    const pattern = { type: 'app.*', source: ant.identity, custom: even };
    const hears = swarm.events.subscribe(pattern, ({ payload }) => void told.push(payload), {
      filter: large,
    });
    for (let n = 1; n <= 8; n++) ant.events.emit({ type: 'app.x', payload: n });
    swarm.events.emit({ type: 'app.x', payload: 6 });
    await swarm.durable();
    await settle();
    expect(told).toEqual([4, 6, 8]);
    expect(hears.stats).toEqual({ received: 3, processed: 3, errors: 0 });
    expect(hears.pattern).toBe(pattern);
  });

  test('is frozen, and the same object for everybody', async () => {
    const { swarm } = await openTestSwarm();
    const told: SwarmEvent[] = [];
    for (let n = 0; n < 2; n++) {
      swarm.events.subscribe({ type: 'app.*' }, (event) => void told.push(event));
    }
    swarm.events.emit({ type: 'app.x', payload: { a: [1] } });
    await swarm.durable();
    await settle();
    expect(told).toHaveLength(2);
    expect(told[0]).toBe(told[1]);
    expect(
      Object.isFrozen(told[0]) && Object.isFrozen((told[0]?.payload as { a: [] } | undefined)?.a),
    ).toBe(true);
  });

  test('from the beginning, or from a sequence', async () => {
    const { swarm } = await openTestSwarm();
    for (let n = 1; n <= 4; n++) swarm.events.emit({ type: 'app.x', payload: n });
    await swarm.durable();
    const { sequence } = swarm;
    const told: Record<string, unknown[]> = { beginning: [], sequence: [], all: [] };
    const hear = (name: string) => (event: SwarmEvent) => void told[name]?.push(event.payload);
    swarm.events.subscribe({ type: 'app.*' }, hear('beginning'), { from: 'beginning' });
    swarm.events.subscribe({ type: 'app.*' }, hear('sequence'), { from: sequence - 1 });
    swarm.events.subscribe({}, hear('all'), { from: 'beginning' });
    expect(codeOf(() => swarm.events.subscribe({}, hear('all'), { from: sequence + 2 }))).toBe(
      'INVALID_INPUT',
    );
    await vi.waitFor(() => expect(told['all']).toHaveLength(sequence));
    await vi.waitFor(() => expect(told['beginning']).toEqual([1, 2, 3, 4]));
    await vi.waitFor(() => expect(told['sequence']).toEqual([3, 4]));
  });
});

test('[I7] after a failed write nobody is told anything more, and each learns why', async () => {
  const database = new GatedDatabase();
  const swarm = await openSwarmOver(database, { clock: new ManualClock(), ids: countedIds() });
  const told: unknown[] = [];
  const hears = swarm.events.subscribe({ type: 'app.*' }, ({ payload }) => void told.push(payload));
  const counts = swarm.events.subscribe(
    { type: 'app.*' },
    ({ payload }, context) => context.storage.set('last', payload),
    { name: 'counts', delivery: 'exactly-once' },
  );
  swarm.events.emit({ type: 'app.x', payload: 1 });
  await swarm.durable();
  await vi.waitFor(() => expect(counts.stats.processed).toBe(1));
  await swarm.durable();
  database.failure = new Error('the disk is gone');
  swarm.events.emit({ type: 'app.x', payload: 2 });
  await expect(swarm.durable()).rejects.toMatchObject({ code: 'LOG_UNKNOWN' });
  await settle();
  expect(told).toEqual([1]);
  for (const one of [hears, counts]) {
    expect([one.status, one.reason?.code, one.stats.processed]).toEqual(['cancelled', 'HALTED', 1]);
  }
  database.failure = undefined;
  await swarm.close();
  const again = await openSwarmOver(database, { clock: new ManualClock(), ids: countedIds() });
  const stored: unknown[] = [];
  again.events.subscribe(
    { type: 'app.*' },
    async ({ payload }, { storage }) => void stored.push([await storage.get('last'), payload]),
    { name: 'counts', delivery: 'exactly-once' },
  );
  again.events.emit({ type: 'app.x', payload: 3 });
  await vi.waitFor(() => expect(stored).toEqual([[1, 3]])); // 2 has never happened
  await again.close();
  await database.close();
});

describe('the handle of a subscription', () => {
  test('pause keeps the place, resume goes on there, cancel ends it', async () => {
    const { swarm } = await openTestSwarm();
    const told: unknown[] = [];
    const hears = swarm.events.subscribe(
      { type: 'app.*' },
      ({ payload }) => void told.push(payload),
    );
    const say = async (n: number) => {
      swarm.events.emit({ type: 'app.x', payload: n });
      await swarm.durable();
      await settle();
    };
    await say(1);
    hears.pause();
    expect(hears.status).toBe('paused');
    await say(2);
    await say(3);
    expect(told).toEqual([1]);
    hears.resume();
    await settle();
    expect(told).toEqual([1, 2, 3]);
    hears.cancel();
    hears.resume();
    await say(4);
    expect(told).toEqual([1, 2, 3]);
    expect([hears.status, hears.stats]).toEqual([
      'cancelled',
      { received: 3, processed: 3, errors: 0 },
    ]);
    expect(codeOf(() => swarm.events.unsubscribe(hears.id))).toBe('NOT_FOUND');
  });

  test('unsubscribe ends it, for whoever it belongs to', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const hears = ant.events.subscribe({}, () => {});
    expect(codeOf(() => bee.events.unsubscribe(hears.id))).toBe('NOT_FOUND');
    ant.events.unsubscribe(hears.id);
    expect(hears.status).toBe('cancelled');
    const other = ant.events.subscribe({}, () => {});
    swarm.events.unsubscribe(other.id);
    expect(other.status).toBe('cancelled');
  });

  test('it ends with its session, and with the swarm', async () => {
    const home = await openTestSwarm();
    const { swarm } = home;
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const told: unknown[] = [];
    const ofAnt = ant.events.subscribe({ type: 'app.*' }, ({ payload }) => void told.push(payload));
    const ofOperator = swarm.events.subscribe({}, () => {});
    await ant.stop();
    swarm.events.emit({ type: 'app.x', payload: 1 });
    await swarm.durable();
    await settle();
    expect([told, ofAnt.status, ofOperator.status]).toEqual([[], 'cancelled', 'active']);
    await home.close();
    expect([ofOperator.status, ofOperator.reason?.code]).toEqual(['cancelled', 'CLOSED']);
  });
});

describe('ordered', () => {
  test('one at a time, in order, however long each takes', async () => {
    const { swarm } = await openTestSwarm();
    const log: string[] = [];
    const hear = async ({ payload }: SwarmEvent) => {
      log.push(`begin ${String(payload)}`);
      await settle(6 - Number(payload));
      log.push(`end ${String(payload)}`);
    };
    swarm.events.subscribe({ type: 'app.*' }, hear);
    for (let n = 1; n <= 3; n++) swarm.events.emit({ type: 'app.x', payload: n });
    await swarm.durable();
    await settle();
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  test('not: as many at once as it says, and no more', async () => {
    const { swarm } = await openTestSwarm();
    const ends = new Map<unknown, () => void>();
    let most = 0;
    const hear = async ({ payload }: SwarmEvent) => {
      await new Promise<void>((resolve) => {
        ends.set(payload, resolve);
        most = Math.max(most, ends.size);
      });
      ends.delete(payload);
    };
    const hears = swarm.events.subscribe({ type: 'app.*' }, hear, {
      ordered: false,
      concurrency: 3,
    });
    for (let n = 1; n <= 7; n++) swarm.events.emit({ type: 'app.x', payload: n });
    await swarm.durable();
    await settle();
    expect([...ends.keys()]).toEqual([1, 2, 3]);
    ends.get(2)?.();
    await settle();
    expect([...ends.keys()]).toEqual([1, 3, 4]);
    while (hears.stats.processed < 7) {
      for (const end of ends.values()) end();
      await settle();
    }
    expect(most).toBe(3);
  });
});

describe('batch', () => {
  test('as many as it takes, or what came within maxWait', async () => {
    const home = await openTestSwarm();
    const { swarm, clock } = home;
    const told: unknown[][] = [];
    const hears = swarm.events.subscribe(
      { type: 'app.*' },
      (events) => void told.push([...numbers(events)]),
      {
        batch: { maxSize: 3, maxWait: 500 },
      },
    );
    for (let n = 1; n <= 7; n++) swarm.events.emit({ type: 'app.x', payload: n });
    await swarm.durable();
    await settle();
    expect(told).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    await clock.advance(499);
    await settle();
    expect(told).toHaveLength(2);
    await clock.advance(1);
    await settle();
    expect(told).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    expect(hears.stats).toEqual({ received: 7, processed: 7, errors: 0 });
  });

  test('what a predicate does not want is not in it, and a batch of nothing is not told', async () => {
    const { swarm, clock } = await openTestSwarm();
    const told: unknown[][] = [];
    swarm.events.subscribe({ type: 'app.*' }, (events) => void told.push([...numbers(events)]), {
      batch: { maxSize: 2, maxWait: 10 },
      filter: ({ payload }) => payload !== 1 && payload !== 2 && payload !== 3,
    });
    for (let n = 1; n <= 5; n++) swarm.events.emit({ type: 'app.x', payload: n });
    await swarm.durable();
    await settle();
    await clock.advance(10);
    await settle();
    expect(told).toEqual([[4], [5]]);
  });
});

describe('nobody is kept waiting', () => {
  test('by one that never returns, one that throws, and one whose predicate throws', async () => {
    const { swarm } = await openTestSwarm();
    const told: unknown[] = [];
    const stuck = swarm.events.subscribe({ type: 'app.*' }, async () => new Promise(() => {}));
    const fails = swarm.events.subscribe({ type: 'app.*' }, () => {
      throw new Error('no');
    });
    const rejects = swarm.events.subscribe({ type: 'app.*' }, async () => {
      await turn();
      throw new Error('no');
    });
    const odd = swarm.events.subscribe(
      {
        type: 'app.*',
        custom: () => {
          throw new Error('odd');
        },
      },
      () => {},
    );
    swarm.events.subscribe({ type: 'app.*' }, ({ payload }) => void told.push(payload));
    for (let n = 1; n <= 100; n++) swarm.events.emit({ type: 'app.x', payload: n });
    await swarm.durable();
    await settle(400);
    expect(told).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(stuck.stats).toEqual({ received: 1, processed: 0, errors: 0 });
    expect(fails.stats).toEqual({ received: 100, processed: 0, errors: 100 });
    expect(rejects.stats).toEqual({ received: 100, processed: 0, errors: 100 });
    expect(odd.stats).toEqual({ received: 0, processed: 0, errors: 100 });
  });

  test('a handler may ask for something, subscribe and cancel', async () => {
    const { swarm } = await openTestSwarm();
    const told: unknown[] = [];
    const hears = swarm.events.subscribe({ type: 'app.x' }, async ({ payload }) => {
      swarm.events.emit({ type: 'app.y', payload });
      await swarm.durable();
      swarm.events.subscribe({ type: 'app.y' }, (event) => void told.push(event.payload), {
        from: 1,
      });
      hears.cancel();
    });
    swarm.events.emit({ type: 'app.x', payload: 1 });
    swarm.events.emit({ type: 'app.x', payload: 2 });
    await vi.waitFor(() => expect(told).toEqual([1]));
  });

  test('who is slow is fed from the log, and misses nothing', async () => {
    const { swarm } = await openTestSwarm();
    const told: unknown[] = [];
    let goOn = nothing;
    swarm.events.subscribe({ type: 'app.*' }, async ({ payload }) => {
      told.push(payload);
      if (payload === 1) await new Promise<void>((resolve) => (goOn = resolve));
    });
    for (let n = 1; n <= 6_000; n++) {
      swarm.events.emit({ type: 'app.x', payload: n });
      if (n % 500 === 0) await swarm.durable();
    }
    await settle();
    expect(told).toEqual([1]);
    goOn();
    while (told.length < 6_000) await settle();
    expect(told).toEqual(Array.from({ length: 6_000 }, (_, index) => index + 1));
  });
});

describe('[I11] what cannot be meant, or not be kept, is refused', () => {
  test.each<[string, object]>([
    ['an unknown option', { deliver: 'at-most-once' }],
    ['an unknown guarantee', { delivery: 'twice' }],
    ['a retry that gives an event twice', { delivery: 'at-most-once', onError: 'retry' }],
    [
      'retries that give an event twice',
      { delivery: 'at-most-once', onError: 'dead-letter', maxRetries: 1 },
    ],
    ['exactly once in no order', { delivery: 'exactly-once', ordered: false }],
    ['a batch in no order', { ordered: false, batch: { maxSize: 2, maxWait: 1 } }],
    ['an empty batch', { batch: { maxSize: 0, maxWait: 1 } }],
    ['a batch of any size', { batch: { maxSize: 1e9, maxWait: 1 } }],
    ['a name with a space', { name: 'a b' }],
    ['a name of any length', { name: 'n'.repeat(101) }],
    ['a place that is none', { from: 'yesterday' }],
    ['nobody at once', { ordered: false, concurrency: 0 }],
    ['a filter that is none', { filter: true }],
    ['a negative pause', { backoff: { baseMs: -1, maxMs: 1 } }],
  ])('%s', async (_name, options) => {
    const { swarm } = await openTestSwarm();
    const { sequence } = swarm;
    expect(codeOf(() => swarm.events.subscribe({}, () => {}, options))).toBe('INVALID_INPUT');
    expect(swarm.sequence).toBe(sequence);
  });

  test('a handler that is none, a pattern that is none', async () => {
    const { swarm } = await openTestSwarm();
    const { subscribe } = swarm.events as unknown as {
      subscribe: (...given: unknown[]) => unknown;
    };
    const ask = (...given: unknown[]) => codeOf(() => subscribe.apply(swarm.events, given));
    expect(ask({}, 'handler')).toBe('INVALID_INPUT');
    expect(ask({})).toBe('INVALID_INPUT');
    expect(ask('app.*', () => {})).toBe('INVALID_INPUT');
  });

  test('[I12] more subscriptions than subscribersMax', async () => {
    const { swarm } = await openTestSwarm({ limits: { subscribersMax: 2 } });
    const one = swarm.events.subscribe({}, () => {});
    swarm.events.subscribe({}, () => {});
    expect(codeOf(() => swarm.events.subscribe({}, () => {}))).toBe('LIMIT_EXCEEDED');
    one.cancel();
    expect(codeOf(() => swarm.events.subscribe({}, () => {}))).toBe('granted');
  });

  test('a durable subscription of a swarm that is only read', async () => {
    const home = await openTestSwarm();
    await home.close();
    const swarm = await openSwarm({ directory: home.directory, readonly: true });
    const told: unknown[] = [];
    expect(codeOf(() => swarm.events.subscribe({}, () => {}, { name: 'n' }))).toBe('READ_ONLY');
    swarm.events.subscribe({}, ({ type }) => void told.push(type), { from: 'beginning' });
    await vi.waitFor(() => expect(told).toEqual(['system.initialized']));
    await swarm.close();
  });
});
