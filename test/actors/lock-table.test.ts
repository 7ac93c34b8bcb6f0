/** The whole table of who may hold beside whom: three types held, three asked for, with and without an upgrade that waits. */
import { describe, expect, test } from 'vitest';
import { isCompatible } from '../../src/actors/lock-rules.ts';
import { LOCK_TYPES, type LockType } from '../../src/events/lock.ts';
import { LockParty } from '../support/lock-party.ts';

type Cell = 'granted' | 'waits' | 'cannot be';

/** A type that is held and one that is asked for by another session; then without and with an upgrade that waits. */
const TABLE: readonly (readonly [held: LockType, asked: LockType, none: Cell, pending: Cell])[] = [
  //  held           asked for      no upgrade   an upgrade waits
  ['shared', 'shared', 'granted', 'waits'],
  ['shared', 'upgradeable', 'granted', 'waits'],
  ['shared', 'exclusive', 'waits', 'waits'],
  ['upgradeable', 'shared', 'granted', 'waits'],
  ['upgradeable', 'upgradeable', 'waits', 'waits'],
  ['upgradeable', 'exclusive', 'waits', 'waits'],
  ['exclusive', 'shared', 'waits', 'cannot be'],
  ['exclusive', 'upgradeable', 'waits', 'cannot be'],
  ['exclusive', 'exclusive', 'waits', 'cannot be'],
];

test('the table is whole', () => {
  const pairs = new Set(TABLE.map(([held, asked]) => `${held} ${asked}`));
  expect(pairs.size).toBe(LOCK_TYPES.length ** 2);
});

describe.each(TABLE)('%s is held, %s is asked for', (held, asked, none, pending) => {
  test(`no upgrade waits: ${none}`, () => {
    const party = new LockParty('abc');
    party.asks('a', 'r', held);
    expect(outcomeOf(party, asked)).toBe(none);
    expect(isCompatible(asked, [{ type: held }])).toBe(none === 'granted');
    expect(isCompatible(held, [{ type: asked }])).toBe(none === 'granted'); // whoever came first
    party.given.checkReplay();
  });

  test(`an upgrade waits: ${pending}`, () => {
    const party = new LockParty('abc');
    party.asks('a', 'r', held);
    party.asks('b', 'r', 'shared'); // in whose way the upgrade is
    party.upgrades('a', 'r');
    const isPending = party.given.view.resource('r')?.upgrade !== null;
    expect(isPending).toBe(pending !== 'cannot be');
    if (isPending) expect(outcomeOf(party, asked)).toBe(pending);
    party.given.checkReplay();
  });
});

function outcomeOf(party: LockParty, asked: LockType): Cell {
  party.asks('c', 'r', asked);
  return party.holders('r').includes('c:') ? 'granted' : 'waits';
}
