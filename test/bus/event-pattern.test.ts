/** Event patterns (specification, `EventPattern`): what each field means, and what cannot be meant. */
import { describe, expect, test } from 'vitest';
import { compilePattern, type EventPattern } from '../../src/bus/event-pattern.ts';
import type { Fact } from '../../src/events/envelope.ts';
import { OPERATOR, type AgentIdentity } from '../../src/events/identity.ts';

const ANT = { agentId: 'ant', agentType: 'pulse', sessionId: 's1' } as const;

function fact(type: string, source: AgentIdentity = ANT): Fact {
  return { type, payload: {}, sequence: 1, timeMs: 0, source };
}

function matches(pattern: EventPattern, one: Fact): boolean {
  const compiled = compilePattern(pattern);
  if (!compiled.ok) throw new Error(compiled.message);
  // Asked twice, since answers are remembered.
  const first = compiled.matches(one);
  expect(compiled.matches(one)).toBe(first);
  return first;
}

test.each<[string, EventPattern, string, boolean]>([
  ['everything', {}, 'task.started', true],
  ['everything but signs of life', {}, 'agent.heartbeat', false],
  ['everything but progress', {}, 'subscription.advanced', false],
  ['signs of life, by name', { type: 'agent.heartbeat' }, 'agent.heartbeat', true],
  [
    'signs of life, among others',
    { type: ['task.started', 'agent.heartbeat'] },
    'agent.heartbeat',
    true,
  ],
  ['no signs of life by ending', { type: 'agent.*' }, 'agent.heartbeat', false],
  ['no signs of life by expression', { type: /heart/ }, 'agent.heartbeat', false],
  ['one type', { type: 'task.started' }, 'task.started', true],
  ['another type', { type: 'task.started' }, 'task.starte', false],
  ['any ending', { type: 'task.*' }, 'task.completed', true],
  ['any ending of another', { type: 'task.*' }, 'lock.acquired', false],
  ['one of several', { type: ['lock.acquired', 'app.*'] }, 'app.build.done', true],
  ['none of none', { type: [] }, 'app.build.done', false],
  ['an expression', { type: /^task\.(started|failed)$/ }, 'task.failed', true],
  ['an expression that does not fit', { type: /^task\.(started|failed)$/ }, 'task.faile', false],
  ['an expression without regard to case', { type: /TASK/i }, 'task.failed', true],
  ['an expression with regard to case', { type: /TASK/ }, 'task.failed', false],
  ['an expression that remembers its place', { type: /task/g }, 'task.failed', true],
  ['a class with its flag', { type: /^\p{L}+\.\p{L}+$/u }, 'task.failed', true],
  ['a backslash before a p', { type: /\\p{1}/ }, 'task.failed', false],
  ['an expression that would take for ever', { type: /(a+)+$/ }, `app.${'a'.repeat(64)}!`, false],
])('%s', (_name, pattern, type, isWanted) => {
  expect(matches(pattern, fact(type))).toBe(isWanted);
});

test.each<[string, EventPattern['source'], AgentIdentity, boolean]>([
  ['a session', ANT, ANT, true],
  ['another session of the agent', ANT, { ...ANT, sessionId: 's2' }, false],
  ['a session of that id of another agent', ANT, { ...ANT, agentId: 'bee' }, false],
  ['a kind of agent', 'pulse', ANT, true],
  ['another kind', 'conductor', ANT, false],
  ['the system', 'system', OPERATOR, true],
])('the source is %s', (_name, source, by, isWanted) => {
  if (source === undefined) throw new Error('each row has a source');
  expect(matches({ source }, fact('task.started', by))).toBe(isWanted);
});

test('every field that is given must match', () => {
  const pattern = { type: 'task.*', source: 'pulse' } as const;
  expect(matches(pattern, fact('task.started'))).toBe(true);
  expect(matches(pattern, fact('task.started', OPERATOR))).toBe(false);
  expect(matches(pattern, fact('lock.acquired'))).toBe(false);
});

describe('[I11] what cannot be meant is refused', () => {
  test.each<[string, unknown, string]>([
    ['no object', null, 'pattern'],
    ['a text', 'task.*', 'pattern'],
    ['an unknown field', { types: ['a'] }, 'types'],
    ['a type that is none', { type: 7 }, 'type'],
    ['a type that there is not', { type: 'task.finished' }, 'type'],
    ['one of them that there is not', { type: ['task.started', 'tasks.*', 'a'] }, 'type'],
    ['half a name of an application', { type: 'app.' }, 'type'],
    ['a star in the middle', { type: 'app.*.done' }, 'type'],
    [
      'what only looks like an expression',
      { type: Object.create(RegExp.prototype) as RegExp },
      'pattern',
    ],
    ['a list with something else', { type: ['a', {}] }, 'type'],
    ['too many types', { type: Array.from({ length: 257 }, String) }, 'type'],
    ['a type of any length', { type: 'a'.repeat(2_000) }, 'type'],
    ['looking behind', { type: /(?<=a)b/ }, 'type'],
    ['a class that is none without its flag', { type: new RegExp('\\p{L}') }, 'type'],
    ['looking ahead', { type: /a(?=b)/ }, 'type'],
    ['referring back', { type: /(a)\1/ }, 'type'],
    ['repeating much', { type: /a{101}/ }, 'type'],
    ['repeating repeats', { type: /(a{2,30}){9,}/ }, 'type'],
    ['a large one', { type: new RegExp(`(?:${'a?b?'.repeat(25)}){30}`) }, 'type'],
    ['an expression of any length', { type: new RegExp('a'.repeat(257)) }, 'type'],
    ['an unknown kind', { source: 'ants' }, 'source'],
    ['half of an identity', { source: { agentId: 'a' } }, 'source'],
    ['no source', { source: null }, 'source'],
    ['a prototype', { source: '__proto__' }, 'source'],
    ['a predicate that is none', { custom: 'event.type' }, 'custom'],
  ])('%s', (_name, pattern, at) => {
    expect(compilePattern(pattern as EventPattern)).toMatchObject({
      ok: false,
      code: 'INVALID_INPUT',
      details: { at },
    });
  });
});
