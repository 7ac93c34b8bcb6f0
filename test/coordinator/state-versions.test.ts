/** Versions of free paths: what conflicts with what, and that no version ever goes back (specification, "Optimistic Concurrency"). */
import { describe, expect, test } from 'vitest';
import type { StateUpdate } from '../../src/coordinator/state-writer.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const DATA = 'agents.pulse.s1.data';
const NOTES = `${DATA}.notes`;

async function opened() {
  const { swarm, clock } = await openTestSwarm();
  const session = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1' });
  const conductor = await swarm.register({ agentType: 'conductor', agentId: 'boss' });
  const version = (path: string) => swarm.read(path)?.version ?? 0;
  const write = async (update: StateUpdate) => (await session.update(update)).newVersion ?? 0;
  return { swarm, clock, session, conductor, version, write };
}

describe('expectedVersion', () => {
  test('of a replace is the version of the path, neither older nor newer', async () => {
    const { session, version, write } = await opened();
    const first = await write({ path: NOTES, newValue: 'a' });
    expect(first).toBe(version(NOTES));
    const second = await write({ path: NOTES, newValue: 'b', expectedVersion: first });
    for (const expectedVersion of [0, first, second + 1, second + 1_000]) {
      expect(await session.update({ path: NOTES, newValue: 'c', expectedVersion })).toEqual({
        success: false,
        conflict: { currentVersion: second, currentValue: 'b' },
      });
    }
    expect(session.get(NOTES)).toBe('b');
  });

  test('0 means never: a place that held something once does not match, even when it is gone', async () => {
    const { session, write } = await opened();
    await write({ path: NOTES, newValue: { a: 1 }, expectedVersion: 0 });
    const { newVersion: gone } = await session.delete({ path: NOTES });
    const again = { path: NOTES, newValue: 'b', expectedVersion: 0 };
    const conflict = { currentVersion: expect.any(Number), currentValue: null };
    expect(await session.update(again)).toEqual({ success: false, conflict });
    expect(await session.update({ ...again, path: `${NOTES}.a` })).toMatchObject({
      success: false,
    });
    expect(await session.update({ ...again, path: `${DATA}.other` })).toMatchObject({
      success: true,
    });
    const expectedVersion = gone ?? session.read(DATA)?.version ?? 0;
    expect(await session.update({ ...again, expectedVersion })).toMatchObject({ success: true });
  });

  test('of a place above is that of the newest write in it; of one beside, its own', async () => {
    const { version, write } = await opened();
    const first = await write({ path: NOTES, newValue: { a: 1, b: { c: 1 } } });
    const inside = await write({ path: `${NOTES}.b.c`, newValue: 2 });
    expect([version(NOTES), version(`${NOTES}.b`), version(`${NOTES}.b.c`)]).toEqual([
      inside,
      inside,
      inside,
    ]);
    expect(version(`${NOTES}.a`)).toBe(first);
    expect(version(DATA)).toBe(inside);
    const whole = await write({ path: NOTES, newValue: { a: 1 } });
    expect(version(`${NOTES}.a`)).toBe(whole);
  });

  test('of a merge is compared with the leaves that it writes', async () => {
    const { session, version, write } = await opened();
    const first = await write({ path: NOTES, newValue: { a: 1, deep: { b: 1 } } });
    await write({ path: `${NOTES}.a`, newValue: 2 });
    const merge = { path: NOTES, merge: true, expectedVersion: first };
    expect(await session.update({ ...merge, newValue: { deep: { b: 2, c: 3 } } })).toMatchObject({
      success: true,
    });
    expect(await session.update({ ...merge, newValue: { a: 3 } })).toMatchObject({
      success: false,
      conflict: { currentVersion: version(NOTES) },
    });
    expect(session.get(NOTES)).toEqual({ a: 2, deep: { b: 2, c: 3 } });
  });

  test('of a delete is compared too', async () => {
    const { session, write } = await opened();
    const first = await write({ path: NOTES, newValue: 1 });
    await write({ path: NOTES, newValue: 2 });
    const stale = await session.delete({ path: NOTES, expectedVersion: first });
    expect(stale).toMatchObject({ success: false, conflict: { currentValue: 2 } });
  });

  test('absent, nothing is compared', async () => {
    const { session, write } = await opened();
    await write({ path: NOTES, newValue: 1 });
    expect(await session.update({ path: NOTES, newValue: 2 })).toMatchObject({ success: true });
  });
});

describe('what is no write of the data leaves its version as it is', () => {
  test('a sign of life, a task that comes, goes on and ends, progress, an error', async () => {
    const { swarm, clock, session, version, write } = await opened();
    const expectedVersion = await write({ path: NOTES, newValue: 1 });
    const data = version(DATA);
    await clock.advance(DEFAULT_LIMITS.heartbeatTimeoutMs / 2);
    const { sequence } = swarm;
    await session.heartbeat();
    expect(swarm.sequence).toBeGreaterThan(sequence);
    const { id } = await session.tasks.create({ goal: 'g' });
    await session.tasks.claim({ taskId: id, start: true });
    await session.tasks.progress(id, 50, 'half');
    await session.tasks.complete(id);
    await session.update({ path: 'agents.pulse.s1.progress.current', newValue: 50 });
    await session.pause();
    await session.resume();
    await session.fail({ code: 'E', message: 'm' });
    await session.recover();
    expect([version(NOTES), version(DATA)]).toEqual([expectedVersion, data]);
    expect(await session.update({ path: NOTES, newValue: 2, expectedVersion })).toMatchObject({
      success: true,
    });
  });

  test('a write to another session, task or setting', async () => {
    const { swarm, conductor, session, version, write } = await opened();
    const expectedVersion = await write({ path: NOTES, newValue: 1 });
    const { id } = await session.tasks.create({ goal: 'g' });
    await conductor.update({ path: `global.tasks["${id}"].metadata.note`, newValue: 1 });
    await conductor.update({ path: 'global.config.defaultPriority', newValue: 'high' });
    await conductor.update({ path: 'global.health.issues', newValue: ['slow'] });
    expect(version(NOTES)).toBe(expectedVersion);
    expect(version(`global.tasks["${id}"].goal`)).toBeLessThan(swarm.sequence);
  });
});

describe('a version never goes back', () => {
  test('when a place is deleted and made again, and when a list becomes shorter', async () => {
    const { session, version, write } = await opened();
    const versions = [await write({ path: NOTES, newValue: { list: [1, 2, 3], a: 1 } })];
    const step = async (run: Promise<unknown>) => {
      await run;
      versions.push(version(DATA));
    };
    await step(session.delete({ path: `${NOTES}.list[1]` }));
    expect(session.get(`${NOTES}.list`)).toEqual([1, 3]);
    await step(session.update({ path: `${NOTES}.list`, newValue: [] }));
    await step(session.append(`${NOTES}.list`, 4));
    await step(session.delete({ path: NOTES }));
    await step(session.update({ path: NOTES, newValue: { list: [1] } }));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(versions.length);
    expect(version(`${NOTES}.list[0]`)).toBe(versions.at(-1));
  });

  test('what is not there is deleted without an event', async () => {
    const { swarm, session } = await opened();
    const { sequence } = swarm;
    expect(await session.delete({ path: NOTES })).toEqual({ success: true });
    expect(swarm.sequence).toBe(sequence);
  });
});

test('lastModified and lastModifiedBy are those of the newest write', async () => {
  const { swarm, clock, conductor, write } = await opened();
  await write({ path: NOTES, newValue: { a: 1 } });
  await clock.advance(1_000);
  await conductor.update({ path: `${NOTES}.b`, newValue: 2 });
  const lastModified = new Date(clock.wallMs()).toISOString();
  const lastModifiedBy = conductor.identity;
  expect(swarm.read(NOTES)).toMatchObject({ lastModified, lastModifiedBy });
  expect(swarm.read(`${NOTES}.a`)?.lastModifiedBy).toMatchObject({ agentId: 'ant' });
});
