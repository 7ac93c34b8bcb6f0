/** What `docs/access.md` shows runs as it says, and its tables are those of the code. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { OUR_ROWS, OUR_RULES, PERMISSION_MATRIX } from '../../src/access/matrix.ts';
import { DENIAL_CODES } from '../../src/events/access.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const text = await readFile(new URL('../../docs/access.md', import.meta.url), 'utf8');

test('the example of docs/access.md', async () => {
  const [example] = fences(text, ['js']);
  expect(example?.code).toContain('swarm.access.');
  await runCode(example?.code ?? '');
});

test('the rows are those of the matrix, and ours', () => {
  const rows = text
    .split('\n')
    .filter((line) => line.split('|').length === 8)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.replaceAll('`', '').trim()),
    )
    .filter(([first]) => first !== 'State Path' && first !== '---');
  expect(rows).toEqual([...PERMISSION_MATRIX, ...OUR_ROWS]);
});

test('the rules are those that stand beside the matrix', () => {
  const words = text.replaceAll(/\s+/g, ' ');
  for (const [name, rule] of Object.entries(OUR_RULES)) {
    expect(words).toContain(`**${name}**: ${rule}`);
  }
  for (const code of DENIAL_CODES) expect(words).toContain(`\`${code}\``);
});
