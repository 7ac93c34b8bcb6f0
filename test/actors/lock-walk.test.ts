/**
 * Random walks of a few sessions over a few resources: whatever they ask for, nobody waits in vain, and no circle stays.
 *
 * An oracle says after every step what must hold; it shares nothing with the code that it watches but the state.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PRIORITIES } from '../../src/events/identity.ts';
import { LOCK_TYPES } from '../../src/events/lock.ts';
import type { Outcome } from '../support/given.ts';
import { LockParty } from '../support/lock-party.ts';
import { lockFaults } from '../support/lock-oracle.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const FLAT = ['p', 'q', 'r'];
const NESTED = ['p/**', 'p/x', 'p/y', 'p/x/1', 'p/x/**', 'q'];

const step = fc.record({
  name: fc.constantFrom(...NAMES),
  does: fc.oneof(
    { weight: 5, arbitrary: fc.constant('asks' as const) },
    { weight: 2, arbitrary: fc.constant('releases' as const) },
    { weight: 2, arbitrary: fc.constant('upgrades' as const) },
    { weight: 1, arbitrary: fc.constantFrom('downgrades', 'gives up', 'waits') },
  ),
  which: fc.nat({ max: 30 }),
  type: fc.constantFrom(...LOCK_TYPES),
  priority: fc.constantFrom(...PRIORITIES),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

test.each([
  ['flat', FLAT, 1_000],
  ['nested', NESTED, 1_000],
  ['flat, two holders at most', FLAT, 2],
  ['nested, one holder at most', NESTED, 1],
])(
  'nobody waits in vain or for ever: %s',
  (_name, resources, lockHoldersMax) => {
    const property = fc.property(fc.array(step, { minLength: 40, maxLength: 60 }), (steps) => {
      const party = new LockParty(NAMES.join(''), { lockHoldersMax });
      const story: string[] = [];
      for (const one of steps) {
        story.push(...go(party, resources, one));
        expect(lockFaults(party.given.view, party.given.nowMs), story.join('\n')).toEqual([]);
      }
      party.given.checkReplay();
    });
    fc.assert(property, { seed: 3, numRuns: 200 });
  },
  120_000,
);

/** A session takes a step, if it can; answers what came of it. */
function go(party: LockParty, resources: readonly string[], one: Step): readonly string[] {
  const { name, does, which, type, priority } = one;
  const { given } = party;
  const { locks, waits, upgrades } = given.view.holdings(name);
  const held = locks[which % locks.length]?.hold.id;
  const waiting = [...waits.map(({ wait }) => wait.id), ...upgrades.map((up) => up.upgrade.lockId)];
  const asked = waiting[which % waiting.length];
  const tell = (what: string, outcome: Outcome) => [
    `${name} ${does} ${what}: ${outcome.ok ? outcome.facts.map(told).join(', ') : outcome.code}`,
  ];
  if (does === 'asks') {
    const resource = resources[which % resources.length] ?? '';
    return tell(
      `${type} ${resource} (${priority})`,
      party.asks(name, resource, type, { priority }),
    );
  }
  if (does === 'waits') {
    given.nowMs += which * 1_000;
    return [`${which} s pass`];
  }
  const lockId = does === 'gives up' ? asked : held;
  if (lockId === undefined) return [];
  const who = party.who(name);
  switch (does) {
    case 'releases':
      return tell(lockId, given.when('lock.release', { lockId }, who));
    case 'downgrades':
      return tell(lockId, given.when('lock.downgrade', { lockId }, who));
    case 'gives up':
      return tell(lockId, given.when('lock.abandon', { lockId }, who));
    case 'upgrades': {
      const to = type === 'shared' ? 'exclusive' : type;
      const asks = { lockId, to, priority, timeout: 3_600_000 };
      return tell(`${lockId} to ${to} (${priority})`, given.when('lock.upgrade', asks, who));
    }
  }
}

function told([type, payload]: readonly [string, unknown]): string {
  return `${type} ${(payload as { readonly lockId: string }).lockId}`;
}
