/** The Heartbeat at work over a real swarm: its checks measure, its commands run, and what it finds is told and kept. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  builtInChecks,
  diskCheck,
  eventLoopCheck,
  loadCheck,
  lockQueuesCheck,
  memoryCheck,
  sessionsCheck,
} from '../../src/agents/built-in-checks.ts';
import type { Check, Found } from '../../src/agents/check.ts';
import { commandCheck, findingsIn } from '../../src/agents/command-check.ts';
import { checkOnce, runHeartbeat } from '../../src/agents/heartbeat.ts';
import { heartbeatData, heartbeatPath } from '../../src/agents/heartbeat-record.ts';
import type { HeartbeatOptions, HeartbeatRound } from '../../src/agents/heartbeat-round.ts';
import { firstDueMs, nextDueMs } from '../../src/agents/heartbeat-schedule.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { Notification } from '../../src/events/state-schemas.ts';
import { openTestSwarm, type TestSwarm } from '../support/open-test-swarm.ts';
import { quiet, until } from '../support/turns.ts';

const MINUTE_MS = 60_000;
const FULL: Found = { priority: 'high', summary: 'full', details: { free: 0 } };

async function opened(limits = {}) {
  const one = await openTestSwarm({ limits });
  const { swarm, clock } = one;
  const session = await swarm.register({ agentType: 'heartbeat', agentId: 'h', sessionId: 'h.1' });
  return { one, swarm, clock, session };
}

/** A check that finds what the test says. */
function finding(type: string, ...found: readonly Found[]): Check & { found: readonly Found[] } {
  return {
    type,
    found,
    measure() {
      return this.found;
    },
  };
}

function failing(type: string, reason: string): Check {
  return {
    type,
    measure: () => {
      throw new Error(reason);
    },
  };
}

/** A check that takes until the test lets it finish. */
class SlowCheck implements Check {
  readonly type = 'slow';
  readonly timeoutMs: number;
  finish: (() => void) | undefined;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  async measure(): Promise<readonly Found[]> {
    return new Promise((resolve) => {
      this.finish = () => resolve([]);
    });
  }

  async begun(): Promise<void> {
    await until(() => this.finish !== undefined, 'the slow check');
  }
}

/** Runs until the test is over; the rounds that were done. */
function running(
  { one, session }: { readonly one: TestSwarm; readonly session: AgentSession },
  options: Omit<HeartbeatOptions, 'intervalMs'>,
) {
  const over = new AbortController();
  const rounds: HeartbeatRound[] = [];
  const ended = runHeartbeat(session, {
    intervalMs: MINUTE_MS,
    clock: one.clock,
    signal: over.signal,
    onRound: (round) => rounds.push(round),
    ...options,
  });
  const stop = async () => {
    over.abort();
    await ended;
  };
  onTestFinished(async () => stop().catch(() => {}));
  ended.catch(() => {}); // told by whoever waits for it
  const round = async (count: number) => {
    await until(() => rounds.length >= count, `round ${count}`);
    await quiet(one.swarm, one.clock);
    expect(rounds).toHaveLength(count);
  };
  return { rounds, round, stop, ended };
}

const deliver = () => {};
const iso = (ms: number) => new Date(ms).toISOString();

describe('what is built in', () => {
  test('measures, and finds nothing wrong with a machine that has room', async () => {
    const { session, one, clock } = await opened();
    const checks = [
      diskCheck({ directory: one.directory, freeShareMin: 0 }),
      memoryCheck({ freeShareMin: 0 }),
      eventLoopCheck({ delayMsMax: 60_000 }),
      loadCheck({ perCpuMax: 10_000 }),
      sessionsCheck(),
      lockQueuesCheck(),
    ];
    const { checks: run } = await checkOnce(session, { checks, intervalMs: MINUTE_MS, clock });
    for (const check of checks) await check.close?.();
    expect(run.map(({ type, status, findings }) => [type, status, findings])).toEqual(
      ['disk', 'memory', 'event-loop', 'load', 'sessions', 'lock-queues'].map((type) => [
        type,
        'success',
        0,
      ]),
    );
    expect(heartbeatData(session).checks).toEqual(run);
  });

  test('finds what is beyond a limit, with what it measured', async () => {
    const { session, one, clock } = await opened();
    const loop = eventLoopCheck({ delayMsMax: 0 });
    const checks = [
      diskCheck({ directory: one.directory, freeShareMin: 1.1 }),
      memoryCheck({ freeShareMin: 1.1 }),
      loop,
      loadCheck({ perCpuMax: -1 }),
    ];
    await new Promise((resolve) => setTimeout(resolve, 50)); // for timers of the loop to be late
    const { findings } = await checkOnce(session, { checks, intervalMs: MINUTE_MS, clock });
    await loop.close?.();
    const details = new Map(findings.map((one_) => [one_.type, one_.details]));
    expect([...details.keys()]).toEqual(['disk', 'memory', 'event-loop', 'load']);
    expect(details.get('disk')?.['freeBytes']).toBeGreaterThan(0);
    expect(details.get('memory')?.['totalBytes']).toBeGreaterThan(1e6);
    expect(details.get('event-loop')?.['delayMs']).toBeGreaterThan(0);
    expect(details.get('load')?.['cpus']).toBeGreaterThan(0);
  });

  test('sees silent and failed sessions, and queues in front of locks', async () => {
    const { session, swarm, clock } = await opened({ heartbeatTimeoutMs: 5_000, graceMs: 600_000 });
    const silent = { heartbeatTimeout: 0 };
    const [ant, bee, cow] = await Promise.all(
      ['ant', 'bee', 'cow'].map(async (agentId) =>
        swarm.register({ agentType: 'pulse', agentId, sessionId: agentId, ...silent }),
      ),
    );
    await swarm.register({ agentType: 'pulse', agentId: 'dead' });
    await cow?.fail({ code: 'E', message: 'm' });
    const lock = await ant?.locks.acquire({ resource: 'r', type: 'exclusive', ttl: MINUTE_MS });
    const waiting = bee?.locks.acquire({ resource: 'r', type: 'exclusive', timeout: 50_000 });
    await clock.advance(40_000);
    const checks = [sessionsCheck(), lockQueuesCheck({ queueMax: 0 })];
    const { findings } = await checkOnce(session, { checks, intervalMs: MINUTE_MS, clock });
    expect(findings.map(({ summary }) => summary)).toEqual([
      'cow is in error',
      'dead is silent',
      'more than 0 requests wait for the lock on r',
      'somebody has waited for the lock on r for more than 30000 ms',
    ]);
    expect(findings[2]?.details).toEqual({ resource: 'r', waiting: 1, waitMs: 40_000 });
    await ant?.locks.release(lock?.id ?? '');
    await waiting;
  });

  test('all of them have different types', async () => {
    const checks = builtInChecks({ directory: tmpdir() });
    for (const check of checks) await check.close?.();
    expect(new Set(checks.map(({ type }) => type)).size).toBe(checks.length);
  });
});

const node = (code: string) => [process.execPath, '-e', code] as const;

async function checkBy(command: readonly [string, ...string[]], timeoutMs = 20_000) {
  const { session, clock } = await opened();
  const cwd = await mkdtemp(join(tmpdir(), 'stigmergy-check-'));
  onTestFinished(async () => rm(cwd, { recursive: true }));
  const checks = [commandCheck({ type: 'own', command, cwd, timeoutMs })];
  return checkOnce(session, { checks, intervalMs: MINUTE_MS, clock });
}

describe('a command', () => {
  test('that ends well finds nothing; each of its lines finds something', async () => {
    expect(await checkBy(node('console.log("all is well")'))).toMatchObject({
      checks: [{ type: 'own', status: 'success', findings: 0 }],
    });
    const lines = [
      'FINDING: critical: a: b',
      'no FINDING: low: c',
      'FINDING: odd: d',
      'FINDING: e',
    ];
    const code = `console.error(${JSON.stringify(lines.join('\n'))}); process.exit(3)`;
    const { findings } = await checkBy(node(code));
    expect(findings.map(({ priority, summary }) => [priority, summary])).toEqual([
      ['critical', 'a: b'],
      ['normal', 'odd: d'],
      ['normal', 'e'],
    ]);
  });

  test('whose exit status is not 0 finds that, with its last words', async () => {
    const { checks, findings } = await checkBy(node('console.log("words"); process.exit(7)'));
    expect(checks).toMatchObject([{ status: 'success', findings: 1 }]);
    expect(findings).toMatchObject([
      { priority: 'high', details: { exitCode: 7, output: 'words\n' } },
    ]);
  });

  test('is heard while it runs, and runs no more when its check is closed', async () => {
    const { session, clock } = await opened();
    const over = new AbortController();
    const heard: string[] = [];
    const code =
      'process.on("SIGTERM", () => setTimeout(process.exit, 300)); console.log(process.pid); setInterval(() => {}, 1000)';
    const check = commandCheck({
      type: 'own',
      command: node(code),
      cwd: tmpdir(),
      onOutput(text) {
        heard.push(text);
        over.abort();
      },
    });
    const options = { checks: [check], intervalMs: MINUTE_MS, clock, signal: over.signal };
    expect(await checkOnce(session, options)).toMatchObject({ checks: [] });
    const isThere = () => process.kill(Number(heard.join('')), 0);
    await check.close?.(); // the command takes a while to end
    expect(isThere).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  });

  test('knows for whom it runs', async () => {
    const code =
      'const e = process.env; console.log("FINDING: low: " + [e.STIGMERGY_AGENT_ID, e.STIGMERGY_AGENT_TYPE, e.STIGMERGY_SESSION_ID, e.STIGMERGY_CHECK].join())';
    const { findings } = await checkBy(node(code));
    expect(findings[0]?.summary).toBe('h,heartbeat,h.1,own');
  });

  test.each([
    ['cannot be started', ['/nowhere/at-all'], 20_000],
    ['is ended by a signal', node('process.kill(process.pid, "SIGKILL")'), 20_000],
    ['takes too long', node('setInterval(() => {}, 1000)'), 300],
  ] as const)('that %s has failed', async (_name, command, timeoutMs) => {
    const { checks, findings } = await checkBy(command as readonly [string], timeoutMs);
    expect(checks).toMatchObject([{ status: 'failed', findings: 1 }]);
    expect(findings).toMatchObject([{ type: 'own', summary: 'the check own failed' }]);
    expect(findings[0]?.details['reason']).not.toBe('');
  });

  test('no output keeps it busy', () => {
    const hostile = `FINDING:${' '.repeat(100_000)}\nFINDING: ${'high:'.repeat(50_000)}`;
    expect(findingsIn(hostile)).toHaveLength(1);
  });
});

describe('what is written', () => {
  test('of a check is one commit: the check, its findings, who is to be told', async () => {
    const { session, one, clock } = await opened();
    const checks = [finding('disk', FULL, { priority: 'low', summary: 'slow' })];
    const { findings } = await checkOnce(session, { checks, intervalMs: MINUTE_MS, clock });
    const data = heartbeatData(session);
    const now = iso(clock.wallMs());
    expect(data).toMatchObject({
      checkInterval: MINUTE_MS,
      lastCheck: now,
      targets: { custom: ['disk'], email: false },
      checks: [{ type: 'disk', status: 'success', findings: 2, timestamp: now }],
      findings: [
        { type: 'disk', ...FULL, notified: false, timestamp: now },
        { type: 'disk', priority: 'low', summary: 'slow', details: {} },
      ],
      pendingNotifications: [
        { findingId: findings[0]?.id, priority: 'high', summary: 'full', deliveredAt: null },
        { findingId: findings[1]?.id, priority: 'low', summary: 'slow', createdAt: now },
      ],
    });
    const last = (await one.commits()).at(-1);
    expect(last?.command.type).toBe('state.batch');
    expect(last?.facts.map(({ payload }) => (payload as { path: string }).path)).toEqual([
      `${heartbeatPathOf(session)}.lastCheck`,
      `${heartbeatPathOf(session)}.checks[0]`,
      `${heartbeatPathOf(session)}.findings[0]`,
      `${heartbeatPathOf(session)}.pendingNotifications[0]`,
      `${heartbeatPathOf(session)}.findings[1]`,
      `${heartbeatPathOf(session)}.pendingNotifications[1]`,
      `${heartbeatPathOf(session)}.openFindings`,
    ]);
  });

  test('of a check that throws, or takes too long, is that it failed, and why', async () => {
    const { session, clock } = await opened();
    const slow = new SlowCheck(5_000);
    const checks = [failing('odd', 'no such device'), slow, finding('disk', FULL)];
    const once = checkOnce(session, { checks, intervalMs: MINUTE_MS, clock });
    await slow.begun();
    await clock.advance(5_000);
    const { checks: run, findings } = await once;
    expect(run.map(({ status }) => status)).toEqual(['failed', 'failed', 'success']);
    expect(findings.map(({ details }) => details)).toEqual([
      { reason: 'no such device' },
      { reason: 'it took longer than 5000 ms' },
      { free: 0 },
    ]);
    expect(run[1]?.duration).toBe(5_000);
  });

  test('of findings that are no JSON is that the check failed', async () => {
    const { session, clock } = await opened();
    const bad = { ...FULL, details: { free: Number.NaN } };
    const round = await checkOnce(session, {
      checks: [finding('disk', bad), finding('next', FULL)],
      intervalMs: MINUTE_MS,
      clock,
    });
    expect(round.checks.map(({ status }) => status)).toEqual(['failed', 'success']);
  });

  test('of very many findings is bounded, and the same twice is one', async () => {
    const { session, clock } = await opened();
    const many = Array.from({ length: 90 }, (_, at): Found => {
      return { priority: at === 80 ? 'critical' : 'low', summary: `wrong ${at % 60}` };
    });
    const { findings } = await checkOnce(session, {
      checks: [finding('many', ...many)],
      intervalMs: MINUTE_MS,
      clock,
    });
    expect(findings).toHaveLength(25);
    expect(findings.at(-1)).toMatchObject({ details: { more: 36 } });
    expect(heartbeatData(session).pendingNotifications).toHaveLength(25);
  });

  test('of the targets that nothing measures is that they were skipped', async () => {
    const { session, clock } = await opened();
    const options = { checks: [finding('email', FULL)], intervalMs: MINUTE_MS, clock };
    const targets = { calendar: true, weather: false };
    const { checks } = await checkOnce(session, { ...options, targets });
    expect(checks.map(({ type, status, duration }) => [type, status, duration])).toEqual([
      ['email', 'success', 0],
      ['calendar', 'skipped', 0],
    ]);
    expect(heartbeatData(session).targets).toEqual({
      email: true,
      calendar: true,
      weather: false,
      mentions: false,
      custom: [],
    });
    // Whoever may write the targets says what is watched.
    await session.update({ path: `${heartbeatPath(session)}.targets.mentions`, newValue: true });
    const next = await checkOnce(session, options);
    expect(next.checks.map(({ type }) => type)).toEqual(['email', 'calendar', 'mentions']);
  });
});

function heartbeatPathOf({ identity }: AgentSession): string {
  return `agents.heartbeat["${identity.sessionId}"].data`;
}

describe('what is told', () => {
  test('is marked when it was delivered', async () => {
    const { session, clock } = await opened();
    const told: [Notification, string | undefined][] = [];
    const { delivered } = await checkOnce(session, {
      checks: [finding('disk', FULL)],
      intervalMs: MINUTE_MS,
      clock,
      deliver: (notification, { finding: about }) => {
        told.push([notification, about?.type]);
      },
    });
    expect(told).toEqual([[delivered[0], 'disk']]);
    expect(heartbeatData(session)).toMatchObject({
      findings: [{ notified: true }],
      pendingNotifications: [{ deliveredAt: iso(clock.wallMs()) }],
    });
  });

  test('stays pending when the delivery fails, and is tried again, others first or not', async () => {
    const { session, clock } = await opened();
    const checks = [finding('disk', FULL, { priority: 'low', summary: 'slow' })];
    const isDown = new Set(['full']);
    const options: HeartbeatOptions = {
      checks,
      intervalMs: MINUTE_MS,
      clock,
      deliver: async ({ summary }) => {
        if (isDown.has(summary)) throw new Error('no route');
      },
    };
    const first = await checkOnce(session, options);
    expect(first.delivered.map(({ summary }) => summary)).toEqual(['slow']);
    expect(first.failed).toMatchObject([{ notification: { summary: 'full' }, reason: 'no route' }]);
    isDown.clear();
    const second = await checkOnce(session, options);
    expect(second.findings).toEqual([]);
    expect(second.delivered.map(({ summary }) => summary)).toEqual(['full']);
    expect(heartbeatData(session).findings.map(({ notified }) => notified)).toEqual([true, true]);
  });

  test('waits for the next round when whoever delivers is down, or hangs', async () => {
    const { session, clock } = await opened();
    const found = [1, 2, 3, 4, 5].map((at): Found => ({ priority: 'low', summary: `${at}` }));
    let attempts = 0;
    const once = checkOnce(session, {
      checks: [finding('many', ...found)],
      intervalMs: MINUTE_MS,
      clock,
      deliveryTimeoutMs: 1_000,
      deliver: async () => {
        attempts += 1;
        return new Promise<void>(() => {});
      },
    });
    for (const attempt of [1, 2, 3]) {
      await until(() => attempts === attempt, `attempt ${attempt}`);
      await clock.advance(1_000);
    }
    const { failed, delivered } = await once;
    expect([failed.length, delivered.length, attempts]).toEqual([3, 0, 3]);
  });

  test('is what is new: not what is pending, nor what has not gone away, also after a restart', async () => {
    const { one, session, clock } = await opened();
    const disk = finding('disk', FULL);
    const options = { checks: [disk], intervalMs: MINUTE_MS, clock };
    const found = async (own: AgentSession, more: Partial<HeartbeatOptions> = {}) =>
      (await checkOnce(own, { ...options, ...more })).findings.length;
    expect(await found(session)).toBe(1);
    expect(await found(session)).toBe(0); // nobody was told of it yet
    disk.found = [];
    expect(await found(session)).toBe(0);
    disk.found = [FULL];
    expect(await found(session)).toBe(0); // it came back, and still nobody was told
    expect(await found(session, { deliver })).toBe(0); // now somebody is
    expect(await found(session, { deliver })).toBe(0); // it has not gone away
    const swarm = await one.reopen();
    const again = swarm.session(session.identity);
    expect(await found(again, { deliver })).toBe(0);
    const broken = { checks: [failing('disk', 'broken')] };
    expect(await found(again, { ...broken, deliver })).toBe(1); // that it failed
    expect(await found(again, { deliver })).toBe(0); // a check that failed does not say that it went away
    disk.found = [];
    expect(await found(again, { deliver })).toBe(0);
    disk.found = [FULL];
    expect(await found(again, { deliver })).toBe(1); // it had gone away
    expect(heartbeatData(again).findings).toHaveLength(3);
  });
});

describe('when it checks', () => {
  test('is at once and then at its interval, and the state says when next', async () => {
    const at = await opened();
    const { session, clock, swarm } = at;
    const startMs = clock.wallMs();
    const { round, rounds } = running(at, { checks: [finding('disk')] });
    await round(1);
    expect(heartbeatData(session)).toMatchObject({
      checkInterval: MINUTE_MS,
      lastCheck: iso(startMs),
      nextCheck: iso(startMs + MINUTE_MS),
    });
    await clock.advance(MINUTE_MS - 1);
    await quiet(swarm, clock);
    expect(rounds).toHaveLength(1);
    await clock.advance(1);
    await round(2);
    expect(heartbeatData(session).nextCheck).toBe(iso(startMs + 2 * MINUTE_MS));
  });

  test('after a stall is once, and then at the interval from there', async () => {
    const at = await opened();
    const { session, clock } = at;
    const { round } = running(at, { checks: [finding('disk')] });
    await round(1);
    clock.jump(10.5 * MINUTE_MS);
    await clock.advance(0);
    await round(2);
    expect(heartbeatData(session).nextCheck).toBe(iso(clock.wallMs() + MINUTE_MS));
    await clock.advance(MINUTE_MS);
    await round(3);
  });

  test('a session that is bound again goes on with its own time; what is overdue is checked once', async () => {
    const at = await opened({ heartbeatTimeoutMs: 10_000_000 });
    const { one, session, clock } = at;
    const first = running(at, { checks: [finding('disk')] });
    await first.round(1);
    const due = clock.wallMs() + MINUTE_MS;
    await first.stop();
    const early = await one.reopen({ afterMs: MINUTE_MS / 2 });
    const second = running(
      { one, session: early.session(session.identity) },
      {
        checks: [finding('disk')],
      },
    );
    await quiet(early, clock);
    await clock.advance(MINUTE_MS / 2 - 1);
    await quiet(early, clock);
    expect(second.rounds).toHaveLength(0);
    await clock.advance(1);
    await second.round(1);
    expect(clock.wallMs()).toBe(due);
    await second.stop();
    const late = await one.reopen({ afterMs: 7.25 * MINUTE_MS });
    const own = late.session(session.identity);
    const third = running({ one, session: own }, { checks: [finding('disk')] });
    await third.round(1);
    expect(heartbeatData(own).nextCheck).toBe(iso(clock.wallMs() + MINUTE_MS));
    await third.stop();
  });

  test('it shows life between two rounds that are far apart', async () => {
    const at = await opened();
    const { swarm, clock } = at;
    const own = 'agents.heartbeat["h.1"]';
    const { round, stop } = running(at, { checks: [finding('disk')] });
    await round(1);
    await clock.advance(50_000); // the deadline is at 30 s
    await quiet(swarm, clock);
    expect(swarm.get(`${own}.status`)).toBe('idle');
    await stop();
    await clock.advance(50_000);
    expect(swarm.get(`${own}.status`)).toBe('offline');
  });

  test('a check that takes longer than the interval passes rounds over', async () => {
    const at = await opened();
    const { session, clock } = at;
    const slow = new SlowCheck(10 * MINUTE_MS);
    const startMs = clock.wallMs();
    const { round, stop } = running(at, { checks: [slow] });
    await slow.begun();
    await clock.advance(2.5 * MINUTE_MS);
    slow.finish?.();
    await round(1);
    expect(heartbeatData(session)).toMatchObject({
      lastCheck: iso(startMs),
      nextCheck: iso(startMs + 3 * MINUTE_MS),
      checks: [{ duration: 2.5 * MINUTE_MS }],
    });
    await stop();
  });

  test('what is cancelled is not recorded', async () => {
    const at = await opened();
    const slow = new SlowCheck(MINUTE_MS);
    const { stop, rounds } = running(at, { checks: [slow], deliver });
    await slow.begun();
    await stop();
    expect(heartbeatData(at.session).checks).toEqual([]);
    expect(rounds).toMatchObject([{ checks: [] }]);
  });

  test('by its rules alone: never two in a burst, and never out of rhythm', () => {
    const ms = fc.integer({ min: 0, max: 1_000_000 });
    const interval = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(ms, ms, ms, interval, (dueMs, lateMs, tookMs, intervalMs) => {
        const firedMs = dueMs + lateMs;
        const endedMs = firedMs + tookMs;
        const next = nextDueMs({ dueMs, firedMs, endedMs, intervalMs });
        expect(next).toBeGreaterThan(endedMs);
        expect(next).toBeLessThanOrEqual(endedMs + intervalMs);
        const fromMs = lateMs < intervalMs ? dueMs : firedMs;
        expect((next - fromMs) % intervalMs).toBe(0);
        const first = firstDueMs({ nextCheckMs: dueMs, nowMs: firedMs, intervalMs });
        expect(first).toBe(firedMs);
        const sooner = firstDueMs({ nextCheckMs: endedMs, nowMs: firedMs, intervalMs });
        expect(sooner).toBe(Math.min(endedMs, firedMs + intervalMs));
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });
});

describe('it ends', () => {
  test('when its session has ended', async () => {
    const at = await opened();
    const { round, ended } = running(at, { checks: [] });
    await round(1);
    await at.session.stop();
    await at.clock.advance(2_000);
    await expect(ended).rejects.toMatchObject({ code: 'SESSION_OFFLINE' });
  });

  test('and gives back what its checks keep', async () => {
    const at = await opened();
    let closed = 0;
    const close = () => {
      closed += 1;
    };
    const keeps = { ...finding('keeps'), close };
    const { round, stop } = running(at, { checks: [keeps] });
    await round(1);
    await stop();
    expect(closed).toBe(1);
  });

  test('not when a lock is in its way for a while', async () => {
    const at = await opened();
    const { swarm, clock, session } = at;
    const { round, rounds } = running(at, { checks: [finding('disk', FULL)] });
    await round(1);
    const boss = await swarm.register({
      agentType: 'conductor',
      agentId: 'boss',
      heartbeatTimeout: 0,
    });
    const resource = 'state/agents/heartbeat/**';
    const lock = await boss.locks.acquire({ resource, type: 'exclusive', ttl: 10 * MINUTE_MS });
    await clock.advance(MINUTE_MS);
    await quiet(swarm, clock);
    expect(rounds).toHaveLength(1);
    await boss.locks.release(lock?.id ?? '');
    await clock.advance(MINUTE_MS);
    await round(2);
    expect(heartbeatData(session).checks).toHaveLength(2);
  });

  test('before it begins, when it cannot be meant', async () => {
    const { swarm, session } = await opened();
    const pulse = await swarm.register({ agentType: 'pulse', agentId: 'p' });
    const options = { checks: [], intervalMs: MINUTE_MS };
    await expect(runHeartbeat(pulse, options)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    for (const intervalMs of [0, -1, 1.5, Number.NaN]) {
      const run = runHeartbeat(session, { checks: [], intervalMs });
      await expect(run).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    }
    const twice = { checks: [finding('a'), finding('a')], intervalMs: MINUTE_MS };
    await expect(checkOnce(session, twice)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('the type a twice') as string,
    });
  });
});
