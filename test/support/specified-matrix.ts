/** The permission matrix as the specification prints it, for tests that do not take the program's word for it. */

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
const [head = [], , ...rows] = lines
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.replaceAll('`', '').trim()),
  );

/** The roles, in the order of the columns. */
export const specifiedColumns = head.slice(1).map((name) => name.toLowerCase().replace(' ', '_'));

/** Each row: the path, and the mark of each role. */
export const specifiedRows: readonly (readonly string[])[] = rows;

/** Each footnote, by its mark. */
export const specifiedNotes = Object.fromEntries(
  lines.slice(lines.indexOf('') + 1).map((line) => [line.slice(0, 1), line.slice(2)]),
);
