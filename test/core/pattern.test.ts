import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ANY, ANY_DEPTH, formatPath, parsePath, parsePattern } from '../../src/core/path.ts';
import type { PathSegment, PathStep } from '../../src/core/path.ts';
import { matches, type Pattern } from '../../src/core/pattern.ts';
import { inFull, patternInFull } from '../../src/events/full-path.ts';

function patternOf(text: string): Pattern {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.segments;
}

function stepsOf(text: string): readonly PathStep[] {
  const parsed = parsePath(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.steps;
}

const MATCHED: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
  ['a.b', 'a.b', true],
  ['a.b', 'a', false],
  ['a.b', 'a.b.c', false],
  ['a.*', 'a.b', true],
  ['a.*', 'a[3]', true],
  ['a.*', 'a', false],
  ['a.*', 'a.b.c', false],
  ['*.*.c', 'a.b.c', true],
  ['**', 'a', true],
  ['**', 'a.b[2].c', true],
  ['a.**', 'a', true],
  ['a.**', 'a.b.c', true],
  ['a.**', 'b', false],
  ['a.**.c', 'a.c', true],
  ['a.**.c', 'a.b.b.c', true],
  ['a.**.c', 'a.c.b', false],
  ['a.**.c.**', 'a.c.b.c', true],
  ['**.c.*', 'c.c.c', true],
  ['**.**', 'a', true],
  ['a["b.c"]', 'a["b.c"]', true],
  ['a["b.c"]', 'a.b.c', false],
  ['a["b"].*', 'a.b["x/y"]', true],
  ['a["*"]', 'a.b', false],
  ['a[2]', 'a[2]', true],
  ['a[2]', 'a.2', true], // as in reading: an index may be the key of an object
  ['a.2', 'a[2]', false],
];

test.each(MATCHED)('%s matches %s: %s', (pattern, path, expected) => {
  expect(matches(patternOf(pattern), stepsOf(path))).toBe(expected);
});

/** Says the same by trying everything. */
function matchesSlowly(pattern: Pattern, steps: readonly PathStep[]): boolean {
  const [segment, ...rest] = pattern;
  if (segment === undefined) return steps.length === 0;
  if (segment === ANY_DEPTH) {
    return [...steps, null].some((_step, at) => matchesSlowly(rest, steps.slice(at)));
  }
  const [step, ...others] = steps;
  return step !== undefined && (segment === ANY || segment === step) && matchesSlowly(rest, others);
}

test('a pattern matches what trying everything finds', () => {
  const segment = fc.constantFrom<PathSegment>('a', 'b', ANY, ANY, ANY_DEPTH, ANY_DEPTH);
  const step = fc.constantFrom<PathStep>('a', 'b', 'c', 0);
  let found = 0;
  const property = fc.property(
    fc.array(segment, { maxLength: 6 }),
    fc.array(step, { maxLength: 7 }),
    (pattern, steps) => {
      const expected = matchesSlowly(pattern, steps);
      if (expected) found += 1;
      expect(matches(pattern, steps)).toBe(expected);
    },
  );
  fc.assert(property, { seed: 11, numRuns: 5_000 });
  expect(found).toBeGreaterThan(500);
});

const SHORT: readonly (readonly [short: string, full: string])[] = [
  ['agents.*.*.lastCheck', 'agents.*.*.data.lastCheck'],
  ['agents.heartbeat.*.lastCheck', 'agents.heartbeat.*.data.lastCheck'],
  ['agents.*.s1.note[2].**', 'agents.*.s1.data.note[2].**'],
  ['agents.pulse.s1.status', 'agents.pulse.s1.status'],
  ['agents.pulse.*.*', 'agents.pulse.*.*'],
  ['agents.pulse.*.**.note', 'agents.pulse.*.**.note'],
  ['agents.**.s1.note', 'agents.**.s1.note'],
  ['*.pulse.s1.note', '*.pulse.s1.note'],
  ['locks.l1', 'locks.locks.l1'],
  ['locks.*', 'locks.locks.*'],
  ['locks.*.holder.id', 'locks.locks.*.holder.agentId'],
  ['locks.locks.*.holder.id', 'locks.locks.*.holder.agentId'],
  ['locks["a.b"].ttl', 'locks.locks["a.b"].ttl'],
  ['locks.locks', 'locks.locks'],
  ['locks.waitQueue.*', 'locks.waitQueue.*'],
  ['locks.**', 'locks.**'],
  ['locks', 'locks'],
  ['global.tasks.*.status', 'global.tasks.*.status'],
];

test.each(SHORT)('the pattern %s is %s in full', (short, full) => {
  expect(patternInFull(patternOf(short))).toEqual(patternOf(full));
  expect(patternInFull(patternOf(full))).toEqual(patternOf(full));
});

test('a path without wildcards is the same pattern in full as it is a path', () => {
  const step = fc.constantFrom<PathStep>('locks', 'waitQueue', 'holder', 'id', 'status', 'x', 0);
  const root = fc.constantFrom<PathStep>('locks', 'agents', 'global');
  const property = fc.property(root, fc.array(step, { maxLength: 6 }), (first, rest) => {
    const steps = [first, ...rest];
    expect(patternInFull(steps), formatPath(steps)).toEqual(inFull(steps));
  });
  fc.assert(property, { seed: 12, numRuns: 2_000 });
});
