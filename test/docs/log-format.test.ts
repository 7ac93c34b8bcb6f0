/** The example in `docs/log-format.md` is what the code writes, and what the page says about verifying a log works. */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../src/core/hash.ts';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import { blockKey } from '../../src/events/log.ts';
import { openSwarm } from '../../src/index.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { countedIds, ManualClock } from '../../src/testing/index.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/log-format.md', import.meta.url), 'utf8');
const [block, events, head] = fences(page, ['json']).map(({ code }) => JSON.parse(code) as unknown);
const hasPython = spawnSync('python3', ['--version']).status === 0;
const home = process.cwd();
const written = { block: '', head: '', events: [] as readonly SwarmEvent[] };
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stigmergy-format-'));
  process.chdir(directory);
  const swarm = await openSwarm({ directory: 'live', clock: new ManualClock(), ids: countedIds() });
  const pulse = await swarm.register({ agentType: 'pulse', agentId: 'pulse-1' });
  await Promise.all([
    pulse.tasks.create({ goal: 'index src' }),
    pulse.tasks.claim({ start: true }),
  ]);
  written.events = swarm.state.events.events.slice(-3);
  await swarm.close();
  await cp('live', '.stigmergy', { recursive: true });
  const engine = await openLevelEngine('live', { create: false });
  written.block = String(await engine.database.get(blockKey(4)));
  written.head = String(await engine.database.get('head'));
  await engine.close();
});

afterAll(async () => {
  process.chdir(home);
  await rm(directory, { recursive: true });
});

describe('docs/log-format.md', () => {
  test('shows the stored text of a block', () => {
    expect(JSON.stringify(block)).toBe(written.block);
  });

  test('shows the events that it holds', () => {
    expect(events).toEqual(
      written.events.map(({ sequence, type, payload }) => [sequence, type, payload]),
    );
  });

  test('shows the head, which names the hash of that block', () => {
    expect(JSON.stringify(head)).toBe(written.head);
    expect(head).toMatchObject({ hash: sha256(JSON.stringify(block)) });
  });

  test('exports the blocks as it says', async () => {
    const [example] = fences(page, ['js']);
    await runCode(example?.code ?? '');
    const exported = JSON.parse(await readFile('blocks.json', 'utf8')) as { blocks: string[] };
    expect(exported.blocks.at(-1)).toBe(written.block);
  });

  test.skipIf(!hasPython)('verifies the export as it says', () => {
    const [example] = fences(page, ['python']);
    const { status, stdout, stderr } = spawnSync('python3', ['-c', example?.code ?? ''], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(stdout).toBe(`sound: 6 events, head ${sha256(written.block)}\n`);
    expect(status).toBe(0);
  });
});
