/** What the README shows works: its code runs, and its calls of `stig` succeed on the directory of a demonstration. */
import { execFile, spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { linesOf } from '../importers/import-test-log.ts';
import { fences } from './markdown.ts';
import { runCode, type Scope } from './run-code.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const PROGRAM = join(ROOT, 'dist/src/cli/main.js');
const SHELLS = ['sh', 'bash', 'shell', 'console'];

const page = await readFile(join(ROOT, 'README.md'), 'utf8').catch(() => '');
const examples = fences(page, ['js', 'ts']);
const calls = fences(page, SHELLS).flatMap(({ line, code }) =>
  code
    .split('\n')
    .map((text, index) => ({ line: line + index, call: withoutPrompt(text) }))
    .filter(({ call }) => call.startsWith('npx stig') && !call.includes('npm')),
);

function withoutPrompt(line: string): string {
  return line
    .replace(/^\$ /, '')
    .replace(/\s+#.*$/, '')
    .trim();
}

/** The log of another swarm, as small as it can be. */
const FOREIGN_LOG = linesOf([{ kind: 'closed', item: 'bd-1', actor: 'mayor' }]);

const home = process.cwd();
const shared = await mkdtemp(join(tmpdir(), 'stigmergy-readme-'));
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(shared, 'at-'));
  process.chdir(directory);
});

afterEach(() => {
  process.chdir(home);
});

afterAll(async () => {
  await rm(shared, { recursive: true });
});

test('there is a README to look at, or none yet', () => {
  expect(examples.length + calls.length).toBeGreaterThanOrEqual(0);
});

describe.runIf(examples.length > 0)('the code in the README', () => {
  let scope: Scope = {}; // a later block may go on with what an earlier one made

  test.each(examples)('line $line', async ({ code }) => {
    scope = { ...scope, ...(await runCode(code, scope)) };
  });
});

describe.runIf(calls.length > 0)('the calls of stig in the README', () => {
  const bin = join(shared, 'bin');

  beforeAll(async () => {
    await mkdir(bin);
    const npx = join(bin, 'npx');
    await writeFile(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
    await chmod(npx, 0o755);
    const demo = join(shared, 'demo');
    await promisify(execFile)(process.execPath, [PROGRAM, 'demo', ROOT, '--dir', demo]);
  }, 60_000);

  test.each(calls)('line $line: $call', async ({ call }) => {
    if (call.startsWith('npx stig demo'))
      await cp(join(ROOT, 'src/core'), '.', { recursive: true });
    else await cp(join(shared, 'demo'), '.stigmergy', { recursive: true });
    if (call.startsWith('npx stig import')) await writeFile('events.jsonl', FOREIGN_LOG);
    const isLong = /^npx stig bench\b/.test(call); // takes minutes: only that its options are known is seen
    const { status, stderr } = spawnSync('sh', ['-c', isLong ? `${call} --help` : call], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
