/** What is derived for Conductors is what counting by hand gives, at the end of any life. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConductorState } from '../../src/events/state-schemas.ts';
import type { SwarmState } from '../../src/projections/swarm-state.ts';
import { countedIds } from '../../src/testing/index.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { LIFE_LIMITS, lifeOf, live } from '../support/random-life.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

type Derived = Pick<ConductorState['data'], 'activeSessions' | 'pendingHandoffs' | 'agentLoads'>;

/** Counted from what the rest of the state shows, session by session and task by task. */
function counted({ agents, global }: SwarmState): Omit<Derived, 'pendingHandoffs'> {
  const sessions = Object.values(agents).flatMap((ofType) => Object.values(ofType));
  const alive = sessions.filter(({ status }) => status !== 'offline');
  const tasks = Object.values(global.tasks);
  const agentLoads: Record<string, Derived['agentLoads'][string]> = {};
  for (const { agentId } of alive) {
    const own = tasks.filter(({ assignedTo, status }) => {
      const isOpen = status === 'pending' || status === 'running';
      return isOpen && assignedTo?.agentId === agentId;
    });
    const running = own.filter(({ status }) => status === 'running').length;
    agentLoads[agentId] = {
      currentTasks: running,
      queuedTasks: own.length - running,
      capacity: global.registry[agentId]?.capacity ?? 0,
    };
  }
  return { activeSessions: alive.map(({ sessionId }) => sessionId).toSorted(), agentLoads };
}

test('sessions and loads are those that counting gives', async () => {
  let loaded = 0;
  const property = fc.asyncProperty(lifeOf(80), async (operations) => {
    const database = new GatedDatabase();
    const ids = countedIds();
    const { swarm } = await live(operations, (clock) =>
      openSwarmOver(database, { clock, ids, limits: LIFE_LIMITS }),
    );
    const boss = await swarm.register({ agentType: 'conductor', agentId: 'the-last' });
    const { sessionId } = boss.identity;
    const { state } = swarm;
    const shown = state.agents['conductor']?.[sessionId]?.data as unknown as Derived;
    const { activeSessions, agentLoads } = shown;
    const derived = { activeSessions: activeSessions.toSorted(), agentLoads: { ...agentLoads } };
    expect(derived).toEqual(counted(state));
    expect(boss.get(`agents.conductor.${sessionId}.agentLoads`)).toEqual({ ...agentLoads });
    loaded += Object.values(agentLoads).filter(({ currentTasks }) => currentTasks > 0).length;
    await swarm.close();
    await database.close();
  });
  await fc.assert(property, { seed: 5, numRuns: 60 });
  expect(loaded).toBeGreaterThan(10);
});

test('a pending handoff is there from the offer to the end, and every Conductor sees the same', async () => {
  const { swarm } = await openTestSwarm();
  const [one, other] = [
    await swarm.register({ agentType: 'conductor', agentId: 'one', sessionId: 'c1' }),
    await swarm.register({ agentType: 'conductor', agentId: 'other', sessionId: 'c2' }),
  ];
  const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee', sessionId: 'p' });
  const pending = () => [
    one.get('agents.conductor.c1.data.pendingHandoffs'),
    other.get('agents.conductor.c2.pendingHandoffs'),
  ];
  const { id: taskId } = await one.tasks.create({ goal: 'g' });
  await one.tasks.claim({ taskId, start: true });
  const { id } = await one.handoffs.request({ taskId, to: { agentId: 'bee' }, reason: 'r' });
  for (const seen of pending()) expect(seen).toMatchObject([{ id, status: 'requested' }]);
  await bee.handoffs.accept(id);
  for (const seen of pending()) expect(seen).toMatchObject([{ id, status: 'accepted' }]);
  await bee.handoffs.complete(id);
  expect(pending()).toEqual([[], []]);
});

test('it is as new as the state, and cannot be written', async () => {
  const { swarm } = await openTestSwarm();
  const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss', sessionId: 'c' });
  const data = 'agents.conductor.c.data';
  const version = boss.read(`${data}.decisions`)?.version;
  await swarm.register({ agentType: 'pulse', agentId: 'bee' });
  expect(boss.read(`${data}.activeSessions`)?.version).toBe(swarm.sequence);
  expect(boss.read(`${data}.decisions`)?.version).toBe(version);
  for (const path of [`${data}.agentLoads`, 'agents.conductor.c.activeSessions[0]']) {
    const write = boss.update({ path, newValue: {} });
    await expect(write).rejects.toMatchObject({ code: 'ACTOR_OWNED_PATH' });
  }
  const whole = { path: data, newValue: boss.get(data) };
  await expect(boss.update(whole)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});
