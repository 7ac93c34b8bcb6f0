/** A session that shows life and brings none of its tasks forward is told of, once per stall, and left alone. */
import { describe, expect, test } from 'vitest';
import { eventTypes, openTestSwarm, statusOf, type TestSwarm } from '../support/open-test-swarm.ts';

const STALLED_MS = 50_000;
const limits = { stalledAfterMs: STALLED_MS };

/** A session that runs a task, and the path of what it shows. */
async function aWorker(opened: TestSwarm, heartbeatTimeout = 3_600_000) {
  const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant', heartbeatTimeout });
  const { id } = await ant.tasks.create({ goal: 'g', timeout: 0 });
  await ant.tasks.claim({ taskId: id, start: true });
  return { ant, id, path: `agents.pulse.${ant.identity.sessionId}` };
}

describe('a session that brings nothing forward', () => {
  test('is reported once, with its tasks and since when; progress ends the stall, and the next one is reported', async () => {
    const opened = await openTestSwarm({ limits });
    const { swarm, clock } = opened;
    const { ant, id, path } = await aWorker(opened);
    await clock.advance(10_000);
    await ant.tasks.progress(id, 10);
    const sinceMs = clock.wallMs();
    const before = swarm.sequence;
    await clock.advance(STALLED_MS - 1);
    expect(eventTypes(swarm, before)).toEqual([]);
    await clock.advance(1);
    expect(swarm.state.events.events.at(-1)).toMatchObject({
      type: 'agent.stalled',
      source: { agentType: 'system' },
      payload: { sessionId: ant.identity.sessionId, taskIds: [id], sinceMs },
    });
    expect(swarm.read(`${path}.stalledSince`)).toMatchObject({
      value: new Date(sinceMs).toISOString(),
      version: swarm.sequence,
    });
    await clock.advance(5 * STALLED_MS);
    expect(eventTypes(swarm, before)).toEqual(['agent.stalled']);
    expect(statusOf(swarm, ant.identity)).toBe('busy');
    await ant.tasks.progress(id, 20);
    expect(swarm.get(`${path}.stalledSince`)).toBeUndefined();
    await clock.advance(STALLED_MS);
    expect(eventTypes(swarm, before)).toEqual(['agent.stalled', 'task.progress', 'agent.stalled']);
  });

  test('is any that shows life in other ways only', async () => {
    const opened = await openTestSwarm({ limits });
    const { swarm, clock } = opened;
    const { ant, id, path } = await aWorker(opened, 9_000);
    for (let beat = 0; beat < STALLED_MS / 5_000; beat++) {
      await clock.advance(5_000);
      await ant.heartbeat();
      await ant.update({ path: `${path}.data.beat`, newValue: beat });
    }
    expect(eventTypes(swarm).filter((type) => type === 'agent.stalled')).toHaveLength(1);
    await ant.tasks.complete(id);
    expect(swarm.get(`${path}.stalledSince`)).toBeUndefined();
  });

  test.each<[string, (opened: TestSwarm, worker: Awaited<ReturnType<typeof aWorker>>) => unknown]>([
    [
      'writes its own progress',
      (_opened, { ant, path }) => ant.update({ path: `${path}.progress.current`, newValue: 5 }),
    ],
    ['begins another task', (_opened, { ant }) => claimAnother(ant)],
    ['runs nothing', (_opened, { ant, id }) => ant.tasks.complete(id)],
    ['is in error', (_opened, { ant }) => ant.fail({ code: 'E', message: 'm' })],
    ['was not heard, since the coordinator stood still', ({ clock }) => clock.jump(STALLED_MS)],
  ])('is none that %s', async (_name, happens) => {
    const opened = await openTestSwarm({ limits });
    const worker = await aWorker(opened);
    await opened.clock.advance(STALLED_MS - 1);
    await happens(opened, worker);
    await opened.clock.advance(2_000);
    expect(eventTypes(opened.swarm)).not.toContain('agent.stalled');
  });

  test('[I1] [I9] is reported after a restart too, and not again', async () => {
    const opened = await openTestSwarm({ limits, snapshots: { everyEvents: 1, keep: 9 } });
    const { ant, path } = await aWorker(opened);
    await opened.clock.advance(STALLED_MS / 2);
    await opened.reopen({ limits });
    await opened.clock.advance(STALLED_MS);
    expect(eventTypes(opened.swarm).at(-1)).toBe('agent.stalled');
    const swarm = await opened.reopen({ limits });
    expect(swarm.get(`${path}.stalledSince`)).toBeDefined();
    await opened.clock.advance(STALLED_MS);
    const reports = eventTypes(swarm).filter((type) => type === 'agent.stalled');
    expect(reports).toHaveLength(1);
    expect(statusOf(swarm, ant.identity)).toBe('busy');
  });

  test('may be silent for ever: then nobody watches it', async () => {
    const opened = await openTestSwarm({ limits });
    await aWorker(opened, 0);
    expect(opened.clock.pending).toBe(0);
    await opened.clock.advance(10 * STALLED_MS);
    expect(eventTypes(opened.swarm)).not.toContain('agent.stalled');
  });
});

async function claimAnother(ant: Awaited<ReturnType<typeof aWorker>>['ant']): Promise<void> {
  const { id } = await ant.tasks.create({ goal: 'another' });
  await ant.tasks.claim({ taskId: id, start: true });
}
