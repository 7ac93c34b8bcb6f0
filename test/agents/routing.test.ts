/** Where a task goes: a table of rules and tasks, and what must hold of any. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { matchRules, type RoutableTask } from '../../src/agents/routing-conditions.ts';
import { route, type Routed } from '../../src/agents/routing.ts';
import { afterMove, kindLoads, type SessionLoad } from '../../src/agents/swarm-load.ts';
import { AGENT_KINDS, PRIORITIES, type AgentKind } from '../../src/events/identity.ts';
import type { AgentStatus } from '../../src/events/session.ts';
import type { RoutingRule } from '../../src/events/state-schemas.ts';
import { loadLanguage } from '../../src/protocol/expression-language.ts';

beforeAll(loadLanguage);

function task(fields: Partial<RoutableTask> = {}): RoutableTask {
  return {
    id: 't',
    goal: 'port the parser',
    priority: 'normal',
    metadata: {},
    createdAt: '2026-01-01T00:00:00.000Z',
    attempts: 0,
    ...fields,
  };
}

function rule(id: string, fields: Partial<RoutingRule> = {}): RoutingRule {
  return { id, condition: {}, target: 'pulse', weight: 1, enabled: true, ...fields };
}

type Fields = Partial<Omit<SessionLoad, 'identity'>> & { kind?: AgentKind; agentId?: string };

function session(name: string, fields: Fields = {}): SessionLoad {
  const { kind = 'pulse', agentId = `agent-${name}`, ...load } = fields;
  return {
    identity: { agentId, agentType: kind, sessionId: name },
    status: 'idle',
    capabilities: [],
    assigned: 0,
    running: 0,
    capacity: 2,
    held: 0,
    isStalled: false,
    runsLow: false,
    ...load,
  };
}

/** `route s1 by r`, or why not. */
function told(routed: Routed): string {
  if (routed.type === 'wait') return `wait: ${routed.reason}`;
  if (routed.type === 'reject') return `reject by ${routed.rule.id}`;
  return `${routed.type} ${routed.to.sessionId} by ${routed.rule.id}`;
}

const aLot = (word: string) => Array.from({ length: 5_000 }, () => word);

describe('keywords of a hostile goal do not keep anybody waiting', () => {
  // When every hit is looked at from the beginning, of a whole goal, these take longer than a test may.
  test.each([
    ['very many hits inside of words', 'a'.repeat(600_000), aLot('a')],
    ['long words that nearly fit', 'ab '.repeat(200_000), aLot(`${'ab '.repeat(680)}a`)],
    ['long words that fit in many places', 'a'.repeat(600_000), aLot('a'.repeat(2_000))],
  ])('%s', (_what, goal, keywords) => {
    const rules = [rule('r', { condition: { keywords } })];
    const { rules: matching } = matchRules(task({ goal }), { rules, loads: kindLoads([]) });
    expect(matching).toEqual([]);
  });
});

describe('conditions', () => {
  const loads = kindLoads([session('s1')]);
  const code = { metadata: { type: 'code/port' } };
  // prettier-ignore
  const everyField = [
    'task.id == "t"', 'task.parentTaskId == ""', 'task.attempts == 0', 'task.metadata == {}',
    'size(task.requires + task.dependsOn) == 0', 'task.createdAt > "2025"', 'task.type == ""',
  ].join(' && ');

  test.each<[string, RoutingRule['condition'], Partial<RoutableTask>, boolean]>([
    ['nothing asked', {}, {}, true],
    ['its type', { taskType: 'code/port' }, code, true],
    ['a part of its type', { taskType: 'code' }, code, false],
    ['the beginning of its type', { taskType: 'code/*' }, code, true],
    ['the whole as a beginning', { taskType: 'code/port*' }, code, true],
    ['another beginning', { taskType: 'cod/*' }, code, false],
    ['any type', { taskType: '*' }, {}, true],
    ['a type, and it has none', { taskType: 'code' }, {}, false],
    ['a type, and it has an odd one', { taskType: '7' }, { metadata: { type: 7 } }, false],
    ['its priority', { priority: 'high' }, { priority: 'high' }, true],
    ['another priority', { priority: 'high' }, {}, false],
    ['a word', { keywords: ['parser'] }, {}, true],
    ['one of several words', { keywords: ['lexer', 'PARSER'] }, {}, true],
    ['a part of a word', { keywords: ['parse'] }, {}, false],
    ['two words', { keywords: ['the parser'] }, {}, true],
    ['a word beside a hyphen', { keywords: ['re'] }, { goal: 're-parse' }, true],
    ['a word beside a letter', { keywords: ['re'] }, { goal: 'ärger fire' }, false],
    ['a word that comes later', { keywords: ['port'] }, { goal: 'portable, as a port' }, true],
    ['a word with signs', { keywords: ['c++'] }, { goal: 'write C++, please' }, true],
    ['a letter of two halves', { keywords: ['x'] }, { goal: '𝒜x' }, false],
    ['a word that begins again inside itself', { keywords: ['aab'] }, { goal: 'aaab aab' }, true],
    [
      'a word whose first half comes twice',
      { keywords: ['a b a c'] },
      { goal: 'a b a b a c' },
      true,
    ],
    [
      'a word near the end of what is read',
      { keywords: ['ant'] },
      { goal: `${' '.repeat(4_092)}ant and` },
      true,
    ],
    [
      'a word that the end of it cuts off',
      { keywords: ['ant'] },
      { goal: `${' '.repeat(4_093)}anthill` },
      false,
    ],
    ['a word behind it', { keywords: ['ant'] }, { goal: `${' '.repeat(4_100)}ant` }, false],
    ['no words', { keywords: [] }, {}, true],
    ['an empty word', { keywords: [''] }, {}, false],
    ['an expression', { custom: 'task.type == "code/port"' }, code, true],
    ['an expression that is false', { custom: 'loads.pulse.free > 2' }, {}, false],
    ['an expression on all loads', { custom: 'loads.guardian.sessions == 0' }, {}, true],
    ['every field of a task', { custom: everyField }, {}, true],
    ['all of several', { priority: 'normal', keywords: ['port'], custom: 'true' }, {}, true],
    ['all but one', { priority: 'normal', keywords: ['port'], custom: 'false' }, {}, false],
  ])('%s', (_what, condition, fields, matches) => {
    const found = matchRules(task(fields), { rules: [rule('r', { condition })], loads });
    expect(found).toEqual({ rules: matches ? [rule('r', { condition })] : [], faults: [] });
  });

  test('a rule that is not enabled does not match', () => {
    const rules = [rule('off', { enabled: false }), rule('on')];
    expect(matchRules(task(), { rules, loads }).rules.map(({ id }) => id)).toEqual(['on']);
  });

  test('an expression that cannot say whether it holds does not match, and why is told', () => {
    const custom = 'task.metadata.size > 3';
    const rules = [
      rule('unsure', { condition: { custom } }),
      rule('never asked', { condition: { custom, priority: 'low' } }),
      rule('of another time', { condition: { custom: 'no longer CEL' } }),
      rule('sure', { condition: { custom: `has(task.metadata.size) && ${custom}` } }),
    ];
    expect(matchRules(task(), { rules, loads })).toEqual({
      rules: [],
      faults: [
        { rule: 'unsure', reason: 'field not found: size' },
        { rule: 'of another time', reason: expect.stringContaining('cannot be read') },
      ],
    });
    expect(matchRules(task({ metadata: { size: 4 } }), { rules, loads }).rules).toHaveLength(2);
  });

  test('a task that is too large for an expression matches the other rules', () => {
    const metadata = { list: Array.from({ length: 10_000 }, () => 0) };
    const rules = [rule('custom', { condition: { custom: 'true' } }), rule('plain')];
    const found = matchRules(task({ metadata }), { rules, loads });
    expect(found.rules.map(({ id }) => id)).toEqual(['plain']);
    expect(found.faults).toEqual([{ rule: 'custom', reason: expect.stringContaining('values') }]);
  });
});

describe('which session', () => {
  const one = [rule('r')];
  const weaver = { kind: 'dream_weaver' } as const;
  const kinds = [rule('a'), rule('b', { target: 'dream_weaver' })];
  const toGuardians = rule('no', { target: 'guardian' });
  const able = { capabilities: ['rust', 'c'], assigned: 1 };
  const rust = task({ requires: ['rust'] });
  const full = session('p', { assigned: 2 });
  type Case = Omit<Parameters<typeof route>[0], 'task'> & { readonly task?: RoutableTask };

  test.each<[string, Case, string]>([
    ['no rule', { rules: [], sessions: [session('s')] }, 'wait: no rule matches'],
    ['nobody', { rules: one, sessions: [] }, 'wait: no pulse that can do it is there'],
    [
      'nobody of the kind',
      { rules: one, sessions: [session('s', { kind: 'heartbeat' })] },
      'wait: no pulse that can do it is there',
    ],
    [
      'nobody who can',
      { task: rust, rules: one, sessions: [session('s')] },
      'wait: no pulse that can do it is there',
    ],
    [
      'the one who can',
      { task: rust, rules: one, sessions: [session('a'), session('b', able)] },
      'route b by r',
    ],
    ['nobody with room', { rules: one, sessions: [full] }, 'wait: every pulse is full'],
    ['the one with room', { rules: one, sessions: [full, session('q')] }, 'route q by r'],
    [
      'the one whose agent is least full',
      {
        rules: one,
        sessions: [session('a', { assigned: 1 }), session('b', { assigned: 2, capacity: 8 })],
      },
      'route b by r',
    ],
    [
      'of one agent the session that holds less',
      {
        rules: one,
        sessions: [
          session('a', { agentId: 'x', assigned: 1, held: 1 }),
          session('b', { agentId: 'x', assigned: 1 }),
        ],
      },
      'route b by r',
    ],
    [
      'of equals the smaller id',
      { rules: one, sessions: [session('b'), session('a')] },
      'route a by r',
    ],
    [
      'not the one that is to lose it',
      { rules: one, sessions: [session('a'), session('b')], except: 'a' },
      'route b by r',
    ],
    [
      'a rule whose kind has room',
      { rules: kinds, sessions: [full, session('d', weaver)] },
      'route d by b',
    ],
    [
      'no kind that has room',
      { rules: kinds, sessions: [full, session('d', { ...weaver, status: 'paused' })] },
      'wait: no dream_weaver takes tasks now; every pulse is full',
    ],
    ['only Guardians', { rules: [toGuardians], sessions: [] }, 'reject by no'],
    [
      'Guardians and others',
      { rules: [toGuardians, rule('yes')], sessions: [session('s')] },
      'route s by yes',
    ],
    [
      'Guardians and others who are full',
      { rules: [toGuardians, rule('yes')], sessions: [] },
      'wait: no pulse that can do it is there',
    ],
    [
      'no weight, alone',
      { rules: [rule('r', { weight: 0 })], sessions: [session('s')] },
      'route s by r',
    ],
    [
      'no weight, beside a full one',
      {
        rules: [rule('last', { weight: 0, target: 'dream_weaver' }), rule('r')],
        sessions: [full, session('d', weaver)],
      },
      'wait: every pulse is full',
    ],
    [
      'two of no weight',
      { rules: [rule('b', { weight: 0 }), rule('a', { weight: 0 })], sessions: [session('s')] },
      'route s by a',
    ],
    [
      'two of one share',
      { rules: [rule('b'), rule('a')], sessions: [session('s')] },
      'route s by a',
    ],
  ])('%s', (_what, routing, expected) => {
    expect(told(route({ task: task(), ...routing }))).toBe(expected);
  });

  test.each<AgentStatus>(['initializing', 'paused', 'draining', 'error', 'offline'])(
    'none that is %s',
    (status) => {
      const sessions = [session('s', { status })];
      const routed = route({ task: task(), rules: one, sessions });
      expect(told(routed)).toBe('wait: no pulse takes tasks now');
    },
  );

  test('none that stands still', () => {
    const sessions = [session('s', { status: 'busy', isStalled: true })];
    const routed = route({ task: task(), rules: one, sessions });
    expect(told(routed)).toBe('wait: no pulse takes tasks now');
  });

  test('the decision says what it was made of', () => {
    const rules = [rule('r', { condition: { custom: 'task.metadata.x' } }), rule('s')];
    const routed = route({ task: task(), rules, sessions: [session('a', { assigned: 1 })] });
    expect(routed).toMatchObject({
      type: 'route',
      input: {
        taskId: 't',
        goal: 'port the parser',
        taskType: '',
        priority: 'normal',
        matching: ['s'],
        loads: { pulse: { sessions: 1, tasks: 1, capacity: 2, free: 1 } },
        faults: [{ rule: 'r', reason: 'field not found: x' }],
      },
      output: {
        rule: 's',
        target: 'pulse',
        assignedTo: { agentId: 'agent-a', agentType: 'pulse', sessionId: 'a' },
      },
      reason: 'the rule s sends it to a pulse; agent-a holds 1 of 2',
    });
  });
});

describe('preemption', () => {
  const full = { status: 'busy', assigned: 2, running: 2, runsLow: true } as const;
  const undeclared = { ...full, assigned: 1, running: 1, capacity: 10_000 } as const;
  const critical = task({ priority: 'critical' });
  const rules = [rule('r')];
  const waits = 'wait: every pulse is full';

  test.each<[string, Partial<Parameters<typeof route>[0]>, string]>([
    ['a full session that runs a low task', {}, 'preempt s by r'],
    ['not when it is off', { preemption: false }, waits],
    ['not for a high task', { task: task({ priority: 'high' }) }, waits],
    [
      'not when it runs no low one',
      { sessions: [session('s', { ...full, runsLow: false })] },
      waits,
    ],
    ['not when it holds what it does not run', { sessions: [session('s', { ...full, running: 1 })] }, waits], // prettier-ignore
    ['not when another one has room', { sessions: [session('s', full), session('t')] }, 'route t by r'], // prettier-ignore
    ['not when it cannot do it', { task: { ...critical, requires: ['x'] } }, 'wait: no pulse that can do it is there'], // prettier-ignore
    ['one that declared no capacity, and is taken to run one', { sessions: [session('s', undeclared)] }, 'preempt s by r'], // prettier-ignore
    ['the least full', { sessions: [session('s', { ...full, capacity: 1, running: 1 }), session('t', full)] }, 'preempt t by r'], // prettier-ignore
  ])('%s', (_what, fields, expected) => {
    const sessions = [session('s', full)];
    const routed = route({ task: critical, rules, sessions, preemption: true, ...fields });
    expect(told(routed)).toBe(expected);
  });
});

/** Mostly two, so that rules often meet somebody. */
const KINDS = ['pulse', 'pulse', 'dream_weaver', 'dream_weaver', 'guardian'] as const;

/** Random swarms: agents of one or two sessions, with loads of their own. */
const agents = fc
  .array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      capacity: fc.integer({ min: 1, max: 4 }),
      assigned: fc.nat(3),
      statuses: fc.array(
        fc.constantFrom<AgentStatus>('idle', 'idle', 'busy', 'busy', 'paused', 'draining', 'error'),
        { minLength: 1, maxLength: 2 },
      ),
      capabilities: fc.constantFrom(['a', 'b'], ['a', 'b'], ['a'], []),
    }),
    { minLength: 2, maxLength: 6 },
  )
  .map((some) =>
    some.flatMap(({ statuses, ...load }, agent) =>
      statuses.map((status, at) =>
        session(`${agent}-${at}`, { ...load, status, agentId: `agent-${agent}` }),
      ),
    ),
  );
const someRules = fc
  .array(
    fc.record({
      target: fc.constantFrom(...KINDS),
      weight: fc.constantFrom(0, 0.5, 1, 3),
      enabled: fc.constantFrom(true, true, true, false),
      condition: fc.constantFrom<RoutingRule['condition']>(
        {},
        {},
        { priority: 'high' },
        { keywords: ['port'] },
        { custom: 'task.attempts < 2' },
        { custom: 'task.metadata.nothing' },
      ),
    }),
    { maxLength: 6 },
  )
  .map((some) => some.map((fields, at) => rule(`r${at}`, fields)));
const someTasks = fc
  .array(
    fc.record({
      priority: fc.constantFrom(...PRIORITIES),
      goal: fc.constantFrom('port it', 'count'),
      attempts: fc.nat(3),
      requires: fc.constantFrom([], [], ['a'], ['a', 'b']),
    }),
    { minLength: 2, maxLength: 12 },
  )
  .map((some) => some.map(task));
const RUNS = { numRuns: 500, seed: 20_260_101 };

describe('of any swarm', () => {
  test('nobody gets more than its agent takes, nor what it cannot do, nor while it takes no tasks', () => {
    let routes = 0;
    fc.assert(
      fc.property(agents, someRules, someTasks, fc.boolean(), (some, rules, tasks, preemption) => {
        let sessions: readonly SessionLoad[] = some;
        for (const one of tasks) {
          const routed = route({ task: one, rules, sessions, preemption });
          if (routed.type !== 'route') continue;
          routes += 1;
          const { agentId, sessionId } = routed.to;
          const before = sessions.find(({ identity }) => identity.sessionId === sessionId);
          expect(before?.status).toMatch(/^(idle|busy)$/);
          expect(before?.capabilities).toEqual(expect.arrayContaining([...(one.requires ?? [])]));
          expect(routed.rule).toMatchObject({
            enabled: true,
            target: before?.identity.agentType,
          });
          sessions = afterMove(sessions, { to: routed.to, isPreempting: false });
          for (const { identity, assigned, capacity } of sessions) {
            if (identity.agentId === agentId) expect(assigned).toBeLessThanOrEqual(capacity);
          }
        }
      }),
      RUNS,
    );
    expect(routes).toBeGreaterThan(300);
  });

  test('the order of rules and sessions makes no difference', () => {
    fc.assert(
      fc.property(agents, someRules, someTasks, (sessions, rules, tasks) => {
        const mirrored = { rules: rules.toReversed(), sessions: sessions.toReversed() };
        for (const one of tasks) {
          const routed = route({ task: one, rules, sessions });
          expect(told(route({ task: one, ...mirrored }))).toBe(told(routed));
          expect(route({ task: one, rules, sessions })).toEqual(routed);
        }
      }),
      RUNS,
    );
  });

  test('kinds share tasks by weight', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 80 }), (given, count) => {
        const kinds = AGENT_KINDS.slice(0, given.length);
        const rules = kinds.map((target, at) => rule(`r${at}`, { target, weight: given[at] ?? 1 }));
        let sessions: readonly SessionLoad[] = kinds.map((kind) =>
          session(kind, { kind, capacity: 1_000 }),
        );
        for (let number = 0; number < count; number++) {
          const routed = route({ task: task(), rules, sessions });
          if (routed.type !== 'route') throw new Error(told(routed));
          sessions = afterMove(sessions, { to: routed.to, isPreempting: false });
        }
        const total = given.reduce((sum, weight) => sum + weight, 0);
        const tasks = sessions.map(({ assigned }) => assigned);
        expect(tasks.reduce((sum, one) => sum + one, 0)).toBe(count);
        for (const [at, weight] of given.entries()) {
          const got = tasks[at] ?? 0;
          expect(got).toBeGreaterThanOrEqual(Math.floor((count * weight) / total));
          for (const [other, otherWeight] of given.entries()) {
            // Nobody has more for its weight than another one would have with one more.
            const others = ((tasks[other] ?? 0) + 1) / otherWeight;
            expect(got / weight).toBeLessThanOrEqual(others + 1e-9);
          }
        }
      }),
      RUNS,
    );
  });
});
