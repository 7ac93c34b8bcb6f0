/** What `docs/tasks.md` shows runs as it says. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/tasks.md', import.meta.url), 'utf8');

test('the example of docs/tasks.md', async () => {
  const [example] = fences(page, ['js']);
  expect(example?.code).toContain('openSwarm');
  await runCode(example?.code ?? '');
});
