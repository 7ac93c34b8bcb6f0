/** Denials are counted, and leave an event where that is configured. */
import { describe, expect, test } from 'vitest';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import type { Limits } from '../../src/core/limits.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const ON = { audit: { denials: true } };
const OWN = 'agents.pulse.a.data.x';
const OTHER = 'agents.pulse.b.data.x';

async function opened(config = {}, limits: Partial<Limits> = {}) {
  const one = await openTestSwarm({ config, limits });
  const { swarm } = one;
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 'a' });
  const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee', sessionId: 'b' });
  return { one, swarm, ant, bee };
}

function deniedIn(swarm: Swarm): readonly unknown[] {
  return swarm.state.events.events
    .filter(({ type }) => type === 'access.denied')
    .map(({ source, payload }) => ({ by: source.agentId, ...(payload as object) }));
}

describe('without config.audit.denials', () => {
  test('denials are counted by code and role, and nothing is recorded', async () => {
    const { swarm, ant } = await opened();
    const { sequence } = swarm;
    await expect(ant.update({ path: OTHER, newValue: 1 })).rejects.toThrow();
    await expect(ant.delete({ path: 'global.config.audit' })).rejects.toThrow();
    expect(() => ant.get('nowhere')).toThrow();
    expect(swarm.access.denials).toMatchObject({
      total: 3,
      byCode: { FORBIDDEN: 3 },
      byRole: { pulse: 3, guardian: 0, system: 0 },
    });
    expect([swarm.sequence, deniedIn(swarm)]).toEqual([sequence, []]);
    expect(swarm.state.global.metrics.totalDenied).toBeUndefined();
  });

  test('what is refused for another reason is no denial', async () => {
    const { swarm, ant } = await opened();
    await expect(ant.update({ path: 'agents.pulse.a.status', newValue: 1 })).rejects.toThrow();
    await expect(ant.update({ path: 'agents.pulse.a.progress', newValue: 1 })).rejects.toThrow();
    await ant.update({ path: OWN, newValue: 1 });
    await ant.update({ path: OWN, newValue: 1, expectedVersion: 0 });
    expect(swarm.access.denials.total).toBe(0);
  });
});

describe('with config.audit.denials', () => {
  test('each leaves an event that says who was denied what, and why; in the metrics too', async () => {
    const { swarm, ant, bee, one } = await opened(ON);
    const lock = await bee.locks.acquire({
      resource: 'state/agents/pulse/a/data',
      type: 'exclusive',
    });
    const attempts = [
      ant.update({ path: OTHER, newValue: 1 }),
      ant.delete({ path: 'agents.pulse.b.x' }),
      ant.updateAll([
        { path: 'agents.pulse.a.progress.message', newValue: 'm' },
        { path: 'global.health', delete: true },
      ]),
      ant.dispatch({ type: 'task.assign', payload: { taskId: 't', assignedTo: bee.identity } }),
      ant.locks.release(lock?.id ?? ''),
      ant.update({ path: OWN, newValue: 1 }),
      ant.update({ path: OWN, newValue: 1 }, { fencingToken: 1 }),
    ];
    await Promise.allSettled(attempts);
    expect(() => ant.get('nowhere.at.all')).toThrow();
    await swarm.durable();
    const by = { by: 'ant', sessionId: 'a' };
    expect(deniedIn(swarm)).toEqual([
      { ...by, operation: 'write', subject: OTHER, code: 'FORBIDDEN' },
      { ...by, operation: 'delete', subject: 'agents.pulse.b.x', code: 'FORBIDDEN' },
      { ...by, operation: 'delete', subject: 'global.health', code: 'FORBIDDEN' },
      { ...by, operation: 'command', subject: 'task.assign', code: 'FORBIDDEN' },
      { ...by, operation: 'command', subject: 'lock.release', code: 'NOT_HOLDER' },
      { ...by, operation: 'command', subject: 'state.update', code: 'PATH_LOCKED' },
      { ...by, operation: 'command', subject: 'state.update', code: 'STALE_TOKEN' },
      {
        by: 'coordinator',
        sessionId: 'a',
        operation: 'read',
        subject: 'nowhere.at.all',
        code: 'FORBIDDEN',
      },
    ]);
    expect(swarm.access.denials.total).toBe(8);
    expect(swarm.state.global.metrics.totalDenied).toBe(8);
    const again = await one.reopen();
    expect(again.state.global.metrics.totalDenied).toBe(8);
    expect(again.access.denials.total).toBe(0);
  });

  test('leaves nothing else: the state is as it was but for the metrics and the sign of life', async () => {
    const { swarm, ant } = await opened(ON);
    const { agents, locks, global } = swarm.state;
    await expect(ant.update({ path: OTHER, newValue: 1 })).rejects.toThrow();
    expect(swarm.state.locks).toEqual(locks);
    expect(swarm.state.agents).toEqual(agents);
    const { metrics: _before, ...rest } = global;
    expect(swarm.state.global).toMatchObject(rest);
  });

  test('[I12] records a bounded number of attempts of a session in a minute', async () => {
    const { swarm, ant, one } = await opened(ON, { recordedRefusalsPerMinuteMax: 3 });
    const attempt = async () => ant.update({ path: OTHER, newValue: 1 }).catch(() => {});
    for (let count = 0; count < 3; count++) await attempt();
    for (let count = 0; count < 5; count++) expect(() => ant.get('nowhere')).toThrow();
    await attempt();
    expect(deniedIn(swarm)).toHaveLength(3);
    expect(swarm.access.denials.total).toBe(9);
    for (let third = 0; third < 3; third++) {
      await one.clock.advance(21_000);
      await ant.heartbeat();
    }
    await attempt();
    expect(deniedIn(swarm)).toHaveLength(4);
  });

  test('the operator is never denied, and nobody unknown is recorded', async () => {
    const { swarm } = await opened(ON);
    await swarm.update({ path: OTHER, newValue: 1 });
    const unknown = { agentId: 'x', agentType: 'pulse', sessionId: 'none' } as const;
    expect(swarm.access.canAccess(unknown, OTHER, 'write')).toBe(false);
    expect(deniedIn(swarm)).toEqual([]);
  });
});
