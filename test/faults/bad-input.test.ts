/** Bad input through the doors of a swarm: every one is refused with a code, and leaves no trace (I11). */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { ERRORS, Refused, type ErrorCode } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { EventLog } from '../../src/events/log.ts';
import { DEFAULT_CONFIG } from '../../src/events/system.ts';
import { COMMANDS, type CommandInput, type CommandType } from '../../src/protocol/commands.ts';
import { checkReplayOf, liveState, ManualClock } from '../../src/testing/index.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

let clock: ManualClock;
let database: GatedDatabase;
let swarm: Swarm;
let conductor: AgentSession;
let pulse: AgentSession;

beforeEach(async () => {
  clock = new ManualClock();
  database = new GatedDatabase();
  swarm = await openSwarmOver(database, { clock });
  conductor = await swarm.register({ agentType: 'conductor', agentId: 'c', sessionId: 'c1' });
  pulse = await swarm.register({ agentType: 'pulse', agentId: 'p', sessionId: 'p1' });
  await pulse.tasks.create({ goal: 'a', taskId: 't1' });
  await pulse.tasks.claim({ taskId: 't1', start: true });
  await pulse.locks.acquire({ resource: 'r1', type: 'exclusive' });
});

afterEach(async () => {
  const live = liveState(swarm);
  await checkReplayOf(EventLog.read(database), live);
  await swarm.close();
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

const register = (agent: unknown) => swarm.register(agent as Parameters<Swarm['register']>[0]);

/** What must be the same before and after a refusal. */
function traces() {
  const { sequence, durableSequence, stateHash } = swarm;
  return { sequence, durableSequence, stateHash, head: database.getSync('head')?.toString() };
}

async function expectRefused(ask: () => Promise<unknown>, code: ErrorCode): Promise<void> {
  const before = traces();
  const outcome = await ask().then(
    (value) => value,
    (error: unknown) => error,
  );
  const isRefusal =
    outcome instanceof Refused || (outcome as { ok?: unknown } | null)?.ok === false;
  expect(isRefusal, `${String(outcome)} is no refusal`).toBe(true);
  expect(outcome).toMatchObject({ code });
  expect((outcome as { message: string }).message).toMatch(/\S/);
  expect(traces()).toEqual(before);
}

const create = (fields: object) => ({ type: 'task.create', payload: { goal: 'a', ...fields } });
const update = (path: unknown, newValue: unknown = 1) => ({
  type: 'state.update',
  payload: { path, newValue },
});

function cyclic(): object {
  const value: Record<string, unknown> = {};
  value['self'] = [value];
  return value;
}

const BAD: readonly (readonly [string, unknown, ErrorCode])[] = [
  ['no command', undefined, 'INVALID_INPUT'],
  ['null', null, 'INVALID_INPUT'],
  ['a text', 'task.create', 'INVALID_INPUT'],
  ['a function', () => ({}), 'INVALID_INPUT'],
  ['a list', [], 'UNKNOWN_COMMAND'],
  ['an empty object', {}, 'UNKNOWN_COMMAND'],
  ['an unknown command', { type: 'task.explode', payload: {} }, 'UNKNOWN_COMMAND'],
  ['a command of another case', { type: 'Task.Create', payload: { goal: 'a' } }, 'UNKNOWN_COMMAND'],
  ['an event as a command', { type: 'task.created', payload: { taskId: 'x' } }, 'UNKNOWN_COMMAND'],
  ['__proto__ as a command', { type: '__proto__', payload: {} }, 'UNKNOWN_COMMAND'],
  ['constructor as a command', { type: 'constructor', payload: {} }, 'UNKNOWN_COMMAND'],
  ['a number as a command', { type: 5, payload: {} }, 'UNKNOWN_COMMAND'],
  ['a list with the name as a command', { type: ['task.create'], payload: {} }, 'UNKNOWN_COMMAND'],
  ['no payload', { type: 'task.create' }, 'INVALID_INPUT'],
  ['a null payload', { type: 'task.create', payload: null }, 'INVALID_INPUT'],
  ['a list as payload', { type: 'task.create', payload: [{ goal: 'a' }] }, 'INVALID_INPUT'],
  ['a text as payload', { type: 'task.create', payload: '{"goal":"a"}' }, 'INVALID_INPUT'],
  ['a missing field', { type: 'task.create', payload: {} }, 'INVALID_INPUT'],
  ['a field of a wrong type', create({ goal: 5 }), 'INVALID_INPUT'],
  ['a list for a text', create({ goal: ['a'] }), 'INVALID_INPUT'],
  ['a list for an object', create({ metadata: [] }), 'INVALID_INPUT'],
  ['a field too much', create({ extra: 1 }), 'INVALID_INPUT'],
  ['a word that is no priority', create({ priority: 'urgent' }), 'INVALID_INPUT'],
  ['an inherited word as priority', create({ priority: 'toString' }), 'INVALID_INPUT'],
  ['NaN', { type: 'task.progress', payload: { taskId: 't1', progress: Number.NaN } }, 'INVALID_INPUT'],
  ['NaN in free data', create({ metadata: { a: [Number.NaN] } }), 'INVALID_INPUT'],
  ['a Date', create({ metadata: { at: new Date() } }), 'INVALID_INPUT'],
  ['a Map', create({ metadata: new Map() }), 'INVALID_INPUT'],
  ['a bigint', create({ metadata: { n: 1n } }), 'INVALID_INPUT'],
  ['a cycle', create({ metadata: cyclic() }), 'PAYLOAD_TOO_LARGE'],
  ['an own __proto__', create(JSON.parse('{"metadata":{"__proto__":{"polluted":1}}}') as object), 'INVALID_INPUT'],
  ['an own constructor', create({ metadata: { constructor: { prototype: { polluted: 1 } } } }), 'INVALID_INPUT'],
  ['10 MB', create({ goal: 'x'.repeat(10_000_000) }), 'PAYLOAD_TOO_LARGE'],
  ['10 MB of free data', create({ metadata: { a: 'x'.repeat(10_000_000) } }), 'PAYLOAD_TOO_LARGE'],
  ['a text above its own limit', create({ goal: 'x'.repeat(65_537) }), 'INVALID_INPUT'],
  ['an empty text', create({ goal: '' }), 'INVALID_INPUT'],
  ['an empty id', create({ taskId: '' }), 'INVALID_INPUT'],
  ['a huge id', create({ taskId: 'x'.repeat(129) }), 'INVALID_INPUT'],
  ['an id with a space', create({ taskId: 'a b' }), 'INVALID_INPUT'],
  ['an id with a newline', create({ taskId: 'a\n' }), 'INVALID_INPUT'],
  ['an id with a zero', create({ taskId: 'a\u0000' }), 'INVALID_INPUT'],
  ['an id that turns the direction of writing', create({ taskId: 'a\u202Eb' }), 'INVALID_INPUT'],
  ['an id with half a character', create({ taskId: 'a\ud800' }), 'INVALID_INPUT'],
  ['an id that is a number', create({ taskId: 1 }), 'INVALID_INPUT'],
  ['a parent that does not exist', create({ parentTaskId: 'nobody' }), 'NOT_FOUND'],
  ['a correlation that is no name', { ...create({}), correlationId: 'a b' }, 'INVALID_INPUT'],
  ['a trace that is none', { ...create({}), trace: { traceparent: '1' } }, 'INVALID_INPUT'],
  ['a path with __proto__', update('__proto__.polluted'), 'INVALID_PATH'],
  ['a quoted path with __proto__', update('agents.pulse.p1.data["__proto__"].polluted'), 'INVALID_PATH'],
  ['an escaped path with __proto__', update('agents.pulse.p1.data["\\u005f_proto__"].polluted'), 'INVALID_PATH'],
  ['a path over constructor', update('agents.pulse.p1.constructor.prototype.polluted'), 'INVALID_PATH'],
  ['a value with __proto__', update('agents.pulse.p1.data.x', JSON.parse('{"__proto__":{"polluted":1}}')), 'INVALID_INPUT'],
  ['a path with a wildcard', update('agents.pulse.*.data'), 'INVALID_PATH'],
  ['an empty path', update(''), 'INVALID_INPUT'],
  ['a path that is none', update('a..b'), 'INVALID_PATH'],
  ['a path that is a list', update(['global', 'health']), 'INVALID_INPUT'],
  ['a path of 10,000 levels', update('a.'.repeat(10_000) + 'a'), 'INVALID_PATH'],
  ['a path to nowhere', update('nowhere.at.all'), 'NOT_FOUND'],
  ['a path named as a method of objects', update('toString'), 'NOT_FOUND'],
  ['two steps named as methods of objects', update('valueOf.hasOwnProperty'), 'NOT_FOUND'],
  ['a path to a session that does not exist', update('agents.pulse.nobody.data.x'), 'NOT_FOUND'],
  ['a path that an actor owns', update('global.tasks.t1.status', 'complete'), 'ACTOR_OWNED_PATH'],
  ['no value', { type: 'state.update', payload: { path: 'global.health' } }, 'INVALID_INPUT'],
  ['a list with a gap', update('agents.pulse.p1.data.list[5]'), 'INVALID_PATH'],
  ['a version below zero', { type: 'state.update', payload: { path: 'global.health', newValue: 1, expectedVersion: -1 } }, 'INVALID_INPUT'],
  ['health that is none', update('global.health', { status: 'fine' }), 'INVALID_INPUT'],
  ['a configuration that is none', update('global.config.maxConcurrentAgents', 0), 'INVALID_INPUT'],
  ['a session that does not exist', { type: 'session.pause', payload: { sessionId: 'nobody' } }, 'NOT_FOUND'],
  ['an assignment to nobody', { type: 'task.assign', payload: { taskId: 't1', assignedTo: { agentId: 'x', agentType: 'pulse', sessionId: 'nobody' } } }, 'NOT_FOUND'],
  ['an assignment to a forged identity', { type: 'task.assign', payload: { taskId: 't1', assignedTo: { agentId: 'c', agentType: 'pulse', sessionId: 'p1' } } }, 'NOT_FOUND'],
  ['a session of no kind', { type: 'session.register', payload: { agentId: 'x', agentType: 'wizard' } }, 'INVALID_INPUT'],
  ['a session of the system', { type: 'session.register', payload: { agentId: 'x', agentType: 'system' } }, 'INVALID_INPUT'],
  ['a second swarm', { type: 'system.initialize', payload: { swarmId: 'x', config: DEFAULT_CONFIG, limits: DEFAULT_LIMITS } }, 'FORBIDDEN'],
]; // prettier-ignore

describe('[I11] the operator', () => {
  it.each(BAD)('is refused %s', async (_name, command, code) => {
    await expectRefused(() => swarm.dispatch(command as CommandInput), code);
  });

  it('is refused an odd agent', async () => {
    await expectRefused(() => register(undefined), 'INVALID_INPUT');
    await expectRefused(() => register({ agentType: 'pulse' }), 'INVALID_INPUT');
    await expectRefused(() => register({ agentType: 'pulse', agentId: '' }), 'INVALID_INPUT');
    await expectRefused(
      () => register({ agentType: 'pulse', agentId: 'p', capacity: 0.5 }),
      'INVALID_INPUT',
    );
    await expectRefused(
      () => register({ agentType: 'pulse', agentId: 'p', sessionId: 'p1' }),
      'ALREADY_EXISTS',
    );
  });

  it.each([
    { agentId: 'p', sessionId: 'nobody' },
    { agentId: 'nobody', sessionId: 'p1' },
    { agentId: 'p' },
    { sessionId: 'p1' },
    {},
    { agentId: undefined, sessionId: undefined },
    { agentId: 'p', sessionId: '__proto__' },
  ])('is given no handle for the session %j', async (identity) => {
    const bind = async () => swarm.session(identity as { agentId: string; sessionId: string });
    await expectRefused(bind, 'UNKNOWN_SESSION');
  });

  it('is refused odd paths in reads, and nothing is there that is inherited', async () => {
    for (const path of ['', '__proto__', 'global.constructor', 'a b', undefined, null, 5, {}]) {
      await expectRefused(async () => swarm.get(path as string), 'INVALID_PATH');
      await expectRefused(async () => swarm.read(path as string), 'INVALID_PATH');
    }
    for (const path of [
      'toString',
      'global.toString',
      'global.tasks.toString',
      'agents.pulse.p1.data.valueOf',
    ]) {
      expect(swarm.get(path), path).toBeUndefined();
      expect(swarm.read(path), path).toBeUndefined();
    }
  });
});

describe('[I11] a session', () => {
  it('is refused what is malformed, by every door', async () => {
    const { tasks, locks, handoffs } = pulse;
    const lock = { resource: 'r2', type: 'exclusive' } as const;
    await expectRefused(() => tasks.create(undefined as never), 'INVALID_INPUT');
    await expectRefused(() => tasks.create({ goal: 'a', metadata: { at: new Date() } }), 'INVALID_INPUT');
    await expectRefused(() => tasks.progress('t1', Number.NaN), 'INVALID_INPUT');
    await expectRefused(() => tasks.progress('t1', 101), 'INVALID_INPUT');
    await expectRefused(() => tasks.progress('t1', 1, 'x'.repeat(10_000_000)), 'PAYLOAD_TOO_LARGE');
    await expectRefused(() => tasks.complete('t1', { at: 1n }), 'INVALID_INPUT');
    await expectRefused(() => tasks.fail('t1', 'broken' as never), 'INVALID_INPUT');
    await expectRefused(() => tasks.start(''), 'INVALID_INPUT');
    await expectRefused(() => tasks.start('nobody'), 'NOT_FOUND');
    await expectRefused(() => locks.acquire({ ...lock, resource: '' }), 'INVALID_INPUT');
    await expectRefused(() => locks.acquire({ ...lock, resource: 'a\u0007b' }), 'INVALID_INPUT');
    await expectRefused(() => locks.acquire({ ...lock, resource: 'x'.repeat(1_025) }), 'INVALID_INPUT');
    await expectRefused(() => locks.acquire({ ...lock, type: 'own' as never }), 'INVALID_INPUT');
    await expectRefused(() => locks.acquire({ ...lock, ttl: 0 }), 'INVALID_INPUT');
    await expectRefused(() => locks.acquire({ ...lock, ttl: Number.POSITIVE_INFINITY }), 'INVALID_INPUT');
    await expectRefused(() => locks.acquire({ ...lock, ttl: 31_536_000_000 }), 'LIMIT_EXCEEDED');
    await expectRefused(() => locks.acquire({ ...lock, timeout: -1 }), 'INVALID_INPUT');
    await expectRefused(() => locks.renew('nobody'), 'NOT_FOUND');
    await expectRefused(() => locks.release(undefined as never), 'INVALID_INPUT');
    await expectRefused(() => handoffs.request({ taskId: 't1', to: 'everyone' as never, reason: 'a' }), 'INVALID_INPUT');
    await expectRefused(() => pulse.update({ path: '__proto__.polluted', newValue: 1 }), 'INVALID_PATH');
    await expectRefused(() => pulse.update({ path: 'global.health', newValue: 1 }), 'FORBIDDEN');
    await expectRefused(() => pulse.stop(5 as never), 'INVALID_INPUT');
  }); // prettier-ignore

  it('[I10] speaks for itself, whatever the command says of its author', async () => {
    const forged = {
      type: 'task.requeue',
      payload: { taskId: 't1' },
      source: conductor.identity,
    } as CommandInput;
    await expectRefused(() => pulse.dispatch(forged), 'FORBIDDEN');
    await expectRefused(
      () => pulse.dispatch({ type: 'session.stop', payload: { sessionId: 'c1' } }),
      'FORBIDDEN',
    );
  });

  it('is refused after its end', async () => {
    await pulse.stop();
    await clock.advance(0); // what it held is taken from it
    await expectRefused(() => pulse.tasks.create({ goal: 'a' }), 'SESSION_OFFLINE');
    await expectRefused(async () => swarm.session(pulse.identity), 'SESSION_OFFLINE');
  });
});

describe('[I11] a payload that the caller changes after the call', () => {
  it('changes nothing, in memory and in the log', async () => {
    const payload = { goal: 'first', taskId: 't2', metadata: { list: [{ n: 1 }] as object[] } };
    const command = { type: 'task.create' as CommandType, payload, correlationId: 'first' };
    const answer = swarm.dispatch(command);
    payload.goal = 'second';
    payload.metadata.list[0] = { n: 2 };
    payload.metadata.list.push({ n: 3 });
    command.type = 'task.cancel';
    command.correlationId = 'second';
    const result = await answer;
    payload.goal = 'third';
    expect(result).toMatchObject({
      ok: true,
      events: [{ payload: { goal: 'first' }, metadata: { correlationId: 'first' } }],
    });
    expect(swarm.get('global.tasks.t2')).toMatchObject({
      goal: 'first',
      metadata: { list: [{ n: 1 }] },
    });
    expect(database.getSync('head')).toBeDefined(); // that the log says the same is seen after each test
  });

  it('and what was answered cannot be used to change the state', async () => {
    const result = await swarm.dispatch({ type: 'task.create', payload: { goal: 'a', taskId: 't2', metadata: { a: { b: 1 } } } }); // prettier-ignore
    const [event] = result.ok ? result.events : [];
    const { metadata } = (event?.payload ?? {}) as { metadata: { a: object } };
    expect(() => Object.assign(metadata.a, { b: 2 })).toThrow(TypeError);
    expect(swarm.get('global.tasks.t2.metadata.a.b')).toBe(1);
  });
});

describe('[I11] commands at random', () => {
  const id = fc.constantFrom('t1', 't2', 't3', 'p1', 'p1', 'c1', 'q-0', 'nobody', '__proto__'); // prettier-ignore
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 });
  const ms = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(1, 50, 500, 5_000, 30_000, 60_000) }, { weight: 1, arbitrary: fc.constantFrom(0, 1e15, -1, 0.5) }); // prettier-ignore
  const identity = fc.oneof(
    fc.constantFrom('c', 'p', 'q', 'g').map((agentId) => ({ agentId })),
    fc.constantFrom('pulse', 'conductor', 'guardian').map((agentType) => ({ agentType })),
    fc.constantFrom(['p', 'pulse', 'p1'], ['c', 'conductor', 'c1'], ['q', 'pulse', 'q-0']).map(([agentId, agentType, sessionId]) => ({ agentId, agentType, sessionId })),
  ); // prettier-ignore
  const path = fc.oneof(
    fc.constantFrom('global.health', 'global.config.defaultPriority', 'agents.pulse.p1.data.a', 'agents.pulse.p1.a.b', 'agents.pulse.p1.data.list[0]', 'agents.conductor.c1.progress', 'agents.pulse.p1.status', 'events', 'agents.pulse.p1.data["a.b"].toString', '__proto__.polluted', 'agents.pulse["__proto__"].polluted'),
    text,
  ); // prettier-ignore
  /** Something that fits a field, now and then. */
  const FIELDS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    taskId: fc.nat(20).map((n) => `t${n}`),
    parentTaskId: id,
    lockId: fc.constantFrom('l1', 'l2', 'l3', 'constructor'),
    handoffId: fc.constantFrom('h1', 'h2', 'h3', 'toString'),
    sessionId: id,
    swarmId: id,
    agentId: fc.constantFrom('c', 'p', 'q', 'g', 'new'),
    agentType: fc.constantFrom('pulse', 'heartbeat', 'dream_weaver', 'conductor', 'guardian', 'system'),
    type: fc.constantFrom('exclusive', 'shared', 'upgradeable', 'app.x', 'app.y.z'),
    name: fc.constantFrom('n1', 'n2', '__proto__'),
    through: fc.integer({ min: -1, max: 60 }),
    letterId: fc.constantFrom('n1/1', 'n2/2', 'valueOf'),
    subscription: fc.constantFrom('n1', 'n2'),
    eventSequence: fc.integer({ min: 0, max: 60 }),
    attempts: fc.integer({ min: 0, max: 3 }),
    data: fc.jsonValue(),
    commands: fc.array(fc.record({ type: fc.constantFrom('event.emit', 'state.update', 'task.create', 'task.cancel', 'lock.acquire', 'compound.apply', 'constructor'), payload: fc.oneof(fc.constantFrom({ type: 'app.x', data: 1 }, { goal: 'g' }, { path: 'agents.pulse.p1.data.a', newValue: 1 }, { taskId: 't1' }), fc.jsonValue()) }), { maxLength: 3 }),
    resource: fc.constantFrom('r1', 'r2', 'repo/src/**', 'a.b'),
    assignedTo: identity,
    to: identity,
    ttl: ms,
    timeout: ms,
    gapMs: ms,
    epoch: fc.integer({ min: 1, max: 9 }),
    priority: fc.constantFrom('critical', 'high', 'normal', 'low'),
    progress: fc.double({ min: -1, max: 101 }),
    error: fc.record({ code: text, message: text }),
    goal: text,
    message: text,
    reason: text,
    code: text,
    path,
    newValue: fc.oneof(fc.jsonValue(), fc.constant({ status: 'healthy', issues: [], lastCheck: 'now' }), fc.constantFrom('high', 'low')),
    expectedVersion: fc.integer({ min: -1, max: 60 }),
    merge: fc.boolean(),
    start: fc.boolean(),
    ready: fc.boolean(),
    capacity: fc.integer({ min: 0, max: 5 }),
    capabilities: fc.array(text, { maxLength: 3 }),
    requires: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(text, { maxLength: 2 }) }),
    dependsOn: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(id, { maxLength: 2 }) }),
    retry: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.record({ maxAttempts: fc.integer({ min: 0, max: 5 }), backoffMs: ms }) }),
    heartbeatTimeout: fc.constantFrom(0, 5_000, 60_000),
    config: fc.constant(DEFAULT_CONFIG),
    limits: fc.constant(DEFAULT_LIMITS),
  }; // prettier-ignore
  const odd = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }); // prettier-ignore

  function fieldOf(name: string): fc.Arbitrary<unknown> {
    const fitting = FIELDS[name] ?? fc.oneof(fc.jsonValue(), fc.dictionary(text, fc.jsonValue()));
    return fc.oneof({ weight: 40, arbitrary: fitting }, { weight: 1, arbitrary: odd }, { weight: 4, arbitrary: fc.constant(undefined) }); // prettier-ignore
  }

  const OFTEN: readonly CommandType[] = ['task.create', 'task.claim', 'task.progress', 'lock.acquire', 'lock.renew', 'state.update', 'handoff.request', 'session.recover']; // prettier-ignore
  const types = [
    ...(Object.keys(COMMANDS) as CommandType[]),
    ...OFTEN,
    ...OFTEN,
    ...OFTEN,
    ...OFTEN,
  ];
  const command = fc.constantFrom(...types).chain((type) => {
    const fields = Object.keys(COMMANDS[type].schema.shape);
    const payload = fc.record(Object.fromEntries(fields.map((name) => [name, fieldOf(name)])));
    return fc.record({
      type: fc.oneof({ weight: 40, arbitrary: fc.constant<unknown>(type) }, { weight: 1, arbitrary: odd }), // prettier-ignore
      payload: fc.oneof({ weight: 20, arbitrary: payload }, { weight: 1, arbitrary: odd }), // prettier-ignore
      correlationId: fc.oneof({ weight: 20, arbitrary: fc.constantFrom(undefined, 'c-1') }, { weight: 1, arbitrary: odd }), // prettier-ignore
      idempotencyKey: fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom('k-1', 'k-2', 'k-3') }, { weight: 1, arbitrary: odd }), // prettier-ignore
      fencingToken: fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(400) }, { weight: 1, arbitrary: odd }), // prettier-ignore
    });
  });
  const step = fc.record({
    command: fc.oneof({ weight: 30, arbitrary: command }, { weight: 1, arbitrary: odd }), // prettier-ignore
    by: fc.nat(4),
    waitMs: fc.oneof({ weight: 9, arbitrary: fc.nat(200) }, { weight: 1, arbitrary: fc.nat(20_000) }), // prettier-ignore
  });

  test('5,000 of them: each is answered, none pollutes, and the log tells the same story', async () => {
    const steps = fc.sample(step, { seed: 20_261_122, numRuns: 5_000 });
    const counts = new Map<string, number>();
    const open = doors();
    for (const [index, { command: asked, by, waitMs }] of steps.entries()) {
      const door = ((await open.next()).value as (Swarm | AgentSession)[])[by] ?? swarm;
      await clock.advance(0); // what is due now would be recorded before the command
      const before = swarm.sequence;
      const result = await door.dispatch(asOwn(asked, door) as CommandInput);
      const key = result.ok ? 'accepted' : result.code;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      if (!result.ok) {
        expect(ERRORS).toHaveProperty(result.code);
        expect(['INTERNAL', 'HALTED'], JSON.stringify({ index, result })).not.toContain(
          result.code,
        );
        if (ERRORS[result.code].http === 400) expect(swarm.sequence).toBe(before);
      }
      if (index % 4 === 0) await clock.advance(waitMs);
    }
    // It must have met more than the first check.
    expect(counts.get('accepted'), JSON.stringify([...counts])).toBeGreaterThan(150);
    expect(counts.size, JSON.stringify([...counts])).toBeGreaterThan(10);
  });
});

/** The doors, with a new session for each that has ended. */
async function* doors(): AsyncGenerator<readonly (Swarm | AgentSession)[]> {
  const kinds = { c: 'conductor', p: 'pulse', q: 'pulse', g: 'guardian' } as const;
  const sessions = new Map<string, AgentSession>([['c', conductor], ['p', pulse]]); // prettier-ignore
  for (let round = 0; ; round++) {
    for (const [agentId, agentType] of Object.entries(kinds)) {
      const sessionId = sessions.get(agentId)?.identity.sessionId ?? '';
      const status = swarm.get(`agents.${agentType}["${sessionId}"].status`);
      if (status !== undefined && status !== 'offline') continue;
      const agent = { agentId, agentType, sessionId: `${agentId}-${round}`, capacity: 2 };
      sessions.set(agentId, await swarm.register(agent));
    }
    yield [swarm, ...sessions.values()];
  }
}

/** Half of those who speak of a session speak of their own. */
function asOwn(asked: unknown, door: Swarm | AgentSession): unknown {
  const { payload } = Object(asked) as { payload?: unknown };
  const { sessionId } = Object(payload) as { sessionId?: unknown };
  if (!('identity' in door) || (sessionId !== 'p1' && sessionId !== 'c1')) return asked;
  return {
    ...Object(asked),
    payload: { ...Object(payload), sessionId: door.identity.sessionId },
  };
}
