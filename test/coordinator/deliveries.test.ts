/**
 * Delivery guarantees (specification, "Delivery guarantees"), over restarts and failures; `test/faults/delivery-kill.test.ts` has
 * them with real processes that are killed.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { DeliveryContext } from '../../src/bus/delivery-context.ts';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import type { TestSwarm } from '../support/open-test-swarm.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { codeOf } from '../support/refusal-code.ts';

async function settle(turns = 60): Promise<void> {
  for (let one = 0; one < turns; one++) await turn();
}

/** Emits numbers, and waits until they are durable and were looked at. */
async function say({ swarm }: TestSwarm, ...payloads: readonly unknown[]): Promise<void> {
  for (const payload of payloads) swarm.events.emit({ type: 'app.x', payload });
  await swarm.durable();
  await settle();
}

/** Lets pauses pass, until something holds. */
async function inTime({ clock }: TestSwarm, check: () => void): Promise<void> {
  await vi.waitFor(async () => {
    await clock.advance(1_000);
    await settle(5);
    check();
  });
}

const nothing = (): void => {};

const APP = { type: 'app.*' } as const;
const FAST = { backoff: { baseMs: 10, maxMs: 20 } } as const;

function throughOf({ swarm }: TestSwarm, name: string): number | undefined {
  return swarm.events.durableSubscriptions().find((one) => one.name === name)?.through;
}

describe('a durable subscription', () => {
  test.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)(
    '%s: goes on under its name after a restart, where it was',
    async (delivery) => {
      const home = await openTestSwarm();
      const told: unknown[] = [];
      const subscribe = () =>
        home.swarm.events.subscribe(APP, ({ payload }) => void told.push(payload), {
          name: 'counter',
          delivery,
        });
      subscribe();
      await say(home, 1, 2);
      await vi.waitFor(() => expect(told).toEqual([1, 2]));
      await home.reopen();
      await say(home, 3); // nobody listens
      expect(home.swarm.events.durableSubscriptions()).toMatchObject([
        { name: 'counter', agentId: 'operator', status: 'closed' },
      ]);
      subscribe();
      await say(home, 4);
      await vi.waitFor(() => expect(told).toEqual([1, 2, 3, 4]));
    },
  );

  test('says how far it is, and that nobody else listens under its name', async () => {
    const home = await openTestSwarm();
    const ant = await home.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await home.swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const listen = (who = ant) => who.events.subscribe(APP, () => {}, { name: 'n' });
    const hears = listen();
    expect(codeOf(() => listen())).toBe('ALREADY_EXISTS');
    await say(home, 1);
    const [shown] = home.swarm.events.durableSubscriptions();
    const through = shown?.through ?? 0;
    expect(shown).toMatchObject({ name: 'n', agentId: 'ant', status: 'active' });
    const [event] = home.swarm.events.query({ types: ['app.x'] });
    expect(through).toBe(event?.sequence);
    hears.cancel();
    expect(codeOf(() => listen(bee))).toBe('NOT_HOLDER');
    // Another session of the agent goes on.
    const again = await home.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const goesOn = again.events.subscribe(APP, () => {}, { name: 'n', from: 'beginning' });
    expect(goesOn.next).toBeGreaterThan(through);
    goesOn.cancel();
    await expect(bee.events.removeSubscription('n')).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    await again.events.removeSubscription('n');
    expect(home.swarm.events.durableSubscriptions()).toEqual([]);
    await expect(ant.events.removeSubscription('n')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('what nobody wanted is passed for good, once it is much', async () => {
    const home = await openTestSwarm();
    home.swarm.events.subscribe({ type: 'app.never' }, () => {}, { name: 'n', from: 'beginning' });
    for (let n = 0; n < 21; n++) {
      for (let one = 0; one < 500; one++) home.swarm.events.emit({ type: 'app.x', payload: one });
      await home.swarm.durable();
      await settle(5);
    }
    await vi.waitFor(() => expect(throughOf(home, 'n')).toBeGreaterThan(9_000));
  });

  test('[I12] more names than subscriptionsMax', async () => {
    const { swarm } = await openTestSwarm({ limits: { subscriptionsMax: 1 } });
    swarm.events.subscribe(APP, () => {}, { name: 'a' });
    expect(() => swarm.events.subscribe(APP, () => {}, { name: 'b' })).toThrow('subscriptionsMax');
  });
});

describe('at-most-once', () => {
  test('that an event is done is durable before the handler sees it', async () => {
    const home = await openTestSwarm();
    const seen: unknown[] = [];
    home.swarm.events.subscribe(
      APP,
      ({ sequence }) => {
        seen.push([throughOf(home, 'n') === sequence, home.swarm.durableSequence > sequence]);
      },
      { name: 'n', delivery: 'at-most-once' },
    );
    await say(home, 1, 2);
    await vi.waitFor(() =>
      expect(seen).toEqual([
        [true, true],
        [true, true],
      ]),
    );
  });

  test('a failure is not tried again', async () => {
    const home = await openTestSwarm();
    let calls = 0;
    const fails = () => {
      calls += 1;
      throw new Error('no');
    };
    const hears = home.swarm.events.subscribe(APP, fails, { name: 'n', delivery: 'at-most-once' });
    await say(home, 1);
    await vi.waitFor(() => expect(hears.stats.errors).toBe(1));
    await inTime(home, () => expect(calls).toBe(1));
    await home.reopen();
    home.swarm.events.subscribe(APP, fails, { name: 'n', delivery: 'at-most-once' });
    await settle();
    expect(calls).toBe(1);
  });
});

describe('at-least-once', () => {
  test('an event that was not done is given again after a restart', async () => {
    const home = await openTestSwarm();
    const told: unknown[] = [];
    const subscribe = (stuckAt?: number) =>
      home.swarm.events.subscribe(
        APP,
        async ({ payload, id }, { attempt }) => {
          told.push([
            payload,
            attempt,
            id.endsWith(
              `-${home.swarm.events.query({ types: ['app.x'] })[Number(payload) - 1]?.sequence}`,
            ),
          ]);
          if (payload === stuckAt) await new Promise(() => {});
        },
        { name: 'n' },
      );
    subscribe(2);
    await say(home, 1, 2, 3);
    await vi.waitFor(() => expect(told).toHaveLength(2));
    await home.reopen();
    subscribe();
    await vi.waitFor(() => expect(told).toHaveLength(4));
    expect(told).toEqual([
      [1, 1, true],
      [2, 1, true],
      [2, 1, true],
      [3, 1, true],
    ]);
  });

  test('a failed one is tried again after growing pauses, and in order', async () => {
    const home = await openTestSwarm();
    const told: unknown[] = [];
    const hears = home.swarm.events.subscribe(
      APP,
      ({ payload }, { attempt }) => {
        told.push([payload, attempt]);
        if (payload === 1 && attempt < 4) throw new Error('no');
      },
      { name: 'n', ...FAST },
    );
    await say(home, 1, 2);
    expect(told).toEqual([[1, 1]]);
    await inTime(home, () =>
      expect(told).toEqual([
        [1, 1],
        [1, 2],
        [1, 3],
        [1, 4],
        [2, 1],
      ]),
    );
    expect(hears.stats).toEqual({ received: 2, processed: 2, errors: 3 });
  });

  test('a pause also waits with what is to be tried again', async () => {
    const home = await openTestSwarm();
    let calls = 0;
    const hears = home.swarm.events.subscribe(
      APP,
      () => {
        calls += 1;
        if (calls === 1) throw new Error('no');
      },
      { name: 'n', ...FAST },
    );
    await say(home, 1);
    hears.pause();
    await home.clock.advance(10_000);
    await settle();
    expect(calls).toBe(1);
    hears.resume();
    await settle();
    expect(calls).toBe(2);
  });

  test('in no order: progress is that of the slowest', async () => {
    const home = await openTestSwarm();
    const ends = new Map<unknown, () => void>();
    const hear = async ({ payload }: SwarmEvent) =>
      new Promise<void>((resolve) => void ends.set(payload, resolve));
    home.swarm.events.subscribe(APP, hear, { name: 'n', ordered: false });
    const before = throughOf(home, 'n') ?? 0;
    await say(home, 1, 2, 3);
    const first = home.swarm.events.query({ types: ['app.x'] })[0]?.sequence ?? 0;
    ends.get(2)?.();
    ends.get(3)?.();
    await settle();
    await home.swarm.durable();
    expect(throughOf(home, 'n')).toBeLessThan(first);
    expect(throughOf(home, 'n')).toBeGreaterThanOrEqual(before);
    ends.get(1)?.();
    await vi.waitFor(() => expect(throughOf(home, 'n')).toBe(first + 2));
  });
});

describe('exactly-once', () => {
  const place = 'global.config.maxConcurrentAgents';

  test('what the handler asks for, and its progress, are one commit', async () => {
    const home = await openTestSwarm();
    home.swarm.events.subscribe(
      { type: 'app.x' },
      async ({ payload }, context) => {
        context.update({ path: place, newValue: 100 + Number(payload) });
        context.emit({ type: 'app.heard', payload });
        context.dispatch({
          type: 'task.create',
          payload: { taskId: `t${String(payload)}`, goal: 'g' },
        });
        const sum = (await context.storage.get<number>('sum')) ?? 0;
        context.storage.set('sum', sum + Number(payload));
      },
      { name: 'n', delivery: 'exactly-once' },
    );
    await say(home, 1, 2);
    await vi.waitFor(() => expect(home.swarm.get('global.tasks.t2.status')).toBe('pending'));
    expect(home.swarm.get(place)).toBe(102);
    const events = home.swarm.events.query({ types: ['app.x'] });
    const commits = (await home.commits()).filter(
      ({ command }) => command.type === 'compound.apply',
    );
    const mine = commits.filter(({ facts }) => facts.some(({ type }) => type === 'task.created'));
    expect(mine.map(({ facts }) => facts.map(({ type }) => type))).toEqual([
      ['system.config_changed', 'app.heard', 'task.created', 'subscription.advanced'],
      ['system.config_changed', 'app.heard', 'task.created', 'subscription.advanced'],
    ]);
    expect(mine.map(({ command }) => command.causationId)).toEqual(events.map(({ id }) => id));
    await home.open();
    let stored: unknown;
    home.swarm.events.subscribe(
      { type: 'app.x' },
      async (_event, { storage }) => {
        stored = await storage.get('sum');
      },
      { name: 'n', delivery: 'exactly-once' },
    );
    await say(home, 3);
    await vi.waitFor(() => expect(stored).toBe(3));
  });

  test('one refusal refuses all: nothing of it has happened, and it is tried again', async () => {
    const home = await openTestSwarm();
    const seen: unknown[] = [];
    const hears = home.swarm.events.subscribe(
      APP,
      async ({ payload }, context) => {
        seen.push([context.attempt, await context.storage.get('last')]);
        context.storage.set('last', payload);
        context.update({ path: place, newValue: 50 });
        const taskId = context.attempt < 3 ? 'none' : 't';
        context.dispatch({ type: 'task.cancel', payload: { taskId } });
      },
      { name: 'n', delivery: 'exactly-once', ...FAST },
    );
    await home.swarm.dispatch({ type: 'task.create', payload: { taskId: 't', goal: 'g' } });
    const before = throughOf(home, 'n');
    await say(home, 1);
    expect(home.swarm.get(place)).not.toBe(50);
    expect(throughOf(home, 'n')).toBe(before);
    await inTime(home, () => expect(hears.stats.processed).toBe(1));
    expect(home.swarm.get(place)).toBe(50);
    expect(home.swarm.get('global.tasks.t.status')).toBe('cancelled');
    expect(seen).toEqual([
      [1, null],
      [2, null],
      [3, null],
    ]);
    expect(hears.stats.errors).toBe(2);
  });

  test('a handler that fails after it asked has asked for nothing', async () => {
    const home = await openTestSwarm();
    home.swarm.events.subscribe(
      { type: 'app.x' },
      async (_event, context) => {
        context.emit({ type: 'app.effect', payload: context.attempt });
        await turn();
        if (context.attempt === 1) throw new Error('no');
      },
      { name: 'n', delivery: 'exactly-once', ...FAST },
    );
    await say(home, 1);
    await inTime(home, () =>
      expect(
        home.swarm.events.query({ types: ['app.effect'] }).map(({ payload }) => payload),
      ).toEqual([2]),
    );
  });

  test('what comes after the handler has ended, or without exactly-once, is refused', async () => {
    const home = await openTestSwarm();
    const codes: unknown[] = [];
    const note = (ask: () => unknown) => void codes.push(codeOf(ask));
    let late: DeliveryContext | undefined;
    const all = (context: DeliveryContext) => {
      note(() => context.update({ path: place, newValue: 1 }));
      note(() => context.emit({ type: 'app.y', payload: 1 }));
      note(() => context.dispatch({ type: 'task.create', payload: { goal: 'g' } }));
      note(() => context.storage.set('k', 1));
      note(() => context.storage.delete('k'));
    };
    home.swarm.events.subscribe({ type: 'app.x' }, (_event, context) => all(context));
    await say(home, 1);
    expect(codes.splice(0)).toEqual(Array.from({ length: 5 }, () => 'INVALID_INPUT'));
    home.swarm.events.subscribe(
      { type: 'app.x' },
      (_event, context) => {
        late = context;
        note(() => context.storage.set('k', 1)); // it has no name, so no progress that this could go with
        note(() => context.storage.set('', 1));
        note(() => context.emit({ type: 'foo', payload: 1 }));
      },
      { delivery: 'exactly-once' },
    );
    await say(home, 2);
    expect(codes.splice(5)).toEqual(['INVALID_INPUT', 'INVALID_INPUT', 'INVALID_INPUT']);
    codes.length = 0;
    if (late !== undefined) all(late);
    expect(codes).toEqual(Array.from({ length: 5 }, () => 'ILLEGAL_TRANSITION'));
  });

  test('without a name it collects too, within the process', async () => {
    const home = await openTestSwarm();
    home.swarm.events.subscribe(
      { type: 'app.x' },
      ({ payload }, { emit }) => {
        emit({ type: 'app.one', payload });
        emit({ type: 'app.two', payload });
      },
      { delivery: 'exactly-once' },
    );
    await say(home, 1);
    await vi.waitFor(() => expect(home.swarm.events.query({ types: ['app.two'] })).toHaveLength(1));
    const [one, two] = ['app.one', 'app.two'].map(
      (type) => home.swarm.events.query({ types: [type] })[0],
    );
    expect(two?.sequence).toBe((one?.sequence ?? 0) + 1);
  });

  test('somebody else was quicker: nothing happens twice', async () => {
    const home = await openTestSwarm();
    let goOn = nothing;
    const hears = home.swarm.events.subscribe(
      { type: 'app.x' },
      async ({ sequence }, context) => {
        await new Promise<void>((resolve) => (goOn = resolve));
        context.emit({ type: 'app.effect', payload: sequence });
      },
      { name: 'n', delivery: 'exactly-once' },
    );
    await say(home, 1);
    const through = home.swarm.sequence;
    await home.swarm.dispatch({ type: 'subscription.advance', payload: { name: 'n', through } });
    goOn();
    await vi.waitFor(() => expect(hears.stats.processed).toBe(1));
    expect(home.swarm.events.query({ types: ['app.effect'] })).toEqual([]);
  });

  test('a batch is one commit', async () => {
    const home = await openTestSwarm();
    home.swarm.events.subscribe(
      { type: 'app.x' },
      (events, context) => {
        context.emit({ type: 'app.sum', payload: events.map(({ payload }) => payload) });
      },
      { name: 'n', delivery: 'exactly-once', batch: { maxSize: 2, maxWait: 5 } },
    );
    await say(home, 1, 2, 3);
    await inTime(home, () =>
      expect(home.swarm.events.query({ types: ['app.sum'] }).map(({ payload }) => payload)).toEqual(
        [[1, 2], [3]],
      ),
    );
    expect(throughOf(home, 'n')).toBeGreaterThanOrEqual(
      home.swarm.events.query({ types: ['app.x'] }).at(-1)?.sequence ?? 0,
    );
  });

  test('its effects are permitted as those of its session', async () => {
    const home = await openTestSwarm();
    const ant = await home.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    ant.events.subscribe(
      { type: 'app.x' },
      (_event, context) => context.update({ path: place, newValue: 7 }),
      { name: 'n', delivery: 'exactly-once', onError: 'dead-letter' },
    );
    await say(home, 1);
    await vi.waitFor(() => expect(home.swarm.events.deadLetters.list()).toHaveLength(1));
    expect(home.swarm.events.deadLetters.list()).toMatchObject([
      { subscription: 'n', agentId: 'ant', error: { code: 'FORBIDDEN' } },
    ]);
    expect(home.swarm.get(place)).not.toBe(7);
  });
});
