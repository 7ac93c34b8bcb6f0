/** Expressions of routing rules: what may be written, what they say of a task, and that they reach nothing else. */
import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { EVALUATION_LIMITS } from '../../src/protocol/expression-cost.ts';
import { INPUT_LIMITS, toExpressionInput } from '../../src/protocol/expression-input.ts';
import { PATTERN_LIMITS, readPattern } from '../../src/protocol/expression-pattern.ts';
import { EXPRESSION_LIMITS } from '../../src/protocol/expression-tree.ts';
import { checkExpression, compileExpression, type Verdict } from '../../src/protocol/expression.ts';

const TASK: JsonValue = {
  id: 't',
  goal: 'port the parser to Rust',
  type: 'code/port',
  priority: 'high',
  attempts: 1,
  requires: ['rust'],
  metadata: {
    lines: 412,
    files: ['a.rs', 'b.rs'],
    owner: { name: 'ada', team: null },
    none: null,
    many: Array.from({ length: 1_000 }, (_, number) => number),
    tooMany: Array.from({ length: 1_001 }, () => 0),
    long: 'a'.repeat(60_000),
  },
};
const LOADS: JsonValue = { pulse: { sessions: 2, tasks: 3, capacity: 4, free: 1 } };

function over(text: string, task: JsonValue = TASK): Verdict {
  const compiled = compileExpression(text);
  if (!compiled.ok) throw new Error(`${text}: ${compiled.message}`);
  const input = toExpressionInput({ task, loads: LOADS });
  if (!input.ok) return input;
  return compiled.evaluate(input);
}

describe('what holds', () => {
  test.each([
    ['true', true],
    ['task.priority == "high"', true],
    ['task.goal.contains("parser") && task.goal.endsWith("Rust")', true],
    ['task.type.startsWith("code/")', true],
    ['task.goal.matches("(?i)RUST$")', true],
    ['task.metadata.lines > 400 && task.metadata.lines <= 412', true],
    ['task.attempts == 1', true],
    ['int(task.metadata.lines) % 2 == 1', false],
    ['"rust" in task.requires', true],
    ['"lines" in task.metadata', true],
    ['has(task.metadata.owner.name) && !has(task.metadata.owner.age)', true],
    ['task.metadata["owner"].team == null', true],
    ['task.metadata.files[0] == "a.rs"', true],
    ['size(task.metadata.files) == 2', true],
    ['task.metadata.files.all(file, file.endsWith(".rs"))', true],
    ['task.metadata.files.exists(file, file == "c.rs")', false],
    ['task.metadata.files.exists_one(file, file == "b.rs")', true],
    ['size(task.metadata.files.filter(file, file > "a.rs")) == 1', true],
    ['"b.rs!" in task.metadata.files.map(file, file + "!")', true],
    ['task.metadata.owner.exists(key, key == "team")', true],
    ['task.metadata.many.all(number, number >= 0)', true],
    ['loads.pulse.free > 0 ? task.attempts < 3 : false', true],
    ['task.metadata.files == ["a.rs", "b.rs"]', true],
    ['{"a": 1}.a == 1', true],
    ['false && task.metadata.nothing', false],
    ['true || task.metadata.nothing', true],
  ])('%s', (text, holds) => {
    expect(over(text)).toEqual({ ok: true, holds });
  });
});

describe('what cannot say whether it holds', () => {
  test.each([
    ['task.metadata.nothing == 1', 'field not found: nothing'],
    ['task.goal', 'it gives no boolean'],
    ['task.metadata.files[2] == "x"', 'index 2 out of bounds'],
    ['task.metadata.lines + 1 == 413', "no matching overload for '_+_'"],
    ['int(task.goal) == 1', 'Cannot convert port the parser to Rust to a BigInt'],
    ['1 / int(task.metadata.none) == 1', "no matching overload for 'int'"],
    ['9223372036854775807 + 1 == 0', 'int overflow'],
    ['task.metadata.lines.all(x, true)', 'type mismatch: iterable vs double'],
    ['task.metadata.tooMany.all(x, x == 0)', 'it goes through more than 1000 elements'],
  ])('%s', (text, reason) => {
    const verdict = over(text);
    expect(verdict.ok).toBe(false);
    expect(!verdict.ok && verdict.reason).toContain(reason);
  });
});

describe('what costs too much ends', () => {
  const whole = `it takes more than ${EVALUATION_LIMITS.stepsMax} steps`;

  test.each([
    ['a loop with a long body', `task.metadata.many.all(x, ${ones(10, ' + ')} >= 0)`],
    ['a list that grows', 'size(task.metadata.many.map(x, x)) == 1000'],
    ['a comparison in each turn', 'task.metadata.many.all(x, task.metadata.many != [x])'],
    ['a membership in each turn', 'task.metadata.many.all(x, x in task.metadata.many)'],
    ['a text in a text', 'task.metadata.long.contains(task.metadata.long)'],
    ['a long text in each turn', 'task.metadata.many.all(x, size(task.metadata.long) > 0)'],
    ['a pattern over a long text', 'task.metadata.long.matches("(a+)+(b|c)(d+)+$")'],
  ])('%s', (_what, text) => {
    expect(over(text)).toEqual({ ok: false, reason: whole });
  });

  test.each([
    ['task.list.exists(x, x == "a")', 900, 950],
    ['size(task.list.filter(x, x != "a")) > 0', 120, 150],
    ['size(task.list.map(x, x)) > 0', 130, 150],
  ])('%s goes through %i elements, and not through %i', (text, few, many) => {
    expect(over(text, listOf(few)).ok).toBe(true);
    expect(over(text, listOf(many))).toEqual({ ok: false, reason: whole });
  });

  test('and the next evaluation has all of its steps again', () => {
    over('task.metadata.many.all(x, x in task.metadata.many)');
    expect(over('task.metadata.many.all(x, x >= 0)')).toEqual({ ok: true, holds: true });
  });

  test.each([
    [{ metadata: Array.from({ length: INPUT_LIMITS.valuesMax }, () => 0) }, 'values'],
    [Object.fromEntries(Array.from({ length: 257 }, (_, key) => [`k${key}`, 0])), 'keys'],
    [JSON.parse(`${'['.repeat(65)}${']'.repeat(65)}`) as JsonValue, 'levels'],
  ])('a task that is too large to be looked at (%#)', (task: JsonValue, unit) => {
    const verdict = over('true', task);
    expect(verdict.ok).toBe(false);
    expect(!verdict.ok && verdict.reason).toContain(unit);
  });
});

describe('what a rule may not hold', () => {
  test.each([
    ['nothing', '', 0, 'cannot be read'],
    ['white space', '  ', 2, 'cannot be read'],
    ['a half', 'task.goal ==', 10, 'cannot be read'],
    ['two', 'true true', 5, 'cannot be read'],
    ['a comment', '// yes', 0, 'cannot be read'],
    ['a character that is none', '"\\U00110000" == ""', 0, 'cannot be read'],
    ['too many characters', `true${' '.repeat(EXPRESSION_LIMITS.charsMax)}`, 1_024, 'characters'],
    ['too many brackets', `${'('.repeat(65)}true${')'.repeat(65)}`, 64, 'opening brackets'],
    ['brackets in texts', `task.goal == "${'('.repeat(65)}"`, 78, 'opening brackets'],
    ['too many parts', `[${ones(127)}] == []`, undefined, 'parts'],
    ['too many levels', `${'['.repeat(32)}${']'.repeat(32)} == []`, undefined, 'levels deep'],
    ['another variable', 'goal == "x"', 0, 'no variable goal'],
    ['a variable of JavaScript', 'true && globalThis.x', 8, 'no variable globalThis'],
    ['its accumulator', '[1].exists(x, __result__)', 14, 'no variable __result__'],
    ['a variable of a loop outside it', '[1].exists(x, x > 0) && x > 0', 24, 'no variable x'],
    ['a name for a type', 'task.id == string', 11, 'no variable string'],
    ['another function', 'task.goal.reverse() == ""', undefined, 'no function reverse'],
    ['the time', 'timestamp(task.createdAt) > timestamp(0)', undefined, 'no function timestamp'],
    ['a function that tells the type', 'type(task) == type(1)', undefined, 'no function type'],
    ['a constructor', 'constructor("return 1")()', undefined, 'cannot be read'],
    ['a message', 'google.protobuf.Value{} == null', undefined, 'no type google.protobuf.Value'],
    ['two loops', '[1].all(x, true) && [1].all(x, true)', undefined, 'more than one list'],
    ['a loop in a loop', '[[1]].all(x, x.all(y, true))', undefined, 'more than one list'],
    ['a number', '1', 0, 'gives no boolean'],
    ['a sum', '1 + 1', 0, 'gives no boolean'],
    ['the task', 'task', 0, 'gives no boolean'],
    ['a list', '[true]', 0, 'gives no boolean'],
    ['a list that a loop makes', '[true].filter(x, x)', 0, 'gives no boolean'],
    ['one of two that are none', 'true ? 1 : "a"', 0, 'gives no boolean'],
    ['a pattern that is no text', 'task.goal.matches(task.id)', undefined, 'no text in quotes'],
    ['a pattern that is none', 'task.goal.matches("(")', undefined, 'the pattern cannot be read'],
    ['a look-behind', 'task.goal.matches("(?<=a)b")', undefined, 'the pattern cannot be read'],
    ['a back reference', 'task.goal.matches("(a)\\\\1")', undefined, 'the pattern cannot be read'],
  ])('%s', (_what, text, position, reason) => {
    const refusal = checkExpression(text);
    expect(refusal?.code).toBe('INVALID_INPUT');
    expect(refusal?.details['reason']).toContain(reason);
    expect(refusal?.details['position']).toEqual(position ?? expect.any(Number));
  });

  test('the greatest that may be', () => {
    const text = `task.goal == "${'x'.repeat(EXPRESSION_LIMITS.charsMax - 15)}"`;
    expect(text).toHaveLength(EXPRESSION_LIMITS.charsMax);
    expect(checkExpression(text)).toBeUndefined();
    expect(checkExpression(`[${ones(125)}] == []`)).toBeUndefined();
    expect(checkExpression(`${'['.repeat(31)}${']'.repeat(31)} == []`)).toBeUndefined();
  });
});

describe('patterns', () => {
  test.each(['(a+)+$', '(a|a)*b', '(x+x+)+y', '^(([a-z])+.)+[A-Z]([a-z])+$', '(.*a){5}.{20}b$'])(
    '%s takes steps in proportion to the text',
    (text) => {
      const pattern = readPattern(text);
      expect(pattern.ok).toBe(true);
      // Exponential matching would never come back from this.
      expect(pattern.ok && pattern.isIn(`${'a'.repeat(5_000)}!`)).toBe(false);
    },
  );

  test.each([
    ['x'.repeat(PATTERN_LIMITS.charsMax + 1), 'characters'],
    ['a{101}', 'repeats'],
    ['(a{60}){1,41}', 'repeats'],
    ['(a{50}){50}', 'cannot be read'],
    ['((abcd){30}){30}', 'parts'],
  ])('%s may not be used', (text, reason) => {
    const read = readPattern(text);
    expect(!read.ok && read.reason).toContain(reason);
  });
});

describe('nothing else is reached', () => {
  const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty'];
  const values = ['task', 'task.metadata', 'task.goal', 'task.requires', 'task.attempts', 'loads'];

  test.each(NAMES)('%s', (name) => {
    for (const value of values) {
      for (const text of [`${value}.${name}`, `${value}["${name}"]`]) {
        expect(over(`${text} == null`)).toEqual({ ok: false, reason: expect.any(String) });
        expect(over(`${text}.${name} == null`)).toEqual({ ok: false, reason: expect.any(String) });
      }
      expect(over(`has(${value}.${name})`)).toEqual({ ok: true, holds: false });
    }
    expect(over(`"${name}" in task.metadata`)).toEqual({ ok: true, holds: false });
    expect(checkExpression(`${name} == null`)?.code).toBe('INVALID_INPUT');
    expect(checkExpression(`task.${name}() == null`)?.code).toBe('INVALID_INPUT');
  });

  test('own keys of such names are plain JSON', () => {
    const metadata = JSON.parse('{"__proto__":1,"toString":"x","length":2}') as JsonValue;
    expect(over('task.metadata.__proto__ == 1', { metadata })).toEqual({ ok: true, holds: true });
    expect(over('task.metadata.toString == "x"', { metadata })).toEqual({ ok: true, holds: true });
    expect(over('task.metadata.length == 2', { metadata })).toEqual({ ok: true, holds: true });
    expect(over('task.length == 2', { metadata })).toMatchObject({ ok: false });
  });

  test('what is evaluated is a copy', () => {
    const files = ['a'];
    const input = toExpressionInput({ task: { files }, loads: {} });
    files.push('b');
    const compiled = compileExpression('size(task.files) == 1');
    expect(compiled.ok && input.ok && compiled.evaluate(input)).toEqual({ ok: true, holds: true });
    expect(input.ok && Object.getPrototypeOf(input.variables)).toBeNull();
    expect(input.ok && Object.isFrozen(input.variables)).toBe(true);
  });

  test('the stacks of errors are as they were', () => {
    const { stackTraceLimit } = Error;
    over('task.metadata.nothing == 1');
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  });
});

function listOf(length: number): JsonValue {
  return { list: Array.from({ length }, () => 'b') };
}

function ones(count: number, between = ', '): string {
  return Array.from({ length: count }, () => '1').join(between);
}
