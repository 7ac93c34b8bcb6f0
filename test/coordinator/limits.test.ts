/** I12: limits are state. They are recorded when a swarm is made, and again when it is opened with others. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/actors/decide.ts';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { recover } from '../../src/coordinator/recovery.ts';
import { DEFAULT_LIMITS, LEAST_PAYLOAD, type Limits } from '../../src/core/limits.ts';
import { OPERATOR } from '../../src/events/identity.ts';
import { EventLog } from '../../src/events/log.ts';
import { DEFAULT_CONFIG } from '../../src/events/system.ts';
import { History } from '../../src/history/history.ts';
import { verifyLog } from '../../src/history/verify.ts';
import type { CommandOf } from '../../src/protocol/commands.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { eventTypes, openTestSwarm, statusOf } from '../support/open-test-swarm.ts';

describe('settings', () => {
  test('[I6] are recorded when the swarm is made, and again only when they are others', async () => {
    const opened = await openTestSwarm({
      limits: { tasksMax: 2 },
      config: { defaultPriority: 'high' },
    });
    expect(opened.swarm.state.events.events[0]).toMatchObject({
      type: 'system.initialized',
      payload: { limits: { ...DEFAULT_LIMITS, tasksMax: 2 }, config: { defaultPriority: 'high' } },
    });
    const same = await opened.reopen();
    expect(eventTypes(same)).toEqual(['system.initialized', 'system.resumed']);
    const others = await opened.reopen({
      limits: { tasksMax: 3 },
      config: { timeouts: { lockDefault: 5 } },
    });
    expect(eventTypes(others).slice(-2)).toEqual(['system.resumed', 'system.config_changed']);
    expect(others.state.global.config).toMatchObject({
      defaultPriority: 'high',
      timeouts: { lockDefault: 5 },
    });
    for (let count = 0; count < 3; count++) {
      expect(await others.dispatch({ type: 'task.create', payload: { goal: 'g' } })).toMatchObject({
        ok: true,
      });
    }
    expect(await others.dispatch({ type: 'task.create', payload: { goal: 'g' } })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'tasksMax', max: 3 },
    });
  });

  test.each([
    ['a limit of zero', { limits: { tasksMax: 0 } }],
    ['a limit that is no number', { limits: { tasksMax: Number.NaN } }],
    ['a limit that is not known', { limits: { tasksMax: 1, nonsense: 1 } }],
    ['a timeout of zero', { config: { timeouts: { lockDefault: 0 } } }],
    ['a priority that is not known', { config: { defaultPriority: 'urgent' as never } }],
  ])(
    'that cannot be honoured are refused before anything is touched: %s',
    async (_name, options) => {
      await expect(openSwarm(options)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    },
  );

  test('[I6] a Conductor changes the configuration by a direct write, which decides from then on', async () => {
    const { swarm } = await openTestSwarm();
    const conductor = await swarm.register({ agentType: 'conductor', agentId: 'con' });
    const update = await conductor.update({
      path: 'global.config.timeouts',
      newValue: { lockDefault: 700 },
      merge: true,
    });
    expect(update.success).toBe(true);
    expect(eventTypes(swarm).at(-1)).toBe('system.config_changed');
    const lock = await conductor.locks.acquire({ resource: 'a', type: 'shared' });
    expect(lock?.ttl).toBe(700);
    await expect(
      conductor.update({ path: 'global.config.maxConcurrentAgents', newValue: 0 }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(
      conductor.update({ path: 'global.config.mine', newValue: 0 }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

/** Gives the log of a closed swarm to somebody. */
async function withLog<T>(directory: string, use: (log: EventLog) => Promise<T>): Promise<T> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    return await use(await EventLog.own(engine.database));
  } finally {
    await engine.close();
  }
}

/** Records limits that cannot be set any more, as an earlier program did. */
async function recordLimits(
  log: EventLog,
  limits: Partial<Limits>,
  config = DEFAULT_CONFIG,
): Promise<void> {
  const { projector } = await recover(log);
  const command: CommandOf<'system.configure'> = {
    type: 'system.configure',
    version: 1,
    payload: { config, limits },
    source: OPERATOR,
    timeMs: projector.timeMs,
  };
  const { facts } = decide(projector, command);
  log.offer({ command, facts }, undefined);
  await log.drain();
}

const TOO_SMALL: readonly (readonly [keyof typeof LEAST_PAYLOAD, number])[] = [
  ['payloadCharsMax', 5],
  ['payloadCharsMax', LEAST_PAYLOAD.payloadCharsMax - 1],
  ['payloadNodesMax', 20],
  ['payloadNodesMax', LEAST_PAYLOAD.payloadNodesMax - 1],
  ['payloadDepthMax', 2],
  ['payloadDepthMax', LEAST_PAYLOAD.payloadDepthMax - 1],
];

describe.each(TOO_SMALL)('[I12] %s of %d, with which no command could be read', (name, value) => {
  const least = String(LEAST_PAYLOAD[name]);

  test('is refused when a swarm is opened, with its name and the least value, and the directory stays as it was', async () => {
    const opened = await openTestSwarm();
    const { directory } = opened;
    await opened.close();
    const refused = { code: 'INVALID_INPUT', details: { at: name } };
    const message = expect.stringMatching(new RegExp(`${name}.*${least}`));
    const limits = { [name]: value };
    const opening = openSwarm({ directory, limits });
    await expect(opening).rejects.toMatchObject({ ...refused, message });
    const making = openSwarm({ directory: join(directory, 'new'), limits });
    await expect(making).rejects.toMatchObject({ ...refused, message });
    expect(readdirSync(directory)).not.toContain('new');
    const swarm = await opened.open();
    expect(eventTypes(swarm)).toEqual(['system.initialized', 'system.resumed']);
    expect(swarm.state.events.events.at(-1)).toMatchObject({ payload: { epoch: 2 } });
  });

  test('is refused to the operator', async () => {
    const { swarm } = await openTestSwarm();
    const payload = { config: DEFAULT_CONFIG, limits: { ...DEFAULT_LIMITS, [name]: value } };
    expect(await swarm.dispatch({ type: 'system.configure', payload })).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(new RegExp(`limits\\.${name}.*${least}`)),
    });
    expect(eventTypes(swarm)).toEqual(['system.initialized']);
  });

  test('that a log has from before is raised when it is opened, and what it says holds', async () => {
    const opened = await openTestSwarm();
    const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await opened.close();
    const { directory, clock } = opened;
    await withLog(directory, async (log) =>
      recordLimits(log, { ...DEFAULT_LIMITS, [name]: value }),
    );
    const swarm = await opened.open();
    expect(eventTypes(swarm).slice(-2)).toEqual(['system.resumed', 'system.config_changed']);
    expect(swarm.state.events.events.at(-1)).toMatchObject({
      payload: { limits: { [name]: LEAST_PAYLOAD[name] } },
    });
    await clock.advance(DEFAULT_LIMITS.heartbeatTimeoutMs);
    expect(statusOf(swarm, ant.identity)).toBe('error');
    await opened.reopen();
    await opened.close();
    expect(await withLog(directory, async (log) => verifyLog(log))).toMatchObject({ ok: true });
  });
});

test('[I12] a log from before there was a limit is sound, and has its default', async () => {
  const opened = await openTestSwarm({ limits: { tasksMax: 7 } });
  await opened.close();
  const { directory } = opened;
  const { lostPreferenceMs, ...before } = DEFAULT_LIMITS;
  await withLog(directory, async (log) => recordLimits(log, { ...before, tasksMax: 8 }));
  const verified = await withLog(directory, async (log) => verifyLog(log));
  expect(verified).toMatchObject({ ok: true });
  const { projector } = await withLog(directory, recover);
  expect(projector.swarm?.limits).toEqual({ ...before, tasksMax: 8, lostPreferenceMs });
});

test('[I12] the least payload limits leave room to set others', async () => {
  const opened = await openTestSwarm({ limits: LEAST_PAYLOAD });
  const swarm = await opened.reopen();
  const payload = { config: DEFAULT_CONFIG, limits: DEFAULT_LIMITS };
  expect(await swarm.dispatch({ type: 'system.configure', payload })).toMatchObject({ ok: true });
});

test('[I10] a lock on the configuration does not keep its owner from opening the swarm with another one', async () => {
  const opened = await openTestSwarm();
  const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
  await ant.locks.acquire({ resource: 'state/global/config/**', type: 'exclusive' });
  const swarm = await opened.reopen({ config: { defaultPriority: 'low' } });
  expect(swarm.get('global.config.defaultPriority')).toBe('low');
  expect(swarm.locks.getLocks('state/global/config/**')).toHaveLength(1);
  const payload = { config: DEFAULT_CONFIG, limits: DEFAULT_LIMITS };
  expect(await swarm.dispatch({ type: 'system.configure', payload })).toMatchObject({
    code: 'PATH_LOCKED',
  });
});

describe('limits through the handles', () => {
  test('[I12] each refuses with its name, and what is within is granted', async () => {
    const { swarm, clock } = await openTestSwarm({
      limits: {
        lockQueueMax: 1,
        locksPerSessionMax: 2,
        handoffsMax: 1,
        sessionsMax: 4,
        payloadCharsMax: 4_000,
        payloadDepthMax: 4,
        payloadNodesMax: 150,
        listLengthMax: 2,
      },
    });
    const [ant, bee, cat] = [
      await swarm.register({ agentType: 'pulse', agentId: 'ant' }),
      await swarm.register({ agentType: 'pulse', agentId: 'bee' }),
      await swarm.register({ agentType: 'pulse', agentId: 'cat' }),
    ];
    const refusals: unknown[] = [];
    const tell = (error: { code: string; details: { limit?: string; unit?: string } }): void => {
      refusals.push([error.code, error.details.limit ?? error.details.unit]);
    };
    await swarm.register({ agentType: 'pulse', agentId: 'dog' });
    await swarm.register({ agentType: 'pulse', agentId: 'eel' }).catch(tell);
    await ant.locks.acquire({ resource: 'a', type: 'exclusive' });
    const waits = bee.locks.acquire({ resource: 'a', type: 'exclusive' }).catch(() => null);
    await cat.locks.acquire({ resource: 'a', type: 'exclusive' }).catch(tell);
    await ant.locks.acquire({ resource: 'b', type: 'exclusive' });
    await ant.locks.acquire({ resource: 'c', type: 'exclusive' }).catch(tell);
    await ant.tasks.create({ taskId: 't1', goal: 'g' });
    await ant.tasks.claim();
    await ant.handoffs.request({ taskId: 't1', to: bee.identity, reason: 'r' });
    await ant.handoffs.request({ taskId: 't1', to: bee.identity, reason: 'r' }).catch(tell);
    await ant.tasks.create({ goal: 'x'.repeat(4_001) }).catch(tell);
    await ant.tasks.create({ goal: 'g', metadata: { a: { b: { c: { d: 1 } } } } }).catch(tell);
    await ant.tasks
      .create({ goal: 'g', metadata: { list: Array.from({ length: 160 }, () => 0) } })
      .catch(tell);
    const path = `agents.pulse.${ant.identity.sessionId}.data.list`;
    for (const index of [0, 1]) await ant.update({ path: `${path}[${index}]`, newValue: index });
    await ant.update({ path: `${path}[2]`, newValue: 2 }).catch(tell);
    expect(refusals).toEqual([
      ['LIMIT_EXCEEDED', 'sessionsMax'],
      ['LIMIT_EXCEEDED', 'lockQueueMax'],
      ['LIMIT_EXCEEDED', 'locksPerSessionMax'],
      ['LIMIT_EXCEEDED', 'handoffsMax'],
      ['PAYLOAD_TOO_LARGE', 'characters'],
      ['PAYLOAD_TOO_LARGE', 'levels'],
      ['PAYLOAD_TOO_LARGE', 'values'],
      ['LIMIT_EXCEEDED', 'listLengthMax'],
    ]);
    await ant.stop();
    await clock.advance(0);
    expect(await waits).toMatchObject({ holder: bee.identity });
  });

  test('[I12] a list written whole keeps to listLengthMax too', async () => {
    const { swarm } = await openTestSwarm({ limits: { listLengthMax: 2 } });
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const path = `agents.pulse.${ant.identity.sessionId}.data.list`;
    await expect(ant.update({ path, newValue: [1, 2, 3] })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});

test('a log from when its recording could be turned off, which nothing kept to, opens with it on', async () => {
  const opened = await openTestSwarm();
  await opened.close();
  const features = { ...DEFAULT_CONFIG.features, eventPersistence: false };
  await withLog(opened.directory, async (log) =>
    recordLimits(log, {}, { ...DEFAULT_CONFIG, features }),
  );
  const history = await History.open(opened.directory);
  expect((await history.at()).get('global.config.features.eventPersistence')).toBe(false);
  await history.close();
  const swarm = await opened.open();
  expect(swarm.get('global.config.features.eventPersistence')).toBe(true);
});
