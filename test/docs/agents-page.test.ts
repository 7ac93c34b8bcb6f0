/** What `docs/agents.md` shows runs as it says, and its tables are those of the code. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { pulseEnvironment } from '../../src/agents/pulse-iteration.ts';
import { PULSE_FAILURE_CODES } from '../../src/agents/pulse-verdict.ts';
import { runPulseCommand } from '../../src/cli/run-pulse.ts';
import { GIT_ENVIRONMENT } from '../support/git-repository.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const text = await readFile(new URL('../../docs/agents.md', import.meta.url), 'utf8');

/** The first cells of the table with a head, without their quotes. */
function firstCells(head: string): readonly string[] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} `));
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  const rows = lines.slice(start + 2, end);
  return rows
    .flatMap((line) => line.split('|')[1]?.match(/`[^`]+`/g) ?? [])
    .map((cell) => cell.slice(1, -1));
}

test('the examples of docs/agents.md', async () => {
  Object.assign(process.env, GIT_ENVIRONMENT);
  const examples = fences(text, ['js']);
  expect(examples.length).toBeGreaterThanOrEqual(1);
  for (const { code } of examples) await runCode(code);
});

test('the variables are those that a command gets', () => {
  const identity = { agentId: 'a', agentType: 'pulse', sessionId: 's' } as const;
  const work = { identity, taskId: 't', goal: 'g', iteration: 1, branchName: null };
  const names = [...Object.keys(pulseEnvironment(work)), 'STIGMERGY_DIR'];
  expect(firstCells('variable').toSorted()).toEqual(names.toSorted());
});

test('the codes are those with which a Pulse fails a task', () => {
  expect(firstCells('code of the failed task').toSorted()).toEqual([...PULSE_FAILURE_CODES]);
});

test('the options are those of stig run pulse', () => {
  const [, section = ''] = /^## stig run$(.*?)(?=^##|(?![^]))/ms.exec(text) ?? [];
  const options = runPulseCommand().options.map(({ long }) => long ?? '');
  const told = [...section.matchAll(/^\| (`--.*?) \|/gm)].flatMap(
    ([, cell = '']) => cell.match(/--[a-z-]+/g) ?? [],
  );
  expect(told.toSorted()).toEqual(options.toSorted());
});
