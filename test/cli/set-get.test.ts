/** `stig get`, `set` and `unset`: the same rules and codes as in a program, on the directory of a swarm. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSwarm } from 'stigmergy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROGRAM, runStig, type Ran } from '../support/run-stig.ts';

let directory: string;
/** The sequence at which the story below begins. */
let beginning: number;

async function stig(...words: string[]): Promise<Ran> {
  return runStig(words, { swarm: directory });
}

async function jsonLines(...words: string[]): Promise<Record<string, unknown>[]> {
  const { out } = await stig(...words, '--json');
  const lines = out.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The sequence of the last event. */
async function lastSequence(): Promise<unknown> {
  return (await jsonLines('log', '--last', '1'))[0]?.['sequence'];
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stig-set-'));
  const swarm = await openSwarm({ directory });
  const silent = { heartbeatTimeout: 0 };
  await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1', ...silent });
  await swarm.register({ agentType: 'pulse', agentId: 'bee', sessionId: 's2', ...silent });
  await swarm.dispatch({ type: 'task.create', payload: { taskId: 't1', goal: 'g' } });
  beginning = swarm.sequence;
  await swarm.close();
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('stig set and stig get', () => {
  it('write a value and show it with its version and author', async () => {
    const written = await stig('set', 'global.health.status', '"degraded"');
    expect([written.status, written.error]).toEqual([0, '']);
    const [shown] = await jsonLines('get', 'global.health.status');
    expect(shown).toMatchObject({
      path: 'global.health.status',
      value: 'degraded',
      lastModifiedBy: { agentId: 'operator' },
    });
    expect(written.out).toContain(`version ${String(shown?.['version'])}`);
    const { out } = await stig('get', 'global.health.status');
    expect(out).toMatch(/^"degraded"\n\nversion \d+, written \S+Z by operator\n$/);
    const [before] = await jsonLines('get', 'global.health.status', '--at', String(beginning));
    expect(before?.['value']).toBe('healthy');
  });

  it('merge, append, take a value from standard input, and take away', async () => {
    const note = 'global.tasks.t1.metadata.note';
    await stig('set', note, '{"a":1,"list":[1]}');
    await stig('set', note, '{"b":2}', '--merge');
    await stig('set', `${note}.list`, '2', '--append');
    const child = spawn(process.execPath, [
      PROGRAM,
      'set',
      `${note}.text`,
      '-',
      '--dir',
      directory,
    ]);
    child.stdin.end('"from a pipe"');
    expect(await once(child, 'exit')).toEqual([0, null]);
    const value = { a: 1, b: 2, list: [1, 2], text: 'from a pipe' };
    expect(await jsonLines('get', note)).toMatchObject([{ value }]);
    expect((await stig('unset', note)).status).toBe(0);
    expect(await stig('get', note)).toMatchObject({ status: 1, out: '' });
    expect(await stig('unset', note)).toMatchObject({ status: 0 });
  });

  it('take the version that was read, tell a conflict, and resolve it', async () => {
    const path = 'agents.pulse.s1.data.plan';
    const [first] = await jsonLines('set', path, '["a"]', '--expect', '0');
    expect(first).toMatchObject({ path, success: true });
    const refused = await stig('set', path, '["b"]', '--expect', '0');
    expect(refused).toMatchObject({ status: 1, out: '' });
    expect(refused.error).toContain('[VERSION_CONFLICT]');
    expect(refused.error).toContain(`--expect ${String(first?.['newVersion'])}`);
    const [conflict] = await jsonLines('set', path, '["b"]', '--expect', '0');
    expect(conflict).toMatchObject({
      success: false,
      conflict: { currentVersion: first?.['newVersion'], currentValue: ['a'] },
    });
    const strategy = ['--expect', '0', '--on-conflict', 'merge-arrays'];
    expect((await stig('set', path, '["b"]', ...strategy)).out).toContain('merge-arrays');
    expect(await jsonLines('get', path)).toMatchObject([{ value: ['a', 'b'] }]);
  });

  it('say what was kept instead of a value that was nearly right', async () => {
    const path = 'agents.pulse.s1.progress.current';
    expect((await stig('set', path, '120')).out).toContain('100');
    expect(await jsonLines('get', path)).toMatchObject([{ value: 100 }]);
  });

  it('speak for a session, with its rights', async () => {
    const own = 'agents.pulse.s1.data.note';
    expect((await stig('set', own, '1', '--as', 's1')).status).toBe(0);
    expect(await jsonLines('get', own)).toMatchObject([{ lastModifiedBy: { agentId: 'ant' } }]);
    expect((await stig('set', own, '1', '--as', 's2')).error).toContain('[FORBIDDEN]');
    expect((await stig('set', own, '1', '--as', 'nobody')).error).toContain('[UNKNOWN_SESSION]');
  });

  it('show every place that a pattern matches', async () => {
    const matches = await jsonLines('get', 'agents.*.*.status');
    expect(matches.map(({ path }) => path)).toEqual([
      'agents.pulse.s1.status',
      'agents.pulse.s2.status',
    ]);
    const { out } = await stig('get', 'agents.**.agentId');
    expect(out).toMatch(/path +version +by +value\n +agents\.pulse\.s1\.agentId/);
    expect((await stig('get', 'agents.guardian.*')).status).toBe(1);
  });

  it('show a Map of the state as what it holds, in the table as in JSON', async () => {
    const { out } = await stig('get', 'events.*');
    const row = out.split('\n').find((line) => line.trim().startsWith('events.byType'));
    expect(row).toContain('{"system.initialized":');
  });
});

describe('what is refused', () => {
  it.each([
    [['set', 'global.metrics.totalHandoffs', '3'], 2, 'ACTOR_OWNED_PATH'],
    [['set', 'agents.conductor.c.data.agentLoads', '{}'], 1, 'NOT_FOUND'],
    [['set', 'global.health.status', '"fine"'], 2, 'INVALID_INPUT'],
    [['set', 'global.health.status', 'fine'], 2, 'INVALID_INPUT'],
    [['set', 'global.config.features.eventPersistence', 'false'], 2, 'INVALID_INPUT'],
    [['set', 'global..x', '1'], 2, 'INVALID_PATH'],
    [['set', 'agents.pulse.s1.data.__proto__', '1'], 2, 'INVALID_PATH'],
    [['set', 'agents.pulse.s1.data.a', '{"__proto__":1}'], 2, 'INVALID_INPUT'],
    [['set', 'agents.*.s1.data.a', '1'], 2, 'INVALID_PATH'],
    [['set', 'global.health.status', '"healthy"', '--expect', 'x'], 2, 'INVALID_INPUT'],
    [['set', 'global.health.status', '1', '--on-conflict', 'x'], 2, 'INVALID_INPUT'],
    [['set', 'global.health.status'], 2, 'INVALID_INPUT'],
    [['set', 'global.health.issues', '1', '--merge', '--append'], 2, 'INVALID_INPUT'],
    [['unset', 'global.config.timeouts'], 2, 'INVALID_INPUT'],
    [['unset', 'global.tasks.t1'], 2, 'ACTOR_OWNED_PATH'],
    [['get', 'nowhere'], 1, 'NOT_FOUND'],
    [['get', 'a["constructor"]'], 2, 'INVALID_PATH'],
  ])('%j is %d, %s, and leaves no event of its own', async (words, status, code) => {
    const before = Number(await lastSequence());
    const ran = await stig(...words);
    expect(ran.error).toMatch(new RegExp(`^stig: error \\[${code}\\] .*\n$`));
    expect([ran.status, ran.out]).toEqual([status, '']);
    const types = await jsonLines('log', '--from', String(before + 1));
    expect(types.map(({ type }) => type).filter((type) => type !== 'system.resumed')).toEqual([]);
  });

  it('a directory without a swarm, which stays without one', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'stig-none-'));
    const { status, error } = await stig('set', 'global.health.status', '1', '--dir', empty);
    expect([status, error.includes('NOT_FOUND') || error.includes('DIRECTORY')]).toEqual([2, true]);
    expect(await readdir(empty)).toEqual([]);
    await rm(empty, { recursive: true });
  });

  it('a swarm that another process has open', async () => {
    const swarm = await openSwarm({ directory });
    expect((await stig('set', 'global.health.status', '"healthy"')).error).toContain('SWARM_HELD');
    await swarm.close();
  });
});

it('what it wrote is sound', async () => {
  expect(await jsonLines('verify')).toMatchObject([{ ok: true }]);
});
