/**
 * What the program prints: for people on a terminal, as plain JSON lines with `--json`.
 *
 * Results go to standard output; progress and errors go to standard error, so that a pipe sees results only.
 */
import { Presets, SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import colors from 'picocolors';

/** As much of an id as is shown to people; the whole is in `--json`. */
export const ID_CHARS = 12;

/** Writes a line of a result. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Tells a person something beside the result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Writes a value as one line of JSON, its Maps as objects. */
export function printJson(value: unknown): void {
  print(lineOfJson(value));
}

/** A value as one line of JSON, its Maps as objects. */
export function lineOfJson(value: unknown): string {
  return escaped(JSON.stringify(value, mapsAsObjects));
}

/** Writes a value as JSON that people can read. */
export function prettyJson(value: unknown): string {
  return escaped(JSON.stringify(value, mapsAsObjects, 2));
}

/** What anybody may have written, made harmless for a terminal: control characters as escapes. */
export function harmless(text: string): string {
  return escaped(text.replaceAll(/\p{Cc}/gu, escapeOf));
}

/** The beginning of a text that would be too long for its place. */
export function cut(text: string, chars: number): string {
  if (text.length <= chars) return text;
  return `${text.slice(0, chars - 1).replace(/[\ud800-\udbff]$/, '')}…`; // half a character is none
}

/** JSON leaves these control characters as they are; a terminal may obey them. */
function escaped(text: string): string {
  return text.replaceAll(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escapeOf);
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function mapsAsObjects(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** A table with a head, without frames: it survives being copied. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    head: head.map((title) => colors.dim(title)),
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}

/** So much of the last column is shown in a table that goes to no terminal. */
const REST_CHARS = 60;
/** So much of it is shown on a terminal however narrow. */
const REST_CHARS_MIN = 16;
/** What `table` puts before a row, and between its cells. */
const GAP_CHARS = 2;

/** A table whose last column is cut to what the terminal leaves of its columns, so that a row is one line. */
export function tableWithRest(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  const taken = head
    .slice(0, -1)
    .map((title, at) =>
      rows.reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), title.length),
    );
  const before = taken.reduce((sum, width) => sum + GAP_CHARS + width, GAP_CHARS);
  const room = columns === undefined ? REST_CHARS : Math.max(REST_CHARS_MIN, columns - before);
  return table(
    head,
    rows.map((row) => [...row.slice(0, -1), cut(row.at(-1) ?? '', room)]),
  );
}

/** How wide the terminal is; undefined where the output goes to a file or a pipe. */
export function terminalColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

/** A number with separators between the thousands. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Shows how far some work is, when somebody looks: a bar on a terminal, else nothing. */
export async function withProgress<T>(
  label: string,
  total: number,
  work: (advance: (done: number) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY) return work(() => {});
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value}/{total}`,
      clearOnComplete: true,
      hideCursor: true,
    },
    Presets.shades_grey,
  );
  bar.start(total, 0);
  try {
    return await work((done) => bar.update(done));
  } finally {
    bar.stop();
  }
}
