import fc from 'fast-check';
import { afterEach, describe, expect, it, test } from 'vitest';
import { canonicalJson, copyJson, isForbiddenKey, type JsonBounds } from '../../src/core/json.ts';

const BOUNDS: JsonBounds = { charsMax: 1_048_576, nodesMax: 50_000, depthMax: 32 };
const copy = (value: unknown, bounds: Partial<JsonBounds> = {}) =>
  copyJson(value, { ...BOUNDS, ...bounds });

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

function cyclic(): unknown {
  const value: Record<string, unknown> = { a: { b: [1] } };
  (value['a'] as { b: unknown[] }).b.push(value);
  return value;
}

function throwing(thrown: unknown): object {
  return Object.defineProperty({}, 'a', {
    enumerable: true,
    get() {
      throw thrown;
    },
  });
}

class Point {
  x = 1;
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();

/** Throws whatever is asked of it. */
const hostile: object = new Proxy(
  {},
  new Proxy(
    {},
    {
      get() {
        throw new Error('no');
      },
    },
  ),
);

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ['NaN', Number.NaN, 'INVALID_INPUT'],
  ['Infinity', Number.POSITIVE_INFINITY, 'INVALID_INPUT'],
  ['-Infinity, deep', { a: [{ b: Number.NEGATIVE_INFINITY }] }, 'INVALID_INPUT'],
  ['undefined', undefined, 'INVALID_INPUT'],
  ['undefined in a list', [1, undefined], 'INVALID_INPUT'],
  ['a hole in a list', [1, , 3], 'INVALID_INPUT'], // eslint-disable-line no-sparse-arrays
  ['a function', () => 1, 'INVALID_INPUT'],
  ['a symbol', { a: Symbol('a') }, 'INVALID_INPUT'],
  ['a bigint', { a: 1n }, 'INVALID_INPUT'],
  ['a Date', { at: new Date(0) }, 'INVALID_INPUT'],
  ['an invalid Date', { at: new Date(Number.NaN) }, 'INVALID_INPUT'],
  ['a Map', new Map([['a', 1]]), 'INVALID_INPUT'],
  ['a Set', new Set([1]), 'INVALID_INPUT'],
  ['a RegExp', /a/, 'INVALID_INPUT'],
  ['bytes', Buffer.from('a'), 'INVALID_INPUT'],
  ['an Error', new Error('a'), 'INVALID_INPUT'],
  ['a Promise', Promise.resolve(1), 'INVALID_INPUT'],
  ['a boxed number', Object(1), 'INVALID_INPUT'],
  ['an instance of a class', new Point(), 'INVALID_INPUT'],
  ['an object that inherits', Object.create({ a: 1 }), 'INVALID_INPUT'],
  ['an own toJSON', { a: 1, toJSON: () => 2 }, 'INVALID_INPUT'],
  ['an own __proto__', JSON.parse('{"a":{"__proto__":{"polluted":true}}}'), 'INVALID_INPUT'],
  ['an own constructor', { constructor: { prototype: { polluted: true } } }, 'INVALID_INPUT'],
  ['an own prototype', { a: { prototype: {} } }, 'INVALID_INPUT'],
  ['a cycle', cyclic(), 'PAYLOAD_TOO_LARGE'],
  ['33 levels', nested(33), 'PAYLOAD_TOO_LARGE'],
  ['10,000 levels', nested(10_000), 'PAYLOAD_TOO_LARGE'],
  ['10 MB in one text', { a: 'x'.repeat(10_000_000) }, 'PAYLOAD_TOO_LARGE'],
  [
    '10 MB in many texts',
    Array.from({ length: 10_000 }, () => 'x'.repeat(1_000)),
    'PAYLOAD_TOO_LARGE',
  ],
  ['10 MB in one key', { ['x'.repeat(10_000_000)]: 1 }, 'PAYLOAD_TOO_LARGE'],
  ['a million numbers', Array.from({ length: 1_000_000 }, () => 1), 'PAYLOAD_TOO_LARGE'],
  ['an empty list that says it is long', new Array(4_000_000_000), 'PAYLOAD_TOO_LARGE'], // eslint-disable-line unicorn/no-new-array
  ['a getter that throws', throwing(new Error('no')), 'INVALID_INPUT'],
  ['a getter that throws undefined', throwing(undefined), 'INVALID_INPUT'],
  ['a getter that throws a symbol', throwing(Symbol('no')), 'INVALID_INPUT'],
  ['a getter that throws what cannot be shown', throwing(Object.create(null)), 'INVALID_INPUT'],
  ['a getter that throws a proxy that throws', throwing(hostile), 'INVALID_INPUT'],
  ['a proxy that throws', hostile, 'INVALID_INPUT'],
  ['a proxy that was revoked', revoked.proxy, 'INVALID_INPUT'],
];

describe('copyJson', () => {
  afterEach(() => {
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each(REFUSED)('[I11] refuses %s', (_name, value, code) => {
    const result = copy(value);
    expect(result).toMatchObject({ ok: false, code });
    expect(!result.ok && result.message.length).toBeLessThan(600);
  });

  it('[I11] names the place of what it refuses', () => {
    expect(copy({ a: [0, { b: 1n }] })).toMatchObject({ details: { at: 'a.1.b' } });
  });

  it.each([nested(33), cyclic()])(
    'says of what goes too deep that it may contain itself',
    (value) => {
      expect(copy(value)).toMatchObject({
        message: 'The payload is nested more than 32 levels deep, or contains itself.',
        details: { unit: 'levels', max: 32 },
      });
      expect(copy([1, 2], { nodesMax: 2 })).toMatchObject({
        message: 'The payload has more than 2 values.',
      });
    },
  );

  it('takes 32 levels, an object without a prototype, and a list with fields of its own', () => {
    expect(copy(nested(32))).toEqual({ ok: true, value: nested(32) });
    expect(copy(Object.assign(Object.create(null), { a: 1 }))).toEqual({
      ok: true,
      value: { a: 1 },
    });
    expect(copy(Object.assign([1, 2], { more: 3 }))).toEqual({ ok: true, value: [1, 2] });
  });

  it('takes exactly as many values and characters as it may', () => {
    expect(copy([1, 2, 3], { nodesMax: 4 }).ok).toBe(true);
    expect(copy([1, 2, 3], { nodesMax: 3 }).ok).toBe(false);
    expect(copy({ ab: 'cd' }, { charsMax: 4 }).ok).toBe(true);
    expect(copy({ ab: 'cd' }, { charsMax: 3 }).ok).toBe(false);
  });

  it('drops keys without a value, as JSON does', () => {
    const result = copy({ a: undefined, b: { c: undefined } });
    expect(result).toStrictEqual({ ok: true, value: { b: {} } });
  });

  it('gives what the log would give back: 0 for -0, and no keys that are symbols or hidden', () => {
    const odd = Object.defineProperty({ [Symbol('s')]: 1, zero: -0 }, 'hidden', { value: 2 });
    expect(copy(odd)).toStrictEqual({ ok: true, value: { zero: 0 } });
  });

  it('reads a getter once, and keeps what it said', () => {
    let reads = 0;
    const value = { get a() { return ++reads; } }; // prettier-ignore
    const result = copy(value);
    expect(result).toStrictEqual({ ok: true, value: { a: 1 } });
    expect(reads).toBe(1);
  });

  it('copies what a well-behaved proxy shows', () => {
    expect(copy(new Proxy({ a: [1] }, {}))).toStrictEqual({ ok: true, value: { a: [1] } });
  });

  it('gives a copy that is frozen at every depth and that the caller cannot reach', () => {
    const given = { a: [{ b: 1 }], c: { d: 'e' } };
    const result = copy(given);
    given.a[0] = { b: 2 };
    given.a.push({ b: 3 });
    given.c.d = 'f';
    expect(result).toEqual({ ok: true, value: { a: [{ b: 1 }], c: { d: 'e' } } });
    expect(isDeeplyFrozen(result.ok && result.value)).toBe(true);
  });

  test('any JSON value: the copy is what JSON would carry, and it is frozen', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), (value) => {
        const result = copy(value);
        if (JSON.stringify(value).includes('"__proto__":')) return;
        expect(result.ok && JSON.stringify(result.value)).toBe(JSON.stringify(value));
        expect(isDeeplyFrozen(result.ok && result.value)).toBe(true);
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });

  test('[I11] anything at all: never throws, and what is taken goes through JSON unchanged', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        const result = copy(value);
        if (result.ok) expect(JSON.parse(JSON.stringify(result.value))).toStrictEqual(result.value);
        else expect(['INVALID_INPUT', 'PAYLOAD_TOO_LARGE']).toContain(result.code);
      }),
      { seed: 11, numRuns: 5_000 },
    );
  });
});

describe('isForbiddenKey', () => {
  it('knows the three, and only them', () => {
    const keys = ['__proto__', 'prototype', 'constructor', 'toString', '__Proto__', ''];
    expect(keys.filter(isForbiddenKey)).toEqual(['__proto__', 'prototype', 'constructor']);
  });
});

describe('canonicalJson', () => {
  it('sorts keys at every depth, and leaves lists in their order', () => {
    expect(canonicalJson({ b: { d: 1, c: [2, 1] }, a: null })).toBe(
      '{"a":null,"b":{"c":[2,1],"d":1}}',
    );
  });

  it('[I1] writes a Map as sorted entries, whatever the order of its making', () => {
    const one = new Map<string, unknown>([['b', 1], ['a', new Map([['z', { y: 1, x: 2 }]])]]); // prettier-ignore
    const other = new Map<string, unknown>([['a', new Map([['z', { x: 2, y: 1 }]])], ['b', 1]]); // prettier-ignore
    expect(canonicalJson(one)).toBe('[["a",[["z",{"x":2,"y":1}]]],["b",1]]');
    expect(canonicalJson(other)).toBe(canonicalJson(one));
    expect(canonicalJson(new Map())).not.toBe(canonicalJson({}));
  });

  it('leaves out what has no value', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  test('equal values give equal text, and the text gives the value back', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), (value) => {
        const shuffled = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(shuffled)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });
});

function isDeeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen);
}
