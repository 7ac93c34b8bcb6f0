import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COORDINATOR, type AgentIdentity, type Priority } from '../../src/events/identity.ts';
import { PRIORITY_BOOST_MS, freeResource, stateOfLock } from '../../src/events/lock.ts';
import type { LockType } from '../../src/events/lock.ts';
import { LockParty } from '../support/lock-party.ts';
import { Given, typesOf, type Outcome } from '../support/given.ts';

describe('the queue', () => {
  let given: Given;
  let count: number;
  const SESSIONS = 'abcdefgh';
  const identities = new Map<string, AgentIdentity>();

  beforeEach(() => {
    given = new Given({ limits: { heartbeatTimeoutMs: 10_000_000 } });
    count = 0;
    identities.clear();
    for (const name of SESSIONS) identities.set(name, given.session(name));
  });

  afterEach(() => given.checkReplay());

  function who(name: string): AgentIdentity {
    const identity = identities.get(name);
    if (identity === undefined) throw new Error(name);
    return identity;
  }

  /** The session asks for the resource; its lock is named like it. */
  function asks(name: string, type: LockType, priority: Priority = 'normal'): Outcome {
    const timeout = 3_600_000;
    count += 1;
    return given.when(
      'lock.acquire',
      { lockId: `${name}${count}`, resource: 'r', type, ttl: 3_600_000, timeout, priority },
      who(name),
    );
  }

  function leaves(name: string): void {
    const held = given.view.resource('r')?.holders.find(({ holder }) => holder.sessionId === name);
    given.ask('lock.release', { lockId: held?.id ?? '' }, who(name));
  }

  const resource = () => given.view.resource('r') ?? freeResource('r');
  const holders = (): string =>
    (given.view.resource('r')?.holders ?? []).map(({ holder }) => holder.sessionId).join('');
  const waiting = (): string =>
    (given.view.resource('r')?.queue ?? []).map(({ requester }) => requester.sessionId).join('');

  test('is served in the order of asking', () => {
    for (const name of 'abcd') asks(name, 'exclusive');
    const served: string[] = [];
    for (const name of 'abcd') {
      served.push(holders());
      leaves(name);
    }
    expect(served).toEqual(['a', 'b', 'c', 'd']);
  });

  test('lets in all that fit together, up to the first that does not', () => {
    asks('a', 'exclusive');
    asks('b', 'shared');
    asks('c', 'upgradeable');
    asks('d', 'shared');
    asks('e', 'upgradeable');
    asks('f', 'shared');
    leaves('a');
    expect([holders(), waiting()]).toEqual(['bcd', 'ef']);
    leaves('c');
    expect([holders(), waiting()]).toEqual(['bdef', '']);
  });

  test('nobody overtakes: one that would fit waits behind one that does not', () => {
    asks('a', 'shared');
    asks('b', 'exclusive');
    expect(typesOf(asks('c', 'shared'))).toEqual(['lock.requested', 'lock.contention']);
    expect([holders(), waiting()]).toEqual(['a', 'bc']);
    leaves('a');
    expect([holders(), waiting()]).toEqual(['b', 'c']);
    leaves('b');
    expect([holders(), waiting()]).toEqual(['c', '']);
  });

  test('one that may not wait does not overtake either', () => {
    asks('a', 'shared');
    asks('b', 'exclusive');
    const outcome = given.when(
      'lock.acquire',
      { resource: 'r', type: 'shared', timeout: 0 },
      who('c'),
    );
    expect(outcome).toMatchObject({ code: 'LOCK_HELD', details: { waiting: 1 } });
  });

  test('the urgent go before those who asked at the same time, in the order of their urgency', () => {
    asks('a', 'exclusive');
    asks('b', 'exclusive', 'low');
    asks('c', 'exclusive', 'normal');
    asks('d', 'exclusive', 'high');
    asks('e', 'exclusive', 'critical');
    asks('f', 'exclusive', 'critical');
    expect(waiting()).toBe('efdcb');
  });

  test('an urgent one that fits is let in past one that waits', () => {
    asks('a', 'shared');
    asks('b', 'exclusive');
    expect(typesOf(asks('c', 'shared', 'critical'))).toEqual(['lock.acquired']);
    expect([holders(), waiting()]).toEqual(['ac', 'b']);
  });

  test('boosts bound overtaking: nobody is overtaken by one who asks later than the difference of the boosts', () => {
    const priorities: readonly Priority[] = ['critical', 'high', 'normal', 'low'];
    for (const waits of priorities) {
      for (const comes of priorities) {
        const boundMs = PRIORITY_BOOST_MS[comes] - PRIORITY_BOOST_MS[waits];
        expect(overtakes({ waits, comes, afterMs: Math.max(0, boundMs) })).toBe(false); // the order of asking breaks the tie
        if (boundMs > 0) expect(overtakes({ waits, comes, afterMs: boundMs - 1 })).toBe(true);
      }
    }
  });

  /** Whether a shared request is let in before an exclusive one that has waited for so long. */
  function overtakes({
    waits,
    comes,
    afterMs,
  }: {
    readonly waits: Priority;
    readonly comes: Priority;
    readonly afterMs: number;
  }): boolean {
    asks('a', 'shared');
    asks('b', 'exclusive', waits);
    given.nowMs += afterMs;
    asks('c', 'shared', comes);
    const isIn = holders() === 'ac';
    for (const name of isIn ? 'acb' : 'abc') leaves(name);
    return isIn;
  }

  test('boosts bound overtaking: a stream of critical requests cannot keep a low one out', () => {
    asks('a', 'exclusive');
    asks('b', 'exclusive', 'low');
    const order: string[] = [];
    for (let round = 0; round < 20 && !order.includes('b'); round++) {
      given.nowMs += 5_000;
      const next = 'cdefgh'[round % 6] ?? '';
      asks(next, 'exclusive', 'critical');
      const holder = holders();
      order.push(holder);
      leaves(holder);
    }
    order.push(holders());
    // 60 s of boost, one request every 5 s: eleven come before it, the twelfth does not.
    expect(order.indexOf('b')).toBe(12);
  });

  test('the requests of a session that ended let nobody wait', () => {
    asks('a', 'exclusive');
    asks('b', 'exclusive');
    asks('c', 'exclusive');
    given.ask('session.stop', { sessionId: 'b' });
    leaves('a');
    expect(holders()).toBe('c');
    given.ask('session.sweep', { sessionId: 'b' }, COORDINATOR);
    expect(waiting()).toBe('');
  });

  test('[I9] a request whose time is over is not served any more, also before that is recorded', () => {
    asks('a', 'exclusive');
    const late = { lockId: 'b1', resource: 'r', type: 'exclusive', timeout: 1_000 } as const;
    given.ask('lock.acquire', late, who('b'));
    asks('c', 'exclusive');
    given.nowMs += 1_000;
    leaves('a');
    expect([holders(), waiting()]).toEqual(['c', 'b']);
    given.ask('lock.expire', { lockId: 'b1' }, COORDINATOR);
    expect(waiting()).toBe('');
  });

  test('[I12] no more hold a resource than lockHoldersMax; the others wait for their turn', () => {
    const crowd = new LockParty('abcd', { lockHoldersMax: 2 });
    crowd.asks('a', 'r', 'exclusive');
    for (const name of 'bcd') crowd.asks(name, 'r', 'shared');
    crowd.releases('a', 'r');
    expect([crowd.holders('r'), crowd.waiting('r')]).toEqual(['b:shared c:shared', 'd']);
    crowd.releases('b', 'r');
    expect(crowd.holders('r')).toBe('c:shared d:shared');
    crowd.given.checkReplay();
  });

  test('who is let in makes way also where nothing was released', () => {
    const party = new LockParty('abc');
    party.asks('a', 'd/x');
    party.asks('b', 'd/**', 'shared');
    party.asks('c', 'd/y', 'shared'); // waits for b, who is before it
    party.releases('a', 'd/x');
    expect([party.holders('d/**'), party.holders('d/y')]).toEqual(['b:shared', 'c:shared']);
    party.given.checkReplay();
  });

  test('who is given a subtree is given also what it waits for inside', () => {
    const party = new LockParty('acd');
    party.asks('c', 'p/**');
    party.asks('d', 'p/x');
    party.asks('a', 'p/x', 'upgradeable'); // behind d
    party.downgrades('c', 'p/**');
    party.asks('a', 'p/**', 'upgradeable', { priority: 'critical' });
    expect([party.holders('p/x'), party.waiting('p/x')]).toEqual(['a:upgradeable', 'd']);
    party.given.checkReplay();
  });

  test('a session waits for a resource once', () => {
    asks('a', 'exclusive');
    asks('b', 'exclusive');
    const request = { resource: 'r', type: 'shared', timeout: 1_000 } as const;
    expect(given.when('lock.acquire', request, given.view.session('b')?.identity)).toMatchObject({
      ok: false,
      code: 'ALREADY_EXISTS',
    });
  });

  test('the state of a resource is what its holders make it', () => {
    expect(stateOfLock(resource())).toBe('free');
    asks('a', 'upgradeable');
    asks('b', 'shared');
    expect(stateOfLock(resource())).toBe('upgradeable');
    leaves('a');
    expect(stateOfLock(resource())).toBe('shared');
    asks('c', 'upgradeable');
    expect(stateOfLock(resource())).toBe('upgradeable');
    leaves('b');
    leaves('c');
    asks('d', 'exclusive');
    expect(stateOfLock(resource())).toBe('exclusive');
  });
});
