/** The metadata of a task is a free path: written directly, with versions, by whom the permission matrix lets. */
import { describe, expect, test } from 'vitest';
import { openTestSwarm } from '../support/open-test-swarm.ts';

async function codeOf(update: Promise<unknown>): Promise<unknown> {
  return update.catch((error: { code: string }) => error.code);
}

describe('the metadata of a task', () => {
  test('is merged, replaced and compared by version, as other documents are', async () => {
    const { swarm } = await openTestSwarm();
    const conductor = await swarm.register({ agentType: 'conductor', agentId: 'con' });
    const { id } = await conductor.tasks.create({ goal: 'g', metadata: { a: 1, b: { c: 2 } } });
    const path = `global.tasks["${id}"].metadata`;
    const created = swarm.read(path)?.version ?? 0;
    const merged = await conductor.update({ path, newValue: { b: { d: 3 } }, merge: true });
    expect(swarm.get(path)).toEqual({ a: 1, b: { c: 2, d: 3 } });
    expect(merged).toEqual({ success: true, newVersion: swarm.sequence });
    const stale = await swarm.update({ path, newValue: {}, expectedVersion: created });
    expect(stale).toMatchObject({ success: false, conflict: { currentVersion: swarm.sequence } });
    expect(swarm.read(`${path}.a`)?.version).toBe(created);
    await swarm.update({ path: `${path}.a`, newValue: 9, expectedVersion: created });
    expect(swarm.read(`${path}.a`)).toMatchObject({ value: 9, version: swarm.sequence });
    expect(swarm.read(`global.tasks["${id}"].status`)?.version).toBe(created);
    await swarm.update({ path, newValue: { only: true } });
    expect(swarm.get(path)).toEqual({ only: true });
  });

  test('is read only for workers, and the rest of a task has commands', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const { id } = await ant.tasks.create({ goal: 'g' });
    const path = `global.tasks["${id}"]`;
    const newValue = { a: 1 };
    expect(await codeOf(ant.update({ path: `${path}.metadata`, newValue }))).toBe('FORBIDDEN');
    expect(await codeOf(swarm.update({ path: `${path}.goal`, newValue: 'h' }))).toBe(
      'ACTOR_OWNED_PATH',
    );
    expect(await codeOf(swarm.update({ path: `${path}.metadata`, newValue: [] }))).toBe(
      'INVALID_INPUT',
    );
    expect(await codeOf(swarm.update({ path: 'global.tasks.none.metadata', newValue }))).toBe(
      'NOT_FOUND',
    );
    expect(ant.get(`${path}.metadata`)).toEqual({});
  });

  test('[I1] of an ended task too; its versions outlive a checkpoint', async () => {
    const opened = await openTestSwarm({ snapshots: { everyEvents: 1, keep: 100 } });
    const { id } = await opened.swarm
      .register({ agentType: 'conductor', agentId: 'con' })
      .then(async (conductor) => {
        const task = await conductor.tasks.create({ goal: 'g' });
        return conductor.tasks.close(task.id);
      });
    const path = `global.tasks["${id}"].metadata`;
    await opened.swarm.update({ path: `${path}.first`, newValue: 1 });
    await opened.swarm.update({ path: `${path}["a.b"]`, newValue: 2 });
    const before = ['.first', '["a.b"]', ''].map((rest) => opened.swarm.read(`${path}${rest}`));
    expect(await opened.checkpoints()).toBeGreaterThan(0);
    const swarm = await opened.open();
    expect(['.first', '["a.b"]', ''].map((rest) => swarm.read(`${path}${rest}`))).toEqual(before);
    await swarm.update({ path: `${path}.first`, newValue: 3 });
    expect(swarm.get(path)).toEqual({ first: 3, 'a.b': 2 });
  });
});
