/** What `docs/query-and-watch.md` shows runs as it says, and its table of patterns holds. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parsePattern } from '../../src/core/path.ts';
import { patternInFull } from '../../src/events/full-path.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/query-and-watch.md', import.meta.url), 'utf8');

test('the example of docs/query-and-watch.md', async () => {
  const [example] = fences(page, ['js']);
  expect(example?.code).toContain('swarm.watch(');
  await runCode(example?.code ?? '');
});

const ROW = /^\| `([^`]+)` +\| `([^`]+)` +\|/gm;
const rows = [...page.matchAll(ROW)].map(([, short = '', full = '']) => [short, full] as const);

test.each(rows)('the pattern %s is %s in full', (short, full) => {
  const [one, other] = [parsePattern(short), parsePattern(full)];
  expect(one.ok && patternInFull(one.segments)).toEqual(other.ok && other.segments);
});

test('the table has a row for every kind of abbreviation', () => {
  expect(rows.length).toBeGreaterThanOrEqual(9);
});
