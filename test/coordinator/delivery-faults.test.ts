/** What hostile readers of the event bus found: each was a fault once. */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import { Refused } from '../../src/core/errors.ts';
import { openTestSwarm, type TestSwarm } from '../support/open-test-swarm.ts';
import { codeOf } from '../support/refusal-code.ts';

async function settle(turns = 60): Promise<void> {
  for (let one = 0; one < turns; one++) await turn();
}

async function say({ swarm }: TestSwarm, ...payloads: readonly unknown[]): Promise<void> {
  for (const payload of payloads) swarm.events.emit({ type: 'app.x', payload });
  await swarm.durable();
  await settle();
}

const APP = { type: 'app.x' } as const;
const FAST = { backoff: { baseMs: 1, maxMs: 1 } } as const;
const letters = (home: TestSwarm) => home.swarm.events.deadLetters.list();
const nothing = (): void => {};

function fails(): never {
  throw new Error('no');
}

function overloaded(): never {
  throw new Refused({ ok: false, code: 'OVERLOADED', message: 'busy', details: {} });
}

/** A handler that waits until the test lets it go on. */
function held() {
  const waiting = new Map<unknown, () => void>();
  const hold = async ({ payload }: SwarmEvent) =>
    new Promise<void>((resolve) => void waiting.set(payload, resolve));
  return { hold, goOn: (payload: unknown) => waiting.get(payload)?.(), waiting };
}

test('unordered: giving up one event says nothing of an earlier one that is open', async () => {
  const home = await openTestSwarm();
  const { hold } = held();
  const options = { name: 'u', ordered: false, onError: 'dead-letter' } as const;
  const hear = async (event: SwarmEvent) => (event.payload === 1 ? hold(event) : fails());
  home.swarm.events.subscribe(APP, hear, options);
  await say(home, 1, 2);
  await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
  await home.reopen();
  const given: unknown[] = [];
  home.swarm.events.subscribe(APP, ({ payload }) => void given.push(payload), options);
  await vi.waitFor(() => expect(given).toContain(1));
});

describe('what a handler throws says nothing about its subscription', () => {
  test('a refusal that it ran into is a failure like any other', async () => {
    const home = await openTestSwarm();
    const ant = await home.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const hears = ant.events.subscribe(APP, async () => ant.tasks.start('gone'), {
      name: 'u',
      onError: 'dead-letter',
    });
    await say(home, 1, 2);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(2));
    expect([hears.status, letters(home)[0]?.error.code]).toEqual(['active', 'NOT_FOUND']);
  });

  test('at-most-once calls once, whatever is thrown', async () => {
    const home = await openTestSwarm();
    const hears = home.swarm.events.subscribe(APP, overloaded, {
      name: 'u',
      delivery: 'at-most-once',
    });
    await say(home, 1);
    await vi.waitFor(() => expect(hears.stats.errors).toBe(1));
    await home.clock.advance(60_000);
    await settle();
    expect(hears.stats).toEqual({ received: 1, processed: 0, errors: 1 });
  });

  test.each([
    ['without a prototype', () => Object.create(null) as unknown],
    ['without a message', () => Object.assign(new Error('x'), { message: undefined })],
    ['undefined', () => undefined],
    ['that throws when it is read', () => new Proxy(new Error('x'), { get: fails })],
  ])('something %s is kept as well as can be, and others hear on', async (_name, made) => {
    const home = await openTestSwarm();
    const told: unknown[] = [];
    for (const isLater of [false, true]) {
      const hear = () => {
        if (isLater) return Promise.reject(made());
        throw made(); // eslint-disable-line
      };
      home.swarm.events.subscribe(APP, hear, { onError: 'dead-letter' });
    }
    home.swarm.events.subscribe(APP, ({ payload }) => void told.push(payload));
    await say(home, 1, 2);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(4));
    expect(told).toEqual([1, 2]);
  });
});

describe('predicates and patterns', () => {
  test('a predicate that promises to say it later has failed', async () => {
    const home = await openTestSwarm();
    const custom = (async () => Promise.reject(new Error('later'))) as unknown as () => boolean;
    const hears = home.swarm.events.subscribe({ ...APP, custom }, nothing);
    await say(home, 1);
    expect(hears.stats).toEqual({ received: 0, processed: 0, errors: 1 });
  });

  test('a list of types is copied', async () => {
    const home = await openTestSwarm();
    const types = ['app.x'];
    const told: unknown[] = [];
    home.swarm.events.subscribe({ type: types }, ({ payload }) => void told.push(payload));
    types[0] = 'app.y';
    await say(home, 1);
    expect(told).toEqual([1]);
  });

  test('a durable subscription cannot hear of progress', async () => {
    const { swarm } = await openTestSwarm();
    const pattern = { type: ['app.x', 'subscription.advanced'] };
    const subscribe = (options: object) =>
      codeOf(() => swarm.events.subscribe(pattern, nothing, options));
    expect(subscribe({ name: 'n' })).toBe('INVALID_INPUT');
    expect(subscribe({})).toBe('granted');
  });

  test('its own dead letters are no news to a subscription', async () => {
    const home = await openTestSwarm({ limits: { deadLettersMax: 20 } });
    const hears = home.swarm.events.subscribe({}, fails, { name: 'all', onError: 'dead-letter' });
    await say(home, 1);
    await vi.waitFor(() => expect(letters(home).length).toBeGreaterThan(0));
    await settle(200);
    expect(hears.status).toBe('active');
    expect(letters(home).length).toBeLessThan(6); // of what it heard, and not of its letters
  });
});

describe('dead letters belong to whom the subscription does', () => {
  let home: TestSwarm;
  const error = { code: 'E', message: 'm' };

  beforeEach(async () => {
    home = await openTestSwarm();
  });

  test('nobody makes another subscription handle an event again', async () => {
    const mallory = await home.swarm.register({ agentType: 'pulse', agentId: 'mallory' });
    const counted: unknown[] = [];
    home.swarm.events.subscribe(APP, ({ payload }) => void counted.push(payload), {
      name: 'visits',
      delivery: 'exactly-once',
    });
    await say(home, 1);
    await vi.waitFor(() => expect(counted).toEqual([1]));
    const eventSequence = home.swarm.events.query({ types: ['app.x'] })[0]?.sequence;
    const payload = { subscription: 'visits', eventSequence, attempts: 1, error };
    const asked = await mallory.dispatch({ type: 'deadletter.add', payload });
    expect(asked).toMatchObject({ ok: false, code: 'NOT_HOLDER' });
    // Its operator may; but an event that the subscription does not want is not given to it.
    for (const sequence of [1, eventSequence]) {
      const one = { ...payload, eventSequence: sequence };
      expect(await home.swarm.dispatch({ type: 'deadletter.add', payload: one })).toMatchObject({
        ok: true,
      });
      await home.swarm.events.deadLetters.retry(`visits/${sequence}`);
    }
    await vi.waitFor(() => expect(counted).toEqual([1, 1]));
    await settle();
    expect(counted).toEqual([1, 1]);
  });

  test('one of a subscription without a name is for its agent, Conductors and the operator', async () => {
    const [ant, bee, lead] = [
      await home.swarm.register({ agentType: 'pulse', agentId: 'ant' }),
      await home.swarm.register({ agentType: 'pulse', agentId: 'bee' }),
      await home.swarm.register({ agentType: 'conductor', agentId: 'lead' }),
    ];
    const payload = { subscription: 'unnamed', eventSequence: 1, attempts: 1, error };
    const add = async (who: typeof ant) => {
      const result = await who.dispatch({ type: 'deadletter.add', payload });
      return result.ok ? 'granted' : result.code;
    };
    expect([await add(ant), await add(bee), await add(lead)]).toEqual([
      'granted',
      'NOT_HOLDER',
      'granted',
    ]);
    expect(letters(home)).toMatchObject([{ agentId: 'ant' }]);
  });

  test('those of a former owner of the name stay with him', async () => {
    const x = await home.swarm.register({ agentType: 'pulse', agentId: 'x' });
    const y = await home.swarm.register({ agentType: 'pulse', agentId: 'y' });
    const old = x.events.subscribe(APP, fails, { name: 'shared', onError: 'dead-letter' });
    await say(home, 1);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
    old.cancel();
    await x.events.removeSubscription('shared');
    const told: unknown[] = [];
    const hears = y.events.subscribe(APP, ({ payload }) => void told.push(payload), {
      name: 'shared',
    });
    await x.events.deadLetters.retry(letters(home)[0]?.id ?? '');
    await say(home, 2);
    await vi.waitFor(() => expect(told).toEqual([2]));
    expect(hears.status).toBe('active');
  });

  test('one that is queued while somebody subscribes is given once', async () => {
    const options = { name: 'n', onError: 'dead-letter', ordered: false } as const;
    const first = home.swarm.events.subscribe(APP, fails, options);
    await say(home, 1);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
    first.cancel();
    const told: unknown[] = [];
    const queued = home.swarm.events.deadLetters.retry(letters(home)[0]?.id ?? '');
    home.swarm.events.subscribe(APP, ({ payload }) => void told.push(payload), options);
    await queued;
    await vi.waitFor(() => expect(told).toEqual([1]));
    await settle();
    expect(told).toEqual([1]);
  });

  test('a batch without room for all of its letters: none is doubled, and none is lost', async () => {
    await home.close();
    home = await openTestSwarm({ limits: { deadLettersMax: 40 } });
    const hears = home.swarm.events.subscribe(APP, fails, {
      name: 'n',
      onError: 'dead-letter',
      batch: { maxSize: 100, maxWait: 0 },
    });
    await say(home, ...Array.from({ length: 100 }, (_, index) => index));
    await vi.waitFor(() => expect(hears.status).toBe('paused'));
    const { through } = home.swarm.events.durableSubscriptions()[0] ?? {};
    expect(letters(home).at(-1)?.eventSequence).toBe(through); // what has a letter is done
    for (let round = 0; round < 4 && hears.status === 'paused'; round++) {
      for (const { id } of letters(home)) await home.swarm.events.deadLetters.drop(id);
      hears.resume();
      await settle();
    }
    expect(hears.status).toBe('active');
    expect(hears.stats.errors).toBe(1); // the handler was not called again
  });
});

test('at-most-once without room for a letter: kept until there is, and the handler is not called again', async () => {
  for (const name of ['n', undefined]) {
    const home = await openTestSwarm({ limits: { deadLettersMax: 1 } });
    let calls = 0;
    const hear = () => {
      calls += 1;
      fails();
    };
    const options = {
      delivery: 'at-most-once',
      onError: 'dead-letter',
      ...(name !== undefined && { name }),
    } as const;
    const hears = home.swarm.events.subscribe(APP, hear, options);
    await say(home, 1, 2);
    await vi.waitFor(() => expect(hears.status).toBe('paused'));
    await home.swarm.events.deadLetters.drop(letters(home)[0]?.id ?? '');
    hears.resume();
    await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
    expect([calls, hears.status]).toEqual([2, 'active']);
  }
});

test('subscribing again under a name while the old handler runs: the new one goes on', async () => {
  const home = await openTestSwarm();
  const [old, fresh] = [held(), held()];
  const first = home.swarm.events.subscribe(APP, old.hold, { name: 'n' });
  await say(home, 1);
  await vi.waitFor(() => expect(old.waiting.size).toBe(1));
  first.cancel();
  const second = home.swarm.events.subscribe(APP, fresh.hold, { name: 'n' });
  await vi.waitFor(() => expect(fresh.waiting.size).toBe(1));
  old.goOn(1);
  await settle();
  await home.swarm.durable();
  fresh.goOn(1);
  await say(home, 2);
  await vi.waitFor(() => expect([...fresh.waiting.keys()]).toEqual([1, 2]));
  fresh.goOn(2);
  await settle();
  expect(second.status).toBe('active');
});

describe('what a handler asks for', () => {
  const exactly = { name: 'e', delivery: 'exactly-once', ...FAST } as const;

  test('is copied when it is asked for', async () => {
    const home = await openTestSwarm();
    home.swarm.events.subscribe(
      APP,
      (_event, { emit }) => {
        const payload = { n: 0 };
        for (payload.n = 1; payload.n <= 3; payload.n++) emit({ type: 'app.item', payload });
      },
      exactly,
    );
    await say(home, 1);
    const items = () => home.swarm.events.query({ types: ['app.item'] });
    await vi.waitFor(() => expect(items()).toHaveLength(3));
    expect(items().map(({ payload }) => (payload as { n: number }).n)).toEqual([1, 2, 3]);
  });

  test('is no progress of its own, and no more than one command holds', async () => {
    const home = await openTestSwarm({ limits: { compoundCommandsMax: 3 } });
    const codes: string[] = [];
    home.swarm.events.subscribe(
      APP,
      ({ sequence: through }, { dispatch, emit }) => {
        const advance = { type: 'subscription.advance', payload: { name: 'e', through } };
        codes.push(codeOf(() => dispatch(advance)));
        for (let n = 0; n < 3; n++)
          codes.push(codeOf(() => emit({ type: 'app.item', payload: n })));
      },
      exactly,
    );
    await say(home, 1);
    await vi.waitFor(() =>
      expect(home.swarm.events.query({ types: ['app.item'] })).toHaveLength(2),
    );
    expect(codes).toEqual(['FORBIDDEN', 'granted', 'granted', 'LIMIT_EXCEEDED']);
  });

  test('may be as deep as if it were asked for alone', async () => {
    const home = await openTestSwarm();
    let deep: unknown = 1;
    for (let level = 0; level < 31; level++) deep = [deep];
    home.swarm.events.emit({ type: 'app.alone', payload: deep });
    home.swarm.events.subscribe(
      APP,
      (_event, { emit }) => emit({ type: 'app.deep', payload: deep }),
      exactly,
    );
    await say(home, 1);
    await vi.waitFor(() =>
      expect(home.swarm.events.query({ types: ['app.deep'] })).toHaveLength(1),
    );
  });

  test('each subscription has values of its own', async () => {
    const home = await openTestSwarm();
    const sums: Record<string, number> = {};
    for (const name of ['a', 'b']) {
      home.swarm.events.subscribe(
        APP,
        async (_event, { storage }) => {
          sums[name] = ((await storage.get<number>('sum')) ?? 0) + 1;
          storage.set('sum', sums[name]);
        },
        { ...exactly, name },
      );
    }
    await say(home, ...Array.from({ length: 50 }, (_, index) => index));
    await vi.waitFor(() => expect(sums).toEqual({ a: 50, b: 50 }));
  });
});

function change({ metadata }: SwarmEvent): void {
  Object.assign(metadata, { correlationId: 'changed' });
}

test('nobody changes what another is given', async () => {
  const home = await openTestSwarm();
  const told: SwarmEvent[] = [];
  const spoils = home.swarm.events.subscribe(APP, change);
  home.swarm.events.subscribe(APP, (event) => void told.push(event));
  await say(home, 1);
  expect(spoils.stats.errors).toBe(1);
  expect(told[0]?.metadata.correlationId).not.toBe('changed');
});

test('a pause between the claim and the handler holds the handler back', async () => {
  const home = await openTestSwarm();
  const told: unknown[] = [];
  const hears = home.swarm.events.subscribe(APP, ({ payload }) => void told.push(payload), {
    name: 'n',
    delivery: 'at-most-once',
  });
  home.swarm.events.emit({ type: 'app.x', payload: 1 });
  const before = () => home.swarm.events.durableSubscriptions()[0]?.through ?? 0;
  const claimed = home.swarm.sequence;
  while (before() < claimed) await turn();
  hears.pause();
  await home.swarm.durable();
  await settle();
  expect(told).toEqual([]);
  hears.resume();
  await vi.waitFor(() => expect(told).toEqual([1]));
});

describe('emit of what cannot be read', () => {
  afterEach(() => {
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'app.x'],
    ['no payload', { type: 'app.x' }],
    ['a getter that throws', Object.defineProperty({ type: 'app.x' }, 'payload', { get: fails })],
    [
      'a payload with one',
      {
        type: 'task.created',
        payload: Object.defineProperty({}, 'goal', { get: fails, enumerable: true }),
      },
    ],
    ['metadata that throw', { type: 'app.x', payload: 1, metadata: new Proxy({}, { get: fails }) }],
  ])('%s is INVALID_INPUT', async (_name, event) => {
    const { swarm } = await openTestSwarm();
    const { sequence } = swarm;
    expect(codeOf(() => swarm.events.emit(event as { type: string; payload: unknown }))).toBe(
      'INVALID_INPUT',
    );
    expect(swarm.sequence).toBe(sequence);
  });

  test('without a source or metadata is fine', async () => {
    const { swarm } = await openTestSwarm();
    const event = { type: 'app.x', payload: 1, metadata: null, source: null };
    expect(
      codeOf(() => swarm.events.emit(event as unknown as { type: string; payload: unknown })),
    ).toBe('granted');
  });
});
