/** `swarm.locks`: the specification's LockManager, every method granted and refused. */
import { describe, expect, test } from 'vitest';
import type { LockRequestInput } from '../../src/coordinator/lock-manager.ts';
import type { AgentIdentity } from '../../src/events/identity.ts';
import type { LockType } from '../../src/events/lock.ts';
import { GatedDatabase, isPending, openSwarmOver } from '../support/swarm-over.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

async function open() {
  const under = await openTestSwarm();
  const { swarm, clock } = under;
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
  const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
  return { under, clock, swarm, locks: swarm.locks, ant: ant.identity, bee: bee.identity };
}

function request(
  id: string,
  requester: AgentIdentity,
  type: LockType = 'exclusive',
  more: Partial<LockRequestInput> = {},
): LockRequestInput {
  return { id, resource: 'a.ts', type, requester, timeout: 0, priority: 'normal', ...more };
}

describe('acquire', () => {
  test('gives a lock with the id of its request; null when it is not granted in time', async () => {
    const { locks, ant, bee, clock } = await open();
    const lock = await locks.acquire(request('l1', ant, 'exclusive', { ttl: 60_000 }));
    expect(lock).toMatchObject({ id: 'l1', holder: ant, ttl: 60_000, renewCount: 0 });
    expect(await locks.acquire(request('l2', bee))).toBeNull();
    const waits = locks.acquire(request('l3', bee, 'exclusive', { timeout: 5_000 }));
    expect(await isPending(waits)).toBe(true);
    expect(locks.getWaitQueue('a.ts')).toMatchObject([
      { id: 'l3', requester: bee, timeout: 5_000, priority: 'normal' },
    ]);
    await clock.advance(5_000);
    expect(await waits).toBeNull();
  });

  test('is refused for a stranger, a session that ended, the system itself, and a bad request', async () => {
    const { swarm, locks, ant } = await open();
    const stranger = { ...ant, sessionId: 'nobody' };
    await expect(locks.acquire(request('l1', stranger))).rejects.toMatchObject({
      code: 'UNKNOWN_SESSION',
    });
    await expect(
      locks.acquire(request('l1', { ...ant, agentType: 'conductor' })),
    ).rejects.toMatchObject({ code: 'UNKNOWN_SESSION' });
    await expect(
      locks.acquire(request('l1', { ...ant, agentType: 'system' })),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(
      locks.acquire(request('l1', ant, 'exclusive', { resource: '' })),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(locks.acquire(undefined as never)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(await locks.release('l1', null as never)).toBe(false);
    await swarm.session(ant).stop();
    await expect(locks.acquire(request('l1', ant))).rejects.toMatchObject({
      code: 'SESSION_OFFLINE',
    });
  });
});

describe('release, renew', () => {
  test('are true for the holder, and false for others, twice, and after the end', async () => {
    const { locks, ant, bee, clock } = await open();
    await locks.acquire(request('l1', ant, 'exclusive', { ttl: 10_000 }));
    expect(await locks.renew('l1', bee, 10_000)).toBe(false);
    expect(await locks.renew('l1', ant, 20_000)).toBe(true);
    expect(locks.getLocks('a.ts')).toMatchObject([{ renewCount: 1, ttl: 20_000 }]);
    expect(await locks.release('l1', bee)).toBe(false);
    expect(await locks.release('l1', ant)).toBe(true);
    expect(await locks.release('l1', ant)).toBe(false);
    await locks.acquire(request('l2', ant, 'exclusive', { ttl: 10_000 }));
    await clock.advance(10_000);
    expect(await locks.renew('l2', ant, 10_000)).toBe(false);
    expect(locks.getLocks()).toEqual([]);
    await expect(locks.renew('l2', ant, 0)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('upgrade, downgrade', () => {
  test('are true for the holder once it is possible, and false for others', async () => {
    const { locks, ant, bee } = await open();
    await locks.acquire(request('l1', ant, 'shared'));
    await locks.acquire(request('l2', bee, 'shared'));
    expect(await locks.upgrade('l1', bee)).toBe(false);
    const upgraded = locks.upgrade('l1', ant);
    expect(await isPending(upgraded)).toBe(true);
    await expect(locks.upgrade('l2', bee)).rejects.toMatchObject({ code: 'DEADLOCK' });
    await locks.release('l2', bee);
    expect(await upgraded).toBe(true);
    expect(await locks.downgrade('l1', bee)).toBe(false);
    expect(await locks.downgrade('l1', ant)).toBe(true);
    expect(locks.getLocks('a.ts')).toMatchObject([{ id: 'l1', type: 'shared' }]);
    expect([await locks.upgrade('none', ant), await locks.downgrade('none', ant)]).toEqual([
      false,
      false,
    ]);
  });

  test('an upgrade is false when it waits in vain, and when its lock ends meanwhile', async () => {
    const { locks, ant, bee, clock } = await open();
    await locks.acquire(request('l1', ant, 'shared', { ttl: 300_000 }));
    await locks.acquire(request('l2', bee, 'shared', { ttl: 300_000 }));
    const inVain = locks.upgrade('l1', ant);
    await clock.advance(30_000); // config.timeouts.lockDefault
    expect(await inVain).toBe(false);
    expect(locks.getLocks('a.ts')).toHaveLength(2);
    const withoutLock = locks.upgrade('l1', ant);
    await locks.release('l1', ant);
    expect(await withoutLock).toBe(false);
  });
});

describe('forceRelease', () => {
  test('takes a lock from its holder, with the reason in the event; false when nobody holds it', async () => {
    const { under, swarm, locks, ant, bee } = await open();
    await locks.acquire(request('l1', ant));
    const next = locks.acquire(request('l2', bee, 'exclusive', { timeout: 5_000 }));
    expect(await locks.forceRelease('l1', 'stuck since noon')).toBe(true);
    expect(await next).toMatchObject({ holder: bee });
    expect(await locks.forceRelease('l1', 'again')).toBe(false);
    expect(await locks.release('l1', ant)).toBe(false);
    await expect(
      swarm.session(bee).locks.forceRelease('l2', 'not mine to do'),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const commits = await under.commits();
    const [released] = commits.flatMap(({ facts }) => facts.filter(isReleased));
    expect(released?.payload).toMatchObject({ lockId: 'l1', reason: 'stuck since noon' });
  });
});

function isReleased({ type }: { readonly type: string }): boolean {
  return type === 'lock.released';
}

describe('check', () => {
  test('knows the token of who holds a resource, or a subtree over it, now', async () => {
    const { locks, ant, bee, clock } = await open();
    const first = await locks.acquire(request('l1', ant, 'exclusive', { ttl: 1_000 }));
    const token = first?.fencingToken ?? 0;
    expect(locks.check('a.ts', token)).toBe(true);
    expect(locks.check('a.ts', token + 1)).toBe(false);
    expect(locks.check('b.ts', token)).toBe(false);
    clock.jump(1_000); // over, and not recorded yet
    expect(locks.check('a.ts', token)).toBe(false);
    const tree = await locks.acquire(request('l2', bee, 'exclusive', { resource: 'src/**' }));
    expect(locks.check('src/deep/a.ts', tree?.fencingToken ?? 0)).toBe(true);
    expect(locks.check('test/a.ts', tree?.fencingToken ?? 0)).toBe(false);
  });
});

describe('a name that could be taken for another one', () => {
  test.each(['a/**/**', 'a/*', 'a/**/b', 'a/../b', 'a/./b', 'a/../**'])(
    '%s is refused at every door, and is covered by nothing',
    async (resource) => {
      const { locks, under, ant, bee } = await open();
      const tree = await locks.acquire(request('l1', ant, 'exclusive', { resource: 'a/**' }));
      const refused = { code: 'INVALID_INPUT', details: { issues: [{ at: 'resource' }] } };
      const asked = request('l2', bee, 'exclusive', { resource });
      await expect(locks.acquire(asked)).rejects.toMatchObject(refused);
      const own = under.swarm.session(bee);
      await expect(own.locks.acquire({ resource, type: 'shared' })).rejects.toMatchObject(refused);
      const payload = { resource, type: 'upgradeable' };
      expect(await own.dispatch({ type: 'lock.acquire', payload })).toMatchObject(refused);
      for (const door of [locks, own.locks]) {
        expect(door.check(resource, tree?.fencingToken ?? 0)).toBe(false);
        expect([...door.getLocks(resource), ...door.getWaitQueue(resource)]).toEqual([]);
        expect(door.check('a/b/**', tree?.fencingToken ?? 0)).toBe(true);
      }
    },
  );
});

describe('fencing tokens', () => {
  test('[I4] of a resource only grow: over releases, upgrades, expiry and restarts', async () => {
    const { under, ant } = await open();
    const tokens: number[] = [];
    for (const round of [1, 2, 3]) {
      const { locks } = under.swarm;
      const shared = await locks.acquire(request(`l${round}`, ant, 'shared', { ttl: 10_000 }));
      tokens.push(shared?.fencingToken ?? 0);
      await locks.upgrade(`l${round}`, ant);
      tokens.push(locks.getLocks('a.ts')[0]?.fencingToken ?? 0);
      if (round === 1) await locks.release(`l${round}`, ant);
      else await under.clock.advance(10_000);
      await under.reopen();
    }
    expect(tokens).toHaveLength(6);
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
  });
});

test('the victim of a circle is told: its waiting acquire throws DEADLOCK with the circle', async () => {
  const { locks, ant, bee } = await open();
  await locks.acquire(request('a1', ant, 'exclusive', { resource: 'A' }));
  await locks.acquire(request('b1', bee, 'exclusive', { resource: 'B' }));
  const low = { resource: 'B', timeout: 9_000, priority: 'low' } as const;
  const waits = locks.acquire(request('a2', ant, 'exclusive', low));
  const other = locks.acquire(request('b2', bee, 'exclusive', { resource: 'A', timeout: 9_000 }));
  await expect(waits).rejects.toMatchObject({
    code: 'DEADLOCK',
    details: {
      lockId: 'a2',
      cycle: [
        { lockId: 'b2', resource: 'A', sessionId: bee.sessionId },
        { lockId: 'a2', resource: 'B', sessionId: ant.sessionId },
      ],
    },
  });
  await locks.release('a1', ant);
  expect(await other).toMatchObject({ id: 'b2' });
});

test('a lock that is passed on costs one block a turn: who releases and who comes next share one', async () => {
  const database = new GatedDatabase();
  const swarm = await openSwarmOver(database);
  const TURNS = 50;
  const takers = await Promise.all(
    ['a', 'b', 'c', 'd'].map((agentId) => swarm.register({ agentType: 'pulse', agentId })),
  );
  const before = database.blocks;
  await Promise.all(
    takers.map(async ({ locks }) => {
      for (let turn = 0; turn < TURNS; turn++) {
        const lock = await locks.acquire({ resource: 'r', type: 'exclusive' });
        await locks.release(lock?.id ?? '');
      }
    }),
  );
  const blocksATurn = (database.blocks - before) / (TURNS * takers.length);
  expect(blocksATurn).toBeLessThan(1.1);
  await swarm.close();
});

test('10,000 waiters on one resource: one grant per release, in order, with no herd', async () => {
  const WAITERS = 10_000;
  const under = await openTestSwarm({
    limits: { heartbeatTimeoutMs: 3_600_000 },
    config: { maxConcurrentAgents: WAITERS },
  });
  const { swarm } = under;
  const names = Array.from({ length: WAITERS }, (_, index) => `s${index}`);
  const herd = await Promise.all(
    names.map((agentId) => swarm.register({ agentType: 'pulse', agentId, sessionId: agentId })),
  );
  const order: string[] = [];
  const timeout = 3_600_000;
  await Promise.all(
    herd.map(async ({ locks, identity }) => {
      const lock = await locks.acquire({ resource: 'r', type: 'exclusive', timeout });
      order.push(identity.sessionId);
      await locks.release(lock?.id ?? '');
    }),
  );
  expect(order).toEqual(names);
  const grants = (await under.commits()).map(
    ({ facts }) => facts.filter(({ type }) => type === 'lock.acquired').length,
  );
  expect(Math.max(...grants)).toBe(1);
  expect(grants.reduce((sum, count) => sum + count)).toBe(WAITERS);
});
