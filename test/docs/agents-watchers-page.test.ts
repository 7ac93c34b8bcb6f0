/** What `docs/agents-watchers.md` shows runs as it says, and its tables are those of the code. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { CHECK_LIMITS } from '../../src/agents/built-in-checks.ts';
import { DREAM_MOVES } from '../../src/events/data-moves.ts';
import { DEFAULT_HEALTH_THRESHOLDS } from '../../src/events/health-thresholds.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/agents-watchers.md', import.meta.url), 'utf8');

function cellsOf(section: string): readonly (readonly string[])[] {
  const [, text = ''] = page.split(`\n## ${section}\n`);
  return (text.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.replaceAll('`', '').trim()));
}

test('the example of docs/agents-watchers.md', async () => {
  const [example] = fences(page, ['js']);
  expect(example?.code).toContain('runDreamWeaver');
  await runCode(example?.code ?? '');
});

test('the limits of the checks are those of the code', () => {
  const told = cellsOf('Heartbeat').map((cells) => Number(cells.at(-1)?.replace(',', '')));
  expect(told.filter((limit) => !Number.isNaN(limit))).toEqual(Object.values(CHECK_LIMITS));
});

test('the thresholds are those of the code, each with its default', () => {
  const told = cellsOf('Guardian').flatMap(([names = '', , ...values]) =>
    names.split(', ').map((name, at) => [name, Number(values[at])] as const),
  );
  const defaults = Object.fromEntries(told.filter(([, value]) => !Number.isNaN(value)));
  expect(defaults).toEqual(DEFAULT_HEALTH_THRESHOLDS);
});

test('the phases are those of the code', () => {
  const rows = cellsOf('Dream Weaver').filter(([phase = '']) => Object.hasOwn(DREAM_MOVES, phase));
  expect(rows).toHaveLength(Object.keys(DREAM_MOVES).length);
  for (const [phase = '', leads = ''] of rows) {
    const named = Object.keys(DREAM_MOVES).filter((one) => leads.includes(one));
    expect(named.toSorted()).toEqual([...(DREAM_MOVES[phase] ?? [])].toSorted());
  }
});
