/** A small swarm is given every command there is; its log then holds every type of event that the catalogue says is emitted. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { CATALOG, type KernelEventType } from '../../src/events/catalog.ts';
import { EventLog } from '../../src/events/log.ts';
import { History } from '../../src/history/history.ts';
import type { Verification } from '../../src/history/verify.ts';
import { openSwarm, type AgentSession, type Swarm } from '../../src/index.ts';
import { COMMANDS, type CommandType } from '../../src/protocol/commands.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { checkReplay, countedIds, liveState, ManualClock } from '../../src/testing/index.ts';
import type { LiveState } from '../../src/testing/index.ts';

const directory = await mkdtemp(join(tmpdir(), 'stigmergy-journey-'));
const clock = new ManualClock();
const ids = countedIds();
const seen = { events: new Set<string>(), commands: new Set<string>() };
let verification: Verification | undefined;
let live: LiveState;

beforeAll(async () => {
  const first = await openSwarm({ directory, clock, ids });
  await workWithTasks(first);
  await runOutOfTime(first);
  await workWithLocks(first);
  await handOver(first);
  await writeDirectly(first);
  await beDenied(first);
  await raiseAlerts(first);
  await hearEvents(first);
  await endSessions(first);
  await makeWay(first);
  await first.close();

  const config = { maxConcurrentAgents: 16 };
  const second = await openSwarm({ directory, clock, ids, config });
  await goSilent(second);
  live = liveState(second);
  await second.close();
  await readBack();
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function registered(
  swarm: Swarm,
  agentId: string,
  agentType: 'pulse' | 'conductor' | 'guardian' = 'pulse',
): Promise<AgentSession> {
  return swarm.register({ agentId, agentType });
}

async function workWithTasks(swarm: Swarm): Promise<void> {
  const conductor = await registered(swarm, 'conductor', 'conductor');
  const pulse = await registered(swarm, 'pulse-1');
  const [done, failed, cancelled, closed, returned] = await Promise.all(
    ['done', 'failed', 'cancelled', 'closed', 'returned'].map(async (goal) =>
      conductor.tasks.create({ goal }),
    ),
  );
  await pulse.tasks.claim({ start: true });
  await pulse.tasks.progress(done?.id ?? '', 50, 'half of it');
  await pulse.tasks.complete(done?.id ?? '', { lines: 12 });
  await conductor.tasks.assign(failed?.id ?? '', pulse.identity);
  await pulse.tasks.start(failed?.id ?? '');
  await pulse.tasks.fail(failed?.id ?? '', { code: 'NOT_READABLE', message: 'the file is gone' });
  await conductor.tasks.cancel(cancelled?.id ?? '', 'no longer needed');
  await conductor.tasks.close(closed?.id ?? '', { reason: 'done by hand' });
  await pulse.tasks.claim({ taskId: returned?.id ?? '' });
  await conductor.tasks.requeue(returned?.id ?? '', 'somebody else is to do it');
}

/** A task runs for too long, and takes with it what depends on it; its result comes too late. */
async function runOutOfTime(swarm: Swarm): Promise<void> {
  const pulse = await registered(swarm, 'pulse-9');
  const { id: slow } = await pulse.tasks.create({ goal: 'slow', timeout: 400 });
  await pulse.tasks.create({ goal: 'after it', dependsOn: [slow] });
  await pulse.tasks.claim({ taskId: slow, start: true });
  await clock.advance(400);
  await expect(pulse.tasks.complete(slow, 'done')).rejects.toMatchObject({ code: 'NOT_HOLDER' });
}

/** A critical task makes way for itself; what a draining session holds is offered; who brings nothing forward is told of. */
async function makeWay(swarm: Swarm): Promise<void> {
  const features = { path: 'global.config.features', merge: true };
  await swarm.update({ ...features, newValue: { preemption: true, autoHandoff: true } });
  const agent = { agentType: 'heartbeat', agentId: 'beat', heartbeatTimeout: 3_600_000 } as const;
  const beat = await swarm.register(agent);
  const { id: slow } = await beat.tasks.create({ goal: 'slow', priority: 'low' });
  const { id: urgent } = await beat.tasks.create({ goal: 'urgent', priority: 'critical' });
  await beat.tasks.claim({ taskId: slow, start: true });
  await beat.tasks.claim({ taskId: urgent, start: true });
  await clock.advance(DEFAULT_LIMITS.stalledAfterMs);
  await beat.drain();
  await beat.tasks.complete(urgent);
  await beat.stop();
  await swarm.dispatch({ type: 'task.cancel', payload: { taskId: slow } });
  await swarm.update({ ...features, newValue: { preemption: false, autoHandoff: false } });
}

async function workWithLocks(swarm: Swarm): Promise<void> {
  const [holder, waiter] = [await registered(swarm, 'pulse-2'), await registered(swarm, 'pulse-3')];
  const query = { resource: 'src/a.ts', type: 'exclusive', ttl: 1_000, timeout: 5_000 } as const;
  const lock = await holder.locks.acquire(query);
  await holder.locks.renew(lock?.id ?? '', 2_000);
  const aborted = new AbortController();
  const given = waiter.locks.acquire({ ...query, signal: aborted.signal });
  await swarm.durable();
  aborted.abort();
  expect(await given).toBeNull();
  const waiting = waiter.locks.acquire(query);
  await clock.advance(2_000);
  const next = await waiting;
  expect(next?.fencingToken).toBeGreaterThan(lock?.fencingToken ?? 0);
  await waiter.locks.release(next?.id ?? '');
  await upgradeLocks(swarm, [holder, waiter]);
}

async function upgradeLocks(
  swarm: Swarm,
  [one, other]: readonly [AgentSession, AgentSession],
): Promise<void> {
  const shared = { resource: 'src/c.ts', type: 'shared' } as const;
  const [first, second] = [await one.locks.acquire(shared), await other.locks.acquire(shared)];
  const upgraded = one.locks.upgrade(first?.id ?? '');
  await other.locks.release(second?.id ?? '');
  expect((await upgraded)?.type).toBe('exclusive');
  await one.locks.downgrade(first?.id ?? '');
  await swarm.locks.forceRelease(first?.id ?? '', 'the journey goes on');
}

async function handOver(swarm: Swarm): Promise<void> {
  const [from, to] = [await registered(swarm, 'pulse-4'), await registered(swarm, 'pulse-5')];
  const { id: taskId } = await from.tasks.create({ goal: 'change hands' });
  await from.tasks.claim({ taskId, start: true });
  const offer = { taskId, to: { agentId: 'pulse-5' }, reason: 'tired', timeout: 500 };
  const declined = await from.handoffs.request(offer);
  await to.handoffs.reject(declined.id, 'busy');
  await from.handoffs.request(offer);
  await clock.advance(500);
  const taken = await from.handoffs.request(offer);
  await to.handoffs.accept(taken.id);
  await to.handoffs.complete(taken.id);
}

async function writeDirectly(swarm: Swarm): Promise<void> {
  const pulse = await registered(swarm, 'pulse-6');
  const path = `agents.pulse.${pulse.identity.sessionId}.data.notes`;
  await pulse.update({ path, newValue: ['first'] });
  await pulse.update({ path: `${path}[1]`, newValue: 'second' });
  await pulse.update({ path, newValue: ['other'] });
  await pulse.updateAll([
    { path, newValue: 'more', append: true },
    { path: `agents.pulse.${pulse.identity.sessionId}.data.draft`, newValue: 'text' },
  ]);
  await pulse.delete({ path: `agents.pulse.${pulse.identity.sessionId}.data.draft` });
}

/** Somebody is denied a write and a read, which is recorded. */
async function beDenied(swarm: Swarm): Promise<void> {
  const pulse = await registered(swarm, 'pulse-10');
  await swarm.update({ path: 'global.config.audit', newValue: { denials: true } });
  const denied = { code: 'FORBIDDEN' };
  const write = pulse.update({ path: 'global.config.defaultPriority', newValue: 'low' });
  await expect(write).rejects.toMatchObject(denied);
  expect(() => pulse.get('secrets')).toThrow(expect.objectContaining(denied));
  await swarm.update({ path: 'global.config.audit', newValue: { denials: false } });
}

/** The swarm is unwell, somebody says so, and it is repaired. */
async function raiseAlerts(swarm: Swarm): Promise<void> {
  const guardian = await swarm.register({ agentType: 'guardian', agentId: 'guard' });
  const path = 'global.health';
  const issues = ['the disk is full'];
  await guardian.update({ path, newValue: { status: 'critical', issues }, merge: true });
  await guardian.raiseAlert({ severity: 'critical', summary: 'nothing can be recorded soon' });
  await swarm.noteMaintenance('a larger disk');
  await guardian.update({ path, newValue: { status: 'healthy', issues: [] }, merge: true });
  await guardian.stop();
}

/** Somebody hears what applications tell; one event is too much for the handler, twice. */
async function hearEvents(swarm: Swarm): Promise<void> {
  const pulse = await registered(swarm, 'pulse-11');
  let fails = true;
  const hears = pulse.events.subscribe(
    { type: 'app.*' },
    () => {
      if (fails) throw new Error('not now');
    },
    { name: 'hears', delivery: 'exactly-once', onError: 'dead-letter' },
  );
  const { deadLetters } = swarm.events;
  pulse.events.emit({ type: 'app.first', payload: { tells: 'something' } });
  pulse.events.emit({ type: 'app.second', payload: null });
  await vi.waitFor(() => expect(deadLetters.list()).toHaveLength(2));
  fails = false;
  const [first, second] = deadLetters.list();
  await deadLetters.retry(first?.id ?? '');
  await vi.waitFor(() => expect(deadLetters.list()).toHaveLength(1));
  await deadLetters.drop(second?.id ?? '', 'nobody needs it');
  pulse.events.emit({ type: 'app.third', payload: [3] });
  await vi.waitFor(() => expect(hears.stats.processed).toBe(2));
  await swarm.dispatch({ type: 'event.emit', payload: { type: 'app.fourth', data: 4 } });
  hears.cancel();
  await swarm.durable();
  await advanceAndRemove(swarm);
}

/** What subscriptions do inside compound commands, done alone. */
async function advanceAndRemove(swarm: Swarm): Promise<void> {
  const { through = 0 } = swarm.events.durableSubscriptions()[0] ?? {};
  const error = { code: 'E', message: 'm' };
  const letter = { subscription: 'hears', eventSequence: 1, attempts: 1, error };
  for (const [type, payload] of [
    ['subscription.advance', { name: 'hears', through: through + 1 }],
    ['deadletter.add', letter],
    ['deadletter.resolve', { letterId: 'hears/1' }],
  ] as const) {
    expect(await swarm.dispatch({ type, payload })).toMatchObject({ ok: true });
  }
  await swarm.events.removeSubscription('hears');
}

async function endSessions(swarm: Swarm): Promise<void> {
  const guardian = await swarm.register({ agentType: 'guardian', agentId: 'g', ready: false });
  await guardian.start();
  await guardian.pause();
  await guardian.resume();
  await guardian.drain();
  await guardian.fail({ code: 'OUT_OF_MEMORY', message: 'too much to watch' });
  await guardian.recover();
  await clock.advance(10_000);
  await guardian.heartbeat();
  const pulse = await registered(swarm, 'pulse-7');
  await pulse.tasks.claim({ start: true });
  await pulse.locks.acquire({ resource: 'src/b.ts', type: 'shared' });
  await pulse.stop('enough');
  await guardian.heartbeat(); // what was due is recorded before a command is decided: the sweep too
}

/** The coordinator stands still, which kills nobody; then the sessions fall silent. */
async function goSilent(swarm: Swarm): Promise<void> {
  const pulse = await registered(swarm, 'pulse-8');
  clock.jump(40_000);
  await pulse.tasks.create({ goal: 'go on after a stall' });
  expect(swarm.get(`agents.pulse.${pulse.identity.sessionId}.status`)).toBe('idle');
  await clock.advance(120_000);
  await swarm.durable();
}

async function readBack(): Promise<void> {
  await using history = await History.open(directory);
  for await (const { type } of history.events()) seen.events.add(type);
  verification = await history.verify();
  await history.close();
  const engine = await openLevelEngine(directory, { create: false });
  for await (const { block } of EventLog.read(engine.database).blocks()) {
    for (const { command } of block.commits) seen.commands.add(command.type);
  }
  await engine.close();
}

describe('the log of the journey', () => {
  const types = Object.keys(CATALOG) as KernelEventType[];

  test.each(types)('%s', (type) => {
    expect(seen.events.has(type)).toBe(CATALOG[type].emitted !== 'planned');
  });

  test.each(Object.keys(COMMANDS) as CommandType[])('%s was recorded', (type) => {
    expect(seen.commands).toContain(type);
  });

  test('every session has ended, and nothing is held any more', () => {
    const { agents, locks } = JSON.parse(live.state) as {
      agents: Record<string, Record<string, { status: string }>>;
      locks: { locks: object };
    };
    const statuses = Object.values(agents).flatMap((ofKind) =>
      Object.values(ofKind).map(({ status }) => status),
    );
    expect(new Set(statuses)).toEqual(new Set(['offline']));
    expect(locks.locks).toEqual({});
  });

  test('[I1] [I6] it verifies, and gives the state that was live', async () => {
    expect(verification).toMatchObject({ ok: true });
    await checkReplay(directory, live);
  });
});
