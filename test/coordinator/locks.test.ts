import { describe, expect, test } from 'vitest';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { isPending } from '../support/swarm-over.ts';

async function open() {
  const opened = await openTestSwarm();
  const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
  const bee = await opened.swarm.register({ agentType: 'pulse', agentId: 'bee' });
  return { test: opened, swarm: opened.swarm, clock: opened.clock, ant, bee };
}

const EXCLUSIVE = { resource: 'a.ts', type: 'exclusive' } as const;

describe('acquire', () => {
  test('answers the lock as it is', async () => {
    const { swarm, clock, ant } = await open();
    const lock = await ant.locks.acquire({ ...EXCLUSIVE, ttl: 5_000, metadata: { why: 'edit' } });
    expect(lock).toEqual({
      id: 'id-4',
      ...EXCLUSIVE,
      holder: ant.identity,
      acquiredAt: new Date(clock.wallMs()).toISOString(),
      expiresAt: new Date(clock.wallMs() + 5_000).toISOString(),
      ttl: 5_000,
      renewCount: 0,
      metadata: { why: 'edit' },
      fencingToken: swarm.sequence,
    });
    expect(swarm.state.locks.locks['id-4']).toEqual(lock);
    expect(swarm.get('locks.id-4.holder.id')).toBe('ant');
  });

  test('of what the session holds gives the same lock again, and records nothing', async () => {
    const { swarm, ant } = await open();
    const lock = await ant.locks.acquire(EXCLUSIVE);
    const { sequence } = swarm;
    expect(await ant.locks.acquire({ ...EXCLUSIVE, type: 'shared' })).toEqual(lock);
    expect(swarm.sequence).toBe(sequence);
  });

  test('without waiting is null when another holds it, and throws what is another matter', async () => {
    const { swarm, ant, bee } = await open();
    await ant.locks.acquire({ ...EXCLUSIVE, type: 'shared' });
    const { sequence } = swarm;
    expect(await bee.locks.acquire({ ...EXCLUSIVE, timeout: 0 })).toBeNull();
    expect(swarm.sequence).toBe(sequence);
    await expect(bee.locks.acquire({ ...EXCLUSIVE, ttl: 1e9 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  test('waits, and has the lock with a greater token when the holder releases it', async () => {
    const { swarm, ant, bee } = await open();
    const first = await ant.locks.acquire(EXCLUSIVE);
    const waits = bee.locks.acquire({ ...EXCLUSIVE, timeout: 5_000 });
    expect(await isPending(waits)).toBe(true);
    expect(swarm.state.locks.waitQueue['a.ts']?.map(({ requester }) => requester)).toEqual([
      bee.identity,
    ]);
    await ant.locks.release(first?.id ?? '');
    const second = await waits;
    expect(second?.holder).toEqual(bee.identity);
    expect(second?.fencingToken).toBeGreaterThan(first?.fencingToken ?? Number.POSITIVE_INFINITY);
  });

  test('has it when the lease of the holder runs out', async () => {
    const { clock, ant, bee } = await open();
    await ant.locks.acquire({ ...EXCLUSIVE, ttl: 1_000 });
    const waits = bee.locks.acquire({ ...EXCLUSIVE, timeout: 5_000 });
    await clock.advance(1_000);
    expect(await waits).toMatchObject({ holder: bee.identity });
  });

  test('has it when the holder dies', async () => {
    const { clock, ant, bee } = await open();
    await ant.locks.acquire({ ...EXCLUSIVE, ttl: 3_600_000 });
    const waits = bee.locks.acquire({ ...EXCLUSIVE, timeout: 3_600_000 });
    for (let beat = 0; beat < 5; beat++) {
      await clock.advance(10_000);
      await bee.heartbeat();
    }
    expect(await waits).toMatchObject({ holder: bee.identity });
  });

  test('is null when the time to wait is over', async () => {
    const { swarm, clock, ant, bee } = await open();
    await ant.locks.acquire(EXCLUSIVE);
    const waits = bee.locks.acquire({ ...EXCLUSIVE, timeout: 3_000 });
    await clock.advance(2_999);
    expect(await isPending(waits)).toBe(true);
    await clock.advance(1);
    expect(await waits).toBeNull();
    expect(swarm.state.locks.waitQueue).toEqual({});
  });

  test('is refused as CLOSED when the swarm closes first; the request is in the log', async () => {
    const { test: opened, ant, bee } = await open();
    await ant.locks.acquire(EXCLUSIVE);
    const waits = bee.locks.acquire({ ...EXCLUSIVE, timeout: 3_000 });
    const refused = expect(waits).rejects.toMatchObject({ code: 'CLOSED' }); // listens before it happens
    await opened.close();
    await refused;
    const swarm = await opened.open();
    expect(Object.keys(swarm.state.locks.waitQueue)).toEqual(['a.ts']);
    await opened.clock.advance(3_000);
    expect(swarm.state.locks.waitQueue).toEqual({});
  });
});

describe('giving up with a signal', () => {
  test('before asking: nothing is asked', async () => {
    const { swarm, ant } = await open();
    const { sequence } = swarm;
    expect(await ant.locks.acquire({ ...EXCLUSIVE, signal: AbortSignal.abort() })).toBeNull();
    expect(swarm.sequence).toBe(sequence);
  });

  test.each([
    ['while the request is not durable yet', false],
    ['while it waits', true],
  ])('%s: the request is taken back', async (_name, isDurable) => {
    const { swarm, ant, bee } = await open();
    await ant.locks.acquire(EXCLUSIVE);
    const controller = new AbortController();
    const waits = bee.locks.acquire({ ...EXCLUSIVE, signal: controller.signal });
    if (isDurable) await swarm.durable();
    controller.abort();
    expect(await waits).toBeNull();
    expect(swarm.state.locks.waitQueue).toEqual({});
    expect(swarm.state.events.events.at(-1)).toMatchObject({
      type: 'lock.abandoned',
      payload: { reason: 'aborted' },
      source: bee.identity,
    });
  });

  test('and asking again under the same id: each caller is told of its own request', async () => {
    const { ant, bee, swarm } = await open();
    const lock = await ant.locks.acquire(EXCLUSIVE);
    const controller = new AbortController();
    const asks = { ...EXCLUSIVE, lockId: 'job' };
    const first = bee.locks.acquire({ ...asks, signal: controller.signal });
    await swarm.durable();
    controller.abort();
    const second = bee.locks.acquire(asks);
    await ant.locks.release(lock?.id ?? '');
    expect(await first).toBeNull();
    expect(await second).toMatchObject({ id: 'job', holder: bee.identity });
  });

  test('or without one: an end that was on its way belongs to the request before', async () => {
    const { ant, bee } = await open();
    const asks = { ...EXCLUSIVE, lockId: 'job' };
    await bee.locks.acquire(asks);
    const other = ant.locks.acquire(EXCLUSIVE);
    const released = bee.locks.release('job');
    const again = bee.locks.acquire(asks); // asked before anybody heard of the release
    await released;
    await ant.locks.release((await other)?.id ?? '');
    expect(await again).toMatchObject({ id: 'job', holder: bee.identity });
  });

  test('that is no AbortSignal: refused before anything is asked', async () => {
    const { swarm, bee } = await open();
    const signal = { aborted: false } as AbortSignal;
    const { sequence } = swarm;
    await expect(bee.locks.acquire({ ...EXCLUSIVE, signal })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(swarm.sequence).toBe(sequence);
  });

  test('after it was granted: the lock stays, and the signal means nothing more', async () => {
    const { swarm, ant, bee } = await open();
    const first = await ant.locks.acquire(EXCLUSIVE);
    const controller = new AbortController();
    const waits = bee.locks.acquire({ ...EXCLUSIVE, signal: controller.signal });
    await ant.locks.release(first?.id ?? '');
    expect(await waits).not.toBeNull();
    const { sequence } = swarm;
    controller.abort();
    await swarm.durable();
    expect(swarm.sequence).toBe(sequence);
  });
});

describe('renew and release', () => {
  test('[I10] are for the holder, as long as he is one', async () => {
    const { swarm, clock, ant, bee } = await open();
    const lock = await ant.locks.acquire({ ...EXCLUSIVE, ttl: 1_000 });
    const id = lock?.id ?? '';
    await expect(bee.locks.renew(id)).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    await expect(bee.locks.release(id)).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    await clock.advance(900);
    await ant.locks.renew(id);
    expect(swarm.state.locks.locks[id]).toMatchObject({
      renewCount: 1,
      fencingToken: lock?.fencingToken,
    });
    await clock.advance(1_000);
    await expect(ant.locks.renew(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ant.locks.release(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
