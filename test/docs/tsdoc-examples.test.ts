/** Every `@example` in a comment of the sources runs, and what it claims of its results holds. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { openSwarm } from '../../src/index.ts';
import { runCode, type Scope } from './run-code.ts';

const SOURCES = new URL('../../src/', import.meta.url).pathname;

interface Example {
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/** What an example takes for granted, by the file that it stands in. */
const SCENES: Readonly<Record<string, (directory: string) => Promise<Scope>>> = {
  async 'testing/replay-check.ts'(directory) {
    const swarm = await openSwarm({ directory });
    await swarm.register({ agentType: 'pulse', agentId: 'pulse-1' });
    return { swarm, directory };
  },
  async 'testing/walk.ts'() {
    return walkScene();
  },
};

const started = () => ({ type: 'task.started' });
const completed = () => ({ type: 'task.completed' });

/** A small machine of the kind that is walked: with the two transitions for which the example has facts. */
function walkScene(): Scope {
  const taskMachine = createMachine({
    context: ({ input }) => ({ record: input }),
    initial: 'pending',
    states: {
      pending: { on: { 'task.started': 'running' } },
      running: { on: { 'task.completed': 'complete' } },
      complete: {},
    },
  });
  return { taskMachine, record: { goal: 'walk' }, started, completed };
}

async function findExamples(): Promise<readonly Example[]> {
  const entries = await readdir(SOURCES, { recursive: true });
  const files = entries.filter((name) => name.endsWith('.ts')).toSorted();
  const found = await Promise.all(
    files.map(async (file) => examplesOf(file, await readFile(join(SOURCES, file), 'utf8'))),
  );
  return found.flat();
}

function examplesOf(file: string, text: string): readonly Example[] {
  const found: Example[] = [];
  for (const match of text.matchAll(/@example\b(.*?)(?=\n\s*\*\s*@|\*\/)/gs)) {
    const lines = (match[1] ?? '').split('\n').map((line) => line.replace(/^\s*\* ?/, ''));
    const code = lines.filter((line) => !line.startsWith('```')).join('\n');
    found.push({ file, line: text.slice(0, match.index).split('\n').length, code: code.trim() });
  }
  return found;
}

const examples = await findExamples();

describe('examples in comments', () => {
  const home = process.cwd();
  let directory = '';

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stigmergy-examples-'));
    process.chdir(directory);
  });

  afterEach(async () => {
    process.chdir(home);
    await rm(directory, { recursive: true });
  });

  test('there are some, that of openSwarm among them', () => {
    expect(examples.map(({ file }) => file)).toContain('coordinator/open-swarm.ts');
  });

  test.each(examples)('$file:$line', async ({ file, code }) => {
    const scene = await SCENES[file]?.(join(directory, 'scene'));
    await runCode(code, scene);
  });
});
