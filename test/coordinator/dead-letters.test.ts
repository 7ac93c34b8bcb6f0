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
function listen(home: TestSwarm, options: SubscribeOptions) {
  const handled: unknown[] = [];
  const state = { fails: true };
  const hears = home.swarm.events.subscribe(
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

const nothing = (): void => {};

function fails(): never {
  throw new Error('no');
}

const letters = (home: TestSwarm) => home.swarm.events.deadLetters.list();
const DURABLE = [
  ['at-most-once', 'dead-letter'],
  ['at-least-once', 'dead-letter'],
  ['at-least-once', 'retry'],
  ['exactly-once', 'dead-letter'],
] as const;

describe.each(DURABLE)('%s, %s', (delivery, onError) => {
  test('what is given up is kept, and the next event follows', async () => {
    const home = await openTestSwarm();
    const options = { name: 'n', delivery, onError, ...(onError === 'retry' && { maxRetries: 1 }) };
    const { hears, handled, state } = listen(home, options);
    await say(home, 1);
    await vi.waitFor(async () => {
      await home.clock.advance(10);
      expect(letters(home)).toHaveLength(1);
    });
    state.fails = false;
    await say(home, 2);
    await vi.waitFor(() => expect(handled).toEqual([2]));
    const [event] = home.swarm.events.query({ types: ['app.x'] });
    expect(letters(home)).toEqual([
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
    const home = await openTestSwarm();
    const { handled, state } = listen(home, { name: 'n', delivery, onError, maxRetries: 0 });
    await say(home, 1, 2);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(2));
    const [first] = letters(home);
    await home.swarm.events.deadLetters.retry(first?.id ?? '');
    await vi.waitFor(() =>
      expect(letters(home)[0]).toMatchObject({ id: first?.id, attempts: 2, status: 'dead' }),
    );
    state.fails = false;
    await home.swarm.events.deadLetters.retry(first?.id ?? '');
    await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
    await vi.waitFor(() => expect(handled).toEqual([1]));
    const effects = home.swarm.events.query({ types: ['app.effect'] });
    expect(effects.map(({ payload }) => payload)).toEqual(delivery === 'exactly-once' ? [1] : []);
  });

  test('dropped while it waits to be tried again, or while it is: gone, and the rest goes on', async () => {
    const home = await openTestSwarm();
    const { hears, handled, state } = listen(home, { name: 'n', delivery, onError, maxRetries: 0 });
    await say(home, 1);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
    const [letter] = letters(home);
    const { deadLetters } = home.swarm.events;
    hears.pause();
    await deadLetters.retry(letter?.id ?? '');
    await deadLetters.drop(letter?.id ?? '');
    state.fails = false;
    hears.resume();
    await say(home, 2);
    await vi.waitFor(() => expect(handled).toEqual([2]));
    expect([hears.status, letters(home)]).toEqual(['active', []]);
  });

  test('dropped while its handler runs: gone for good', async () => {
    const home = await openTestSwarm();
    let calls = 0;
    let goOn = nothing;
    const hears = home.swarm.events.subscribe(
      { type: 'app.x' },
      async () => {
        calls += 1;
        if (calls === 1) throw new Error('no');
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
      },
      { name: 'n', delivery, onError, maxRetries: 0 },
    );
    await say(home, 1);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
    const [letter] = letters(home);
    const { deadLetters } = home.swarm.events;
    await deadLetters.retry(letter?.id ?? '');
    await vi.waitFor(() => expect(calls).toBe(2));
    if (delivery !== 'at-most-once') await deadLetters.drop(letter?.id ?? '');
    goOn();
    await settle();
    await home.swarm.durable();
    expect([hears.status, calls, letters(home)]).toEqual(['active', 2, []]);
  });

  test('tried again after a restart, when somebody listens', async () => {
    const home = await openTestSwarm();
    listen(home, { name: 'n', delivery, onError, maxRetries: 0 });
    await say(home, 1);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(1));
    await home.reopen();
    await home.swarm.events.deadLetters.retry(letters(home)[0]?.id ?? '');
    expect(letters(home)).toMatchObject([{ status: 'queued' }]);
    await home.reopen();
    const { handled, state } = listen(home, { name: 'n', delivery, onError, maxRetries: 0 });
    state.fails = false;
    await vi.waitFor(() => expect(handled).toEqual([1]));
    await vi.waitFor(() => expect(letters(home)).toEqual([]));
  });
});

test('without a name it is kept under the id of the subscription', async () => {
  const home = await openTestSwarm();
  const { hears, handled, state } = listen(home, { onError: 'dead-letter' });
  await say(home, 1);
  await vi.waitFor(() => expect(letters(home)).toMatchObject([{ subscription: hears.id }]));
  state.fails = false;
  await home.swarm.events.deadLetters.retry(letters(home)[0]?.id ?? '');
  await vi.waitFor(() => expect(handled).toEqual([1]));
  await vi.waitFor(() => expect(letters(home)).toEqual([]));
});

test('each event of a batch that failed has a letter', async () => {
  const home = await openTestSwarm();
  home.swarm.events.subscribe({ type: 'app.x' }, fails, {
    name: 'n',
    onError: 'dead-letter',
    batch: { maxSize: 100, maxWait: 0 },
  });
  await say(home, ...Array.from({ length: 100 }, (_, index) => index));
  await vi.waitFor(async () => {
    await home.clock.advance(1);
    expect(letters(home)).toHaveLength(100);
  });
  const { through = 0 } = home.swarm.events.durableSubscriptions()[0] ?? {};
  expect(through).toBe(letters(home).at(-1)?.eventSequence);
});

test('ignored: counted, passed over, and kept nowhere', async () => {
  const home = await openTestSwarm();
  const { hears, handled, state } = listen(home, { name: 'n', onError: 'ignore' });
  await say(home, 1);
  await vi.waitFor(() => expect(hears.stats.errors).toBe(1));
  state.fails = false;
  await home.reopen();
  listen(home, { name: 'n', onError: 'ignore' });
  await settle();
  expect([handled, letters(home)]).toEqual([[], []]);
});

test('[I12] when no letter has room the subscription stops, and loses nothing', async () => {
  const home = await openTestSwarm({ limits: { deadLettersMax: 1 } });
  const { hears, handled, state } = listen(home, { name: 'n', onError: 'dead-letter' });
  await say(home, 1, 2, 3);
  await vi.waitFor(() => expect(hears.status).toBe('paused'));
  expect(hears.reason).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  expect(letters(home)).toHaveLength(1);
  await home.swarm.events.deadLetters.drop(letters(home)[0]?.id ?? '', 'nobody needs it');
  state.fails = false;
  hears.resume();
  expect(hears.reason).toBeUndefined();
  await vi.waitFor(() => expect(handled).toEqual([3]));
  expect(letters(home)).toMatchObject([{ error: { message: 'cannot handle 2' } }]);
});

describe('[I10] a letter is for the sessions of its agent, Conductors and the operator', () => {
  test('others are refused, and it stays', async () => {
    const home = await openTestSwarm();
    const [ant, bee, lead] = [
      await home.swarm.register({ agentType: 'pulse', agentId: 'ant' }),
      await home.swarm.register({ agentType: 'pulse', agentId: 'bee' }),
      await home.swarm.register({ agentType: 'conductor', agentId: 'lead' }),
    ];
    ant.events.subscribe(
      { type: 'app.x' },
      () => {
        throw new Error('no');
      },
      { name: 'n', onError: 'dead-letter' },
    );
    await say(home, 1, 2);
    await vi.waitFor(() => expect(letters(home)).toHaveLength(2));
    const [first, second] = letters(home);
    const { deadLetters } = bee.events;
    await expect(deadLetters.drop(first?.id ?? '')).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    await expect(deadLetters.retry(first?.id ?? '')).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    await expect(deadLetters.drop('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(deadLetters.list('n')).toHaveLength(2);
    expect(deadLetters.list('other')).toEqual([]);
    await lead.events.deadLetters.drop(first?.id ?? '');
    await ant.events.deadLetters.drop(second?.id ?? '');
    expect(letters(home)).toEqual([]);
  });
});
