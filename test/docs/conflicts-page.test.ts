/** What `docs/conflicts.md` shows runs as it says, and its strategies are those of the code. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { CONFLICT_STRATEGIES } from '../../src/events/strategies.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/conflicts.md', import.meta.url), 'utf8');
const examples = fences(page, ['js']);

test('it has examples', () => {
  expect(examples).toHaveLength(2);
});

test.each(examples)('the example in line $line', async ({ code }) => {
  await runCode(code);
});

test('it has a row for every strategy, in the order of the specification', () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+-[a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(rows).toEqual(CONFLICT_STRATEGIES);
});
