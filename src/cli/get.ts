/** `stig get`: what stands at a path with its version, or at every place that a pattern matches. */
import type { Command } from 'commander';
import { Fault } from '../core/errors.ts';
import type { PastState } from '../history/history.ts';
import type { QueryMatch } from '../projections/query.ts';
import { momentCommand, withPast, type MomentOptions } from './common.ts';
import {
  count,
  cut,
  harmless,
  lineOfJson,
  prettyJson,
  print,
  printJson,
  table,
  terminalColumns,
} from './output.ts';

/** So much of a value is shown in a table that goes to no terminal. */
const VALUE_CHARS = 60;
/** So much of it is shown on a terminal however narrow. */
const VALUE_CHARS_MIN = 16;
/** What `table` puts before a row, and between its cells. */
const GAP_CHARS = 2;

/** Makes the command. */
export function getCommand(): Command {
  return momentCommand('get', 'Show what stands at a path, with its version and who wrote it last.')
    .argument('<path>', 'a path of the state; with * or ** every place that it matches')
    .addHelpText(
      'after',
      `
Examples:
  $ stig get global.health                     one value, with the version to --expect when it is set
  $ stig get 'agents.*.*.status'               a table of all that matches
  $ stig get global.config --at 120 --json     as it was after event 120, for another program`,
    )
    .action(async (path: string, options: MomentOptions) => {
      await withPast(options, (past) => {
        if (path.includes('*')) showMatches(past, path, options);
        else showOne(past, path, options);
      });
    });
}

function showOne(past: PastState, path: string, { json }: MomentOptions): void {
  const found = past.read(path);
  if (found === undefined) throw nothingAt(path, past);
  if (json === true) {
    printJson({ path, ...found });
    return;
  }
  const { value, version, lastModified, lastModifiedBy } = found;
  const by = harmless(lastModifiedBy.agentId);
  print(prettyJson(value));
  print(`\nversion ${count(version)}, written ${lastModified} by ${by}`);
}

/** A key that is written in quotes may hold a star: then the one place with that name is shown. */
function showMatches(past: PastState, pattern: string, options: MomentOptions): void {
  const matches = past.query(pattern);
  if (matches.length === 0) throw nothingAt(pattern, past);
  if (options.json === true) {
    for (const match of matches) printJson(match);
    return;
  }
  print(matchTable(matches, terminalColumns()));
}

/** The table of what a pattern matches, with values that are cut so that a row is one line of the terminal. */
export function matchTable(matches: readonly QueryMatch[], columns: number | undefined): string {
  const head = ['path', 'version', 'by'];
  const rows = matches.map(({ path, version, lastModifiedBy }) => [
    harmless(path),
    count(version),
    harmless(lastModifiedBy.agentId),
  ]);
  const taken = head.map((title, at) =>
    rows.reduce((widest, row) => Math.max(widest, row[at]?.length ?? 0), title.length),
  );
  const before = taken.reduce((sum, width) => sum + GAP_CHARS + width, GAP_CHARS);
  const room = columns === undefined ? VALUE_CHARS : Math.max(VALUE_CHARS_MIN, columns - before);
  const values = matches.map(({ value }) => cut(lineOfJson(value), room));
  return table(
    [...head, 'value'],
    rows.map((row, at) => [...row, values[at] ?? '']),
  );
}

function nothingAt(path: string, { sequence }: PastState): Fault {
  return new Fault(
    'NOT_FOUND',
    `There is nothing at ${path} at sequence ${sequence}. See what there is with: stig state --json`,
    { details: { path, sequence } },
  );
}
