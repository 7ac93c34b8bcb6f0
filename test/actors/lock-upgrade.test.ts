import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COORDINATOR } from '../../src/events/identity.ts';
import { LockParty } from '../support/lock-party.ts';
import { factsOf, typesOf } from '../support/given.ts';

let party: LockParty;
beforeEach(() => {
  party = new LockParty('abcd');
});
afterEach(() => party.given.checkReplay());

describe('lock.upgrade', () => {
  test('of a lock that nobody is beside is granted at once, with a new token and a new lease', () => {
    party.asks('a', 'r', 'shared', { ttl: 5_000 });
    const before = party.token('a', 'r');
    party.given.nowMs += 3_000;
    expect(party.upgrades('a', 'r')).toEqual({
      ok: true,
      facts: [['lock.upgraded', { lockId: 'a:r', resource: 'r', to: 'exclusive' }]],
    });
    expect(party.holders('r')).toBe('a:exclusive');
    expect(party.token('a', 'r')).toBeGreaterThan(before);
    const [hold] = party.given.view.resource('r')?.holders ?? [];
    expect(hold?.expiresAtMs).toBe(party.given.nowMs + 5_000);
  });

  test('waits for the shared holders to leave, and new shared requests queue behind it', () => {
    party.asks('a', 'r', 'upgradeable');
    party.asks('b', 'r', 'shared');
    party.asks('c', 'r', 'shared');
    expect(typesOf(party.upgrades('a', 'r'))).toEqual([
      'lock.upgrade_requested',
      'lock.contention',
    ]);
    party.asks('d', 'r', 'shared', { priority: 'critical' });
    expect([party.holders('r'), party.waiting('r')]).toEqual([
      'a:upgradeable b:shared c:shared',
      'a! d',
    ]);
    expect(typesOf(party.releases('b', 'r'))).toEqual(['lock.released']);
    expect(typesOf(party.releases('c', 'r'))).toEqual(['lock.released', 'lock.upgraded']);
    expect([party.holders('r'), party.waiting('r')]).toEqual(['a:exclusive', 'd']);
    expect(party.token('a', 'r')).toBe(party.given.view.sequence);
  });

  test('of a plain shared lock succeeds when it becomes alone, and is before an exclusive one that waited longer', () => {
    party.asks('a', 'r', 'shared');
    party.asks('b', 'r', 'shared');
    party.asks('c', 'r', 'exclusive', { priority: 'critical' });
    party.upgrades('a', 'r');
    expect(party.waiting('r')).toBe('a! c');
    party.releases('b', 'r');
    expect([party.holders('r'), party.waiting('r')]).toEqual(['a:exclusive', 'c']);
  });

  test('is refused at once while another one waits, with the circle, and that is recorded', () => {
    party.asks('a', 'r', 'shared');
    party.asks('b', 'r', 'shared');
    party.upgrades('a', 'r');
    const cycle = [
      { lockId: 'b:r', resource: 'r', sessionId: 'b' },
      { lockId: 'a:r', resource: 'r', sessionId: 'a' },
    ];
    expect(party.upgrades('b', 'r')).toEqual({
      ok: false,
      code: 'DEADLOCK',
      details: { lockId: 'b:r', resource: 'r', cycle },
      recorded: [
        ['lock.contention', { lockId: 'b:r', resource: 'r', holders: ['a:r'], ahead: 0, cycle }],
      ],
    });
    expect(party.waiting('r')).toBe('a!');
    party.releases('b', 'r');
    expect(party.holders('r')).toBe('a:exclusive');
  });

  test('is held, and no circle, while another one waits that does not wait for it; or when it would not wait', () => {
    party.asks('a', 'r', 'upgradeable');
    party.asks('b', 'r', 'shared');
    party.asks('c', 'r', 'shared');
    const asks = { to: 'upgradeable', timeout: 60_000 } as const;
    party.given.ask('lock.upgrade', { lockId: 'b:r', ...asks }, party.who('b')); // for a
    const second = party.given.when('lock.upgrade', { lockId: 'c:r', ...asks }, party.who('c'));
    expect(second).toMatchObject({ code: 'LOCK_HELD', details: { holders: [{ id: 'b:r' }] } });
    party.releases('a', 'r');
    expect(party.holders('r')).toBe('b:upgradeable c:shared');

    party.upgrades('b', 'r');
    const impatient = { lockId: 'c:r', timeout: 0 };
    expect(typesOf(party.given.when('lock.upgrade', impatient, party.who('c')))).toBe('LOCK_HELD');
  });

  test('of a stronger lock holds already; twice it waits already; not waiting it is refused with the holders', () => {
    party.asks('a', 'r');
    expect(party.upgrades('a', 'r')).toEqual({ ok: true, facts: [] });
    party.asks('b', 'q', 'shared');
    party.asks('c', 'q', 'shared');
    const now = { lockId: 'b:q', timeout: 0 };
    expect(party.given.when('lock.upgrade', now, party.who('b'))).toMatchObject({
      code: 'LOCK_HELD',
      details: { holders: [{ id: 'c:q' }] },
    });
    party.upgrades('b', 'q');
    expect(typesOf(party.upgrades('b', 'q'))).toBe('ALREADY_EXISTS');
  });

  test('to upgradeable: beside shared ones, and not beside another upgradeable', () => {
    party.asks('a', 'r', 'shared');
    party.asks('b', 'r', 'shared');
    const to = 'upgradeable';
    expect(
      typesOf(party.given.when('lock.upgrade', { lockId: 'a:r', to }, party.who('a'))),
    ).toEqual(['lock.upgraded']);
    party.given.ask('lock.upgrade', { lockId: 'b:r', to }, party.who('b'));
    expect([party.holders('r'), party.waiting('r')]).toEqual(['a:upgradeable b:shared', 'b!']);
    party.downgrades('a', 'r');
    expect(party.holders('r')).toBe('a:shared b:upgradeable');
  });

  test('[I10] is refused to others, for a request that waits, and for what is no lock', () => {
    party.asks('a', 'r');
    party.asks('b', 'r');
    const ask = (lockId: string, who: string) =>
      typesOf(party.given.when('lock.upgrade', { lockId }, party.who(who)));
    expect(ask('a:r', 'b')).toBe('NOT_HOLDER');
    expect(ask('b:r', 'b')).toBe('NOT_FOUND');
    expect(ask('none', 'b')).toBe('NOT_FOUND');
  });

  test('[I9] that waits ends at its time, or is given up, and leaves the lock as it was', () => {
    party.asks('a', 'r', 'shared');
    party.asks('b', 'r', 'shared');
    party.given.ask('lock.upgrade', { lockId: 'a:r', timeout: 1_000 }, party.who('a'));
    party.asks('c', 'r', 'shared');
    party.given.nowMs += 999;
    const expire = () => party.given.when('lock.expire', { lockId: 'a:r' }, COORDINATOR);
    expect(typesOf(expire())).toBe('ILLEGAL_TRANSITION');
    party.given.nowMs += 1;
    expect(typesOf(expire())).toEqual(['lock.abandoned', 'lock.acquired']);
    expect(party.holders('r')).toBe('a:shared b:shared c:shared');
    party.upgrades('a', 'r');
    party.given.ask('lock.abandon', { lockId: 'a:r' }, party.who('a'));
    expect([party.holders('r'), party.waiting('r')]).toEqual(['a:shared b:shared c:shared', '']);
  });

  test('[I9] whose time, or whose lease, is over is not granted any more, also before that is recorded', () => {
    party.asks('a', 'r', 'shared', { ttl: 1_000 });
    party.asks('b', 'r', 'shared', { ttl: 9_000 });
    party.upgrades('a', 'r');
    party.asks('c', 'r', 'shared');
    party.asks('a', 'q', 'shared');
    party.asks('b', 'q', 'shared');
    party.given.ask('lock.upgrade', { lockId: 'a:q', timeout: 1_000 }, party.who('a'));
    party.given.nowMs += 1_000;
    expect(typesOf(party.releases('b', 'r'))).toEqual(['lock.released', 'lock.acquired']);
    expect(party.holders('r')).toBe('a:shared c:shared');
    expect(typesOf(party.releases('b', 'q'))).toEqual(['lock.released']);
    expect(party.holders('q')).toBe('a:shared');
  });

  test('of a session that has ended is not granted any more', () => {
    party.asks('a', 'r', 'shared');
    party.asks('b', 'r', 'shared');
    party.upgrades('a', 'r');
    party.given.ask('session.stop', { sessionId: 'a' });
    expect(typesOf(party.releases('b', 'r'))).toEqual(['lock.released']);
    expect(party.holders('r')).toBe('a:shared');
  });

  test('that waits ends with its lock: released, expired, or taken with its session', () => {
    for (const name of 'abc') party.asks(name, 'r', 'shared');
    party.upgrades('a', 'r');
    party.releases('a', 'r');
    party.upgrades('b', 'r');
    expect(party.waiting('r')).toBe('b!');
    expect(typesOf(party.dies('b'))).toEqual(['lock.released']);
    expect([party.holders('r'), party.waiting('r')]).toEqual(['c:shared', '']);
  });
});

describe('lock.downgrade', () => {
  test('lets in at once whoever fits, and keeps the token', () => {
    party.asks('a', 'r');
    const token = party.token('a', 'r');
    party.asks('b', 'r', 'shared');
    party.asks('c', 'r', 'upgradeable');
    party.asks('d', 'r', 'exclusive');
    expect(typesOf(party.downgrades('a', 'r'))).toEqual([
      'lock.downgraded',
      'lock.acquired',
      'lock.acquired',
    ]);
    expect([party.holders('r'), party.waiting('r')]).toEqual([
      'a:shared b:shared c:upgradeable',
      'd',
    ]);
    expect(party.token('a', 'r')).toBe(token);
  });

  test('of a shared lock holds already; with an upgrade that waits it takes that back', () => {
    party.asks('a', 'r', 'shared');
    expect(party.downgrades('a', 'r')).toEqual({ ok: true, facts: [] });
    party.asks('b', 'r', 'shared');
    party.upgrades('a', 'r');
    expect(typesOf(party.downgrades('a', 'r'))).toEqual(['lock.abandoned']);
    expect(party.waiting('r')).toBe('');
  });

  test('[I10] is refused to others and for what is no lock', () => {
    party.asks('a', 'r');
    const ask = (lockId: string) =>
      typesOf(party.given.when('lock.downgrade', { lockId }, party.who('b')));
    expect([ask('a:r'), ask('none')]).toEqual(['NOT_HOLDER', 'NOT_FOUND']);
  });
});

describe('lock.force_release', () => {
  test('takes a lock from its holder, says why, and lets in who waits', () => {
    const mayor = party.given.session('m', 'conductor');
    party.asks('a', 'r');
    party.asks('b', 'r');
    const force = { lockId: 'a:r', reason: 'stuck since noon' };
    const outcome = party.given.when('lock.force_release', force, mayor);
    expect(outcome).toMatchObject({ ok: true });
    expect(factsOf(outcome)[0]).toEqual(['lock.released', { ...force, resource: 'r' }]);
    expect(party.holders('r')).toBe('b:exclusive');
    party.given.ask('lock.force_release', { lockId: 'b:r', reason: 'the operator may too' });
    expect(party.holders('r')).toBe('');
  });

  test('is refused to workers, also to the holder, without a reason, and for a request', () => {
    party.asks('a', 'r');
    party.asks('b', 'r');
    const ask = (lockId: string, reason: string, name?: string) =>
      typesOf(
        party.given.when(
          'lock.force_release',
          { lockId, reason },
          name === undefined ? undefined : party.who(name),
        ),
      );
    expect([ask('a:r', 'x', 'b'), ask('a:r', 'x', 'a')]).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    expect([ask('a:r', ''), ask('b:r', 'x')]).toEqual(['INVALID_INPUT', 'NOT_FOUND']);
  });
});
