/** What a watch tells, when, and how it ends. */
import { getEventListeners } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { OpenOptions } from '../../src/coordinator/open-options.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Watches } from '../../src/coordinator/watch.ts';
import type { StateChange } from '../../src/coordinator/watch-queue.ts';
import type { PathStep } from '../../src/core/path.ts';
import { EventLog } from '../../src/events/log.ts';
import { Projector } from '../../src/projections/projector.ts';
import { checkReplayOf, countedIds, liveState, ManualClock } from '../../src/testing/index.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { GatedDatabase, isPending, openSwarmOver } from '../support/swarm-over.ts';

/** A swarm over a gated database, with one session; compared with its log afterwards unless the test broke it. */
async function open(options: OpenOptions = {}) {
  const database = new GatedDatabase();
  const clock = new ManualClock();
  const swarm = await openSwarmOver(database, { clock, ids: countedIds(), ...options });
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 'a' });
  onTestFinished(async () => {
    database.release();
    const isWhole = database.failure === undefined && !isClosed(swarm);
    const shown = isWhole ? liveState(swarm) : undefined;
    await swarm.close();
    if (shown !== undefined) await checkReplayOf(EventLog.read(database), shown);
    await database.close();
  });
  return { database, clock, swarm, ant };
}

function isClosed(swarm: Swarm): boolean {
  try {
    return swarm.state === undefined;
  } catch {
    return true;
  }
}

const set = (swarm: Swarm, path: string, newValue: unknown) => swarm.update({ path, newValue });

/** So many changes, in the order in which they come. */
async function take(watch: AsyncIterator<StateChange>, count: number) {
  const taken: StateChange[] = [];
  while (taken.length < count) {
    const result = await watch.next();
    if (result.done === true) break;
    taken.push(result.value);
  }
  return taken;
}

const told = ({ path, value }: StateChange): unknown => [path, value];

describe('what is told', () => {
  test('[I2] a change is told when its commit is durable, and not before', async () => {
    const { swarm, database } = await open();
    const watch = swarm.watch('agents.pulse.a.data.count');
    const next = watch.next();
    database.hold();
    const written = set(swarm, 'agents.pulse.a.data.count', 1);
    expect(await isPending(next)).toBe(true);
    expect(swarm.get('agents.pulse.a.data.count')).toBe(1);
    database.release();
    await written;
    const { value } = await next;
    expect(value).toMatchObject({ path: 'agents.pulse.a.data.count', value: 1 });
    expect(swarm.durableSequence).toBeGreaterThanOrEqual(value?.sequence ?? Infinity);
  });

  test('[I2] what is in the next block waits for it', async () => {
    const { swarm, database } = await open();
    const watch = swarm.watch('agents.pulse.a.data.count');
    database.hold();
    const first = set(swarm, 'agents.pulse.a.data.count', 1);
    expect(await isPending(first)).toBe(true); // its block is in flight
    const second = set(swarm, 'agents.pulse.a.data.count', 2);
    database.release();
    database.hold();
    await first;
    expect((await take(watch, 1)).map(({ value }) => value)).toEqual([1]);
    const next = watch.next();
    expect(await isPending(next)).toBe(true);
    database.release();
    await second;
    expect(await next).toMatchObject({ value: { value: 2 } });
  });

  test('a value is that which its commit left, though later ones are folded already', async () => {
    const { swarm, database } = await open();
    const watch = swarm.watch('agents.*.*.count');
    database.hold();
    const written = [1, 2, 3].map((count) => set(swarm, 'agents.pulse.a.data.count', count));
    expect(swarm.get('agents.pulse.a.data.count')).toBe(3);
    database.release();
    await Promise.all(written);
    expect((await take(watch, 3)).map(({ value }) => value)).toEqual([1, 2, 3]);
  });

  test('order and versions are those of the log', async () => {
    const { swarm, ant } = await open();
    const watch = swarm.watch('**');
    const versions = new Map<string, number>();
    const first = swarm.sequence;
    await ant.tasks.create({ taskId: 't1', goal: 'g' });
    await ant.tasks.claim({ taskId: 't1', start: true });
    await set(swarm, 'global.health.status', 'degraded');
    await ant.update({ path: 'agents.pulse.a.data.x', newValue: { y: 1 } });
    await ant.locks.acquire({ resource: 'r', type: 'exclusive' });
    await ant.tasks.complete('t1', { lines: 1 });
    const state = liveState(swarm);
    await swarm.close();
    const changes: StateChange[] = [];
    await expect(async () => {
      for await (const change of watch) changes.push(change);
    }).rejects.toMatchObject({ code: 'CLOSED' });
    const sequences = changes.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.toSorted((one, other) => one - other));
    expect(sequences[0]).toBe(first + 1);
    expect(sequences.at(-1)).toBe(state.sequence);
    for (const { path, version, sequence } of changes) {
      expect(version, path).toBeLessThanOrEqual(sequence);
      expect(version, path).toBeGreaterThanOrEqual(versions.get(path) ?? 0);
      versions.set(path, version);
    }
  });

  test('it says who wrote, and which version', async () => {
    const { swarm, ant } = await open();
    const watch = swarm.watch('agents.pulse.a.x');
    const { newVersion } = await ant.update({ path: 'agents.pulse.a.data.x', newValue: 1 });
    const [change] = await take(watch, 1);
    expect(change).toEqual({
      path: 'agents.pulse.a.data.x',
      value: 1,
      version: newVersion,
      by: ant.identity,
      sequence: newVersion,
    });
    expect(Object.isFrozen(change)).toBe(true);
  });

  test('what is above a written place has changed too, and what is beside it has not', async () => {
    const { swarm } = await open();
    const data = swarm.get('agents.pulse.a.data');
    await set(swarm, 'agents.pulse.a.data', { ...(data as object), list: [1], other: 1 });
    const watch = swarm.watch('agents.pulse.a.**');
    await set(swarm, 'agents.pulse.a.data.list[1]', 2);
    await set(swarm, 'agents.pulse.a.data.list[1]', 2); // the same again is no change
    await set(swarm, 'agents.pulse.a.data.other', 3);
    expect((await take(watch, 7)).map(({ path }) => path)).toEqual([
      'agents.pulse.a',
      'agents.pulse.a.data',
      'agents.pulse.a.data.list',
      'agents.pulse.a.data.list[1]',
      'agents.pulse.a',
      'agents.pulse.a.data',
      'agents.pulse.a.data.other',
    ]);
  });

  test('a place that is gone is told as deleted', async () => {
    const { swarm, ant } = await open();
    const [data, locks] = [swarm.watch('agents.pulse.a.x'), swarm.watch('locks.*')];
    await set(swarm, 'agents.pulse.a.data.x', 1);
    const deleted = await swarm.delete({ path: 'agents.pulse.a.data.x' });
    const lock = await ant.locks.acquire({ resource: 'r', type: 'exclusive' });
    await ant.locks.release(lock?.id ?? '');
    expect((await take(data, 2))[1]).toMatchObject({
      value: undefined,
      deleted: true,
      version: deleted.newVersion,
    });
    expect((await take(locks, 2))[1]).toMatchObject({
      path: `locks.locks.${lock?.id}`,
      deleted: true,
      by: ant.identity,
      version: swarm.sequence,
    });
  });

  test('a session shows its tasks, so it changes with them; signs of life are not told', async () => {
    const { swarm, ant, clock } = await open();
    await ant.tasks.create({ taskId: 't1', goal: 'g' });
    await ant.tasks.claim({ taskId: 't1', start: true });
    const watch = swarm.watch('agents.pulse.a.**.progress');
    const signs = swarm.watch('agents.pulse.a.lastActivityAt').next();
    await clock.advance(20_000);
    await ant.heartbeat();
    await ant.tasks.progress('t1', 40, 'm');
    expect((await take(watch, 1)).map(told)).toEqual([['agents.pulse.a.currentTask.progress', 40]]);
    expect(await isPending(signs)).toBe(true);
  });

  test('the deadlines of running tasks change with the configuration', async () => {
    const { swarm, ant } = await open();
    await ant.tasks.create({ taskId: 't1', goal: 'g' });
    await ant.tasks.claim({ taskId: 't1', start: true });
    const watch = swarm.watch('global.tasks.*.deadline');
    await set(swarm, 'global.config.timeouts.taskDefault', 5_000);
    const [change] = await take(watch, 1);
    expect(change?.value).toBe(swarm.get('global.tasks.t1.deadline'));
  });

  test('only what came after it began is told, and each watch hears all of it', async () => {
    const { swarm, database } = await open();
    database.hold();
    const before = set(swarm, 'agents.pulse.a.data.x', 1);
    const [some, more] = [swarm.watch('agents.*.*.x'), swarm.watch('agents.**')];
    const after = set(swarm, 'agents.pulse.a.data.x', 2);
    database.release();
    await Promise.all([before, after]);
    const [one] = await take(some, 1);
    const all = await take(more, 3);
    expect(one?.value).toBe(2);
    expect(all.at(-1)).toEqual(one);
  });

  test('what who watches may not read is not told', async () => {
    const opened = await openTestSwarm();
    for (const id of ['a', 'b']) {
      await opened.swarm.register({ agentType: 'pulse', agentId: id, sessionId: id });
    }
    const commits = await opened.commits();
    const projector = new Projector();
    const watches = new Watches(projector);
    const [first, ...others] = commits;
    if (first !== undefined) projector.apply(first);
    const watch = watches.watch('agents.*.*.status', isNotOfA);
    for (const commit of others) watches.fold(commit);
    watches.durable(commits);
    expect((await take(watch, 1)).map(told)).toEqual([['agents.pulse.b.status', 'idle']]);
  });
});

const isNotOfA = (steps: readonly PathStep[]): boolean => steps[2] !== 'a';

describe('how a watch ends', () => {
  test('leaving the loop, return and the signal end it, and leave no listener', async () => {
    const { swarm } = await open({ limits: { watchersMax: 1 } });
    const controller = new AbortController();
    const { signal } = controller;
    const watch = swarm.watch('agents.**', { signal });
    await set(swarm, 'agents.pulse.a.data.x', 1);
    for await (const change of watch) {
      expect(change.path).toBe('agents.pulse.a');
      break;
    }
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expect(getEventListeners(signal, 'abort')).toEqual([]);

    const second = swarm.watch('agents.**', { signal }); // the only place is free again
    const waiting = [second.next(), second.next()];
    controller.abort();
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);

    expect(await swarm.watch('agents.**', { signal }).next()).toMatchObject({ done: true });
    {
      await using third = swarm.watch('agents.**');
      expect(await isPending(third.next())).toBe(true);
    }
    await swarm.watch('agents.**').return?.();
  });

  test('[I12] whoever is too slow is told all up to a commit, and then that it was', async () => {
    const { swarm } = await open({ limits: { watchBufferMax: 3 } });
    const watch = swarm.watch('agents.pulse.a.data.**');
    await set(swarm, 'agents.pulse.a.data.x', 1);
    const { sequence } = swarm;
    await set(swarm, 'agents.pulse.a.data.x', 2); // four changes would wait
    await set(swarm, 'agents.pulse.a.data.x', 3);
    const told2 = await take(watch, 2);
    expect(told2.map(({ value }) => value)).toEqual([expect.objectContaining({ x: 1 }), 1]);
    await expect(watch.next()).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'watchBufferMax', max: 3, sequence },
    });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  test('[I12] what is not durable counts, and is told before the end', async () => {
    const { swarm, database } = await open({ limits: { watchBufferMax: 2 } });
    const watch = swarm.watch('agents.pulse.a.data.x');
    database.hold();
    const written = [1, 2, 3].map((x) => set(swarm, 'agents.pulse.a.data.x', x));
    const next = watch.next();
    expect(await isPending(next)).toBe(true);
    database.release();
    await Promise.all(written);
    expect([await next, ...(await take(watch, 1))]).toMatchObject([
      { value: { value: 1 } },
      { value: 2 },
    ]);
    await expect(watch.next()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  test('[I12] no more watch than watchersMax', async () => {
    const { swarm } = await open({ limits: { watchersMax: 2 } });
    const [first] = [swarm.watch('agents.**'), swarm.watch('agents.**')];
    expect(() => swarm.watch('agents.**')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }) as Error,
    );
    await first?.return?.();
    expect(await isPending(swarm.watch('agents.**').next())).toBe(true);
  });

  test('close tells what is durable, and then CLOSED', async () => {
    const { swarm, ant } = await open();
    const [told1, waiting] = [swarm.watch('agents.*.*.x'), ant.watch('global.tasks.*')];
    const next = waiting.next();
    const rejects = expect(next).rejects.toMatchObject({ code: 'CLOSED' });
    const written = set(swarm, 'agents.pulse.a.data.x', 1);
    await swarm.close();
    await Promise.all([written, rejects]);
    expect((await take(told1, 1)).map(({ value }) => value)).toEqual([1]);
    await expect(told1.next()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(() => swarm.watch('agents.**')).toThrow(
      expect.objectContaining({ code: 'CLOSED' }) as Error,
    );
  });

  test('[I7] after a failed write what was not durable is never told', async () => {
    const { swarm, database } = await open();
    const watch = swarm.watch('agents.*.*.x');
    await set(swarm, 'agents.pulse.a.data.x', 1);
    database.failure = new Error('disk');
    const lost = set(swarm, 'agents.pulse.a.data.x', 2);
    await expect(lost).rejects.toMatchObject({ code: expect.any(String) as string });
    expect((await take(watch, 1)).map(({ value }) => value)).toEqual([1]);
    await expect(watch.next()).rejects.toMatchObject({ code: 'HALTED' });
    expect(() => swarm.watch('agents.**')).toThrow(
      expect.objectContaining({ code: 'HALTED' }) as Error,
    );
  });

  test.each([
    ['', 'INVALID_PATH'],
    ['a..b', 'INVALID_PATH'],
    ['agents.__proto__.*', 'INVALID_PATH'],
    ['global', 'INVALID_INPUT'],
    ['global.tasks', 'INVALID_INPUT'],
    ['agents.*', 'INVALID_INPUT'],
    ['locks.waitQueue', 'INVALID_INPUT'],
    ['events.**', 'INVALID_INPUT'],
    ['nothing.**', 'INVALID_INPUT'],
  ])('%j is refused: %s', async (pattern, code) => {
    const { swarm } = await open();
    expect(() => swarm.watch(pattern)).toThrow(expect.objectContaining({ code }) as Error);
  });
});
