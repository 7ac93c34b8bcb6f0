import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COORDINATOR, type AgentIdentity } from '../../src/events/identity.ts';
import type { PayloadOf } from '../../src/protocol/commands.ts';
import { Given, typesOf, type Outcome } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;
let bee: AgentIdentity;

beforeEach(() => {
  given = new Given({
    limits: { locksPerSessionMax: 3, lockQueueMax: 2, lockTtlMsMax: 60_000, lockWaitMsMax: 50_000 },
  });
  ant = given.session('ant');
  bee = given.session('bee');
});

afterEach(() => given.checkReplay());

function acquire(
  who: AgentIdentity,
  lockId: string,
  more: Partial<PayloadOf<'lock.acquire'>> = {},
): Outcome {
  return given.when('lock.acquire', { lockId, resource: 'a.ts', type: 'exclusive', ...more }, who);
}

describe('lock.acquire', () => {
  test('grants a free resource; the sequence of the grant is the fencing token', () => {
    const outcome = acquire(ant, 'l1', { ttl: 5_000, metadata: { why: 'edit' } });
    expect(outcome).toEqual({
      ok: true,
      facts: [
        [
          'lock.acquired',
          {
            lockId: 'l1',
            resource: 'a.ts',
            type: 'exclusive',
            ttl: 5_000,
            holder: ant,
            metadata: { why: 'edit' },
          },
        ],
      ],
    });
    const [hold] = given.view.resource('a.ts')?.holders ?? [];
    expect(hold).toMatchObject({
      fencingToken: given.view.sequence,
      acquiredAtMs: given.nowMs,
      expiresAtMs: given.nowMs + 5_000,
    });
  });

  test('has the default TTL of the configuration', () => {
    acquire(ant, 'l1');
    expect(given.view.resource('a.ts')?.holders[0]?.ttlMs).toBe(30_000);
  });

  test('waits for a held resource, and is refused with its holders when it may not wait', () => {
    acquire(ant, 'l1');
    const refused = acquire(bee, 'l2', { timeout: 0 });
    expect(refused).toMatchObject({
      code: 'LOCK_HELD',
      details: {
        resource: 'a.ts',
        holders: [{ id: 'l1', type: 'exclusive', holder: ant }],
        waiting: 0,
      },
    });
    const waits = acquire(bee, 'l2', { timeout: 4_000, ttl: 2_000, priority: 'high' });
    expect(waits).toEqual({
      ok: true,
      facts: [
        [
          'lock.requested',
          {
            lockId: 'l2',
            resource: 'a.ts',
            type: 'exclusive',
            ttl: 2_000,
            timeout: 4_000,
            priority: 'high',
          },
        ],
        ['lock.contention', { lockId: 'l2', resource: 'a.ts', holders: ['l1'], ahead: 0 }],
      ],
    });
  });

  test('of what the session holds already records nothing, and leaves it its token', () => {
    acquire(ant, 'l1', { type: 'upgradeable' });
    const [hold] = given.view.resource('a.ts')?.holders ?? [];
    expect(acquire(ant, 'l2', { type: 'shared' })).toEqual({ ok: true, facts: [] });
    expect(acquire(ant, 'l3', { type: 'upgradeable' })).toEqual({ ok: true, facts: [] });
    expect(given.view.resource('a.ts')?.holders).toEqual([hold]);
  });

  test('of a stronger form than the session holds is an upgrade of its lock', () => {
    acquire(ant, 'l1', { type: 'shared' });
    expect(acquire(ant, 'l2')).toEqual({
      ok: true,
      facts: [['lock.upgraded', { lockId: 'l1', resource: 'a.ts', to: 'exclusive' }]],
    });
    given.ask('lock.downgrade', { lockId: 'l1' }, ant);
    acquire(bee, 'l3', { type: 'shared' });
    expect(typesOf(acquire(ant, 'l4', { timeout: 9_000 }))).toEqual([
      'lock.upgrade_requested',
      'lock.contention',
    ]);
    expect(typesOf(acquire(ant, 'l5'))).toBe('ALREADY_EXISTS');
  });

  test('[I10] of a lease that is over is refused, also before that is recorded', () => {
    acquire(ant, 'l1', { ttl: 1_000 });
    given.nowMs += 1_000;
    expect(typesOf(acquire(ant, 'l2'))).toBe('NOT_FOUND');
  });

  test('is refused beyond the limits, each named', () => {
    const cat = given.session('cat');
    const dog = given.session('dog');
    expect(acquire(ant, 'l1', { ttl: 60_001 })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'lockTtlMsMax' },
    });
    acquire(ant, 'l1');
    expect(acquire(bee, 'l2', { timeout: 50_001 })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'lockWaitMsMax' },
    });
    acquire(bee, 'l2');
    acquire(cat, 'l3');
    expect(acquire(dog, 'l4')).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'lockQueueMax' },
    });
    acquire(ant, 'l5', { resource: 'b' });
    acquire(ant, 'l6', { resource: 'c' });
    expect(acquire(ant, 'l7', { resource: 'd' })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'locksPerSessionMax' },
    });
  });

  test('is refused with a taken id, to a Guardian, to the operator, and with a space around the resource', () => {
    acquire(ant, 'l1');
    expect(typesOf(acquire(bee, 'l1', { resource: 'b' }))).toBe('ALREADY_EXISTS');
    const guardian = given.session('gua', 'guardian');
    expect(typesOf(acquire(guardian, 'l2'))).toBe('FORBIDDEN');
    expect(typesOf(given.when('lock.acquire', { resource: 'a', type: 'shared' }))).toBe(
      'FORBIDDEN',
    );
    for (const resource of [' a', './a', 'a/../b', 'a/*.ts']) {
      expect(typesOf(acquire(bee, 'l3', { resource }))).toBe('INVALID_INPUT');
    }
  });
});

describe('lock.renew', () => {
  test('extends the lease from now, by what it had or by what it says', () => {
    acquire(ant, 'l1', { ttl: 5_000 });
    given.nowMs += 3_000;
    expect(given.when('lock.renew', { lockId: 'l1' }, ant)).toEqual({
      ok: true,
      facts: [['lock.renewed', { lockId: 'l1', resource: 'a.ts', ttl: 5_000 }]],
    });
    given.ask('lock.renew', { lockId: 'l1', ttl: 900 }, ant);
    expect(given.view.resource('a.ts')?.holders[0]).toMatchObject({
      expiresAtMs: given.nowMs + 900,
      ttlMs: 900,
      renewCount: 2,
    });
  });

  test('[I10] is refused to others, for a request that waits, after the end, and beyond lockTtlMsMax', () => {
    acquire(ant, 'l1');
    acquire(bee, 'l2');
    expect(given.when('lock.renew', { lockId: 'l1' }, bee)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: ant },
    });
    expect(typesOf(given.when('lock.renew', { lockId: 'l2' }, bee))).toBe('NOT_FOUND');
    expect(typesOf(given.when('lock.renew', { lockId: 'l1', ttl: 60_001 }, ant))).toBe(
      'LIMIT_EXCEEDED',
    );
    given.ask('lock.release', { lockId: 'l1' }, ant);
    expect(typesOf(given.when('lock.renew', { lockId: 'l1' }, ant))).toBe('NOT_FOUND');
  });

  test('[I10] is refused once the lease is over, also before that is recorded, and grants nothing', () => {
    acquire(ant, 'l1', { ttl: 1_000 });
    given.nowMs += 999;
    given.ask('lock.renew', { lockId: 'l1' }, ant);
    given.nowMs += 1_000;
    for (const type of ['lock.renew', 'lock.release', 'lock.upgrade', 'lock.downgrade'] as const) {
      expect(typesOf(given.when(type, { lockId: 'l1' }, ant))).toBe('NOT_FOUND');
    }
  });
});

describe('lock.release', () => {
  test('lets in who waits, in one commit, with a greater fencing token', () => {
    acquire(ant, 'l1');
    const token = given.view.resource('a.ts')?.holders[0]?.fencingToken ?? 0;
    acquire(bee, 'l2', { ttl: 700 });
    const outcome = given.when('lock.release', { lockId: 'l1' }, ant);
    expect(outcome).toEqual({
      ok: true,
      facts: [
        ['lock.released', { lockId: 'l1', resource: 'a.ts' }],
        [
          'lock.acquired',
          { lockId: 'l2', resource: 'a.ts', type: 'exclusive', ttl: 700, holder: bee },
        ],
      ],
    });
    expect(given.view.resource('a.ts')?.holders[0]?.fencingToken).toBeGreaterThan(token);
    expect(given.view.resource('a.ts')?.queue).toEqual([]);
  });

  test('forgets a resource that nobody holds and nobody waits for', () => {
    acquire(ant, 'l1');
    given.ask('lock.release', { lockId: 'l1' }, ant);
    expect(given.view.resource('a.ts')).toBeUndefined();
    expect(given.view.resourceOf('l1')).toBeUndefined();
    expect(given.view.lockCount('ant')).toBe(0);
  });

  test('[I10] is refused to others, twice, and for a request that waits', () => {
    acquire(ant, 'l1');
    acquire(bee, 'l2');
    expect(typesOf(given.when('lock.release', { lockId: 'l1' }, bee))).toBe('NOT_HOLDER');
    expect(typesOf(given.when('lock.release', { lockId: 'l2' }, bee))).toBe('NOT_FOUND');
    given.ask('lock.release', { lockId: 'l1' }, ant);
    expect(typesOf(given.when('lock.release', { lockId: 'l1' }, ant))).toBe('NOT_FOUND');
  });
});

describe('lock.abandon', () => {
  test('gives up a request, and lets in whom it kept out', () => {
    const cat = given.session('cat');
    acquire(ant, 'l1', { type: 'shared' });
    acquire(bee, 'l2');
    acquire(cat, 'l3', { type: 'shared' });
    expect(typesOf(given.when('lock.abandon', { lockId: 'l2' }, bee))).toEqual([
      'lock.abandoned',
      'lock.acquired',
    ]);
    expect(given.view.resource('a.ts')?.holders.map(({ id }) => id)).toEqual(['l1', 'l3']);
  });

  test('[I10] is refused to others, and for a lock that is held', () => {
    acquire(ant, 'l1');
    acquire(bee, 'l2');
    expect(typesOf(given.when('lock.abandon', { lockId: 'l2' }, ant))).toBe('NOT_HOLDER');
    expect(typesOf(given.when('lock.abandon', { lockId: 'l1' }, ant))).toBe('NOT_FOUND');
    expect(typesOf(given.when('lock.abandon', { lockId: 'none' }, ant))).toBe('NOT_FOUND');
  });
});

describe('lock.expire', () => {
  test('[I9] ends a lease at its time and not before, and lets in who waits', () => {
    acquire(ant, 'l1', { ttl: 1_000 });
    acquire(bee, 'l2', { timeout: 5_000 });
    given.nowMs += 999;
    expect(typesOf(given.when('lock.expire', { lockId: 'l1' }, COORDINATOR))).toBe(
      'ILLEGAL_TRANSITION',
    );
    given.nowMs += 1;
    expect(typesOf(given.when('lock.expire', { lockId: 'l1' }, COORDINATOR))).toEqual([
      'lock.expired',
      'lock.acquired',
    ]);
    expect(typesOf(given.when('lock.expire', { lockId: 'l1' }, COORDINATOR))).toBe('NOT_FOUND');
  });

  test('[I9] ends the waiting of a request', () => {
    acquire(ant, 'l1');
    acquire(bee, 'l2', { timeout: 1_000 });
    given.nowMs += 999;
    expect(typesOf(given.when('lock.expire', { lockId: 'l2' }, COORDINATOR))).toBe(
      'ILLEGAL_TRANSITION',
    );
    given.nowMs += 1;
    expect(given.when('lock.expire', { lockId: 'l2' }, COORDINATOR)).toEqual({
      ok: true,
      facts: [['lock.abandoned', { lockId: 'l2', resource: 'a.ts', reason: 'timeout' }]],
    });
    expect(given.view.lockCount('bee')).toBe(0);
  });

  test('is no command for a session', () => {
    acquire(ant, 'l1', { ttl: 1 });
    given.nowMs += 1;
    expect(typesOf(given.when('lock.expire', { lockId: 'l1' }, ant))).toBe('FORBIDDEN');
  });
});
