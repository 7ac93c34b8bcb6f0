/** What a task takes with it: one causal chain, commit after commit, also over a restart. And what comes too late. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const { commitFactsMax } = DEFAULT_LIMITS;

function idOf(events: readonly SwarmEvent[], type: string, taskId: string): string | undefined {
  return events.find(
    (event) => event.type === type && (event.payload as { taskId?: string }).taskId === taskId,
  )?.id;
}

describe('the cascade of a task that failed', () => {
  test('carries the correlation of what began it; each step is caused by the end before it', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await ant.tasks.create({ taskId: 'a', goal: 'g' });
    await ant.tasks.create({ taskId: 'b', goal: 'g', dependsOn: ['a'] });
    await ant.tasks.create({ taskId: 'c', goal: 'g', parentTaskId: 'b' });
    await ant.tasks.claim({ taskId: 'a', start: true });
    const before = swarm.sequence;
    const error = { code: 'E', message: 'm' };
    const payload = { taskId: 'a', error };
    await ant.dispatch({ type: 'task.fail', payload, correlationId: 'plan-7' });
    await clock.advance(0);
    const chain = swarm.state.events.events.filter(({ sequence }) => sequence > before);
    expect(chain.map(({ type, payload: of, metadata }) => [type, of, metadata])).toEqual([
      ['task.failed', payload, { correlationId: 'plan-7' }],
      [
        'task.cancelled',
        { taskId: 'b', reason: 'dependency_failed' },
        { correlationId: 'plan-7', causationId: idOf(chain, 'task.failed', 'a') },
      ],
      [
        'task.cancelled',
        { taskId: 'c', reason: 'parent_cancelled' },
        { correlationId: 'plan-7', causationId: idOf(chain, 'task.cancelled', 'b') },
      ],
    ]);
  });

  test('[I12] of thousands is several commits, before anything else is decided', async () => {
    const opened = await openTestSwarm();
    const { swarm } = opened;
    const COUNT = commitFactsMax * 2 + 1;
    const asked = [swarm.dispatch({ type: 'task.create', payload: { taskId: 'a', goal: 'g' } })];
    for (let index = 0; index < COUNT; index++) {
      const payload = { taskId: `t${index}`, goal: 'g', dependsOn: ['a'] };
      asked.push(swarm.dispatch({ type: 'task.create', payload }));
    }
    asked.push(swarm.dispatch({ type: 'task.cancel', payload: { taskId: 'a' } }));
    const late = { taskId: 't0', goal: 'g', dependsOn: ['t1'] };
    const refused = swarm.dispatch({ type: 'task.create', payload: { ...late, taskId: 'late' } });
    await Promise.all(asked);
    expect(await refused).toMatchObject({ code: 'TASK_BLOCKED' });
    const cascades = (await opened.commits()).filter(
      ({ command }) => command.type === 'task.cascade',
    );
    expect(cascades.map(({ facts }) => facts.length)).toEqual([commitFactsMax, commitFactsMax, 1]);
  });

  test('[I1] [I9] goes on after a restart and from a checkpoint, in the same correlation', async () => {
    const opened = await openTestSwarm({ snapshots: { everyEvents: 1, keep: 9 } });
    await opened.swarm.dispatch({ type: 'task.create', payload: { taskId: 'a', goal: 'g' } });
    const payload = { taskId: 'b', goal: 'g', dependsOn: ['a'] };
    await opened.swarm.dispatch({ type: 'task.create', payload });
    const cancel = { type: 'task.cancel', payload: { taskId: 'a' }, correlationId: 'c-1' } as const;
    await opened.swarm.dispatch(cancel);
    expect(opened.swarm.get('global.tasks.b.status')).toBe('pending'); // nobody asked since
    const swarm = await opened.reopen();
    expect(swarm.get('global.tasks.b.status')).toBe('cancelled');
    expect(swarm.state.events.events.at(-1)?.metadata.correlationId).toBe('c-1');
  });
});

describe('dependencies', () => {
  test('[I1] hold over a restart: blocked stays blocked, and becomes claimable when they are complete', async () => {
    const opened = await openTestSwarm({ snapshots: { everyEvents: 1, keep: 9 } });
    const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    for (const taskId of ['a', 'b']) await ant.tasks.create({ taskId, goal: 'g' });
    await ant.tasks.create({ taskId: 'c', goal: 'g', dependsOn: ['a', 'b'] });
    await ant.tasks.claim({ taskId: 'a', start: true });
    await ant.tasks.complete('a');
    const again = (await opened.reopen()).session(ant.identity);
    await again.tasks.claim({ taskId: 'b', start: true });
    expect(await again.tasks.claimNext()).toBeNull();
    await again.tasks.complete('b');
    expect(await again.tasks.claimNext()).toMatchObject({ id: 'c', dependsOn: ['a', 'b'] });
  });
});

describe('the time of a task', () => {
  test('[I9] runs out at its moment, over a restart too; the late result is refused and kept in the log', async () => {
    const opened = await openTestSwarm();
    const agent = { agentType: 'pulse', heartbeatTimeout: 0 } as const;
    const ant = await opened.swarm.register({ ...agent, agentId: 'ant' });
    const retry = { maxAttempts: 2, backoffMs: 1_000 };
    await ant.tasks.create({ taskId: 'a', goal: 'g', timeout: 8_000, retry });
    const running = await ant.tasks.claim({ taskId: 'a', start: true });
    expect(Date.parse(running.deadline ?? '') - opened.clock.wallMs()).toBe(8_000);
    const swarm = await opened.reopen({ afterMs: 5_000 });
    await opened.clock.advance(2_999);
    expect(swarm.get('global.tasks.a.status')).toBe('running');
    await opened.clock.advance(1);
    expect(swarm.get('global.tasks.a')).toMatchObject({
      status: 'pending',
      retry,
      timeout: 8_000,
      notBefore: new Date(opened.clock.wallMs() + 1_000).toISOString(),
    });
    const { sequence } = swarm;
    await expect(
      swarm.session(ant.identity).tasks.complete('a', { lines: 3 }),
    ).rejects.toMatchObject({ code: 'NOT_HOLDER' });
    const tried = swarm.state.events.events.filter((event) => event.sequence > sequence);
    expect(tried.map(({ type, payload }) => [type, payload])).toEqual([
      ['task.late_completion', { taskId: 'a', by: ant.identity, result: { lines: 3 } }],
    ]);
  });

  test('shows its deadline with the version of what it follows from', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await ant.tasks.create({ taskId: 'a', goal: 'g' });
    expect(swarm.get('global.tasks.a.deadline')).toBeUndefined();
    await ant.tasks.claim({ taskId: 'a', start: true });
    expect(swarm.read('global.tasks.a.deadline')?.version).toBe(swarm.sequence);
    const path = 'global.config.timeouts.taskDefault';
    const { newVersion } = await swarm.update({ path, newValue: 9_000 });
    expect(swarm.read('global.tasks.a.deadline')).toMatchObject({
      value: new Date(Date.UTC(2026, 0, 1) + 9_000).toISOString(),
      version: newVersion,
    });
  });
});
