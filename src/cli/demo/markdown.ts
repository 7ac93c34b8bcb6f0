/**
 * The Markdown that a report is written in.
 *
 * One rule makes a report checkable: inline code and the labels of a graph are file paths, and
 * nothing else is. Names of any other kind are escaped text.
 */

/** Makes text stand for itself, on one line, wherever it is put. */
export function plainText(text: string): string {
  return oneLine(text).replace(/[\\`*_[\]<>|#&~]/g, '\\$&');
}

/** Writes a path as inline code that is safe inside a table. */
export function fileSpan(path: string): string {
  const text = oneLine(path).replaceAll('|', '\\|');
  const longestRun = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  if (longestRun === 0) return `\`${text}\``;
  const fence = '`'.repeat(longestRun + 1);
  return `${fence} ${text} ${fence}`;
}

/** Writes a path as the label of a node of a Mermaid graph. */
export function graphLabel(path: string): string {
  const codes: Readonly<Record<string, string>> = { '"': '#quot;', '<': '#lt;', '>': '#gt;' };
  const text = oneLine(path).replace(
    /[#"<>`]/g,
    (sign) => codes[sign] ?? `#${sign.charCodeAt(0)};`,
  );
  return `["${text}"]`;
}

/** Writes a number with commas between the thousands, the same in every locale. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** Writes how many there are of something: `1 file`, `2 files`. */
export function plural(amount: number, noun: string): string {
  return `${count(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

/** Writes a table whose cells are Markdown already: columns of text, then columns of numbers. */
export function table(
  texts: readonly string[],
  numbers: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const rules = [...texts.map(() => '---'), ...numbers.map(() => '---:')];
  return [[...texts, ...numbers], rules, ...rows].map(rowOf).join('\n');
}

/** The inline code and graph labels of a text, as {@link fileSpan} and {@link graphLabel} wrote them. */
export function fileMentions(markdown: string): string[] {
  const prose = markdown.replace(GRAPH, '');
  const spans = prose.match(/(?<![`\\])(`+)(?!`).*?(?<!`)\1(?!`)/g) ?? [];
  const graphs = (markdown.match(GRAPH) ?? []).join('\n');
  return [...spans, ...(graphs.match(/\[".*?"\]/g) ?? [])];
}

/** The tables of a text, as rows of trimmed cells: heading, rule, then the rest. */
export function tablesOf(markdown: string): string[][][] {
  const blocks = markdown.match(TABLE) ?? [];
  return blocks.map((block) => block.trimEnd().split('\n').map(cellsOf));
}

/** Pads the cells of every table, so that its columns stand under one another. */
export function alignTables(markdown: string): string {
  return markdown.replace(TABLE, (block) => {
    const rows = block.trimEnd().split('\n').map(cellsOf);
    const rules = rows[1] ?? [];
    const widths = rules.map((_, at) => {
      return Math.max(3, ...rows.map((row) => widthOf(row[at] ?? '')));
    });
    const lines = rows.map((row, index) => {
      return rowOf(row.map((cell, at) => padded(cell, widths[at] ?? 0, rules[at], index === 1)));
    });
    return lines.join('\n') + (block.endsWith('\n') ? '\n' : '');
  });
}

const TABLE = /(?:^\|.*(?:\n|$))+/gm;
const GRAPH = /^```mermaid\n[^]*?^```$/gm;

function padded(cell: string, width: number, rule = '---', isRule = false): string {
  const isNumber = rule.endsWith(':');
  if (isRule) return isNumber ? '-'.repeat(width - 1) + ':' : '-'.repeat(width);
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)));
  return isNumber ? space + cell : cell + space;
}

function widthOf(cell: string): number {
  return Array.from(cell).length;
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function cellsOf(row: string): string[] {
  const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
  return cells.slice(1, -1);
}

/** Spaces for line breaks and other control characters, which would end a row or a heading. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ');
}
