/** Faults that a hostile reader found: each test tells one line of its story. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import { eventTypes, openTestSwarm, statusOf } from '../support/open-test-swarm.ts';

const { heartbeatTimeoutMs, graceMs } = DEFAULT_LIMITS;

async function opened() {
  const made = await openTestSwarm();
  const { swarm, clock } = made;
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
  const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
  return { made, swarm, clock, ant, bee };
}

describe('deadlines', () => {
  test('[I9] a lock id that is used again for another resource expires there, too', async () => {
    const { swarm, clock, ant } = await opened();
    const acquire = async (resource: string, ttl: number) =>
      ant.dispatch({
        type: 'lock.acquire',
        payload: { lockId: 'L', resource, type: 'exclusive', ttl },
      });
    await acquire('r1', 1_000);
    await ant.locks.release('L');
    await acquire('r2', 5_000);
    await clock.advance(5_000);
    expect(swarm.state.locks.locks).toEqual({});
  });

  test('[I12] locks that were released are not kept in mind until they would have expired', async () => {
    const { swarm, clock, ant } = await opened();
    for (let round = 0; round < 50; round++) {
      const locks = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          ant.locks.acquire({ resource: `r${index}`, type: 'exclusive', ttl: 20_000 }),
        ),
      );
      await Promise.all(locks.map((lock) => ant.locks.release(lock?.id ?? '')));
    }
    await ant.locks.acquire({ resource: 'kept', type: 'exclusive', ttl: 10_000 });
    await clock.advance(10_000);
    expect(eventTypes(swarm).at(-1)).toBe('lock.expired');
  });
});

describe('[I5] code of the caller in a payload', () => {
  test('takes no time back: what it asks for itself comes first', async () => {
    const { made, swarm, clock, ant } = await opened();
    let inner: Promise<unknown> | undefined;
    const payload = {
      get goal() {
        clock.jump(50);
        inner = ant.tasks.create({ goal: 'inner' });
        return 'outer';
      },
    };
    await ant.dispatch({ type: 'task.create', payload });
    await inner;
    const goals = swarm.state.events.events
      .slice(-2)
      .map((event) => (event.payload as TaskState).goal);
    expect(goals).toEqual(['inner', 'outer']);
    const times = (await made.commits()).map(({ command }) => command.timeMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('[I2] that closes the swarm gets no command in after it', async () => {
    const { made, ant } = await opened();
    let closing: Promise<void> | undefined;
    const payload = {
      get goal() {
        closing = made.close();
        return 'late';
      },
    };
    expect(await ant.dispatch({ type: 'task.create', payload })).toMatchObject({ code: 'CLOSED' });
    await closing;
  });
});

describe('[I1] nobody changes the state by changing what he was shown', () => {
  test('in any form in which it is shown', async () => {
    const { swarm, ant } = await opened();
    const path = `agents.pulse.${ant.identity.sessionId}.data`;
    await ant.update({ path, newValue: { x: { y: 1 } }, merge: true });
    await ant.update({ path, newValue: { x: { z: 2 } }, merge: true });
    const task = await ant.tasks.create({ goal: 'g', metadata: { a: {} } });
    const conflict = await ant.update({ path, newValue: 0, expectedVersion: 1 });
    const result = await ant.dispatch({ type: 'task.claim', payload: {} });
    const shown: unknown[] = [
      ant.get(path),
      ant.get(`${path}.x`),
      ant.read(path)?.value,
      swarm.get('global.config'),
      swarm.get('global.health.issues'),
      swarm.state.global.tasks[task.id],
      task.metadata['a'],
      conflict.conflict?.currentValue,
      result.ok ? result.events[0]?.payload : undefined,
    ];
    for (const value of shown) expect(Object.isFrozen(value)).toBe(true);
  });

  test('nor its own role, also after the state was read from a checkpoint', async () => {
    const { made, ant, bee } = await opened();
    for (let index = 0; index < 1_000; index++) void ant.tasks.create({ goal: `${index}` });
    const swarm = await made.reopen();
    const again = swarm.session(ant.identity);
    expect(() => Object.assign(again.identity, { agentType: 'conductor' })).toThrow(TypeError);
    const { sessionId } = bee.identity;
    expect(await again.dispatch({ type: 'session.pause', payload: { sessionId } })).toMatchObject({
      code: 'FORBIDDEN',
    });
  });
});

describe('sessions in error', () => {
  test('asking for a lock that it holds gives that lock, and recovers', async () => {
    const { swarm, clock, ant } = await opened();
    const query = { resource: 'r', type: 'exclusive', ttl: 600_000 } as const;
    const lock = await ant.locks.acquire(query);
    await clock.advance(heartbeatTimeoutMs);
    expect(await ant.locks.acquire(query)).toEqual(lock);
    expect(statusOf(swarm, ant.identity)).toBe('idle');
  });

  test('one that had not started can start', async () => {
    const { swarm, clock } = await opened();
    const cat = await swarm.register({ agentType: 'pulse', agentId: 'cat', ready: false });
    await clock.advance(heartbeatTimeoutMs);
    await cat.heartbeat();
    expect(statusOf(swarm, cat.identity)).toBe('initializing');
    await clock.advance(heartbeatTimeoutMs);
    await cat.start();
    expect(statusOf(swarm, cat.identity)).toBe('idle');
  });

  test('stopping another session shows life, and tells the truth about the agent of both', async () => {
    const { swarm, clock, ant } = await opened();
    const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss' });
    const other = await swarm.register({ agentType: 'conductor', agentId: 'boss' });
    await clock.advance(heartbeatTimeoutMs);
    expect(statusOf(swarm, boss.identity)).toBe('error');
    for (const { identity } of [ant, other]) {
      const payload = { sessionId: identity.sessionId };
      expect(await boss.dispatch({ type: 'session.stop', payload })).toMatchObject({ ok: true });
    }
    await clock.advance(graceMs);
    expect(statusOf(swarm, boss.identity)).toBe('idle');
    expect(swarm.state.global.registry['boss']?.health).toBe('healthy');
  });

  test('recovered by the operator, it has its full time again', async () => {
    const { swarm, clock, ant } = await opened();
    await clock.advance(heartbeatTimeoutMs);
    await swarm.dispatch({
      type: 'session.recover',
      payload: { sessionId: ant.identity.sessionId },
    });
    await clock.advance(heartbeatTimeoutMs - 1);
    expect(statusOf(swarm, ant.identity)).toBe('idle');
    await clock.advance(1);
    expect(statusOf(swarm, ant.identity)).toBe('error');
  });

  test('[I9] a stall that was forgiven once is not forgiven again', async () => {
    const { swarm, clock, ant } = await opened();
    clock.jump(20_000);
    await ant.heartbeat();
    await ant.fail({ code: 'E', message: 'm' });
    await clock.advance(graceMs);
    expect(statusOf(swarm, ant.identity)).toBe('offline');
  });

  test('any accepted command is a sign of life, also one that changes nothing', async () => {
    const { swarm, clock, ant } = await opened();
    const query = { resource: 'r', type: 'exclusive', ttl: 600_000 } as const;
    for (let second = 0; second < 60; second += 5) {
      await ant.locks.acquire(query);
      await clock.advance(5_000);
    }
    expect(statusOf(swarm, ant.identity)).toBe('idle');
  });
});

describe('handoffs', () => {
  test('[I10] an offer is void once its task was assigned anew, also to the same session', async () => {
    const { swarm, ant, bee } = await opened();
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId });
    const { id } = await ant.handoffs.request({ taskId, to: bee.identity, reason: 'r' });
    await bee.handoffs.accept(id);
    await swarm.dispatch({ type: 'task.requeue', payload: { taskId } });
    await swarm.dispatch({ type: 'task.assign', payload: { taskId, assignedTo: ant.identity } });
    await ant.tasks.start(taskId);
    await expect(bee.handoffs.complete(id)).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    expect(swarm.get(`global.tasks["${taskId}"].status`)).toBe('running');
  });

  test('what has ended is not offered', async () => {
    const { ant, bee } = await opened();
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId, start: true });
    await ant.tasks.complete(taskId);
    await expect(
      ant.handoffs.request({ taskId, to: bee.identity, reason: 'r' }),
    ).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' });
  });

  test('whoever accepted and died blocks nobody: the offer ends, and can be made again', async () => {
    const { swarm, ant, bee } = await opened();
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId });
    const offer = { taskId, to: { agentType: 'pulse' }, reason: 'r' } as const;
    const first = await ant.handoffs.request(offer);
    await bee.handoffs.accept(first.id);
    await bee.stop();
    const cat = await swarm.register({ agentType: 'pulse', agentId: 'cat' });
    const second = await ant.handoffs.request(offer);
    await cat.handoffs.accept(second.id);
    await cat.handoffs.complete(second.id);
    expect(swarm.get(`global.tasks["${taskId}"].assignedTo.agentId`)).toBe('cat');
  });
});

describe('claims and locks', () => {
  test('claiming again what one has gives the task; what has ended cannot be claimed', async () => {
    const { ant } = await opened();
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    const claimed = await ant.tasks.claim({ taskId });
    expect(await ant.tasks.claim({ taskId })).toEqual(claimed);
    await ant.tasks.start(taskId);
    await ant.tasks.complete(taskId);
    await expect(ant.tasks.claim({ taskId })).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' });
  });

  test('whoever gave up gets null, and leaves no lock behind', async () => {
    const { swarm, ant, bee } = await opened();
    const query = { resource: 'r', type: 'exclusive' } as const;
    const early = new AbortController();
    const first = ant.locks.acquire({ ...query, signal: early.signal });
    early.abort();
    expect(await first).toBeNull();
    const held = await ant.locks.acquire(query);
    const late = new AbortController();
    const second = bee.locks.acquire({ ...query, signal: late.signal });
    await swarm.durable();
    const released = ant.locks.release(held?.id ?? '');
    late.abort();
    await released;
    expect(await second).toBeNull();
    await swarm.durable();
    expect(swarm.state.locks.locks).toEqual({});
  });
});

test('[I1] checkpoints are taken while more callers ask than fit into a block', async () => {
  const { made, ant } = await opened();
  await made.reopen({ snapshots: { everyEvents: 1_000 } });
  const again = made.swarm.session(ant.identity);
  const create = async () => {
    for (let round = 0; round < 4; round++) await again.tasks.create({ goal: 'g' });
  };
  await Promise.all(Array.from({ length: 2_500 }, create));
  expect(await made.checkpoints()).toBeGreaterThan(1);
});

test('[I8] an owner is refused when the log moved while it was read', async () => {
  const { EventLog } = await import('../../src/events/log.ts');
  const { GatedDatabase, openSwarmOver } = await import('../support/swarm-over.ts');
  const database = new GatedDatabase();
  await database.open();
  const { head } = EventLog.read(database);
  const swarm = await openSwarmOver(database);
  await swarm.register({ agentType: 'pulse', agentId: 'ant' });
  await expect(EventLog.own(database, head)).rejects.toMatchObject({ code: 'LOG_FENCED' });
});

test('[I11] what openSwarm cannot be told is refused', async () => {
  const { openSwarm } = await import('../../src/coordinator/open-swarm.ts');
  for (const options of [
    { directory: 5 },
    { directory: '' },
    { expectSequence: Number.NaN },
    { snapshots: { everyEvents: Number.NaN } },
    { limts: {} },
    { ids: 'random' },
  ]) {
    await expect(openSwarm(options as object)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  }
  await expect(openSwarm({ readonly: true })).rejects.toMatchObject({
    code: 'DIRECTORY_NOT_FOUND',
  });
});
