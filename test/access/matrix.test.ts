/** The permission matrix as data, compared with the table and the footnotes as the specification prints them. */
import { expect, test } from 'vitest';
import {
  COLUMNS,
  FOOTNOTES,
  OUR_ROWS,
  OUR_RULES,
  PERMISSION_MATRIX,
} from '../../src/access/matrix.ts';
import { specifiedColumns, specifiedNotes, specifiedRows } from '../support/specified-matrix.ts';

test('every row, column and mark is that of the specification, in its order', () => {
  expect(PERMISSION_MATRIX).toEqual(specifiedRows);
  expect(COLUMNS).toEqual(specifiedColumns);
});

test('every footnote is that of the specification', () => {
  expect(FOOTNOTES).toEqual(specifiedNotes);
});

test('what we add has no row of the specification, and says why', () => {
  const specified = new Set(specifiedRows.map(([path]) => path));
  expect(OUR_ROWS.filter(([path]) => specified.has(path))).toEqual([]);
  expect(Object.values(OUR_RULES).every((rule) => rule.endsWith('.'))).toBe(true);
});
