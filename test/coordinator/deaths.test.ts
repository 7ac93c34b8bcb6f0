import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { firstSequence, toSwarmEvent, type SwarmEvent } from '../../src/events/envelope.ts';
import { openTestSwarm, statusOf } from '../support/open-test-swarm.ts';

const { heartbeatTimeoutMs, graceMs, commitFactsMax } = DEFAULT_LIMITS;

describe('a session that dies without a word', () => {
  test('goes to error, then offline, then loses what it holds: one correlation, each step caused by the one before', async () => {
    const opened = await openTestSwarm();
    const { swarm, clock } = opened;
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId, start: true });
    await ant.handoffs.request({
      taskId,
      to: { agentType: 'pulse' },
      reason: 'r',
      timeout: 3_600_000,
    });
    await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 3_600_000 });
    const before = swarm.sequence;
    await clock.advance(heartbeatTimeoutMs + graceMs);
    expect(swarm.state.global.tasks[taskId]).toMatchObject({ status: 'pending', assignedTo: null });
    expect(swarm.state.locks.locks).toEqual({});
    expect(swarm.state.agents['pulse']?.[ant.identity.sessionId]).toMatchObject({
      status: 'offline',
      currentTask: null,
      taskQueue: [],
      errors: { count: 1, last: { code: 'HEARTBEAT_MISSED' } },
    });
    const chain = swarm.state.events.events.filter(({ sequence }) => sequence > before);
    expect(chain.map(({ type }) => type)).toEqual([
      'agent.errored',
      'agent.health_changed',
      'agent.stopped',
      'agent.health_changed',
      'lock.released',
      'handoff.rejected',
      'task.requeued',
    ]);
    const idOf = (type: string): string | undefined =>
      chain.find((event) => event.type === type)?.id;
    const errored = idOf('agent.errored');
    expect(new Set(chain.map(({ metadata }) => metadata.correlationId))).toEqual(
      new Set([errored]),
    );
    expect(chain.map(({ metadata }) => metadata.causationId)).toEqual([
      undefined,
      undefined,
      errored,
      errored,
      idOf('agent.stopped'),
      idOf('agent.stopped'),
      idOf('agent.stopped'),
    ]);
  });

  test('may come back within the grace period, and loses nothing', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId, start: true });
    await clock.advance(heartbeatTimeoutMs + graceMs - 1);
    expect(statusOf(swarm, ant.identity)).toBe('error');
    await ant.heartbeat();
    expect(statusOf(swarm, ant.identity)).toBe('busy');
    await clock.advance(graceMs);
    expect(await ant.tasks.complete(taskId)).toMatchObject({ status: 'complete', attempts: 1 });
  });

  test('[I10] can do nothing more with what went to another', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId, start: true });
    for (let beat = 0; beat < 5; beat++) {
      await clock.advance(10_000);
      await bee.heartbeat();
    }
    await bee.tasks.claim({ start: true });
    await expect(ant.tasks.complete(taskId)).rejects.toMatchObject({ code: 'SESSION_OFFLINE' });
    expect(await bee.tasks.complete(taskId)).toMatchObject({ status: 'complete', attempts: 2 });
  });

  test('one that stops by itself is swept the same way', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId });
    await ant.stop('tired');
    await clock.advance(0);
    const events = swarm.state.events.events;
    const stopped = events.find(({ type }) => type === 'agent.stopped');
    const requeued = events.find(({ type }) => type === 'task.requeued');
    expect(requeued?.metadata).toMatchObject({
      causationId: stopped?.id,
      correlationId: stopped?.id,
    });
  });
});

test('[I12] the death of a session with 10,000 tasks is several commits in one causal chain', async () => {
  const opened = await openTestSwarm();
  const { swarm, clock } = opened;
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
  const COUNT = 10_000;
  const asked: Promise<unknown>[] = [];
  for (let index = 0; index < COUNT; index++) {
    asked.push(
      swarm.dispatch({ type: 'task.create', payload: { taskId: `t${index}`, goal: 'g' } }),
    );
    asked.push(ant.dispatch({ type: 'task.claim', payload: { taskId: `t${index}` } }));
  }
  await Promise.all(asked);
  const { id: swarmId } = swarm;
  await ant.stop();
  const before = swarm.sequence;
  await clock.advance(0);
  expect(swarm.sequence).toBe(before + COUNT);
  await swarm.durable();
  const sweeps = (await opened.commits()).filter(({ command }) => command.type === 'session.sweep');
  expect(sweeps).toHaveLength(Math.ceil(COUNT / commitFactsMax));
  for (const { facts } of sweeps) expect(facts.length).toBeLessThanOrEqual(commitFactsMax);
  const envelopes = sweeps.map((commit): SwarmEvent | undefined => {
    const first = commit.facts.find(({ sequence }) => sequence === firstSequence(commit));
    return first && toSwarmEvent(swarmId, commit, first);
  });
  const causes = new Set(envelopes.map((event) => event?.metadata.causationId));
  const correlations = new Set(envelopes.map((event) => event?.metadata.correlationId));
  expect([causes.size, correlations.size]).toEqual([1, 1]);
  expect(causes).toEqual(correlations); // the stop led to all of it
});
