/** I9: expiry is an event; overdue ones fire once; a stall of ours, or a time closed, kills nobody. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { eventTypes, openTestSwarm, statusOf } from '../support/open-test-swarm.ts';

const { heartbeatTimeoutMs, graceMs, stallMs } = DEFAULT_LIMITS;

describe('expiry is an event', () => {
  test('[I9] of a lock, a request, a handoff and a session, each at its own moment', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId });
    await ant.handoffs.request({ taskId, to: { agentType: 'pulse' }, reason: 'r', timeout: 7_000 });
    await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 5_000 });
    const waits = bee.locks.acquire({ resource: 'a', type: 'exclusive', timeout: 3_000 });
    const before = swarm.sequence;
    const startMs = clock.wallMs();
    await clock.advance(heartbeatTimeoutMs);
    expect(await waits).toBeNull();
    const expired = swarm.state.events.events.filter(({ sequence }) => sequence > before);
    expect(expired.map(({ type, timestamp }) => [type, Date.parse(timestamp) - startMs])).toEqual([
      ['lock.abandoned', 3_000],
      ['lock.expired', 5_000],
      ['handoff.expired', 7_000],
      ['agent.errored', heartbeatTimeoutMs],
      ['agent.health_changed', heartbeatTimeoutMs],
      ['agent.errored', heartbeatTimeoutMs],
      ['agent.health_changed', heartbeatTimeoutMs],
    ]);
    for (const { source } of expired) expect(source.agentType).toBe('system');
  });

  test('[I9] what is due is recorded before a command is decided, also when no timer has fired', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const lock = await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 500 });
    clock.jump(500);
    const before = swarm.sequence;
    await expect(ant.locks.renew(lock?.id ?? '')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(eventTypes(swarm, before)).toEqual(['lock.expired']);
    expect(
      await bee.locks.acquire({ resource: 'a', type: 'exclusive', timeout: 0 }),
    ).not.toBeNull();
  });

  test('[I9] a renewal moves the deadline, to earlier too', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const lock = await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 2_000 });
    await clock.advance(1_500);
    await ant.locks.renew(lock?.id ?? '', 2_000);
    await clock.advance(1_999);
    expect(Object.keys(swarm.state.locks.locks)).toEqual([lock?.id]);
    await ant.locks.renew(lock?.id ?? '', 9_000);
    await ant.locks.renew(lock?.id ?? '', 100);
    await clock.advance(99);
    expect(Object.keys(swarm.state.locks.locks)).toEqual([lock?.id]);
    await clock.advance(1);
    expect(swarm.state.locks.locks).toEqual({});
    const before = swarm.sequence;
    await clock.advance(10_000);
    expect(eventTypes(swarm, before)).toEqual([]);
  });
});

test('[I9] a shorter deadline than before holds from now on', async () => {
  const { swarm, clock } = await openTestSwarm();
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
  const limits = { ...DEFAULT_LIMITS, heartbeatTimeoutMs: 4_000 };
  const payload = { config: swarm.state.global.config, limits };
  expect(await swarm.dispatch({ type: 'system.configure', payload })).toMatchObject({ ok: true });
  await clock.advance(3_999);
  expect(statusOf(swarm, ant.identity)).toBe('idle');
  await clock.advance(1);
  expect(statusOf(swarm, ant.identity)).toBe('error');
});

describe('reopening', () => {
  test('[I9] locks and handoffs run out over a restart, once', async () => {
    const opened = await openTestSwarm();
    const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId });
    await ant.handoffs.request({ taskId, to: { agentType: 'pulse' }, reason: 'r', timeout: 4_000 });
    await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 5_000 });
    const before = opened.swarm.sequence;
    const swarm = await opened.reopen({ afterMs: 60_000 });
    await swarm.durable();
    expect(eventTypes(swarm, before)).toEqual([
      'system.resumed',
      'handoff.expired',
      'lock.expired',
    ]);
    expect(swarm.state.locks.locks).toEqual({});
    const again = await opened.reopen({ afterMs: 60_000 });
    expect(eventTypes(again, before).filter((type) => type.endsWith('expired'))).toEqual([
      'handoff.expired',
      'lock.expired',
    ]);
  });

  test('[I9] what was not due yet keeps its absolute time', async () => {
    const opened = await openTestSwarm();
    const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 5_000 });
    const swarm = await opened.reopen({ afterMs: 3_000 });
    await opened.clock.advance(1_999);
    expect(Object.keys(swarm.state.locks.locks)).toHaveLength(1);
    await opened.clock.advance(1);
    expect(Object.keys(swarm.state.locks.locks)).toHaveLength(0);
  });

  test('[I9] extends the deadlines of sessions by the time closed: nobody dies of it, in whatever state', async () => {
    const opened = await openTestSwarm();
    const well = await opened.swarm.register({ agentType: 'pulse', agentId: 'well' });
    const ill = await opened.swarm.register({ agentType: 'pulse', agentId: 'ill' });
    await ill.fail({ code: 'E', message: 'm' });
    await opened.clock.advance(5_000);
    await well.tasks.create({ goal: 'g' });
    const before = opened.swarm.sequence;
    const swarm = await opened.reopen({ afterMs: 3_600_000 });
    expect(eventTypes(swarm, before)).toEqual(['system.resumed']);
    expect([statusOf(swarm, well.identity), statusOf(swarm, ill.identity)]).toEqual([
      'idle',
      'error',
    ]);
    await opened.clock.advance(graceMs - 5_001);
    expect(statusOf(swarm, ill.identity)).toBe('error');
    await opened.clock.advance(1);
    expect(statusOf(swarm, ill.identity)).toBe('offline');
    await opened.clock.advance(heartbeatTimeoutMs - graceMs + 5_000 - 1);
    expect(statusOf(swarm, well.identity)).toBe('idle');
    await opened.clock.advance(1);
    expect(statusOf(swarm, well.identity)).toBe('error');
  });

  test('[I5] time never goes back, also when the wall clock was set back while closed', async () => {
    const opened = await openTestSwarm();
    await opened.clock.advance(50_000);
    await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await opened.close();
    opened.clock.setWallMs(Date.UTC(2020, 0, 1));
    const swarm = await opened.open();
    await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const times = swarm.state.events.events.map(({ timestamp }) => timestamp);
    expect(times).toEqual(times.toSorted());
    expect(times.at(-1)).toBe(new Date(Date.UTC(2026, 0, 1) + 50_000).toISOString());
  });
});

describe('a stall', () => {
  test('[I9] kills nobody: a timer that fires late extends the deadlines of sessions by the gap', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const before = swarm.sequence;
    clock.jump(3_600_000);
    await clock.advance(0);
    expect(eventTypes(swarm, before)).toEqual(['system.stalled']);
    expect(swarm.state.events.events.at(-1)?.payload).toEqual({ gapMs: 3_600_000 });
    expect(statusOf(swarm, ant.identity)).toBe('idle');
    await clock.advance(heartbeatTimeoutMs - 1);
    expect(statusOf(swarm, ant.identity)).toBe('idle');
    await clock.advance(1);
    expect(statusOf(swarm, ant.identity)).toBe('error');
  });

  test('[I9] is recorded once, however many commands wait when it is over', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const before = swarm.sequence;
    clock.jump(3_600_000);
    await Promise.all([1, 2, 3].map(() => ant.tasks.create({ goal: 'g' })));
    await clock.advance(0);
    expect(eventTypes(swarm, before)).toEqual([
      'system.stalled',
      'task.created',
      'task.created',
      'task.created',
    ]);
  });

  test('[I9] a timer that is late by no more than stallMs is none', async () => {
    const { swarm, clock } = await openTestSwarm();
    await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await clock.advance(10);
    const before = swarm.sequence;
    clock.jump(stallMs);
    await clock.advance(0);
    expect(eventTypes(swarm, before)).toEqual([]);
  });

  test('[I9] leases do run out in it', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 5_000 });
    clock.jump(3_600_000);
    await clock.advance(0);
    expect(eventTypes(swarm).slice(-2)).toEqual(['system.stalled', 'lock.expired']);
    expect(statusOf(swarm, ant.identity)).toBe('idle');
  });
});

/** Every look at the clock takes a millisecond: what lasts long is seen to. */
class SlowClock extends ManualClock {
  override monotonicMs(): number {
    this.jump(1);
    return super.monotonicMs();
  }
}

test('[I5] recorded times never go back, although deciding takes time', async () => {
  const clock = new SlowClock();
  const opened = await openTestSwarm({ clock });
  const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
  for (let count = 0; count < 5; count++)
    await ant.locks.acquire({ resource: `r${count}`, type: 'shared', ttl: 100 });
  clock.jump(200);
  await ant.tasks.create({ goal: 'g' });
  const times = (await opened.commits()).map(({ command }) => command.timeMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

describe('a swarm in which nothing runs out', () => {
  test('arms no timer, and needs no look at the clock', async () => {
    const { swarm, clock } = await openTestSwarm();
    expect(clock.pending).toBe(0);
    const ant = await swarm.register({
      agentType: 'pulse',
      agentId: 'ant',
      heartbeatTimeout: 0,
    });
    const { id } = await ant.tasks.create({ goal: 'g', timeout: 0 });
    await ant.tasks.claim({ taskId: id, start: true });
    expect(clock.pending).toBe(0);
    const { sequence } = swarm;
    clock.jump(7 * 86_400_000);
    await clock.advance(86_400_000);
    await ant.tasks.progress(id, 50);
    expect(eventTypes(swarm, sequence)).toEqual(['task.progress']);
  });

  test('arms one when something begins to run out, and none when that is over', async () => {
    const { swarm, clock } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', heartbeatTimeout: 0 });
    await ant.locks.acquire({ resource: 'a', type: 'exclusive', ttl: 5_000 });
    expect(clock.pending).toBe(1);
    await clock.advance(5_000);
    expect(clock.pending).toBe(0);
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    expect(clock.pending).toBe(1);
    await bee.stop();
    await clock.advance(stallMs);
    expect(clock.pending).toBe(0);
  });
});

test('a closed swarm leaves no timer behind', async () => {
  const opened = await openTestSwarm();
  await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
  expect(opened.clock.pending).toBe(1);
  await opened.close();
  expect(opened.clock.pending).toBe(0);
});
