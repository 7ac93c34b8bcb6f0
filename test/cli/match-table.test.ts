/** The table of `stig get PATTERN`: its values are cut so that a row is one line of the terminal. */
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { matchTable } from '../../src/cli/get.ts';
import type { QueryMatch } from '../../src/projections/query.ts';

const by = { agentId: 'ant', agentType: 'pulse', sessionId: 's1' } as const;

function match(path: string, value: unknown): QueryMatch {
  return {
    path,
    value,
    version: 1_234,
    lastModified: '2026-01-01T00:00:00.000Z',
    lastModifiedBy: by,
  };
}

const matches = [match('a.long.path', 'x'.repeat(500)), match('b', 1)];

function linesAt(columns: number | undefined): string[] {
  return stripVTControlCharacters(matchTable(matches, columns)).split('\n');
}

test.each([60, 80, 200])('a value fills a terminal of %i columns, and no more', (columns) => {
  const [, long] = linesAt(columns);
  expect(long).toHaveLength(columns);
  expect(long?.endsWith('…')).toBe(true);
});

test('a value that fits is whole', () => {
  expect(linesAt(1_000)[1]).toContain(`"${'x'.repeat(500)}"`);
});

test('something of a value is seen in a terminal that is too narrow for it', () => {
  expect(linesAt(10)[1]).toMatch(/"x{14}…$/);
});

test('what goes to no terminal is cut all the same', () => {
  expect(linesAt(undefined)[1]).toMatch(/"x{58}…$/);
});
