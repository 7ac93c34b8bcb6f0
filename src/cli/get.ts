/** `stig get`: what stands at a path with its version, or at every place that a pattern matches. */
import type { Command } from 'commander';
import { Fault } from '../core/errors.ts';
import type { PastState } from '../history/history.ts';
import type { QueryMatch } from '../projections/query.ts';
import { momentCommand, withPast, type MomentOptions } from './common.ts';
import {
  count,
  harmless,
  lineOfJson,
  prettyJson,
  print,
  printJson,
  tableWithRest,
  terminalColumns,
} from './output.ts';

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
  const rows = matches.map(({ path, version, lastModifiedBy, value }) => [
    harmless(path),
    count(version),
    harmless(lastModifiedBy.agentId),
    lineOfJson(value),
  ]);
  return tableWithRest(['path', 'version', 'by', 'value'], rows, columns);
}

function nothingAt(path: string, { sequence }: PastState): Fault {
  return new Fault(
    'NOT_FOUND',
    `There is nothing at ${path} at sequence ${sequence}. See what there is with: stig state --json`,
    { details: { path, sequence } },
  );
}
