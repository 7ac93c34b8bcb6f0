/** The laws of the strategies that resolve conflicts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, type JsonValue } from '../../src/core/json.ts';
import { configuredStrategy, resolvePair, type Weighed } from '../../src/events/conflict.ts';
import { PRIORITIES } from '../../src/events/identity.ts';
import { CONFLICT_STRATEGIES, type ConflictStrategy } from '../../src/events/strategies.ts';

const SEED = { seed: 4, numRuns: 2_000 };
const key = fc.stringMatching(/^[a-z]$/);
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => value as JsonValue);
const objects = fc.dictionary(key, fc.oneof(json, fc.dictionary(key, json))) as fc.Arbitrary<JsonValue>; // prettier-ignore
const lists = fc.array(fc.oneof(fc.nat(5), json)) as fc.Arbitrary<JsonValue>;
const priority = fc.constantFrom(...PRIORITIES);

const valuesOf: Readonly<Record<ConflictStrategy, fc.Arbitrary<JsonValue>>> = {
  'last-write-wins': json,
  'first-write-wins': json,
  'merge-objects': objects,
  'merge-arrays': lists,
  'higher-priority-wins': json,
};

function weighed(strategy: ConflictStrategy): fc.Arbitrary<Weighed> {
  return fc.record({ value: valuesOf[strategy], priority });
}

function resolve(strategy: ConflictStrategy, ...values: readonly Weighed[]): Weighed {
  const [first, ...others] = values;
  if (first === undefined) throw new Error('nothing to resolve');
  return others.reduce<Weighed>((left, right) => {
    const pair = resolvePair(strategy, left, right);
    if (!pair.ok) throw new Error(pair.message);
    return { value: pair.value, priority: pair.priority };
  }, first);
}

/** The leaves of a value, by path. */
function leavesIn(value: JsonValue, path = ''): [string, JsonValue][] {
  const isBranch = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isBranch || Object.keys(value).length === 0) return [[path, value]];
  return Object.entries(value).flatMap(([name, inside]) => leavesIn(inside, `${path}/${name}`));
}

describe.each(CONFLICT_STRATEGIES)('%s', (strategy) => {
  const one = weighed(strategy);

  test('of a value with itself is that value', () => {
    fc.assert(
      fc.property(one, ({ value, priority: rank }) => {
        const unique = strategy === 'merge-arrays' ? [...new Map((value as JsonValue[]).map((item) => [canonicalJson(item), item])).values()] : value; // prettier-ignore
        expect(resolve(strategy, { value: unique, priority: rank }, { value: unique, priority: rank }).value).toEqual(unique); // prettier-ignore
      }),
      SEED,
    );
  });
});

// Not merge-objects: {y: {a}}, {y: false}, {y: {}} forgets a only when it is resolved in the order of writing.
test.each(CONFLICT_STRATEGIES.filter((strategy) => strategy !== 'merge-objects'))(
  '%s gives the same however it is grouped',
  (strategy) => {
    const one = weighed(strategy);
    fc.assert(
      fc.property(one, one, one, (a, b, c) => {
        expect(resolve(strategy, resolve(strategy, a, b), c)).toEqual(
          resolve(strategy, a, resolve(strategy, b, c)),
        );
      }),
      SEED,
    );
  },
);

test('higher-priority-wins gives the same in any order', () => {
  fc.assert(
    fc.property(fc.array(weighed('higher-priority-wins'), { minLength: 1 }), (values) => {
      const forth = resolve('higher-priority-wins', ...values).value;
      const back = resolve('higher-priority-wins', ...values.toReversed()).value;
      expect(canonicalJson(forth)).toBe(canonicalJson(back));
    }),
    SEED,
  );
});

test('merge-objects loses nothing of either where they write other leaves, and there the order makes no difference', () => {
  fc.assert(
    fc.property(objects, objects, (a, b) => {
      const ours = { value: { left: a, both: { a } }, priority: 'normal' } as const;
      const theirs = { value: { right: b, both: { b } }, priority: 'normal' } as const;
      const { value } = resolve('merge-objects', ours, theirs);
      expect(value).toEqual({ left: a, right: b, both: { a, b } });
      expect(canonicalJson(value)).toBe(
        canonicalJson(resolve('merge-objects', theirs, ours).value),
      );
    }),
    SEED,
  );
});

test('merge-objects keeps every leaf of the later', () => {
  fc.assert(
    fc.property(objects, objects, (a, b) => {
      const { value } = resolve('merge-objects', { value: a, priority: 'low' }, { value: b, priority: 'low' }); // prettier-ignore
      const kept = new Map(leavesIn(value));
      for (const [path, leaf] of leavesIn(b)) {
        if (canonicalJson(leaf) !== '{}') expect(kept.get(path)).toEqual(leaf);
      }
    }),
    SEED,
  );
});

test('merge-arrays loses no element of either, and has none twice', () => {
  fc.assert(
    fc.property(lists, lists, (a, b) => {
      const { value } = resolve('merge-arrays', { value: a, priority: 'low' }, { value: b, priority: 'low' }); // prettier-ignore
      const texts = (value as JsonValue[]).map((item) => canonicalJson(item));
      const given = [...(a as JsonValue[]), ...(b as JsonValue[])].map((item) =>
        canonicalJson(item),
      );
      expect(texts).toEqual([...new Set(given)]);
    }),
    SEED,
  );
});

test.each([
  ['merge-objects', [], {}],
  ['merge-objects', {}, 'text'],
  ['merge-objects', null, {}],
  ['merge-arrays', {}, []],
  ['merge-arrays', [], 1],
] as const)('[I11] %s refuses %j with %j', (strategy, first, second) => {
  const pair = resolvePair(strategy, { value: first, priority: 'low' }, { value: second, priority: 'low' }); // prettier-ignore
  expect(pair).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
});

test('the most specific pattern of the configuration counts', () => {
  const conflicts = {
    '**': 'last-write-wins',
    'agents.**': 'first-write-wins',
    'agents.pulse.*.data.*': 'merge-objects',
    'agents.pulse.*.data.notes': 'merge-arrays',
    'agents.pulse.*.plan': 'higher-priority-wins', // short for data.plan
  } as const;
  const of = (...steps: string[]) => configuredStrategy({ conflicts }, steps);
  expect(of('global', 'health')).toBe('last-write-wins');
  expect(of('agents', 'conductor', 's', 'data')).toBe('first-write-wins');
  expect(of('agents', 'pulse', 's', 'data', 'other')).toBe('merge-objects');
  expect(of('agents', 'pulse', 's', 'data', 'notes')).toBe('merge-arrays');
  expect(of('agents', 'pulse', 's', 'data', 'plan')).toBe('higher-priority-wins');
  expect(configuredStrategy({}, ['global'])).toBeUndefined();
});
