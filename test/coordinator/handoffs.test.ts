/** The chain of a handoff, the offers that a session sees, and what a draining session hands over. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import { openTestSwarm, type TestSwarm } from '../support/open-test-swarm.ts';

const { commitFactsMax } = DEFAULT_LIMITS;
const autoHandoff = { config: { features: { autoHandoff: true } } };

async function antAndBee({ swarm }: TestSwarm) {
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
  const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
  await ant.tasks.create({ taskId: 't1', goal: 'g' });
  await ant.tasks.claim({ taskId: 't1', start: true });
  return { ant, bee };
}

function ofType(events: readonly SwarmEvent[], type: string): readonly SwarmEvent[] {
  return events.filter((event) => event.type === type);
}

describe('the chain of a handoff', () => {
  test('each step is caused by the one before; all carry the correlation of the request', async () => {
    const opened = await openTestSwarm();
    const { ant, bee } = await antAndBee(opened);
    const before = opened.swarm.sequence;
    const offer = await ant.handoffs.request({ taskId: 't1', to: bee.identity, reason: 'r' });
    await bee.handoffs.accept(offer.id);
    await bee.handoffs.complete(offer.id);
    const { events } = opened.swarm.state.events;
    const [requested, accepted, ...moved] = events.filter(({ sequence }) => sequence > before);
    expect(requested?.metadata).toEqual({ correlationId: requested?.id });
    const correlationId = requested?.id;
    expect(accepted?.metadata).toEqual({ correlationId, causationId: requested?.id });
    expect(moved.map(({ type, metadata }) => [type, metadata])).toEqual(
      ['handoff.completed', 'task.requeued', 'task.assigned'].map((type) => [
        type,
        { correlationId, causationId: accepted?.id },
      ]),
    );
  });

  test('of one that is declined or runs out too; what the caller says goes before', async () => {
    const opened = await openTestSwarm();
    const { ant, bee } = await antAndBee(opened);
    const offer = { taskId: 't1', to: bee.identity, reason: 'r', timeout: 1_000 };
    const first = await ant.handoffs.request(offer);
    await bee.handoffs.reject(first.id, 'busy', { correlationId: 'mine' });
    await ant.handoffs.request(offer);
    await opened.clock.advance(1_000);
    const { events } = opened.swarm.state.events;
    const [one, two] = ofType(events, 'handoff.requested').map(({ id }) => id);
    expect(ofType(events, 'handoff.rejected')[0]?.metadata).toEqual({
      correlationId: 'mine',
      causationId: one,
    });
    expect(ofType(events, 'handoff.expired')[0]?.metadata).toEqual({
      correlationId: two,
      causationId: two,
    });
  });
});

describe('offers', () => {
  test('are the open handoffs that a session may accept, oldest first', async () => {
    const opened = await openTestSwarm();
    const { ant, bee } = await antAndBee(opened);
    const cat = await opened.swarm.register({ agentType: 'guardian', agentId: 'cat' });
    await ant.tasks.create({ taskId: 't2', goal: 'g' });
    await ant.tasks.claim({ taskId: 't2' });
    expect(bee.handoffs.offers()).toEqual([]);
    const wide = await ant.handoffs.request({
      taskId: 't2',
      to: { agentType: 'pulse' },
      reason: 'r',
    });
    const own = await ant.handoffs.request({ taskId: 't1', to: bee.identity, reason: 'r' });
    expect(bee.handoffs.offers()).toEqual([wide, own]);
    expect([ant.handoffs.offers(), cat.handoffs.offers()]).toEqual([[], []]);
    await bee.handoffs.accept(wide.id);
    expect(bee.handoffs.offers().map(({ id }) => id)).toEqual([own.id]);
    await opened.close();
    expect(() => bee.handoffs.offers()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  test('[I10] nobody accepts its own', async () => {
    const opened = await openTestSwarm();
    const { ant } = await antAndBee(opened);
    const to = { agentType: 'pulse' } as const;
    const offer = await ant.handoffs.request({ taskId: 't1', to, reason: 'r' });
    await expect(ant.handoffs.accept(offer.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('with features.autoHandoff', () => {
  test('what a draining session holds is offered to its kind, caused by the draining', async () => {
    const opened = await openTestSwarm(autoHandoff);
    const { swarm, clock } = opened;
    const { ant, bee } = await antAndBee(opened);
    await ant.tasks.create({ taskId: 't2', goal: 'g', priority: 'high' });
    await ant.tasks.claim({ taskId: 't2' });
    await ant.drain();
    await clock.advance(0);
    const [draining] = ofType(swarm.state.events.events, 'agent.draining');
    const offered = ofType(swarm.state.events.events, 'handoff.requested');
    const chain = { causationId: draining?.id, correlationId: draining?.id };
    expect(offered.map(({ source, metadata }) => [source.agentId, metadata])).toEqual([
      ['coordinator', chain],
      ['coordinator', chain],
    ]);
    expect(bee.handoffs.offers()).toMatchObject([
      { taskId: 't1', from: ant.identity, to: { agentType: 'pulse' }, reason: 'draining' },
      { taskId: 't2', from: ant.identity, priority: 'high' },
    ]);
    const [first, second] = bee.handoffs.offers();
    await ant.tasks.complete('t1'); // it may finish what it holds
    await expect(bee.handoffs.accept(first?.id ?? '')).rejects.toMatchObject({
      code: 'NOT_HOLDER',
    });
    await bee.handoffs.accept(second?.id ?? '');
    await bee.handoffs.complete(second?.id ?? '');
    expect(swarm.get('global.tasks.t2.assignedTo')).toEqual(bee.identity);
  });

  test('each is offered once: not again when nobody took it, nor after a restart', async () => {
    const opened = await openTestSwarm({ ...autoHandoff, snapshots: { everyEvents: 1, keep: 9 } });
    const { ant, bee } = await antAndBee(opened);
    await ant.drain();
    await opened.clock.advance(0);
    const [offer] = bee.handoffs.offers();
    await bee.handoffs.reject(offer?.id ?? '');
    await opened.clock.advance(1_000);
    const swarm = await opened.reopen();
    await opened.clock.advance(1_000);
    expect(ofType(swarm.state.events.events, 'handoff.requested')).toHaveLength(1);
    expect(swarm.get('global.tasks.t1.status')).toBe('running');
  });

  test('[I12] many are offered commit after commit, as many as handoffsMax lets; a feature that comes later does it too', async () => {
    const handoffsMax = commitFactsMax + 10;
    const opened = await openTestSwarm({ limits: { handoffsMax } });
    const { swarm } = opened;
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const asked: Promise<unknown>[] = [];
    for (let index = 0; index < handoffsMax + 5; index++) {
      const taskId = `t${index}`;
      asked.push(swarm.dispatch({ type: 'task.create', payload: { taskId, goal: 'g' } }));
      asked.push(ant.dispatch({ type: 'task.claim', payload: { taskId } }));
    }
    await Promise.all(asked);
    await ant.drain();
    await opened.clock.advance(1_000);
    expect(ofType(swarm.state.events.events, 'handoff.requested')).toEqual([]);
    await swarm.update({ path: 'global.config.features.autoHandoff', newValue: true });
    await opened.clock.advance(0);
    const commits = (await opened.commits()).filter(
      ({ command }) => command.type === 'session.hand_over',
    );
    expect(commits.map(({ facts }) => facts.length)).toEqual([commitFactsMax, 10]);
  });
});
