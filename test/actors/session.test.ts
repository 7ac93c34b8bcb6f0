import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { COORDINATOR, type AgentIdentity } from '../../src/events/identity.ts';
import type { CommandType } from '../../src/protocol/commands.ts';
import { Given, typesOf } from '../support/given.ts';

const { heartbeatTimeoutMs, graceMs } = DEFAULT_LIMITS;

let given: Given;
let ant: AgentIdentity;
let conductor: AgentIdentity;

beforeEach(() => {
  given = new Given({ limits: { sessionsMax: 5, commitFactsMax: 3 } });
  ant = given.session('ant');
  conductor = given.session('con', 'conductor');
});

afterEach(() => given.checkReplay());

const ANT = { sessionId: 'ant' };

/** Lets the ant fall silent and end. */
function theAntDies(): void {
  given.nowMs += heartbeatTimeoutMs;
  given.ask('session.expire', ANT, COORDINATOR);
  given.nowMs += graceMs;
  given.ask('session.expire', ANT, COORDINATOR);
}

describe('session.register', () => {
  test('registers and starts a session, and the agent when it is new', () => {
    const bee = {
      agentId: 'bee',
      agentType: 'heartbeat' as const,
      capacity: 2,
      capabilities: ['ts'],
    };
    const outcome = given.when('session.register', bee);
    expect(outcome).toEqual({
      ok: true,
      facts: [
        ['agent.registered', { sessionId: 'id-1', ...bee }],
        ['agent.started', { sessionId: 'id-1' }],
      ],
    });
    expect(given.view.agent('bee')).toMatchObject({
      capacity: 2,
      sessionIds: ['id-1'],
      health: 'healthy',
    });
    expect(given.view.session('id-1')?.status).toBe('idle');
  });

  test('leaves the session initializing when it says so', () => {
    given.session('bee', 'pulse', false);
    expect(given.view.session('bee')?.status).toBe('initializing');
    expect(typesOf(given.when('task.claim', {}, given.view.session('bee')?.identity))).toBe(
      'NOTHING_TO_CLAIM',
    );
  });

  test('a second session of an agent joins the first', () => {
    given.ask('session.register', { agentId: 'agent-ant', agentType: 'pulse', sessionId: 'ant-2' });
    expect(given.view.agent('agent-ant')?.sessionIds).toEqual(['ant', 'ant-2']);
  });

  test('makes an agent healthy again whose sessions had ended', () => {
    given.ask('session.stop', ANT, ant);
    const outcome = given.when('session.register', { agentId: 'agent-ant', agentType: 'pulse' });
    expect(typesOf(outcome)).toEqual(['agent.registered', 'agent.started', 'agent.health_changed']);
    expect(given.view.agent('agent-ant')?.health).toBe('healthy');
  });

  test('is refused for another kind, a taken id, a worker, and beyond the limits', () => {
    const otherKind = { agentId: 'agent-ant', agentType: 'guardian' } as const;
    expect(typesOf(given.when('session.register', otherKind))).toBe('ALREADY_EXISTS');
    const taken = { agentId: 'cat', agentType: 'pulse', sessionId: 'ant' } as const;
    expect(typesOf(given.when('session.register', taken))).toBe('ALREADY_EXISTS');
    const bee = { agentId: 'bee', agentType: 'pulse' } as const;
    expect(typesOf(given.when('session.register', bee, ant))).toBe('FORBIDDEN');
    for (let count = 0; count < 3; count++) given.ask('session.register', bee);
    const outcome = given.when('session.register', bee);
    expect(outcome).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: 'sessionsMax' } });
  });

  test('is refused beyond config.maxConcurrentAgents, and granted when one has ended', () => {
    const small = new Given({ config: { maxConcurrentAgents: 1 } });
    small.session('one');
    const two = { agentId: 'two', agentType: 'pulse' } as const;
    expect(small.when('session.register', two)).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'maxConcurrentAgents', max: 1 },
    });
    small.ask('session.stop', { sessionId: 'one' });
    expect(small.when('session.register', two).ok).toBe(true);
    small.checkReplay();
  });
});

/** Commands of a session about itself: from which states they are legal, and to which they lead. */
const MOVES: readonly {
  readonly type: CommandType;
  readonly given: readonly CommandType[];
  readonly facts?: readonly string[];
  readonly to?: string;
}[] = [
  { type: 'session.pause', given: [], facts: ['agent.paused'], to: 'paused' },
  { type: 'session.pause', given: ['session.pause'] },
  { type: 'session.pause', given: ['session.drain'] },
  { type: 'session.resume', given: ['session.pause'], facts: ['agent.resumed'], to: 'idle' },
  { type: 'session.resume', given: [] },
  { type: 'session.resume', given: ['session.drain'] },
  { type: 'session.drain', given: [], facts: ['agent.draining'], to: 'draining' },
  { type: 'session.drain', given: ['session.pause'], facts: ['agent.draining'], to: 'draining' },
  { type: 'session.drain', given: ['session.drain'] },
  { type: 'session.start', given: [] },
  { type: 'session.recover', given: [] },
  {
    type: 'session.fail',
    given: [],
    facts: ['agent.errored', 'agent.health_changed'],
    to: 'error',
  },
  {
    type: 'session.fail',
    given: ['session.pause'],
    facts: ['agent.errored', 'agent.health_changed'],
    to: 'error',
  },
  {
    type: 'session.recover',
    given: ['session.fail'],
    facts: ['agent.recovered', 'agent.health_changed'],
    to: 'idle',
  },
  {
    type: 'session.recover',
    given: ['session.pause', 'session.fail'],
    facts: ['agent.recovered', 'agent.health_changed'],
    to: 'paused',
  },
  {
    type: 'session.recover',
    given: ['session.drain', 'session.fail'],
    facts: ['agent.recovered', 'agent.health_changed'],
    to: 'draining',
  },
  { type: 'session.fail', given: ['session.fail'] },
  {
    type: 'session.stop',
    given: [],
    facts: ['agent.stopped', 'agent.health_changed'],
    to: 'offline',
  },
  {
    type: 'session.stop',
    given: ['session.drain'],
    facts: ['agent.stopped', 'agent.health_changed'],
    to: 'offline',
  },
  {
    type: 'session.stop',
    given: ['session.fail'],
    facts: ['agent.stopped', 'agent.health_changed'],
    to: 'offline',
  },
];

describe('the moves of a session', () => {
  const FAILURE = { code: 'E_OOM', message: 'out of memory' };
  const payloadOf = (type: CommandType) => (type === 'session.fail' ? { ...ANT, ...FAILURE } : ANT);

  for (const { type, given: before, facts, to } of MOVES) {
    const verdict = to === undefined ? 'is refused' : `leads to ${to}`;
    test(`${type} after [${before.join(', ')}] ${verdict}`, () => {
      for (const earlier of before) given.ask(earlier, payloadOf(earlier), ant);
      const outcome = given.when(type, payloadOf(type), ant);
      expect(typesOf(outcome)).toEqual(facts ?? 'ILLEGAL_TRANSITION');
      if (to !== undefined) expect(given.view.session('ant')?.status).toBe(to);
    });
  }

  test('start ends initializing, once', () => {
    const bee = given.session('bee', 'pulse', false);
    given.nowMs = 9_000;
    expect(typesOf(given.when('session.start', { sessionId: 'bee' }, bee))).toEqual([
      'agent.started',
    ]);
    expect(given.view.session('bee')).toMatchObject({ status: 'idle', startedAtMs: 9_000 });
    expect(typesOf(given.when('session.start', { sessionId: 'bee' }, bee))).toBe(
      'ILLEGAL_TRANSITION',
    );
  });

  test('a worker moves itself only; a Conductor and the operator may pause, resume, drain and stop others', () => {
    given.session('bee');
    for (const type of [
      'session.pause',
      'session.drain',
      'session.stop',
      'session.heartbeat',
    ] as const) {
      expect(typesOf(given.when(type, { sessionId: 'bee' }, ant))).toBe('FORBIDDEN');
    }
    expect(given.when('session.pause', { sessionId: 'bee' }, conductor).ok).toBe(true);
    expect(given.when('session.resume', { sessionId: 'bee' }).ok).toBe(true);
    expect(given.when('session.drain', { sessionId: 'bee' }, conductor).ok).toBe(true);
    expect(given.when('session.stop', { sessionId: 'bee', reason: 'r' }, conductor).ok).toBe(true);
    expect(typesOf(given.when('session.heartbeat', { sessionId: 'ant' }, conductor))).toBe(
      'FORBIDDEN',
    );
    expect(typesOf(given.when('session.pause', { sessionId: 'none' }))).toBe('NOT_FOUND');
    expect(typesOf(given.when('session.stop', { sessionId: 'none' }))).toBe('NOT_FOUND');
  });

  test('[I10] whoever has ended, or never was, is refused everything', () => {
    given.ask('session.stop', ANT, ant);
    for (const type of ['session.heartbeat', 'session.recover', 'session.start'] as const) {
      expect(typesOf(given.when(type, ANT, ant))).toBe('SESSION_OFFLINE');
    }
    expect(typesOf(given.when('task.create', { goal: 'g' }, ant))).toBe('SESSION_OFFLINE');
    const nobody = { ...ant, sessionId: 'nobody' };
    expect(typesOf(given.when('task.create', { goal: 'g' }, nobody))).toBe('UNKNOWN_SESSION');
    expect(typesOf(given.when('session.stop', ANT))).toBe('ILLEGAL_TRANSITION');
  });
});

describe('session.heartbeat', () => {
  test('is recorded only when a third of the deadline has passed since the last sign of life', () => {
    given.nowMs += heartbeatTimeoutMs / 3 - 1;
    expect(given.when('session.heartbeat', ANT, ant)).toEqual({ ok: true, facts: [] });
    given.nowMs += 1;
    expect(typesOf(given.when('session.heartbeat', ANT, ant))).toEqual(['agent.heartbeat']);
    expect(given.when('session.heartbeat', ANT, ant)).toEqual({ ok: true, facts: [] });
  });

  test('any other command counts as a sign of life', () => {
    given.nowMs += heartbeatTimeoutMs / 3;
    given.ask('task.create', { goal: 'g' }, ant);
    expect(given.when('session.heartbeat', ANT, ant)).toEqual({ ok: true, facts: [] });
  });
});

describe('session.expire', () => {
  test('[I9] makes silence an error at the deadline and not before, and the error an end after the grace period', () => {
    const deadlineMs = given.nowMs + heartbeatTimeoutMs;
    given.nowMs = deadlineMs - 1;
    expect(typesOf(given.when('session.expire', ANT, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    given.nowMs = deadlineMs;
    const errored = given.when('session.expire', ANT, COORDINATOR);
    expect(typesOf(errored)).toEqual(['agent.errored', 'agent.health_changed']);
    expect(given.view.agent('agent-ant')?.health).toBe('unresponsive');
    given.nowMs = deadlineMs + graceMs - 1;
    expect(typesOf(given.when('session.expire', ANT, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    given.nowMs = deadlineMs + graceMs;
    const stopped = given.when('session.expire', ANT, COORDINATOR);
    expect(typesOf(stopped)).toEqual(['agent.stopped', 'agent.health_changed']);
    expect(typesOf(given.when('session.expire', ANT, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('session.expire', { sessionId: 'none' }, COORDINATOR))).toBe(
      'ILLEGAL_TRANSITION',
    );
  });

  test('is no command for a session', () => {
    given.nowMs += heartbeatTimeoutMs;
    expect(typesOf(given.when('session.expire', ANT, conductor))).toBe('FORBIDDEN');
  });

  test('an agent is as well as its best session', () => {
    given.ask('session.register', { agentId: 'agent-ant', agentType: 'pulse', sessionId: 'ant-2' });
    expect(typesOf(given.when('session.fail', { ...ANT, code: 'E', message: 'm' }, ant))).toEqual([
      'agent.errored',
    ]);
    given.ask('session.stop', { sessionId: 'ant-2' });
    expect(given.view.agent('agent-ant')?.health).toBe('unresponsive');
  });
});

describe('session.sweep', () => {
  test('takes everything from an ended session, as much as a commit may, until nothing is left', () => {
    const bee = given.session('bee');
    for (const taskId of ['t1', 't2', 't3', 't4']) {
      given.ask('task.create', { taskId, goal: 'g' });
      given.ask('task.claim', { taskId, start: taskId === 't1' }, ant);
    }
    given.ask(
      'handoff.request',
      { taskId: 't2', handoffId: 'h1', to: bee, reason: 'r', timeout: 3_600_000 },
      ant,
    );
    given.ask(
      'lock.acquire',
      { lockId: 'l1', resource: 'a', type: 'exclusive', ttl: 3_600_000 },
      ant,
    );
    given.ask(
      'lock.acquire',
      { lockId: 'l2', resource: 'a', type: 'exclusive', timeout: 3_600_000 },
      bee,
    );
    theAntDies();
    const rounds = [1, 2, 3].map(() => typesOf(given.when('session.sweep', ANT, COORDINATOR)));
    expect(rounds).toEqual([
      ['lock.released', 'lock.acquired', 'handoff.rejected'],
      ['task.requeued', 'task.requeued', 'task.requeued'],
      ['task.requeued'],
    ]);
    expect(given.when('session.sweep', ANT, COORDINATOR)).toEqual({ ok: true, facts: [] });
    expect(given.view.holdings('ant')).toEqual({
      locks: [],
      waits: [],
      upgrades: [],
      taskIds: [],
      handoffs: [],
    });
    expect([...given.view.claimable()].map(({ id }) => id)).toEqual(['t1', 't2', 't3', 't4']);
    expect(given.view.resource('a')?.holders.map(({ holder }) => holder.sessionId)).toEqual([
      'bee',
    ]);
  });

  test('is refused while the session lives, also in error', () => {
    expect(typesOf(given.when('session.sweep', ANT, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    given.ask('session.fail', { ...ANT, code: 'E', message: 'm' }, ant);
    expect(typesOf(given.when('session.sweep', ANT, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('session.sweep', ANT, conductor))).toBe('FORBIDDEN');
  });
});
