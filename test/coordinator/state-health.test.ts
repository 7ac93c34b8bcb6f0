/** The health of the swarm, the alerts that go with it, and the parts of the configuration that nobody can turn off. */
import { describe, expect, test } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { CATALOG } from '../../src/events/catalog.ts';
import { DEFAULT_CONFIG } from '../../src/events/system.ts';
import { Given } from '../support/given.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const PATH = 'global.health';

describe('health that gets worse raises an alert in the same commit', () => {
  test.each([
    ['healthy', 'degraded', 'high'],
    ['healthy', 'critical', 'critical'],
    ['degraded', 'critical', 'critical'],
  ] as const)('from %s to %s', (before, after, severity) => {
    const given = new Given();
    const guard = given.session('guard', 'guardian');
    const health = (status: string) => ({
      path: PATH,
      newValue: { status, issues: ['the disk is full', 'and slow'] },
      merge: true,
    });
    given.ask('state.update', health(before), guard);
    const outcome = given.when('state.update', health(after), guard);
    expect(outcome).toMatchObject({
      ok: true,
      facts: [
        ['state.updated', { path: PATH }],
        ['system.alert', { severity }],
      ],
    });
  });

  test.each([
    ['degraded', 'degraded'],
    ['critical', 'degraded'],
    ['critical', 'healthy'],
  ])('from %s to %s raises none', (before, after) => {
    const given = new Given();
    const guard = given.session('guard', 'guardian');
    given.ask('state.update', { path: `${PATH}.status`, newValue: before }, guard);
    const outcome = given.when('state.update', { path: `${PATH}.status`, newValue: after }, guard);
    expect(outcome).toMatchObject({ ok: true, facts: [['state.updated', {}]] });
  });

  test('a batch raises it too', () => {
    const given = new Given();
    const guard = given.session('guard', 'guardian');
    const updates = [
      { path: 'agents.guardian.guard.data.seen', newValue: 1 },
      { path: `${PATH}.status`, newValue: 'critical' },
      { path: `${PATH}.issues`, newValue: 'none', append: true as const },
    ];
    const outcome = given.when('state.batch', { updates }, guard);
    expect(outcome.ok && outcome.facts.map(([type]) => type)).toEqual([
      'state.created',
      'state.updated',
      'system.alert',
      'state.created',
    ]);
  });
});

describe('alerts and maintenance', () => {
  test('are recorded, and change nothing', async () => {
    const { swarm } = await openTestSwarm();
    const guard = await swarm.register({ agentType: 'guardian', agentId: 'guard' });
    const { global } = swarm.state;
    await guard.raiseAlert({ severity: 'low', summary: 'the disk fills' });
    await swarm.raiseAlert({ severity: 'high', summary: 'it is full' });
    await swarm.noteMaintenance('a larger disk');
    const events = swarm.state.events.events.slice(-3);
    expect(events.map(({ type, payload }) => [type, payload])).toEqual([
      ['system.alert', { severity: 'low', summary: 'the disk fills' }],
      ['system.alert', { severity: 'high', summary: 'it is full' }],
      ['system.maintenance', { action: 'a larger disk' }],
    ]);
    expect(swarm.state.global).toEqual(global);
  });

  test('are not for whoever works on tasks', async () => {
    const { swarm } = await openTestSwarm();
    const pulse = await swarm.register({ agentType: 'pulse', agentId: 'p' });
    const alert = pulse.raiseAlert({ severity: 'low', summary: 's' });
    await expect(alert).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const note = await pulse.dispatch({
      type: 'system.note_maintenance',
      payload: { action: 'a' },
    });
    expect(note).toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('config.features.eventPersistence', () => {
  const off = { eventPersistence: false };

  test('cannot be turned off, at opening or later', async () => {
    await expect(openSwarm({ config: { features: off } })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    const { swarm } = await openTestSwarm();
    const path = 'global.config.features.eventPersistence';
    const write = swarm.update({ path, newValue: false });
    await expect(write).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const merge = { path: 'global.config.features', newValue: off, merge: true };
    await expect(swarm.update(merge)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const payload = { config: { features: off } };
    const configured = await swarm.dispatch({ type: 'system.configure', payload });
    expect(configured).toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('an old log that has it off can be read', () => {
    const features = { ...DEFAULT_CONFIG.features, ...off };
    const { schema } = CATALOG['system.initialized'];
    const payload = { swarmId: 's', config: { ...DEFAULT_CONFIG, features }, limits: {} };
    expect(schema.safeParse(payload).success).toBe(true);
  });
});
