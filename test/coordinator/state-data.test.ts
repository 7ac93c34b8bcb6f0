/** What may stand in the data of each kind of agent, and how a direct write is checked against it. */
import { describe, expect, test } from 'vitest';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import { Refused } from '../../src/core/errors.ts';
import type { AgentKind } from '../../src/events/identity.ts';
import { STATE_SCHEMAS } from '../../src/events/state-schemas.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const ITERATION = {
  number: 1,
  status: 'running',
  signal: 'CONTINUE',
  summary: 'reads',
  commitHash: null,
  startedAt: NOW,
  completedAt: null,
  durationSeconds: null,
  filesModified: [],
};
const CHECK = {
  id: 'c1',
  type: 'disk',
  timestamp: NOW,
  duration: 3,
  status: 'success',
  findings: 0,
};
const FINDING = {
  id: 'f1',
  type: 'disk',
  priority: 'high',
  summary: 'full',
  details: { free: 0 },
  notified: false,
  timestamp: NOW,
};
const NOTIFICATION = {
  id: 'n1',
  findingId: 'f1',
  priority: 'high',
  summary: 'full',
  createdAt: NOW,
  deliveredAt: null,
};
const ARTIFACT = { id: 'a1', type: 'code', path: 'a.ts', size: 9, createdAt: NOW, metadata: {} };
const RULE = {
  id: 'r1',
  condition: { taskType: 'fix' },
  target: 'pulse',
  weight: 1,
  enabled: true,
};
const DECISION = { id: 'd1', type: 'route', input: {}, output: {}, reason: 'free', timestamp: NOW };

/** For each kind: fields of its data with a value that fits, and one that does not. */
const FIELDS: Readonly<Record<AgentKind, Readonly<Record<string, readonly [unknown, unknown]>>>> = {
  pulse: {
    projectName: ['ants', 7],
    projectPath: ['/src', null],
    goal: ['build', {}],
    branchName: ['main', 1],
    currentIteration: [3, 1.5],
    maxIterations: [10, -1],
    lastSignal: ['BLOCKED', 'STOP'],
    iterations: [[ITERATION], [{ ...ITERATION, status: 'done' }]],
    totalCommits: [1, '1'],
    commitHashes: [['abc'], [1]],
    filesModified: [['a.ts'], 'a.ts'],
    progressLog: [[{ timestamp: NOW, message: 'm', iteration: 1 }], [{ message: 'm' }]],
  },
  heartbeat: {
    checkInterval: [250, -1],
    lastCheck: [NOW, 'yesterday'],
    nextCheck: [NOW, 0],
    checks: [[CHECK], [{ ...CHECK, id: '' }]],
    targets: [
      { email: true, calendar: false, weather: false, mentions: false, custom: ['disk'] },
      { email: 'yes' },
    ],
    findings: [[FINDING], [{ ...FINDING, priority: 'urgent' }]],
    pendingNotifications: [[NOTIFICATION], [{ ...NOTIFICATION, deliveredAt: 'no' }]],
  },
  dream_weaver: {
    dreamId: ['d1', ''],
    dreamType: ['research', 'nightmare'],
    prompt: ['write', 1],
    phase: ['generating', 'done'],
    artifacts: [[ARTIFACT], [{ ...ARTIFACT, size: -1 }]],
    contextWindow: [{ documents: ['a'], maxTokens: 9, usedTokens: 1 }, { usedTokens: -1 }],
    quality: [
      { coherence: 0.5, relevance: 1, creativity: 0 },
      { coherence: 85, relevance: 1, creativity: 0 },
    ],
  },
  conductor: {
    routingTable: [[RULE], [{ ...RULE, target: 'anybody' }]],
    decisions: [[DECISION], [{ ...DECISION, type: 'guess' }]],
  },
  guardian: {},
};

const cases = Object.entries(FIELDS).flatMap(([kind, fields]) =>
  Object.entries(fields).map(
    ([field, [good, bad]]) => [kind as AgentKind, field, good, bad] as const,
  ),
);

async function registered(agentType: AgentKind) {
  const { swarm } = await openTestSwarm();
  const session = await swarm.register({ agentType, agentId: 'one', sessionId: 's1' });
  return { swarm, session, data: `agents.${agentType}.s1.data` };
}

/** Refused as invalid, with the place in the reason; nothing is recorded. */
async function expectRefused(
  { swarm }: Awaited<ReturnType<typeof registered>>,
  write: Promise<unknown>,
  place: string,
) {
  const { sequence } = swarm;
  const error: unknown = await write.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Refused);
  expect(error).toMatchObject({ code: 'INVALID_INPUT' });
  expect((error as Refused).details['reason']).toContain(place);
  expect(swarm.sequence).toBe(sequence);
}

describe('every field of the specification', () => {
  test.each(cases)('%s: data.%s takes what it describes', async (kind, field, good, bad) => {
    const one = await registered(kind);
    const { session, data, swarm } = one;
    expect(session.get(`${data}.${field}`)).toBeDefined();
    const path = `${data}.${field}`;
    expect(await session.update({ path, newValue: good })).toMatchObject({ success: true });
    expect(session.get(path)).toEqual(good);
    await expectRefused(one, session.update({ path, newValue: bad }), `data.${field}`);
    const merge = { path: data, newValue: { [field]: bad }, merge: true };
    await expectRefused(one, session.update(merge), `data.${field}`);
    await expectRefused(one, session.delete({ path }), `data.${field}`);
    expect(STATE_SCHEMAS.SwarmState.safeParse(swarm.state).error).toBeUndefined();
  });

  test.each(Object.keys(FIELDS) as AgentKind[])('a %s has all of them at once', async (kind) => {
    const { session, data } = await registered(kind);
    const shown = session.get(data) as object;
    const derived = ['activeSessions', 'pendingHandoffs', 'agentLoads'];
    const own = Object.keys(shown).filter((field) => !derived.includes(field));
    expect(own).toEqual(Object.keys(FIELDS[kind]));
  });
});

describe('what a write leaves is right as a whole', () => {
  test('an element that is made by a write of one of its fields needs the others', async () => {
    const one = await registered('pulse');
    const write = one.session.update({ path: `${one.data}.iterations[0].number`, newValue: 1 });
    await expectRefused(one, write, 'data.iterations[0].status');
  });

  test('an appended element is checked, and so is a field of one that is there', async () => {
    const one = await registered('pulse');
    const { session, data } = one;
    await session.append(`${data}.iterations`, ITERATION);
    await expectRefused(one, session.append(`${data}.iterations`, { number: 2 }), 'iterations[1]');
    const path = `${data}.iterations[0].signal`;
    await session.update({ path, newValue: 'COMPLETE' });
    await expectRefused(one, session.update({ path, newValue: 'MAYBE' }), 'iterations[0].signal');
    const extra = session.update({ path: `${data}.iterations[0].mood`, newValue: 1 });
    await expectRefused(one, extra, 'iterations[0].mood');
  });

  test('a replace of all data needs all fields; what is its own it may have besides', async () => {
    const one = await registered('pulse');
    const { session, data } = one;
    await expectRefused(one, session.update({ path: data, newValue: { a: 1 } }), 'projectName');
    const whole = { ...(session.get(data) as object), notes: { any: [1, null] } };
    expect(await session.update({ path: data, newValue: whole })).toMatchObject({ success: true });
    await session.update({ path: `${data}.notes.any[0]`, newValue: 'two' });
    expect(session.get(`${data}.notes`)).toEqual({ any: ['two', null] });
  });

  test('a batch with one value that does not fit writes nothing', async () => {
    const one = await registered('pulse');
    const { session, data } = one;
    const updates = [
      { path: `${data}.goal`, newValue: 'g' },
      { path: `${data}.totalCommits`, newValue: 'many' },
    ];
    await expectRefused(one, session.updateAll(updates), 'data.totalCommits');
    expect(session.get(`${data}.goal`)).toBe('');
  });

  test('what a strategy makes of a conflict is checked too', async () => {
    const one = await registered('pulse');
    const { session, data } = one;
    const path = `${data}.iterations`;
    await session.append(path, ITERATION);
    const newValue = [{ number: 2 }];
    const merged = session.update({
      path,
      newValue,
      expectedVersion: 0,
      onConflict: 'merge-arrays',
    });
    await expectRefused(one, merged, 'iterations[1]');
  });

  test('resources and health have schemas as well', async () => {
    const one = await registered('guardian');
    const { session } = one;
    const resources = 'agents.guardian.s1.resources';
    await expectRefused(
      one,
      session.update({ path: `${resources}.cpuTime`, newValue: -1 }),
      'cpuTime',
    );
    const health = session.update({ path: 'global.health.status', newValue: 'fine' });
    await expectRefused(one, health, 'health.status');
  });
});

async function kept(session: AgentSession, path: string, newValue: unknown) {
  const { success, reason } = await session.update({ path, newValue });
  expect(success).toBe(true);
  return { value: session.get(path), reason };
}

describe('what was meant is kept', () => {
  test.each([
    [101, 100],
    [-1, 0],
    [1e9, 100],
    [42.5, 42.5],
  ])('progress %d is %d', async (given, expected) => {
    const { session } = await registered('pulse');
    const path = 'agents.pulse.s1.progress.current';
    const { value, reason } = await kept(session, path, given);
    expect(value).toBe(expected);
    expect(reason === undefined).toBe(given === expected);
  });

  test.each([
    ['2026-01-01T02:00:00+01:00', '2026-01-01T01:00:00.000Z'],
    ['2026-01-01T01:00:00Z', '2026-01-01T01:00:00.000Z'],
    ['2026-01-01', '2026-01-01T00:00:00.000Z'],
  ])('the timestamp %s is %s', async (given, expected) => {
    const { session } = await registered('heartbeat');
    const { value, reason } = await kept(session, 'agents.heartbeat.s1.data.nextCheck', given);
    expect(value).toBe(expected);
    expect(reason).toContain('data.nextCheck');
  });

  test('inside an object, an element and a merge as well', async () => {
    const { session, data } = await registered('pulse');
    const own = 'agents.pulse.s1';
    const progress = { current: 250, message: 'm', eta: '2026-01-01T00:00:00-01:00' };
    const { value, reason } = await kept(session, `${own}.progress`, progress);
    expect(value).toEqual({ current: 100, message: 'm', eta: '2026-01-01T01:00:00.000Z' });
    expect(reason).toContain('progress.current');
    expect(reason).toContain('progress.eta');
    const zones = Array.from({ length: 12 }, () => ({ timestamp: '2026-01-01', message: 'm' }));
    const many = await kept(session, `${data}.progressLog`, zones);
    expect(many.reason?.split(';')).toHaveLength(9); // eight, and how many more
    const merge = { path: own + '.progress', newValue: { current: -3 }, merge: true };
    expect(await session.update(merge)).toMatchObject({ success: true });
    expect(session.get(`${own}.progress`)).toMatchObject({ current: 0, message: 'm' });
    const startedAt = '2026-01-01T00:00:00+00:00';
    await session.append(`${data}.iterations`, { ...ITERATION, startedAt });
    expect(session.get(`${data}.iterations[0]`)).toEqual(ITERATION);
  });

  test('in a batch as well', async () => {
    const { session } = await registered('pulse');
    const own = 'agents.pulse.s1';
    const updates = [
      { path: `${own}.progress.current`, newValue: 400 },
      { path: `${own}.data.goal`, newValue: 'g' },
    ];
    const { reasons } = await session.updateAll(updates);
    expect(reasons).toEqual([expect.stringContaining('progress.current')]);
    expect(session.get(`${own}.progress.current`)).toBe(100);
  });

  test('validateUpdate says the same before', async () => {
    const { session, swarm } = await registered('pulse');
    const { identity } = session;
    const ask = (path: string, value: unknown) =>
      swarm.access.validateUpdate(identity, path, undefined, value);
    expect(ask('agents.pulse.s1.progress.current', 101)).toMatchObject({
      allowed: true,
      sanitizedValue: 100,
    });
    expect(ask('agents.pulse.s1.progress.current', 50)).toEqual({ allowed: true });
    expect(ask('agents.pulse.s1.data.totalCommits', 'x')).toMatchObject({ allowed: false });
    expect(ask('agents.pulse.nobody.data.totalCommits', 1)).toMatchObject({ allowed: false });
    expect(ask('agents.pulse.s1.data.deep.list[3]', 1)).toMatchObject({ allowed: false });
    expect(ask('agents.pulse.s1.data.f', () => 1)).toMatchObject({ allowed: false });
  });
});
