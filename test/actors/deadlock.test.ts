/** Circles of two, three and four sessions: the right one gives up, and the others are served. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Priority } from '../../src/events/identity.ts';
import { LockParty } from '../support/lock-party.ts';
import { factsOf, typesOf, type Outcome } from '../support/given.ts';

let party: LockParty;
afterEach(() => party.given.checkReplay());

/** Everybody holds one resource and asks for that of the next; the last one closes the circle. */
function circle(names: string, priorities: Partial<Record<string, Priority>> = {}): Outcome {
  party = new LockParty(names);
  for (const name of names) party.asks(name, name.toUpperCase());
  let last: Outcome | undefined;
  names.split('').forEach((name, index) => {
    const next = names[(index + 1) % names.length] ?? '';
    last = party.asks(name, next.toUpperCase(), 'exclusive', {
      priority: priorities[name] ?? 'normal',
    });
  });
  if (last === undefined) throw new Error('nobody asked');
  return last;
}

/** Whoever has all that it asked for releases it, until nobody can go on; answers who did. */
function served(names: string): string {
  let done = '';
  for (let round = 0; round < names.length; round++) {
    for (const name of names) {
      const { locks, waits } = party.given.view.holdings(name);
      if (waits.length > 0 || locks.length === 0) continue;
      for (const { resource } of locks) party.releases(name, resource);
      done += name;
    }
  }
  return done;
}

describe.each(['ab', 'abc', 'abcd'])('a circle of the sessions %s', (names) => {
  const last = names.at(-1) ?? '';

  test('of equals: the youngest request is refused, which is the newcomer', () => {
    const outcome = circle(names);
    expect(outcome).toMatchObject({ ok: false, code: 'DEADLOCK' });
    expect(outcome).toMatchObject({ recorded: [['lock.contention', {}]] });
    const { cycle } = outcome.ok ? {} : (outcome.details as { cycle?: { sessionId: string }[] });
    expect(cycle?.map(({ sessionId }) => sessionId)).toEqual([
      last,
      ...names.slice(0, -1).split(''),
    ]);
    for (const { resource } of party.given.view.holdings(last).locks)
      party.releases(last, resource);
    expect(served(names).split('').toSorted().join('')).toBe(names.slice(0, -1));
  });

  test.each(names.slice(0, -1).split(''))(
    'of which %s is the least urgent: that one gives up, though it waits longer',
    (victim) => {
      const outcome = circle(names, { [victim]: 'low' });
      expect(outcome.ok).toBe(true);
      const told = factsOf(outcome).map(([type, payload]) => [
        type,
        (payload as { lockId: string }).lockId,
      ]);
      const next = (names[(names.indexOf(victim) + 1) % names.length] ?? '').toUpperCase();
      expect(told.slice(0, 2)).toEqual([
        ['lock.contention', `${victim}:${next}`],
        ['lock.abandoned', `${victim}:${next}`],
      ]);
      expect(factsOf(outcome)[1]?.[1]).toMatchObject({ reason: 'deadlock' });
      for (const { resource } of party.given.view.holdings(victim).locks) {
        party.releases(victim, resource);
      }
      const others = names.replace(victim, '');
      expect(served(names).split('').toSorted().join('')).toBe(others);
    },
  );

  test('with a newcomer that is the least urgent: it is refused though others are younger', () => {
    expect(circle(names, { [last]: 'low' })).toMatchObject({ ok: false, code: 'DEADLOCK' });
  });
});

describe('circles through', () => {
  test('an upgrade: two that hold, and one waits to upgrade', () => {
    party = new LockParty('ab');
    party.asks('a', 'r', 'upgradeable');
    party.asks('b', 'r', 'shared');
    party.asks('b', 'q');
    party.upgrades('a', 'r');
    expect(typesOf(party.asks('b', 'x'))).toEqual(['lock.acquired']); // no circle
    expect(party.asks('a', 'q')).toMatchObject({ ok: true }); // a waits for b, twice
    party.releases('b', 'r');
    expect(party.holders('r')).toBe('a:exclusive');
  });

  test('an upgrade that is the victim: it keeps what it holds, and its caller is told', () => {
    party = new LockParty('abc');
    party.asks('a', 'r', 'shared');
    party.asks('b', 'r', 'shared');
    party.asks('a', 'q');
    party.upgrades('a', 'r', 'low'); // waits for b
    const outcome = party.asks('b', 'q'); // waits for a
    expect(typesOf(outcome)).toEqual([
      'lock.contention',
      'lock.abandoned',
      'lock.requested',
      'lock.contention',
    ]);
    expect([party.holders('r'), party.waiting('r')]).toEqual(['a:shared b:shared', '']);
    party.releases('a', 'q');
    expect(party.holders('q')).toBe('b:exclusive');
  });

  test('an upgrade that closes the circle is refused, and keeps what it holds', () => {
    party = new LockParty('ab');
    party.asks('a', 'r', 'shared');
    party.asks('b', 'r', 'shared');
    party.asks('a', 'q');
    party.asks('b', 'q'); // b waits for a
    expect(party.upgrades('a', 'r')).toMatchObject({ ok: false, code: 'DEADLOCK' }); // a would wait for b
    expect(party.holders('r')).toBe('a:shared b:shared');
  });

  test('a queue: who waits before somebody is in his way too', () => {
    party = new LockParty('abc');
    party.asks('a', 'r', 'shared');
    party.asks('b', 'q');
    party.asks('b', 'r'); // waits for a
    expect(party.asks('c', 'r', 'shared')).toMatchObject({ ok: true }); // waits for b
    party.asks('c', 'x');
    // c holds x; b asks for it: b waits for c, c waits for b, who is before it in the queue.
    expect(party.asks('b', 'x')).toMatchObject({ ok: false, code: 'DEADLOCK' });
  });

  test('a subtree: locks of two sessions inside it, which both ask for all of it', () => {
    party = new LockParty('ab');
    party.asks('a', 'repo/x');
    party.asks('b', 'repo/y');
    expect(party.asks('a', 'repo/**')).toMatchObject({ ok: true });
    const outcome = party.asks('b', 'repo/**');
    expect(outcome).toMatchObject({ ok: false, code: 'DEADLOCK' });
    party.releases('b', 'repo/y');
    expect(party.holders('repo/**')).toBe('a:exclusive');
  });

  test('two circles at once: each loses its least urgent waiter, and the newcomer goes on', () => {
    party = new LockParty('abc');
    party.asks('a', 'A', 'shared');
    party.asks('b', 'A', 'shared');
    party.asks('c', 'C');
    party.asks('a', 'C', 'exclusive', { priority: 'low' });
    party.asks('b', 'C', 'exclusive', { priority: 'low' });
    const outcome = party.asks('c', 'A', 'exclusive', { priority: 'high' });
    expect(typesOf(outcome).slice(0, 4)).toEqual([
      'lock.contention',
      'lock.abandoned',
      'lock.contention',
      'lock.abandoned',
    ]);
    party.releases('a', 'A');
    party.releases('b', 'A');
    expect(party.holders('A')).toBe('c:exclusive');
  });
});

describe('circles closed by who has to wait for the newcomer: ', () => {
  test('an upgrade goes before those who wait already', () => {
    party = new LockParty('jkxt');
    party.asks('j', 'r', 'shared');
    party.asks('k', 'r', 'upgradeable');
    party.asks('x', 'r', 'shared');
    party.asks('t', 'q');
    party.asks('t', 'r', 'upgradeable'); // waits for k
    party.asks('j', 'q'); // waits for t
    // It would wait for j, and t for it.
    expect(party.upgrades('x', 'r')).toMatchObject({ ok: false, code: 'DEADLOCK' });
    party.releases('k', 'r');
    expect(party.holders('r')).toBe('j:shared x:shared t:upgradeable');
  });

  test('an urgent request for a subtree goes before those who wait inside it', () => {
    party = new LockParty('htkn');
    party.asks('h', 'd/x');
    party.asks('t', 'q');
    party.asks('k', 'd/y');
    party.asks('t', 'd/y'); // waits for k
    party.asks('h', 'q'); // waits for t
    // n waits for h and k, and t for n: of the three, h is the youngest of the least urgent.
    const outcome = party.asks('n', 'd/**', 'exclusive', { priority: 'high' });
    expect(factsOf(outcome)[1]).toEqual([
      'lock.abandoned',
      { lockId: 'h:q', resource: 'q', reason: 'deadlock' },
    ]);
    party.releases('k', 'd/y');
    party.releases('h', 'd/x');
    expect([party.holders('d/**'), party.waiting('d/y')]).toEqual(['n:exclusive', 't']);
  });

  test('a lock that is granted at once, to a session that waits elsewhere', () => {
    party = new LockParty('htn');
    party.asks('h', 'r', 'shared');
    party.asks('t', 'z');
    party.asks('t', 'r'); // waits for h
    party.asks('n', 'z', 'exclusive', { priority: 'low' }); // waits for t
    const outcome = party.asks('n', 'r', 'shared', { priority: 'critical' }); // t waits for n, too
    expect(typesOf(outcome)).toEqual(['lock.acquired', 'lock.contention', 'lock.abandoned']);
    expect([party.waiting('z'), party.holders('r')]).toEqual(['', 'h:shared n:shared']);
  });

  test('an upgrade waits for one that came before it, where their resources overlap', () => {
    party = new LockParty('bac');
    party.asks('b', 'p/**', 'upgradeable');
    party.asks('a', 'p/x/**', 'shared');
    party.asks('c', 'p/x', 'shared');
    const asks = { lockId: 'c:p/x', to: 'upgradeable', timeout: 60_000 } as const;
    party.given.ask('lock.upgrade', asks, party.who('c')); // waits for b
    party.given.ask('lock.upgrade', { ...asks, lockId: 'a:p/x/**' }, party.who('a'));
    party.releases('b', 'p/**');
    expect(party.holders('p/x')).toBe('c:upgradeable');
    expect(party.holders('p/x/**')).toBe('a:shared');
  });

  test('[I12] resources with as many holders as there may be, who all wait', () => {
    party = new LockParty('abc', { lockHoldersMax: 1 });
    party.asks('a', 'A', 'shared');
    party.asks('b', 'B', 'shared');
    party.asks('a', 'B', 'shared');
    expect(party.asks('b', 'A', 'shared')).toMatchObject({ ok: false, code: 'DEADLOCK' });
    expect(party.asks('c', 'A', 'shared')).toMatchObject({ ok: true }); // nobody waits for c
  });
});

test('[I9] who has waited for its time is in no circle, also before that is recorded', () => {
  party = new LockParty('ab');
  party.asks('a', 'A');
  party.asks('b', 'B');
  party.asks('b', 'A', 'exclusive', { timeout: 1_000 });
  party.given.nowMs += 1_000;
  expect(typesOf(party.asks('a', 'B'))).toEqual(['lock.requested', 'lock.contention']);
});

test('a chain without a circle refuses nobody', () => {
  party = new LockParty('abcde');
  for (const name of 'abcde') party.asks(name, name.toUpperCase());
  for (const [name, next] of ['ab', 'bc', 'cd', 'de']) {
    expect(party.asks(name ?? '', (next ?? '').toUpperCase())).toMatchObject({ ok: true });
  }
  expect(party.given.view.holdings('a').waits).toHaveLength(1);
});
