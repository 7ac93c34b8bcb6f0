import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { Refused } from '../../src/core/errors.ts';
import { eventTypes, openTestSwarm, statusOf } from '../support/open-test-swarm.ts';

const THIRD_MS = DEFAULT_LIMITS.heartbeatTimeoutMs / 3;

describe('register', () => {
  test('gives a handle that speaks for its session only', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({
      agentType: 'pulse',
      agentId: 'ant',
      capabilities: ['ts'],
      capacity: 2,
    });
    expect(ant.identity).toEqual({ agentId: 'ant', agentType: 'pulse', sessionId: 'id-2' });
    const task = await ant.tasks.create({ goal: 'g' });
    const created = swarm.state.events.events.at(-1);
    expect(created).toMatchObject({
      type: 'task.created',
      source: ant.identity,
      payload: { taskId: task.id },
    });
    expect(swarm.state.global.registry['ant']).toMatchObject({
      capacity: 2,
      capabilities: ['ts'],
      sessions: ['id-2'],
    });
  });

  test('throws what is refused, with its code', async () => {
    const { swarm } = await openTestSwarm({ config: { maxConcurrentAgents: 1 } });
    await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await expect(swarm.register({ agentType: 'pulse', agentId: 'bee' })).rejects.toMatchObject({
      name: 'Refused',
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'maxConcurrentAgents' },
    });
    await expect(
      swarm.register({ agentType: 'pulse', agentId: 'white space' }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('with ready: false the session starts when it says so', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', ready: false });
    expect(statusOf(swarm, ant.identity)).toBe('initializing');
    await ant.start();
    expect(statusOf(swarm, ant.identity)).toBe('idle');
  });
});

describe('session', () => {
  test('binds again to a live session after reopening', async () => {
    const opened = await openTestSwarm();
    const { identity } = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const swarm = await opened.reopen();
    const ant = swarm.session(identity);
    await ant.tasks.create({ goal: 'g' });
    expect(swarm.state.events.events.at(-1)?.source).toEqual(identity);
  });

  test('is refused for one that never was, is of another agent, or has ended', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const codeOf = (identity: { agentId: string; sessionId: string }): unknown => {
      try {
        return swarm.session(identity);
      } catch (error) {
        return error instanceof Refused ? error.code : error;
      }
    };
    expect(codeOf({ agentId: 'ant', sessionId: 'none' })).toBe('UNKNOWN_SESSION');
    expect(codeOf({ ...ant.identity, agentId: 'bee' })).toBe('UNKNOWN_SESSION');
    await ant.stop();
    expect(codeOf(ant.identity)).toBe('SESSION_OFFLINE');
    await expect(ant.tasks.create({ goal: 'g' })).rejects.toMatchObject({
      code: 'SESSION_OFFLINE',
    });
  });
});

describe('a heartbeat', () => {
  test('[I9] is recorded only when a third of the deadline has passed, and touches only lastActivityAt', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const path = `agents.pulse.${ant.identity.sessionId}`;
    const before = swarm.sequence;
    const { lastActivityAt: registeredAt, ...shown } = swarm.get(path) as Record<string, unknown>;
    const statusVersion = swarm.read(`${path}.status`)?.version;
    await clock.advance(THIRD_MS - 1);
    await ant.heartbeat();
    expect(swarm.sequence).toBe(before);
    await clock.advance(1);
    await ant.heartbeat();
    expect(swarm.sequence).toBe(before + 1);
    await ant.heartbeat();
    expect(swarm.sequence).toBe(before + 1);
    const { lastActivityAt, ...rest } = swarm.get(path) as Record<string, unknown>;
    expect(rest).toEqual(shown);
    expect(Date.parse(String(lastActivityAt)) - Date.parse(String(registeredAt))).toBe(THIRD_MS);
    expect(swarm.read(`${path}.status`)?.version).toBe(statusVersion);
    expect(swarm.read(`${path}.lastActivityAt`)?.version).toBe(before + 1);
    expect(eventTypes(swarm)).not.toContain('agent.heartbeat');
  });

  test('[I9] keeps a session alive; silence makes it an error, and then the end', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    for (let beat = 0; beat < 10; beat++) {
      await clock.advance(THIRD_MS);
      await ant.heartbeat();
    }
    expect(statusOf(swarm, ant.identity)).toBe('idle');
    expect(statusOf(swarm, bee.identity)).toBe('offline');
    const ofBee = swarm.state.events.events.filter(
      ({ payload }) => (payload as { sessionId?: string }).sessionId === bee.identity.sessionId,
    );
    const startMs = Date.parse(ofBee[0]?.timestamp ?? '');
    const { heartbeatTimeoutMs, graceMs } = DEFAULT_LIMITS;
    expect(ofBee.map(({ type, timestamp }) => [type, Date.parse(timestamp) - startMs])).toEqual([
      ['agent.registered', 0],
      ['agent.started', 0],
      ['agent.errored', heartbeatTimeoutMs],
      ['agent.stopped', heartbeatTimeoutMs + graceMs],
    ]);
  });

  test('[I3] a session in error that asks for something recovers in the same commit; refused, it stays as it was', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await clock.advance(DEFAULT_LIMITS.heartbeatTimeoutMs);
    expect(statusOf(swarm, ant.identity)).toBe('error');
    const { sequence } = swarm;
    await expect(ant.tasks.claim()).rejects.toMatchObject({ code: 'NOTHING_TO_CLAIM' });
    expect([swarm.sequence, statusOf(swarm, ant.identity)]).toEqual([sequence, 'error']);
    const task = await ant.tasks.create({ goal: 'g' });
    expect(task.goal).toBe('g');
    expect(eventTypes(swarm, sequence)).toEqual([
      'agent.recovered',
      'agent.health_changed',
      'task.created',
    ]);
    expect(statusOf(swarm, ant.identity)).toBe('idle');
  });
});

describe('a heartbeatTimeout of its own', () => {
  test('[I9] is the deadline of the session, also after a restart and from a checkpoint', async () => {
    const opened = await openTestSwarm();
    const slow = { agentType: 'pulse', agentId: 'slow', heartbeatTimeout: 90_000 } as const;
    const { identity } = await opened.swarm.register(slow);
    const swarm = await opened.reopen();
    await opened.clock.advance(89_999);
    expect(statusOf(swarm, identity)).toBe('idle');
    await opened.clock.advance(1);
    expect(statusOf(swarm, identity)).toBe('error');
  });

  test('a bare heartbeat is recorded when a third of it has passed', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({
      agentType: 'pulse',
      agentId: 'ant',
      heartbeatTimeout: 9_000,
    });
    const before = swarm.sequence;
    await clock.advance(2_999);
    await ant.heartbeat();
    expect(swarm.sequence).toBe(before);
    await clock.advance(1);
    await ant.heartbeat();
    expect(swarm.sequence).toBe(before + 1);
  });

  test('of 0 lets it be silent for ever; a failure it reported itself still has its grace period', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', heartbeatTimeout: 0 });
    const before = swarm.sequence;
    await clock.advance(86_400_000);
    expect(statusOf(swarm, ant.identity)).toBe('idle');
    await ant.heartbeat();
    await ant.heartbeat();
    expect(swarm.sequence).toBe(before + 1); // a third of the usual deadline has passed
    await ant.fail({ code: 'E', message: 'm' });
    await clock.advance(DEFAULT_LIMITS.graceMs);
    expect(statusOf(swarm, ant.identity)).toBe('offline');
  });
});

describe('the handle', () => {
  test('pauses, resumes, drains, fails, recovers and stops its session', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const steps = [
      [() => ant.pause(), 'paused'],
      [() => ant.resume(), 'idle'],
      [() => ant.fail({ code: 'E', message: 'm' }), 'error'],
      [() => ant.recover(), 'idle'],
      [() => ant.drain(), 'draining'],
      [() => ant.stop('done'), 'offline'],
    ] as const;
    for (const [step, status] of steps) {
      await step();
      expect(statusOf(swarm, ant.identity)).toBe(status);
    }
    await expect(ant.resume()).rejects.toMatchObject({ code: 'SESSION_OFFLINE' });
  });

  test('carries a task through its life, and shows it as its own command left it', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const conductor = await swarm.register({ agentType: 'conductor', agentId: 'con' });
    const { id } = await ant.tasks.create({ goal: 'g', priority: 'high' });
    expect(await ant.tasks.claim()).toMatchObject({
      id,
      status: 'pending',
      assignedTo: ant.identity,
    });
    expect(await ant.tasks.start(id)).toMatchObject({ status: 'running', attempts: 1 });
    await ant.tasks.progress(id, 30, 'm');
    expect(swarm.state.global.tasks[id]).toMatchObject({ progress: 30, message: 'm' });
    expect(await conductor.tasks.requeue(id, 'again')).toMatchObject({
      status: 'pending',
      assignedTo: null,
    });
    expect(await conductor.tasks.assign(id, bee.identity)).toMatchObject({
      assignedTo: bee.identity,
    });
    await bee.tasks.start(id);
    await clock.advance(250);
    expect(await bee.tasks.complete(id, { lines: 3 })).toMatchObject({
      status: 'complete',
      result: { lines: 3 },
    });
    expect(await ant.tasks.claimNext()).toBeNull();
    expect(swarm.state.global.metrics).toMatchObject({
      totalTasksCompleted: 1,
      averageTaskDuration: 250,
    });
    const other = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId: other.id, start: true });
    expect(await ant.tasks.fail(other.id, { code: 'E', message: 'm' })).toMatchObject({
      status: 'failed',
    });
    const third = await ant.tasks.create({ goal: 'g' });
    expect(await conductor.tasks.cancel(third.id)).toMatchObject({ status: 'cancelled' });
  });

  test('a task that is assigned again to the session that has it stays there once, and is swept once', async () => {
    // A random life found it: the session had the task twice, and its sweep halted the swarm.
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const { id } = await ant.tasks.create({ goal: 'g' });
    for (let time = 0; time < 2; time++) {
      await swarm.dispatch({
        type: 'task.assign',
        payload: { taskId: id, assignedTo: ant.identity },
      });
    }
    expect(
      swarm.state.agents['pulse']?.[ant.identity.sessionId]?.taskQueue.map((task) => task.id),
    ).toEqual([id]);
    await ant.stop();
    await clock.advance(0);
    expect(swarm.state.global.tasks[id]).toMatchObject({ status: 'pending', assignedTo: null });
  });

  test('hands a task over', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId, start: true });
    const offer = await ant.handoffs.request({ taskId, to: { agentId: 'bee' }, reason: 'r' });
    expect(offer).toMatchObject({ taskId, from: ant.identity, status: 'requested' });
    expect(await bee.handoffs.accept(offer.id)).toMatchObject({ status: 'accepted' });
    expect(await bee.handoffs.complete(offer.id)).toMatchObject({ status: 'completed' });
    expect(swarm.state.global.tasks[taskId]?.assignedTo).toEqual(bee.identity);
    await expect(ant.tasks.complete(taskId)).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    const again = await bee.handoffs.request({ taskId, to: ant.identity, reason: 'r' });
    expect(await ant.handoffs.reject(again.id, 'no')).toMatchObject({ status: 'rejected' });
  });

  test('writes its free paths with versions, and no others', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const own = `agents.pulse.${ant.identity.sessionId}`;
    const first = await ant.update({ path: `${own}.data.count`, expectedVersion: 0, newValue: 1 });
    expect(first).toEqual({ success: true, newVersion: swarm.sequence });
    expect(ant.read(`${own}.data.count`)).toMatchObject({
      value: 1,
      version: first.newVersion,
      lastModifiedBy: ant.identity,
    });
    const stale = await ant.update({ path: `${own}.data.count`, expectedVersion: 0, newValue: 2 });
    expect(stale).toEqual({
      success: false,
      conflict: { currentVersion: first.newVersion, currentValue: 1 },
    });
    const codes = [
      ant.update({ path: `${own}.status`, newValue: 'busy' }),
      bee.update({ path: `${own}.data.count`, newValue: 2 }),
      ant.update({ path: 'global.config.maxConcurrentAgents', newValue: 1 }),
      ant.update({ path: `${own}.data.list[1]`, newValue: 1 }),
      ant.update({ path: `${own}.data.currentIteration`, newValue: -1 }),
      ant.update({ path: `${own}.__proto__.x`, newValue: 1 }),
      swarm.update({ path: 'global.tasks.t1', newValue: 1 }),
    ].map((update) =>
      update.then(
        () => 'granted',
        (error: Refused) => error.code,
      ),
    );
    expect(await Promise.all(codes)).toEqual([
      'ACTOR_OWNED_PATH',
      'FORBIDDEN',
      'FORBIDDEN',
      'INVALID_PATH',
      'INVALID_INPUT',
      'INVALID_PATH',
      'ACTOR_OWNED_PATH',
    ]);
    expect(ant.get(`${own}.data`)).toMatchObject({ count: 1, currentIteration: 0 });
  });
});
