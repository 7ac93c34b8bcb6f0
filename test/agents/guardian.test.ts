/** Guardians over a real swarm: what they see of it, what they write, and when they leave it. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { commandProbe } from '../../src/agents/guardian-probe.ts';
import { HealthWatch, runGuardian, type GuardianOptions } from '../../src/agents/guardian.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { OpenOptions } from '../../src/coordinator/open-options.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import type { SwarmHealth } from '../../src/events/system.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { quiet, until } from '../support/turns.ts';

const SECOND_MS = 1_000;
const forEver = { heartbeatTimeout: 0 };

async function opened(options: OpenOptions = {}) {
  const one = await openTestSwarm(options);
  const { swarm, clock } = one;
  const guard = async (agentId: string) =>
    swarm.register({ agentType: 'guardian', agentId, sessionId: agentId, ...forEver });
  const session = await guard('guard');
  const [ant, bee] = await Promise.all(
    ['ant', 'bee'].map(async (agentId) =>
      swarm.register({ agentType: 'pulse', agentId, sessionId: agentId, ...forEver }),
    ),
  );
  if (ant === undefined || bee === undefined) throw new Error('two came');
  const watch = (more: Partial<GuardianOptions> = {}, own = session) =>
    new HealthWatch(own, { intervalMs: SECOND_MS, clock, ...more });
  return { one, swarm, clock, session, guard, ant, bee, watch };
}

const healthOf = (swarm: Swarm) => swarm.get('global.health') as SwarmHealth;
const alertsOf = (swarm: Swarm) => swarm.events.query({ types: ['system.alert'] });
const ERROR = { code: 'E', message: 'm' };

async function end(session: AgentSession, how: 'complete' | 'fail'): Promise<void> {
  const { id } = await session.tasks.create({ goal: 'g' });
  await session.tasks.claim({ taskId: id, start: true });
  await (how === 'complete' ? session.tasks.complete(id) : session.tasks.fail(id, ERROR));
}

describe('what it sees', () => {
  test('a session in error, with the alert in the same commit; and that it is over, when that holds', async () => {
    const { one, swarm, clock, ant, watch } = await opened();
    const told: SwarmHealth[] = [];
    const guardian = watch({ onHealth: (health) => told.push(health) });
    expect(await guardian.look()).toBeUndefined();
    await ant.fail(ERROR);
    expect(await guardian.look()).toMatchObject({ issues: ['ant is in error'] });
    expect(healthOf(swarm)).toMatchObject({ status: 'degraded' });
    expect(alertsOf(swarm)).toMatchObject([
      { payload: { severity: 'high', summary: 'degraded: ant is in error' } },
    ]);
    await ant.recover();
    for (const look of [1, 2]) {
      expect(await guardian.look(), `calm look ${look}`).toBeUndefined();
    }
    await clock.advance(SECOND_MS);
    const lastCheck = new Date(clock.wallMs()).toISOString();
    expect(await guardian.look()).toEqual({ status: 'healthy', issues: [], lastCheck });
    expect(told.map(({ status }) => status)).toEqual(['degraded', 'healthy']);
    const written = (await one.commits()).filter(({ command }) => command.type === 'state.update');
    expect(written.map(({ facts }) => facts.map(({ type }) => type))).toEqual([
      ['state.updated', 'system.alert'],
      ['state.updated'],
    ]);
  });

  test('what comes and goes raises one alert', async () => {
    const { swarm, ant, watch } = await opened();
    const guardian = watch();
    for (let time = 0; time < 6; time++) {
      await ant.fail(ERROR);
      await guardian.look();
      await ant.recover();
      await guardian.look();
    }
    expect(healthOf(swarm).status).toBe('degraded');
    expect(alertsOf(swarm)).toHaveLength(1);
  });

  test('sessions that bring no task forward', async () => {
    const { swarm, clock, watch } = await opened({ limits: { stalledAfterMs: 5_000 } });
    const cow = await swarm.register({ agentType: 'pulse', agentId: 'cow' });
    const { id } = await cow.tasks.create({ goal: 'g', timeout: 0 });
    await cow.tasks.claim({ taskId: id, start: true });
    await clock.advance(5_000);
    expect(await watch().look()).toMatchObject({
      status: 'critical',
      issues: ['cow brings no task forward'],
    });
  });

  test('who waits for a lock', async () => {
    const { clock, ant, bee, watch } = await opened();
    const query = { resource: 'src/a.ts', type: 'exclusive', ttl: 900_000 } as const;
    const lock = await ant.locks.acquire(query);
    const waiting = bee.locks.acquire({ ...query, timeout: 900_000 });
    await clock.advance(60_000);
    const guardian = watch();
    expect(await guardian.look()).toMatchObject({
      status: 'degraded',
      issues: ['somebody has waited for 60 s or more for the lock on src/a.ts'],
    });
    await clock.advance(540_000);
    expect(await guardian.look()).toMatchObject({ status: 'critical' });
    await ant.locks.release(lock?.id ?? '');
    await waiting;
  });

  test('tasks that fail, over the window since it looks', async () => {
    const { clock, ant, watch } = await opened({ config: { health: { calmLooks: 1 } } });
    for (let task = 0; task < 10; task++) await end(ant, 'fail'); // nobody looked yet
    const guardian = watch();
    expect(await guardian.look()).toBeUndefined();
    for (let task = 0; task < 3; task++) await end(ant, 'complete');
    for (let task = 0; task < 2; task++) await end(ant, 'fail');
    await clock.advance(SECOND_MS);
    expect(await guardian.look()).toMatchObject({
      status: 'degraded',
      issues: ['20 % or more of the tasks that ended in 600 s failed'],
    });
    for (let look = 0; look < 20; look++) {
      await clock.advance(35 * SECOND_MS);
      await guardian.look();
    }
    expect(await guardian.look()).toBeUndefined();
    expect(healthOfSession(ant).status).toBe('healthy'); // what failed is longer ago
  });

  test('the log, of which it is shown', async () => {
    const health = { logWaitingDegraded: 3, logEventsPerSecondDegraded: 4, calmLooks: 1 };
    const { swarm, clock, ant, watch } = await opened({ config: { health } });
    const write = async (value: number) =>
      ant.update({ path: 'agents.pulse.ant.data.note', newValue: value });
    const blind = watch();
    const guardian = watch({ log: swarm });
    expect(await guardian.look()).toBeUndefined();
    const writes = [1, 2, 3].map(write); // folded, and not on the disk
    const looks = [blind.look(), guardian.look()];
    expect((await Promise.all(looks)).map((look) => look?.issues)).toEqual([
      undefined,
      ['3 events or more wait for the disk'],
    ]);
    await Promise.all(writes);
    expect(await guardian.look()).toMatchObject({ status: 'healthy' });
    for (let value = 0; value < 45; value++) await write(value);
    await clock.advance(10 * SECOND_MS);
    expect(await guardian.look()).toMatchObject({
      issues: ['the log grows by 4 events a second or more'],
    });
    await clock.advance(20 * SECOND_MS);
    expect(await guardian.look()).toMatchObject({ status: 'healthy' });
  });

  test('the disk of a directory, or that there is none', async () => {
    const { one, swarm, watch } = await opened();
    const { directory } = one;
    await swarm.update({ path: 'global.config.health', newValue: { diskFreeShareDegraded: 0 } });
    expect(await watch({ directory }).look()).toBeUndefined();
    await swarm.update({
      path: 'global.config.health',
      newValue: { diskFreeShareDegraded: 1, diskFreeShareCritical: 0 },
    });
    expect(await watch({ directory }).look()).toMatchObject({
      status: 'degraded',
      issues: ['less than 100 % of the disk is free'],
    });
    expect(await watch({ directory: join(directory, 'nowhere') }).look()).toMatchObject({
      issues: ['the disk cannot be looked at: ENOENT'],
    });
  });
});

const node = (code: string) => [process.execPath, '-e', code] as const;

async function offline(): Promise<never> {
  throw new Error('no network');
}

describe('a probe', () => {
  test('says what is wrong, each once, beside what the Guardian sees', async () => {
    const { ant, watch } = await opened();
    const said: string[] = ['the build is red', 'the build is red', 'nobody reviews'];
    const guardian = watch({ probe: () => said, calmLooks: 1 });
    await ant.fail(ERROR);
    const issues = ['ant is in error', 'the build is red', 'nobody reviews'];
    expect(await guardian.look()).toMatchObject({ status: 'degraded', issues });
    said.splice(0);
    await ant.recover();
    expect(await guardian.look()).toMatchObject({ status: 'healthy', issues: [] });
  });

  test('says no more than can be written', async () => {
    const { swarm, watch } = await opened();
    const said = Array.from({ length: 2_000 }, (_, at) => `${at} ${'x'.repeat(5_000)}`);
    await watch({ probe: () => said }).look();
    const { issues } = healthOf(swarm);
    expect([issues.length, ...new Set(issues.map(({ length }) => length))]).toEqual([25, 1_000]);
  });

  test('that cannot tell is an issue', async () => {
    const { watch } = await opened();
    const issues = ['the probe cannot tell: no network'];
    expect(await watch({ probe: offline }).look()).toMatchObject({ status: 'degraded', issues });
  });

  test.each([
    ['ends well', node('console.log("all is well")'), []],
    ['fails', node('console.log("a"); console.error("  b  \\n"); process.exit(3)'), ['b']],
    ['fails without a word', node('process.exit(3)'), [/ended with exit status 3$/]],
    ['cannot be started', ['/nowhere/at-all'], [/^the probe cannot tell: .*ENOENT/]],
    ['takes too long', node('setInterval(() => {}, 1000)'), [/cannot tell: .* than 500 ms$/]],
  ] as const)('of a command that %s', async (_name, command, issues) => {
    const { swarm, watch } = await opened();
    const timeoutMs = command.join(' ').includes('setInterval') ? 500 : 20_000;
    await watch({ probe: commandProbe({ command, cwd: tmpdir(), timeoutMs }) }).look();
    const matching = issues.map((one) => expect.stringMatching(one) as string);
    expect(healthOf(swarm).issues).toEqual(matching);
  });

  test('knows for whom it runs; what a look finds that is not wanted any more is not written', async () => {
    const { swarm, watch } = await opened();
    const code =
      'const e = process.env; console.log([e.STIGMERGY_AGENT_ID, e.STIGMERGY_AGENT_TYPE, e.STIGMERGY_SESSION_ID, e.MORE].join()); process.exit(1)';
    const heard: string[] = [];
    const env = { MORE: 'more' };
    const over = new AbortController();
    const onOutput = (text: string) => heard.push(text);
    const probe = commandProbe({ command: node(code), cwd: tmpdir(), env, onOutput });
    expect(await watch({ probe }).look()).toMatchObject({ issues: ['guard,guardian,guard,more'] });
    expect(heard.join('')).toBe('guard,guardian,guard,more\n');
    const { sequence } = swarm;
    const ended = () => {
      over.abort();
      return ['something else'];
    };
    expect(await watch({ probe: ended }).look(over.signal)).toBeUndefined();
    expect(swarm.sequence).toBe(sequence);
  });
});

function healthOfSession(session: AgentSession): SwarmHealth {
  return session.get('global.health') as SwarmHealth;
}

describe('what it writes', () => {
  test('is nothing while nothing changes, but for a sign that it looks', async () => {
    const { swarm, clock, watch } = await opened();
    const told: SwarmHealth[] = [];
    const guardian = watch({ onHealth: (health) => told.push(health) });
    const { sequence } = swarm;
    for (let look = 0; look < 5; look++) await guardian.look();
    expect(swarm.sequence).toBe(sequence);
    await clock.advance(300_000);
    await guardian.look();
    await guardian.look();
    expect(healthOf(swarm)).toEqual({
      status: 'healthy',
      issues: [],
      lastCheck: new Date(clock.wallMs()).toISOString(),
    });
    expect(told).toEqual([]);
    const updates = swarm.events.query({ types: ['state.updated'] });
    expect(updates).toHaveLength(1);
  });

  test('two agree on: the later of two that look at once stands, and one alert is raised', async () => {
    const { one, swarm, ant, guard, watch } = await opened();
    const { directory } = one;
    const guardians = [watch({ directory }), watch({ directory }, await guard('other'))];
    await swarm.update({
      path: 'global.config.health',
      newValue: { diskFreeShareCritical: 0, diskFreeShareDegraded: 0 },
    });
    await ant.fail(ERROR);
    await Promise.all(guardians.map(async (guardian) => guardian.look()));
    const updates = swarm.events.query({ types: ['state.updated'] });
    expect(updates.slice(-2)).toMatchObject([
      { source: { agentType: 'guardian' } },
      { source: { agentType: 'guardian' }, payload: { resolved: 'last-write-wins' } },
    ]);
    expect(alertsOf(swarm)).toHaveLength(1);
    const { sequence } = swarm;
    await Promise.all(guardians.map(async (guardian) => guardian.look()));
    expect(swarm.sequence).toBe(sequence);
    await ant.recover();
    const after = swarm.sequence;
    for (let look = 0; look < 3; look++) {
      for (const guardian of guardians) await guardian.look();
    }
    expect(swarm.sequence).toBe(after + 1); // one of them says that it is over, and the other sees it
    expect(healthOf(swarm).status).toBe('healthy');
  });

  test('goes by the configuration of the moment', async () => {
    const { swarm, ant, watch } = await opened({
      config: { health: { errorShareDegraded: 0.9, errorShareCritical: 1 } },
    });
    const guardian = watch();
    await ant.fail(ERROR);
    expect(await guardian.look()).toBeUndefined();
    const config = { health: { errorShareCritical: 0.1 } };
    await swarm.dispatch({ type: 'system.configure', payload: { config } });
    expect(await guardian.look()).toMatchObject({ status: 'critical' });
  });

  test('is for those who may write it', async () => {
    const { ant, swarm, clock, session } = await opened();
    const options = { intervalMs: SECOND_MS, clock };
    await expect(runGuardian(ant, options)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss' });
    expect(await new HealthWatch(boss, options).look()).toBeUndefined();
    const never = runGuardian(session, { intervalMs: 0 });
    await expect(never).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('at work', () => {
  test('it looks at its interval, shows life, and ends when it is told to', async () => {
    const { swarm, clock, ant } = await opened();
    const session = await swarm.register({ agentType: 'guardian', agentId: 'mortal' });
    const over = new AbortController();
    const told: SwarmHealth[] = [];
    const ended = runGuardian(session, {
      intervalMs: 40_000,
      clock,
      signal: over.signal,
      onHealth: (health) => told.push(health),
    });
    onTestFinished(() => over.abort());
    await quiet(swarm, clock);
    await clock.advance(39_999);
    await quiet(swarm, clock);
    await ant.fail(ERROR);
    expect(told).toEqual([]);
    await clock.advance(1);
    await until(() => told.length === 1, 'the second look');
    expect(session.get(statusOf(session))).toBe('idle');
    over.abort();
    await ended;
    const { sequence } = swarm;
    await clock.advance(600_000);
    const last = swarm.events.query({ types: ['state.updated'] }).at(-1);
    expect(last?.sequence).toBeLessThanOrEqual(sequence);
  });

  test('a lock on the health keeps it from writing for a while, and its end ends it', async () => {
    const { swarm, clock, ant, session } = await opened();
    const told: SwarmHealth[] = [];
    const ended = runGuardian(session, {
      intervalMs: SECOND_MS,
      clock,
      onHealth: (health) => told.push(health),
    });
    ended.catch(() => {}); // awaited below
    const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss', ...forEver });
    const resource = 'state/global/health';
    const lock = await boss.locks.acquire({ resource, type: 'exclusive', ttl: 60_000 });
    await ant.fail(ERROR);
    await clock.advance(2 * SECOND_MS);
    await quiet(swarm, clock);
    expect(told).toEqual([]);
    await boss.locks.release(lock?.id ?? '');
    await clock.advance(SECOND_MS);
    await until(() => told.length === 1, 'the health');
    await session.stop();
    await quiet(swarm, clock);
    await clock.advance(2 * SECOND_MS);
    await expect(ended).rejects.toMatchObject({ code: 'SESSION_OFFLINE' });
  });
});

function statusOf({ identity }: AgentSession): string {
  return `agents.guardian["${identity.sessionId}"].status`;
}
