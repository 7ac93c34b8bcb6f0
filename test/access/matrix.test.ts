/** The permission matrix as data, compared with the table and the footnotes as the specification prints them. */
import { expect, test } from 'vitest';
import {
  COLUMNS,
  FOOTNOTES,
  OUR_ROWS,
  OUR_RULES,
  PERMISSION_MATRIX,
} from '../../src/access/matrix.ts';

/** Copied from the specification, "Permission Matrix". */
const SPECIFIED = `
| State Path | Pulse | Heartbeat | Dream Weaver | Conductor | Guardian |
|---|---|---|---|---|---|
| \`global.config\` | R | R | R | RW | R |
| \`global.registry\` | R | R | R | RW | R |
| \`global.tasks\` | R | R | R | RW | R |
| \`global.metrics\` | R | R | R | RW | R |
| \`global.health\` | R | R | R | RW | RW |
| \`agents.pulse.*\` | RW¹ | R | R | RW | R |
| \`agents.heartbeat.*\` | R | RW¹ | R | RW | R |
| \`agents.dream_weaver.*\` | R | R | RW¹ | RW | R |
| \`agents.conductor.*\` | R | R | R | RW | R |
| \`locks.*\` | RW² | RW² | RW² | RW | R |

¹ Only own sessions
² Only own locks
`;

const lines = SPECIFIED.trim().split('\n');
const cells = lines
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
const [head = [], , ...rows] = cells;

test('every row, column and mark is that of the specification, in its order', () => {
  expect(PERMISSION_MATRIX).toEqual(rows);
  expect(COLUMNS).toEqual(head.slice(1).map((name) => name.toLowerCase().replace(' ', '_')));
});

test('every footnote is that of the specification', () => {
  const notes = lines.slice(lines.indexOf('') + 1).map((line) => [line[0], line.slice(2)]);
  expect(FOOTNOTES).toEqual(Object.fromEntries(notes));
});

test('what we add has no row of the specification, and says why', () => {
  const specified = new Set(PERMISSION_MATRIX.map(([path]) => path));
  expect(OUR_ROWS.filter(([path]) => specified.has(path))).toEqual([]);
  expect(Object.values(OUR_RULES).every((rule) => rule.endsWith('.'))).toBe(true);
});
