import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  ANY,
  ANY_DEPTH,
  formatPath,
  parsePath,
  parsePattern,
  PATH_CHARS_MAX,
  type PathStep,
} from '../../src/core/path.ts';

const RUNS = { seed: 20_261_122, numRuns: 5_000 };

/** Paths that lead to one place, in the form in which they are recorded. */
const PLACES: readonly (readonly [string, readonly PathStep[]])[] = [
  ['global.config', ['global', 'config']],
  ['global', ['global']],
  ['a.list[2]', ['a', 'list', 2]],
  ['a[0][1].b', ['a', 0, 1, 'b']],
  ['[3]', [3]],
  ['a.0', ['a', '0']],
  ['a-b._c.D9', ['a-b', '_c', 'D9']],
  ['locks["repo/src/a.ts"].holder', ['locks', 'repo/src/a.ts', 'holder']],
  ['["a.b"]', ['a.b']],
  ['a[""]', ['a', '']],
  ['a["*"]["**"]', ['a', '*', '**']],
  ['a["say \\"hi\\"\\\\\\n"]', ['a', 'say "hi"\\\n']],
  ['a["]"].b', ['a', ']', 'b']],
  ['a["ключ"]', ['a', 'ключ']],
  ['a["\\ud800"]', ['a', '\ud800']],
  [`a["${'x'.repeat(129)}"]`, ['a', 'x'.repeat(129)]],
  ['a.toString.hasOwnProperty', ['a', 'toString', 'hasOwnProperty']],
];

/** Other ways to write a place. */
const OTHER_FORMS: readonly (readonly [string, string])[] = [
  ['["global"]["config"]', 'global.config'],
  ['a[007]', 'a[7]'],
  ['a["\\u0062"]', 'a.b'],
];

const WITH_WILDCARDS = [
  ['agents.*.s1', ['agents', ANY, 's1']],
  ['agents.**', ['agents', ANY_DEPTH]],
  ['**', [ANY_DEPTH]],
  ['*[0].**["a b"]', [ANY, 0, ANY_DEPTH, 'a b']],
] as const;

/** What is no path, and the character at which reading stops. */
const REFUSED: readonly (readonly [string, number])[] = [
  ['', 0],
  ['.', 0],
  ['.a', 0],
  ['a.', 1],
  ['a..b', 1],
  ['a b', 1],
  ['a.["b"]', 1],
  ['a["b"]c', 6],
  ['a[-1]', 1],
  ['a[1.5]', 1],
  ['a[]', 1],
  ['a[1234567890]', 1],
  ["a['b']", 1],
  ['a["b]', 1],
  ['a["\\x"]', 1],
  ['a["\n"]', 1],
  ['a*', 1],
  ['a.***', 4],
  ['a/b', 1],
  ['ä', 0],
  ['x'.repeat(129), 128],
];

describe('state paths', () => {
  it.each(PLACES)('%j leads to one place, and is written so', (text, steps) => {
    expect(parsePath(text)).toEqual({ ok: true, steps });
    expect(formatPath(steps)).toBe(text);
  });

  it.each(OTHER_FORMS)('%j is another way to write %j', (text, written) => {
    const parsed = parsePath(text);
    expect(parsed.ok && formatPath(parsed.steps)).toBe(written);
  });

  it.each(WITH_WILDCARDS)('%j is a pattern, and does not lead to one place', (text, segments) => {
    expect(parsePattern(text)).toEqual({ ok: true, segments });
    expect(parsePath(text)).toMatchObject({ ok: false, code: 'INVALID_PATH' });
  });

  it.each(REFUSED)('[I11] %j is refused at character %i', (text, position) => {
    expect(parsePattern(text)).toMatchObject({
      ok: false,
      code: 'INVALID_PATH',
      details: { position },
    });
  });

  it.each(['__proto__', 'prototype', 'constructor'])(
    '[I11] a path with %s is refused in every form',
    (key) => {
      const escaped = `\\u00${key.charCodeAt(0).toString(16)}${key.slice(1)}`;
      for (const text of [
        key,
        `a.${key}`,
        `a.${key}.b`,
        `["${key}"]`,
        `a["${key}"].b`,
        `a["${escaped}"]`,
      ]) {
        expect(parsePattern(text), text).toMatchObject({ ok: false, code: 'INVALID_PATH' });
        expect(parsePath(text), text).toMatchObject({ ok: false, code: 'INVALID_PATH' });
      }
    },
  );

  it('[I12] a path of more than PATH_CHARS_MAX characters is refused, however long', () => {
    expect(parsePath('a.'.repeat(PATH_CHARS_MAX / 2 - 1) + 'ab')).toMatchObject({ ok: true });
    expect(parsePath('a.'.repeat(PATH_CHARS_MAX / 2) + 'a')).toMatchObject({
      code: 'INVALID_PATH',
    });
    expect(parsePath('["' + '\\"'.repeat(5_000_000))).toMatchObject({ code: 'INVALID_PATH' });
  });

  it.each([undefined, null, 5, {}, ['a'], Symbol('a')])('[I11] %o is no path', (value) => {
    expect(parsePath(value as string)).toMatchObject({ ok: false, code: 'INVALID_PATH' });
  });
});

describe('[I11] any text', () => {
  const pathLike = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '.',
          '[',
          ']',
          '"',
          '\\',
          '*',
          '**',
          '["',
          '"]',
          'a',
          'b1',
          '0',
          '-',
          '__proto__',
        ),
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(''));

  test('never throws; what it says is a path is written and read again as the same', () => {
    fc.assert(
      fc.property(fc.oneof(pathLike, fc.string({ unit: 'binary', maxLength: 40 })), (text) => {
        const pattern = parsePattern(text);
        const parsed = parsePath(text);
        if (!pattern.ok) {
          expect(pattern.code).toBe('INVALID_PATH');
          expect(parsed).toEqual(pattern);
        } else if (parsed.ok) {
          expect(parsePath(formatPath(parsed.steps))).toEqual(parsed);
        }
      }),
      RUNS,
    );
  });
});

describe('any steps', () => {
  const key = fc
    .oneof(
      fc.string({ unit: 'binary', maxLength: 150 }),
      fc.constantFrom('*', '**', '', '0', '[0]', '"'),
    )
    .filter((text) => !['__proto__', 'prototype', 'constructor'].includes(text));
  const steps = fc.array(fc.oneof(key, fc.nat(999_999_999)), { minLength: 1, maxLength: 6 });

  test('are read again as what was written', () => {
    fc.assert(
      fc.property(steps, (given) => {
        const text = formatPath(given);
        if (text.length <= PATH_CHARS_MAX)
          expect(parsePath(text)).toEqual({ ok: true, steps: given });
      }),
      RUNS,
    );
  });

  test('two different places are written differently', () => {
    fc.assert(
      fc.property(steps, steps, (a, b) => {
        expect(formatPath(a) === formatPath(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      RUNS,
    );
  });
});
