/** Every key of the configuration does what `docs/state.md` says of it, and a flag that is off does what off says. */
import { describe, expect, test } from 'vitest';
import { HealthWatch } from '../../src/agents/guardian.ts';
import type { ConfigInput } from '../../src/coordinator/open-options.ts';
import { DEFAULT_HEALTH_THRESHOLDS, thresholdsOf } from '../../src/events/health-thresholds.ts';
import type { SwarmConfig } from '../../src/events/system.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

async function opened(config: ConfigInput) {
  const { swarm, clock } = await openTestSwarm({ config });
  const silent = { heartbeatTimeout: 0 }; // so that only what is tested runs out
  const [ant, bee] = await Promise.all(
    ['ant', 'bee'].map(async (agentId) =>
      swarm.register({ agentType: 'pulse', agentId, sessionId: agentId, ...silent }),
    ),
  );
  if (ant === undefined || bee === undefined) throw new Error('two came');
  return { swarm, clock, ant, bee };
}

test('maxConcurrentAgents: so many sessions live at once', async () => {
  const { swarm, ant } = await opened({ maxConcurrentAgents: 2 });
  const third = { agentType: 'pulse', agentId: 'cow' } as const;
  const details = { limit: 'maxConcurrentAgents', max: 2 };
  await expect(swarm.register(third)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', details });
  await ant.stop();
  await swarm.register(third);
});

test('defaultPriority: of a task, a lock request and a write that names none', async () => {
  const { swarm, ant, bee } = await opened({ defaultPriority: 'high' });
  expect(await ant.tasks.create({ goal: 'g' })).toMatchObject({ priority: 'high' });
  const query = { resource: 'r', type: 'exclusive' } as const;
  const lock = await ant.locks.acquire(query);
  const waiting = bee.locks.acquire(query);
  await swarm.durable();
  expect(swarm.locks.getWaitQueue('r')).toMatchObject([{ priority: 'high' }]);
  await ant.locks.release(lock?.id ?? '');
  await waiting;
  const path = 'agents.pulse.ant.data.note';
  await ant.update({ path, newValue: 1, priority: 'normal' });
  const late = {
    path,
    newValue: 2,
    expectedVersion: 0,
    onConflict: 'higher-priority-wins',
  } as const;
  expect(await ant.update(late)).toMatchObject({ resolved: 'higher-priority-wins' });
  expect(ant.get(path)).toBe(2);
});

test('timeouts.taskDefault: how long a task may run that does not say', async () => {
  const { swarm, clock, ant } = await opened({ timeouts: { taskDefault: 5_000 } });
  const { id } = await ant.tasks.create({ goal: 'g' });
  const patient = await ant.tasks.create({ goal: 'g', timeout: 60_000 });
  for (const taskId of [id, patient.id]) await ant.tasks.claim({ taskId, start: true });
  await clock.advance(5_000);
  const tasks = swarm.state.global.tasks;
  expect(tasks[id]).toMatchObject({ status: 'failed', error: { code: 'TASK_TIMEOUT' } });
  expect(tasks[patient.id]?.status).toBe('running');
});

test('timeouts.handoffDefault: how long an offer stands that does not say', async () => {
  const { swarm, clock, ant, bee } = await opened({ timeouts: { handoffDefault: 5_000 } });
  const { id: taskId } = await ant.tasks.create({ goal: 'g', timeout: 0 });
  await ant.tasks.claim({ taskId, start: true });
  const offer = await ant.handoffs.request({ taskId, to: { agentId: 'bee' }, reason: 'r' });
  expect(offer.timeout).toBe(5_000);
  await clock.advance(4_999);
  expect(bee.handoffs.offers()).toHaveLength(1);
  await clock.advance(1);
  expect(bee.handoffs.offers()).toEqual([]);
  expect(swarm.state.events.events.at(-1)?.type).toBe('handoff.expired');
});

test('timeouts.lockDefault: how long a lock is held and waited for when the request does not say', async () => {
  const { swarm, clock, ant, bee } = await opened({ timeouts: { lockDefault: 5_000 } });
  const query = { resource: 'r', type: 'exclusive' } as const;
  expect(await ant.locks.acquire({ ...query, ttl: 60_000 })).toMatchObject({ ttl: 60_000 });
  const waiting = bee.locks.acquire(query);
  await swarm.durable();
  expect(swarm.locks.getWaitQueue('r')).toMatchObject([{ timeout: 5_000 }]);
  await clock.advance(5_000);
  expect(await waiting).toBeNull();
  expect(await bee.locks.acquire({ ...query, resource: 'other' })).toMatchObject({ ttl: 5_000 });
});

describe('features.autoHandoff', () => {
  test.each([
    [true, 1],
    [false, 0],
  ])('%s: a draining session is offered out %d times', async (autoHandoff, offers) => {
    const { clock, ant, bee } = await opened({ features: { autoHandoff } });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId, start: true });
    await ant.drain();
    await clock.advance(1_000);
    expect(bee.handoffs.offers()).toHaveLength(offers);
    expect(ant.get(`global.tasks["${taskId}"].assignedTo.sessionId`)).toBe('ant');
  });
});

describe('features.preemption', () => {
  test.each([
    [true, 'pending'],
    [false, 'running'],
  ])('%s: a critical task finds the lesser one %s', async (preemption, status) => {
    const { swarm, ant } = await opened({ features: { preemption } });
    const { id: lesser } = await ant.tasks.create({ goal: 'g', priority: 'low' });
    await ant.tasks.claim({ taskId: lesser, start: true });
    const { id: taskId } = await ant.tasks.create({ goal: 'now', priority: 'critical' });
    await ant.tasks.claim({ taskId, start: true });
    expect(swarm.get(`global.tasks["${lesser}"].status`)).toBe(status);
    expect(swarm.get(`global.tasks["${taskId}"].status`)).toBe('running');
  });
});

describe('health', () => {
  const path = 'global.config.health';

  test('is from when on a Guardian calls the swarm degraded or critical', async () => {
    const { swarm, clock, ant } = await opened({ health: { errorShareDegraded: 0.9 } });
    const session = await swarm.register({ agentType: 'guardian', agentId: 'guard' });
    const guardian = new HealthWatch(session, { intervalMs: 1_000, clock });
    await ant.fail({ code: 'E', message: 'm' }); // one of three
    expect(await guardian.look()).toBeUndefined();
    await swarm.update({ path: `${path}.errorShareDegraded`, newValue: 0.3 });
    expect(await guardian.look()).toMatchObject({ status: 'degraded' });
    await swarm.update({ path: `${path}.errorShareCritical`, newValue: 0.3 });
    expect(await guardian.look()).toMatchObject({ status: 'critical' });
  });

  test('may name some thresholds, has defaults for the rest, and is none when it is taken away', async () => {
    const one = await openTestSwarm({ config: { health: { calmLooks: 1 } } });
    const { swarm } = one;
    const thresholds = () => thresholdsOf(swarm.get('global.config') as SwarmConfig);
    expect(thresholds()).toEqual({ ...DEFAULT_HEALTH_THRESHOLDS, calmLooks: 1 });
    const config = { health: { lockQueueDegraded: 7 } };
    await swarm.dispatch({ type: 'system.configure', payload: { config } });
    const changed = { ...DEFAULT_HEALTH_THRESHOLDS, lockQueueDegraded: 7 };
    expect(thresholds()).toEqual(changed);
    await swarm.delete({ path: `${path}.lockQueueDegraded` });
    expect(thresholds()).toEqual(DEFAULT_HEALTH_THRESHOLDS);
    await swarm.update({ path, newValue: { refreshMs: 1 } });
    await swarm.delete({ path });
    expect(swarm.get(path)).toEqual({});
    const again = await one.reopen({ config: { health: { refreshMs: 5 } } });
    expect(again.get(path)).toEqual({ refreshMs: 5 });
  });

  test.each([
    ['a share above 1', { errorShareDegraded: 1.1 }],
    ['a count of 0', { calmLooks: 0 }],
    ['half a millisecond', { refreshMs: 0.5 }],
    ['an unknown threshold', { mood: 1 }],
  ])('%s is refused', async (_name, health) => {
    const { swarm } = await openTestSwarm();
    const refused = { code: 'INVALID_INPUT' };
    await expect(swarm.update({ path, newValue: health })).rejects.toMatchObject(refused);
    const config = { health };
    const configured = swarm.dispatch({ type: 'system.configure', payload: { config } });
    expect(await configured).toMatchObject(refused);
    await expect(openTestSwarm({ config: { health } as ConfigInput })).rejects.toMatchObject(
      refused,
    );
    expect(swarm.get(path)).toBeUndefined();
  });
});

describe('global.metrics', () => {
  test('counts what their holders completed, what failed for good, and handoffs that were completed', async () => {
    const { swarm, clock, ant, bee } = await opened({});
    const run = async (goal: string) => {
      const { id } = await ant.tasks.create({ goal });
      await ant.tasks.claim({ taskId: id, start: true });
      return id;
    };
    const first = await run('one second');
    await clock.advance(1_000);
    await ant.tasks.complete(first);
    const second = await run('three seconds');
    await clock.advance(3_000);
    await ant.tasks.complete(second);
    await ant.tasks.fail(await run('fails'), { code: 'E', message: 'm' });
    await ant.tasks.cancel(await run('is cancelled'));
    await swarm.dispatch({ type: 'task.close', payload: { taskId: await run('is closed') } });
    const taskId = await run('changes hands');
    const to = { agentId: 'bee' } as const;
    const declined = await ant.handoffs.request({ taskId, to, reason: 'r' });
    await bee.handoffs.reject(declined.id);
    const taken = await ant.handoffs.request({ taskId, to, reason: 'r' });
    await bee.handoffs.accept(taken.id);
    await bee.handoffs.complete(taken.id);
    expect(swarm.state.global.metrics).toMatchObject({
      totalTasksCompleted: 2,
      totalTasksFailed: 1,
      totalTasksClosed: 1,
      totalHandoffs: 1,
      averageTaskDuration: 2_000,
      lastUpdated: new Date(clock.wallMs()).toISOString(),
    });
  });
});
