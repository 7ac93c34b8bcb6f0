/** Batches: several places in one commit, all of them or none (specification, `StateUpdate`; DESIGN, section 7). */
import { describe, expect, test } from 'vitest';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const DATA = 'agents.pulse.s1.data';

async function opened(limits = {}) {
  const one = await openTestSwarm({ limits });
  const { swarm } = one;
  const pulse = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1' });
  const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss', sessionId: 'b' });
  const { id } = await boss.tasks.create({ goal: 'g' });
  return { one, swarm, pulse, boss, metadata: `global.tasks["${id}"].metadata` };
}

describe('a batch', () => {
  test('is one commit over all records that it writes, with the versions in its order', async () => {
    const { one, boss, swarm, metadata } = await opened();
    const { sequence } = swarm;
    const result = await boss.updateAll([
      { path: `${DATA}.notes`, newValue: { a: 1 } },
      { path: `${metadata}.note`, newValue: 'n' },
      { path: 'global.config.defaultPriority', newValue: 'high' },
      { path: 'global.health.issues', newValue: ['slow'], merge: true },
      { path: `agents.conductor.b.data.nothing`, delete: true },
    ]);
    expect(result).toEqual({
      success: true,
      newVersions: [sequence + 1, sequence + 2, sequence + 3, sequence + 4, undefined],
    });
    expect(swarm.get('global.config.defaultPriority')).toBe('high');
    const commit = (await one.commits()).at(-1);
    expect(commit?.facts.map(({ type }) => type)).toEqual([
      'state.created',
      'state.created',
      'system.config_changed',
      'state.updated',
    ]);
  });

  test('compares versions as they were before it, and says which path did not match', async () => {
    const { pulse, swarm } = await opened();
    await pulse.update({ path: `${DATA}.a`, newValue: 1 });
    const expectedVersion = swarm.read(`${DATA}.a`)?.version ?? 0;
    const { sequence } = swarm;
    const result = await pulse.updateAll([
      { path: `${DATA}.b`, newValue: 1, expectedVersion: 0 },
      { path: `${DATA}.a`, newValue: 2, expectedVersion: expectedVersion - 1 },
    ]);
    expect(result).toEqual({
      success: false,
      conflict: { path: `${DATA}.a`, currentVersion: expectedVersion, currentValue: 1 },
    });
    expect([swarm.sequence, swarm.get(`${DATA}.b`)]).toEqual([sequence, undefined]);
    const again = [
      { path: `${DATA}.b`, newValue: 1, expectedVersion: 0 },
      { path: `${DATA}.a`, newValue: 2, expectedVersion },
    ];
    expect(await pulse.updateAll(again)).toMatchObject({ success: true });
  });

  test('writes on what the writes before it left', async () => {
    const { pulse } = await opened();
    const list = `${DATA}.commitHashes`;
    await pulse.updateAll([
      { path: list, newValue: 'a', append: true },
      { path: list, newValue: 'b', append: true },
      { path: `${DATA}.tree.leaf`, newValue: 1 },
      { path: `${DATA}.tree.other`, newValue: { x: 1 }, merge: true },
    ]);
    expect(pulse.get(list)).toEqual(['a', 'b']);
    expect(pulse.get(`${DATA}.tree`)).toEqual({ leaf: 1, other: { x: 1 } });
  });

  test.each([
    ['a place twice', [`${DATA}.a`, `${DATA}.a`], 'INVALID_INPUT'],
    ['a place and one above it', [`${DATA}.a.b`, `${DATA}.a`], 'INVALID_INPUT'],
    ['a place and its abbreviation', [`${DATA}.a`, 'agents.pulse.s1.a'], 'INVALID_INPUT'],
    ['what an actor owns', [`${DATA}.a`, 'agents.pulse.s1.status'], 'ACTOR_OWNED_PATH'],
    ['what it may not', [`${DATA}.a`, 'global.config.defaultPriority'], 'FORBIDDEN'],
    ['what is no path', [`${DATA}.a`, 'global..x'], 'INVALID_PATH'],
    ['what does not fit', [`${DATA}.a`, `${DATA}.totalCommits`], 'INVALID_INPUT'],
    ['nothing', [], 'INVALID_INPUT'],
  ])('with %s is refused as a whole', async (_what, paths, code) => {
    const { pulse, swarm } = await opened();
    const { sequence } = swarm;
    const updates = paths.map((path) => ({ path, newValue: 'x' }));
    await expect(pulse.updateAll(updates)).rejects.toMatchObject({ code });
    expect([swarm.sequence, swarm.get(`${DATA}.a`)]).toEqual([sequence, undefined]);
  });

  test('with a session whose id is written as an index names the same place', async () => {
    const { swarm } = await opened();
    const seven = await swarm.register({ agentType: 'pulse', agentId: 'cow', sessionId: '7' });
    const updates = ['agents.pulse[7].data.a', 'agents.pulse.7.a'].map((path) => ({
      path,
      newValue: 1,
    }));
    await expect(seven.updateAll(updates)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await seven.updateAll(updates.slice(0, 1));
    expect(swarm.events.query({ types: ['state.created'] })).toMatchObject([
      { payload: { path: 'agents.pulse.7.data.a' } },
    ]);
  });

  test('[I12] has at most batchUpdatesMax writes', async () => {
    const { pulse } = await opened({ batchUpdatesMax: 2 });
    const updates = ['a', 'b', 'c'].map((key) => ({ path: `${DATA}.${key}`, newValue: 1 }));
    expect(await pulse.updateAll(updates.slice(1))).toMatchObject({ success: true });
    await expect(pulse.updateAll(updates)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'batchUpdatesMax', max: 2 },
    });
  });

  test('is repeated once under an idempotency key', async () => {
    const { pulse, swarm } = await opened();
    const updates = [{ path: `${DATA}.commitHashes`, newValue: 'a', append: true as const }];
    const labels = { idempotencyKey: 'k' };
    await pulse.updateAll(updates, labels);
    const { sequence } = swarm;
    expect(await pulse.updateAll(updates, labels)).toMatchObject({ success: true });
    expect([swarm.sequence, pulse.get(`${DATA}.commitHashes`)]).toEqual([sequence, ['a']]);
  });
});
