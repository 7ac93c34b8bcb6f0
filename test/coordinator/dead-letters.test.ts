/** Dead letters: what a subscription could not handle is kept, listed, tried again and dropped. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { SubscribeOptions } from '../../src/bus/subscribe-options.ts';
import { openTestSwarm, type TestSwarm } from '../support/open-test-swarm.ts';

async function settle(turns = 40): Promise<void> {
  for (let one = 0; one < turns; one++) await turn();
}

async function say({ swarm }: TestSwarm, ...payloads: readonly unknown[]): Promise<void> {
  for (const payload of payloads) swarm.events.emit({ type: 'app.x', payload });
  await swarm.durable();
  await settle();
}

/** A subscription that fails while it is told to. */
function listen(test: TestSwarm, options: SubscribeOptions) {
  const handled: unknown[] = [];
  const state = { fails: true };
  const hears = test.swarm.events.subscribe(
    { type: 'app.x' },
    ({ payload }, context) => {
      if (state.fails) throw new Error(`cannot handle ${String(payload)}`);
      handled.push(payload);
      if (options.delivery === 'exactly-once') context.emit({ type: 'app.effect', payload });
    },
    { backoff: { baseMs: 1, maxMs: 1 }, ...options },
  );
  return { hears, handled, state };
}

const letters = (test: TestSwarm) => test.swarm.events.deadLetters.list();
const DURABLE = [
  ['at-most-once', 'dead-letter'],
  ['at-least-once', 'dead-letter'],
  ['at-least-once', 'retry'],
  ['exactly-once', 'dead-letter'],
] as const;

describe.each(DURABLE)('%s, %s', (delivery, onError) => {
  test('what is given up is kept, and the next event follows', async () => {
    const test = await openTestSwarm();
    const options = { name: 'n', delivery, onError, ...(onError === 'retry' && { maxRetries: 1 }) };
    const { hears, handled, state } = listen(test, options);
    await say(test, 1);
    await vi.waitFor(async () => {
      await test.clock.advance(10);
      expect(letters(test)).toHaveLength(1);
    });
    state.fails = false;
    await say(test, 2);
    await vi.waitFor(() => expect(handled).toEqual([2]));
    const [event] = test.swarm.events.query({ types: ['app.x'] });
    expect(letters(test)).toEqual([
      {
        id: `n/${event?.sequence}`,
        subscription: 'n',
        agentId: 'operator',
        eventId: event?.id,
        eventSequence: event?.sequence,
        attempts: onError === 'retry' ? 2 : 1,
        error: { code: 'HANDLER_FAILED', message: 'cannot handle 1' },
        timestamp: expect.any(String) as string,
        status: 'dead',
      },
    ]);
    expect(hears.stats).toMatchObject({ received: 2, processed: 1 });
  });

  test('tried again: handled at last, or dead again with its attempts', async () => {
    const test = await openTestSwarm();
    const { handled, state } = listen(test, { name: 'n', delivery, onError, maxRetries: 0 });
    await say(test, 1, 2);
    await vi.waitFor(() => expect(letters(test)).toHaveLength(2));
    const [first] = letters(test);
    await test.swarm.events.deadLetters.retry(first?.id ?? '');
    await vi.waitFor(() =>
      expect(letters(test)[0]).toMatchObject({ id: first?.id, attempts: 2, status: 'dead' }),
    );
    state.fails = false;
    await test.swarm.events.deadLetters.retry(first?.id ?? '');
    await vi.waitFor(() => expect(letters(test)).toHaveLength(1));
    await vi.waitFor(() => expect(handled).toEqual([1]));
    const effects = test.swarm.events.query({ types: ['app.effect'] });
    expect(effects.map(({ payload }) => payload)).toEqual(delivery === 'exactly-once' ? [1] : []);
  });

  test('tried again after a restart, when somebody listens', async () => {
    const test = await openTestSwarm();
    listen(test, { name: 'n', delivery, onError, maxRetries: 0 });
    await say(test, 1);
    await vi.waitFor(() => expect(letters(test)).toHaveLength(1));
    await test.reopen();
    await test.swarm.events.deadLetters.retry(letters(test)[0]?.id ?? '');
    expect(letters(test)).toMatchObject([{ status: 'queued' }]);
    await test.reopen();
    const { handled, state } = listen(test, { name: 'n', delivery, onError, maxRetries: 0 });
    state.fails = false;
    await vi.waitFor(() => expect(handled).toEqual([1]));
    await vi.waitFor(() => expect(letters(test)).toEqual([]));
  });
});

test('without a name it is kept under the id of the subscription', async () => {
  const test = await openTestSwarm();
  const { hears, handled, state } = listen(test, { onError: 'dead-letter' });
  await say(test, 1);
  await vi.waitFor(() => expect(letters(test)).toMatchObject([{ subscription: hears.id }]));
  state.fails = false;
  await test.swarm.events.deadLetters.retry(letters(test)[0]?.id ?? '');
  await vi.waitFor(() => expect(handled).toEqual([1]));
  await vi.waitFor(() => expect(letters(test)).toEqual([]));
});

test('each event of a batch that failed has a letter', async () => {
  const test = await openTestSwarm();
  const fails = () => {
    throw new Error('no');
  };
  test.swarm.events.subscribe({ type: 'app.x' }, fails, {
    name: 'n',
    onError: 'dead-letter',
    batch: { maxSize: 100, maxWait: 0 },
  });
  await say(test, ...Array.from({ length: 100 }, (_, index) => index));
  await vi.waitFor(async () => {
    await test.clock.advance(1);
    expect(letters(test)).toHaveLength(100);
  });
  const { through = 0 } = test.swarm.events.durableSubscriptions()[0] ?? {};
  expect(through).toBe(letters(test).at(-1)?.eventSequence);
});

test('ignored: counted, passed over, and kept nowhere', async () => {
  const test = await openTestSwarm();
  const { hears, handled, state } = listen(test, { name: 'n', onError: 'ignore' });
  await say(test, 1);
  await vi.waitFor(() => expect(hears.stats.errors).toBe(1));
  state.fails = false;
  await test.reopen();
  listen(test, { name: 'n', onError: 'ignore' });
  await settle();
  expect([handled, letters(test)]).toEqual([[], []]);
});

test('[I12] when no letter has room the subscription stops, and loses nothing', async () => {
  const test = await openTestSwarm({ limits: { deadLettersMax: 1 } });
  const { hears, handled, state } = listen(test, { name: 'n', onError: 'dead-letter' });
  await say(test, 1, 2, 3);
  await vi.waitFor(() => expect(hears.status).toBe('paused'));
  expect(hears.reason).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  expect(letters(test)).toHaveLength(1);
  await test.swarm.events.deadLetters.drop(letters(test)[0]?.id ?? '', 'nobody needs it');
  state.fails = false;
  hears.resume();
  expect(hears.reason).toBeUndefined();
  await vi.waitFor(() => expect(handled).toEqual([2, 3]));
});

describe('[I10] a letter is for the sessions of its agent, Conductors and the operator', () => {
  test('others are refused, and it stays', async () => {
    const test = await openTestSwarm();
    const [ant, bee, lead] = [
      await test.swarm.register({ agentType: 'pulse', agentId: 'ant' }),
      await test.swarm.register({ agentType: 'pulse', agentId: 'bee' }),
      await test.swarm.register({ agentType: 'conductor', agentId: 'lead' }),
    ];
    ant.events.subscribe(
      { type: 'app.x' },
      () => {
        throw new Error('no');
      },
      { name: 'n', onError: 'dead-letter' },
    );
    await say(test, 1, 2);
    await vi.waitFor(() => expect(letters(test)).toHaveLength(2));
    const [first, second] = letters(test);
    const { deadLetters } = bee.events;
    await expect(deadLetters.drop(first?.id ?? '')).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    await expect(deadLetters.retry(first?.id ?? '')).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    await expect(deadLetters.drop('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(deadLetters.list('n')).toHaveLength(2);
    expect(deadLetters.list('other')).toEqual([]);
    await lead.events.deadLetters.drop(first?.id ?? '');
    await ant.events.deadLetters.drop(second?.id ?? '');
    expect(letters(test)).toEqual([]);
  });
});
