/** Writes of the configuration: what changes is recorded, and nothing else (decision 0017). */
import { describe, expect, test } from 'vitest';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { CATALOG } from '../../src/events/catalog.ts';
import { DEFAULT_CONFIG } from '../../src/events/system.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const CONFIG = 'global.config';

/** What was recorded of the settings, without the opening. */
function changesIn(swarm: Swarm): readonly unknown[] {
  return swarm.state.events.events
    .filter(({ type }) => type === 'system.config_changed')
    .map(({ payload }) => payload);
}

describe('a write below global.config', () => {
  test.each([
    ['a key', `${CONFIG}.defaultPriority`, 'high', false, { defaultPriority: 'high' }],
    [
      'one of a group',
      `${CONFIG}.timeouts.lockDefault`,
      7,
      false,
      { timeouts: { lockDefault: 7 } },
    ],
    [
      'a merge',
      CONFIG,
      { features: { preemption: true }, maxConcurrentAgents: 5 },
      true,
      { maxConcurrentAgents: 5, features: { preemption: true } },
    ],
    [
      'a replace of a group',
      `${CONFIG}.features`,
      { autoHandoff: true, preemption: false, eventPersistence: true },
      false,
      { features: { autoHandoff: true } },
    ],
    ['ours', `${CONFIG}.audit`, { denials: true }, false, { audit: { denials: true } }],
    [
      'a key with dots',
      `${CONFIG}.conflicts`,
      { 'agents.**': 'merge-arrays' },
      false,
      { conflicts: { 'agents.**': 'merge-arrays' } },
    ],
  ])('records what changes: %s', async (_what, path, newValue, merge, config) => {
    const { swarm } = await openTestSwarm();
    await swarm.update({ path, newValue, ...(merge && { merge }) });
    expect(changesIn(swarm)).toEqual([{ config }]);
    await swarm.update({ path, newValue, ...(merge && { merge }) });
    expect(changesIn(swarm)).toHaveLength(1);
  });

  test('marks the keys that change: two who change different ones do not conflict', async () => {
    const { swarm } = await openTestSwarm();
    const version = (key: string) => swarm.read(`${CONFIG}.${key}`)?.version ?? 0;
    const [priority, timeout] = [version('defaultPriority'), version('timeouts.taskDefault')];
    await swarm.update({ path: `${CONFIG}.timeouts.lockDefault`, newValue: 9 });
    expect(version('timeouts.lockDefault')).toBe(swarm.sequence);
    expect(version('timeouts')).toBe(swarm.sequence);
    expect([version('defaultPriority'), version('timeouts.taskDefault')]).toEqual([
      priority,
      timeout,
    ]);
    const write = { path: `${CONFIG}.defaultPriority`, newValue: 'low', expectedVersion: priority };
    expect(await swarm.update(write)).toMatchObject({ success: true });
    expect(await swarm.update(write)).toMatchObject({ success: false });
  });

  test('in a batch records the change of each', async () => {
    const { swarm } = await openTestSwarm();
    await swarm.updateAll([
      { path: `${CONFIG}.timeouts.lockDefault`, newValue: 1 },
      { path: `${CONFIG}.timeouts.taskDefault`, newValue: 2 },
    ]);
    expect(changesIn(swarm)).toEqual([
      { config: { timeouts: { lockDefault: 1 } } },
      { config: { timeouts: { taskDefault: 2 } } },
    ]);
    expect(swarm.get(`${CONFIG}.timeouts`)).toMatchObject({ lockDefault: 1, taskDefault: 2 });
  });

  test('that takes a key of ours away records what its absence means', async () => {
    const { swarm } = await openTestSwarm();
    await swarm.update({ path: `${CONFIG}.audit`, newValue: { denials: true } });
    await swarm.update({ path: `${CONFIG}.conflicts`, newValue: { 'a.b': 'merge-objects' } });
    await swarm.delete({ path: `${CONFIG}.conflicts["a.b"]` });
    expect(swarm.get(`${CONFIG}.conflicts`)).toEqual({});
    await swarm.update({ path: CONFIG, newValue: DEFAULT_CONFIG });
    expect(swarm.get(CONFIG)).toEqual({
      ...DEFAULT_CONFIG,
      audit: { denials: false },
      conflicts: {},
    });
  });

  test.each([
    ['defaultPriority', 'urgent', 'config.defaultPriority'],
    ['timeouts.lockDefault', -1, 'config.timeouts.lockDefault'],
    ['features.mine', true, 'config.features.mine'],
    ['mine', 1, 'config.mine'],
    ['conflicts', { 'a..b': 'merge-objects' }, 'config.conflicts'],
    ['conflicts["a..b"]', 'merge-objects', 'config.conflicts'],
    ['conflicts', { a: 'whoever' }, 'config.conflicts'],
  ])('%s: %j is refused with the place', async (key, newValue, place) => {
    const { swarm } = await openTestSwarm();
    const path = `${CONFIG}.${key}`;
    const write = swarm.update({ path, newValue });
    const reason = expect.stringContaining(place);
    await expect(write).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { path, reason } });
    expect(changesIn(swarm)).toEqual([]);
  });
});

test('a payload of version 1, which names everything, is read as a change of everything', () => {
  const { earlier, schema } = CATALOG['system.config_changed'];
  const [former] = earlier;
  const payload = { config: DEFAULT_CONFIG, limits: { tasksMax: 9 } };
  expect(former?.version).toBe(1);
  expect(schema.parse(former?.lift(payload))).toEqual(payload);
});
