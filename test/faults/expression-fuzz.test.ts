/**
 * [I11] Expressions of every sort through the door by which a rule is written, and over a task: 5,000 of them, always the same.
 *
 * What is let in is small, counted here without the code that lets it in. What it is evaluated over is JSON with names that
 * reach prototypes elsewhere, and whatever is inherited has a tripwire. No test can promise a time on a machine that others use
 * as well: the most that one took of the processor is told, and ten times the 50 ms that none may take is a catastrophe.
 */
import { parse } from '@bufbuild/cel';
import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { toExpressionInput } from '../../src/protocol/expression-input.ts';
import { checkExpression, compileExpression } from '../../src/protocol/expression.ts';

const SEED = 5_000;
const CATASTROPHE_MS = 500;

// prettier-ignore
const PROTOTYPES = [
  Object.prototype, Array.prototype, Function.prototype, Map.prototype, Error.prototype,
  String.prototype, Number.prototype, Boolean.prototype, BigInt.prototype, RegExp.prototype,
];

/** What is inherited, before anything was tried. */
const inherited = PROTOTYPES.map(describedKeys);

function describedKeys(prototype: object): readonly unknown[] {
  return Reflect.ownKeys(prototype).map((key) => [
    key,
    Object.getOwnPropertyDescriptor(prototype, key),
  ]);
}

let reached = 0;

beforeEach(() => {
  reached = 0;
  for (const prototype of PROTOTYPES) {
    Object.defineProperty(prototype, 'tripwire', {
      configurable: true,
      get: () => {
        reached += 1;
        return 'reached';
      },
    });
  }
});

afterEach(() => {
  expect(({} as Record<string, unknown>)['tripwire']).toBe('reached'); // it works
  expect(reached).toBe(1);
  for (const prototype of PROTOTYPES) Reflect.deleteProperty(prototype, 'tripwire');
  expect(PROTOTYPES.map(describedKeys)).toEqual(inherited);
});

/** Time of the processor, not of the clock: whoever else uses it takes none of that. */
function timed<T>(work: () => T): { readonly value: T; readonly ms: number } {
  const before = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(before);
  return { value, ms: (user + system) / 1_000 };
}

const longest = { checkMs: 0, checked: '', evaluateMs: 0, evaluated: '' };
const counts = { refused: 0, held: 0, heldNot: 0, failed: 0, tooCostly: 0 };

afterAll(() => {
  const { checkMs, checked, evaluateMs, evaluated } = longest;
  console.info(
    [
      JSON.stringify(counts),
      `the most for a check was ${checkMs.toFixed(1)} ms: ${checked.slice(0, 100)}`,
      `the most for an evaluation was ${evaluateMs.toFixed(1)} ms: ${evaluated.slice(0, 100)}`,
    ].join('\n'),
  );
});

const task: JsonValue = {
  id: 't',
  goal: `port the parser ${'a'.repeat(4_000)}!`,
  type: 'code/port',
  priority: 'high',
  attempts: 2,
  requires: ['a', 'b'],
  metadata: {
    n: 3,
    none: null,
    flag: true,
    list: Array.from({ length: 1_000 }, (_, number) => number),
    names: Array.from({ length: 1_000 }, (_, number) => `name-${number}`),
    keys: Object.fromEntries(Array.from({ length: 256 }, (_, number) => [`k${number}`, number])),
    deep: [[[[[{ x: [{}] }]]]]],
    long: 'ab'.repeat(30_000),
    odd: JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":1}}') as JsonValue,
  },
};
const loads: JsonValue = { pulse: { sessions: 1, tasks: 2, capacity: 3, free: 1 } };
const input = toExpressionInput({ task, loads });
if (!input.ok) throw new Error(input.reason);

/** Checks and evaluates an expression as routing does, and sees that it stays within its bounds. */
function run(text: string): void {
  const { value: refusal, ms: checkMs } = timed(() => checkExpression(text));
  if (checkMs > longest.checkMs) Object.assign(longest, { checkMs, checked: text });
  expect(checkMs).toBeLessThan(CATASTROPHE_MS);
  if (refusal !== undefined) {
    counts.refused += 1;
    expect(refusal.code).toBe('INVALID_INPUT');
    expect(refusal.details).toEqual({ reason: expect.any(String), position: expect.any(Number) });
    return;
  }
  expect(text.length).toBeLessThanOrEqual(1_024);
  const { nodes, loops } = sizeOf(parse(text));
  expect(nodes).toBeLessThanOrEqual(128);
  expect(loops).toBeLessThanOrEqual(1);
  const compiled = compileExpression(text);
  if (!compiled.ok || !input.ok) throw new Error(`${text} was let in`);
  const { value: verdict, ms: evaluateMs } = timed(() => compiled.evaluate(input));
  if (evaluateMs > longest.evaluateMs) Object.assign(longest, { evaluateMs, evaluated: text });
  expect(evaluateMs).toBeLessThan(CATASTROPHE_MS);
  if (verdict.ok) {
    expect(verdict).toEqual({ ok: true, holds: expect.any(Boolean) });
    counts[verdict.holds ? 'held' : 'heldNot'] += 1;
  } else {
    expect(verdict).toEqual({ ok: false, reason: expect.any(String) });
    expect(verdict.reason).not.toMatch(/native code|\[object|function|reached/);
    counts[verdict.reason.includes('steps') ? 'tooCostly' : 'failed'] += 1;
  }
}

/** The nodes and loops of what the parser makes, found by going through all of it. */
function sizeOf({ expr }: ReturnType<typeof parse>): { nodes: number; loops: number } {
  let nodes = 0;
  let loops = 0;
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { $typeName } = value as { readonly $typeName?: string };
    if ($typeName === 'cel.expr.Expr') nodes += 1;
    if ($typeName === 'cel.expr.Expr.Comprehension') loops += 1;
    for (const item of Object.values(value)) visit(item);
  };
  visit(expr);
  return { nodes, loops };
}

const NAMES = ['n', 'none', 'flag', 'list', 'names', 'keys', 'deep', 'long', 'odd', 'nothing'];
const HOSTILE = ['__proto__', 'constructor', 'prototype', 'toString', 'tripwire', 'length'];
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
);

/** Expressions as people write them, of values that may have the wrong type. */
const { test: good } = fc.letrec<Record<'test' | 'value' | 'list', string>>((tie) => ({
  test: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('true', 'task.metadata.flag', 'task.priority == "high"'),
    fc
      .tuple(tie('value'), fc.constantFrom('==', '!=', '<', '<=', '>', '>=', 'in'), tie('value'))
      .map(([one, operator, other]) => `${one} ${operator} ${other}`),
    fc
      .tuple(tie('test'), fc.constantFrom('&&', '||'), tie('test'))
      .map(([one, operator, other]) => `(${one} ${operator} ${other})`),
    tie('test').map((one) => `!(${one})`),
    fc
      .tuple(tie('test'), tie('test'), tie('test'))
      .map(([one, yes, no]) => `(${one} ? ${yes} : ${no})`),
    fc
      .tuple(tie('value'), fc.constantFrom('contains', 'startsWith', 'endsWith'), tie('value'))
      .map(([one, method, other]) => `${one}.${method}(${other})`),
    fc
      .tuple(tie('value'), fc.constantFrom('^[a-z ]+$', '(a+)+$', 'x|y', '(?i)PARSER'))
      .map(([one, pattern]) => `${one}.matches("${pattern}")`),
    name.map((one) => `has(task.metadata.${one})`),
    fc
      .tuple(tie('list'), fc.constantFrom('all', 'exists', 'exists_one'), tie('test'))
      .map(([list, macro, one]) => `${list}.${macro}(x, ${one.replaceAll('task.id', 'x')})`),
  ),
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('1', '-1', '2.5', '"a"', '""', 'null', 'true', '1u', 'task.id', 'task.goal'),
    name.map((one) => `task.metadata.${one}`),
    name.map((one) => `task.metadata["${one}"]`),
    fc.constantFrom('loads.pulse.free', 'loads.owl.free', 'task.attempts', 'task.type'),
    fc
      .tuple(tie('value'), fc.constantFrom('+', '-', '*', '/', '%'), tie('value'))
      .map(([one, operator, other]) => `(${one} ${operator} ${other})`),
    fc
      .tuple(fc.constantFrom('size', 'int', 'string', 'double', 'bool'), tie('value'))
      .map(([func, one]) => `${func}(${one})`),
    fc.tuple(tie('list'), tie('value')).map(([list, index]) => `${list}[${index}]`),
    tie('list'),
  ),
  list: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('task.metadata.list', 'task.metadata.names', 'task.requires', '[1, 2, 3]'),
    fc.constantFrom('task.metadata.keys', 'task.metadata.odd', 'task.metadata.deep', '{"a": 1}'),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    fc.tuple(tie('list'), tie('test')).map(([list, one]) => `${list}.filter(x, ${one})`),
    fc.tuple(tie('list'), tie('value')).map(([list, one]) => `${list}.map(x, ${one})`),
    fc.tuple(tie('list'), tie('list')).map((two) => two.join(' + ')),
  ),
}));

// prettier-ignore
const TOKENS = [
  '(', ')', '[', ']', '{', '}', '.', ',', ':', '?', '!', '-', '"', "'", '"""', '\\', '\\u', '//',
  '&&', '||', ' in ', '==', '0x', '1e999', 'true', 'null', '.?', '[?', '\u0000', '\ud800', '𝒜',
  ...HOSTILE.map((one) => `.${one}`),
  '.all(x, ', '.map(x, ', '.matches("', 'this', 'globalThis', 'require', 'Function', '@result',
];

/** What people write, with pieces cut out, put in, or written twice. */
const mutated = fc
  .tuple(
    good,
    fc.array(fc.tuple(fc.nat(), fc.nat(12), fc.constantFrom('', '', ...TOKENS)), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([text, edits]) =>
    edits.reduce((now, [where, length, put]) => {
      const at = where % (now.length + 1);
      const cut = now.slice(at, at + length);
      return now.slice(0, at) + put + (length % 3 === 0 ? cut + cut : '') + now.slice(at + length);
    }, text),
  );

const times = fc.constantFrom(2, 8, 31, 33, 63, 65, 200, 1_024, 5_000);
// prettier-ignore
const pattern = fc.constantFrom(
  '(a+)+$', '(a|a)*b', '(a|aa)+$', '(.*a){20}$', '((a{30}){30}){30}', '(.*){1,1000}', 'a{1000}',
  '\\\\pL{100}', '(?i)(\\\\pL|\\\\pN){50}', '[^a]*[^b]*[^c]*z', '(?<=a)b', '(((((', '.*.*.*.*=', '',
);

/** What nobody writes who means well. */
// prettier-ignore
const hostile = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('(', '[', '{"a":', '!', '-', '{(', 'size(', 'true?', '[[', '!(', 'has(', '"""', '\n'),
      times,
      fc.constantFrom('', 'true', '1', '"'),
      fc.constantFrom('', ')', ']', '}', ':true'),
    )
    .map(([open, count, middle, close]) => open.repeat(count) + middle + close.repeat(count)),
  fc
    .tuple(fc.constantFrom('1', '"a"', 'task.goal', '.b', 'x.y', '1 +', 'a ||', '1,', '9'), times)
    .map(([part, count]) => `${part.repeat(count)} == 1`),
  fc
    .tuple(fc.constantFrom('||', '&&', '+', '==', '<', 'in', '?'), times, name)
    .map(([operator, count, one]) =>
      Array.from({ length: count }, () => `task.metadata.${one}`).join(` ${operator} `),
    ),
  fc
    .tuple(
      fc.constantFrom('list', 'names', 'keys', 'long', 'odd'),
      fc.constantFrom('all', 'exists', 'exists_one', 'filter', 'map'),
      fc.constantFrom(
        'x in task.metadata.list', 'task.metadata.list == task.metadata.list', 'task.none',
        'task.metadata.keys[0] == x', 'task.metadata.list[x] == x', 'size(task.goal) > 0',
        'task.metadata.list.all(y, true)', 'x', '[x, x, x]', '1 + "a"', 'task.goal + task.goal',
        'task.metadata.long.contains(task.goal)', 'string(x).matches("(a+)+$")', 'x.tripwire',
      ),
      fc.integer({ min: 1, max: 40 }),
    )
    .map(([list, macro, body, count]) => {
      const bodies = Array.from({ length: count }, () => body).join(' || ');
      const loop = `task.metadata.${list}.${macro}(x, ${bodies})`;
      return macro === 'map' || macro === 'filter' ? `${loop} == ${loop.slice(0, 18)}` : loop;
    }),
  fc
    .tuple(fc.constantFrom('task.goal', 'task.metadata.long', '"aaaaaaaaaaaa!"'), pattern)
    .map(([text, one]) => `${text}.matches("${one}")`),
  fc
    .tuple(
      fc.constantFrom(
        'task',
        'task.metadata',
        'task.metadata.odd',
        'task.goal',
        'loads',
        '[1]',
        '{}',
      ),
      fc.array(fc.constantFrom(...HOSTILE, 'call', 'apply', 'bind', '__defineGetter__'), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.constantFrom('', '()', '("return 1")', ' == null', ' in task', '["x"] == 1'),
    )
    .map(([value, names, end]) => value + names.map((one) => `.${one}`).join('') + end),
  fc.constantFrom(
    '9'.repeat(1_000), `0x${'f'.repeat(999)} == 1`, `1e${'9'.repeat(99)} > 0.0`, '1e-999 == 0.0',
    '9223372036854775808 == 1', '-9223372036854775808 - 1 == 0', '1 / 0 == 1', '1 % 0 == 1',
    '0.0 / 0.0 == 0.0', 'google.protobuf.Any{} == null', 'duration("1h") == duration("1h")',
    'timestamp("2026-01-01T00:00:00Z").getHours("Europe/Berlin") == 1', 'b"\\xff" == b""',
    '[1].map(x, x)[0] == 1', '{"a": 1, "a": 2} == {}', '{1: 1, 1u: 2} == {}', '{[]: 1} == {}',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...TOKENS, ' ', 'x', 'task', '1'), maxLength: 60 }),
);

describe('none reaches a prototype or a function, and none is without bounds', () => {
  test.each([
    ['well meant', good, 2_000],
    ['mutated', mutated, 1_500],
    ['hostile', hostile, 1_500],
  ])('%s', (_sort, texts, numRuns) => {
    fc.assert(fc.property(texts, run), { seed: SEED, numRuns });
  });

  test('both what is let in and what is not were met', () => {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    expect(all).toBe(5_000);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(50);
  });
});
