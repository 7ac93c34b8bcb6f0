/** What `docs/event-bus.md` shows runs as it says, and its tables name every option and limit. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/event-bus.md', import.meta.url), 'utf8');
const examples = fences(page, ['js']).map(({ code }) => code);
const home = process.cwd();
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stigmergy-event-bus-'));
  process.chdir(directory);
});

afterAll(async () => {
  process.chdir(home);
  await rm(directory, { recursive: true });
});

test('there are examples of emitting, of exactly-once and of dead letters', () => {
  expect(examples).toHaveLength(3);
  for (const [index, word] of ['emit(', 'exactly-once', 'deadLetters'].entries()) {
    expect(examples[index]).toContain(word);
  }
});

test.each(examples)('example %#', async (code) => {
  await runCode(code);
});

test.each([
  'subscribersMax',
  'subscriptionsMax',
  'deadLettersMax',
  'compoundCommandsMax',
  'commitFactsMax',
] as const)('the limit %s is as it says', (name) => {
  const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``));
  expect(row).toContain(` ${DEFAULT_LIMITS[name].toLocaleString('en')} `);
});

test.each([
  'delivery',
  'ordered',
  'filter',
  'batch',
  'onError',
  'maxRetries',
  'name',
  'from',
  'concurrency',
  'backoff',
])('the option %s has a row', (name) => {
  expect(page).toContain(`| \`${name}\``);
});
