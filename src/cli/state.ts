/** `stig state`: the state of a swarm, now or at any moment of the past. */
import type { Command } from 'commander';
import { Fault } from '../core/errors.ts';
import { momentCommand, withPast, type CommonOptions, type MomentOptions } from './common.ts';
import { overview } from './overview.ts';
import { prettyJson, print, printJson } from './output.ts';

/** Makes the command. */
export function stateCommand(): Command {
  return momentCommand('state', 'Show the state of a swarm, now or at any moment of the past.')
    .argument('[path]', 'a path of the state, global.metrics for example; an overview when absent')
    .addHelpText(
      'after',
      `
Examples:
  $ stig state                                   who is there, who holds what
  $ stig state --at 120                          the same, after event 120
  $ stig state global.metrics --json             one part, for another program
  $ stig state 'locks.waitQueue["repo/a.ts"]'    a key with other characters is quoted`,
    )
    .action(async (path: string | undefined, options: MomentOptions) => {
      await withPast(options, (past) => {
        if (path !== undefined) printValue(path, past.get(path), past.sequence, options);
        else if (options.json === true) printJson(past.state);
        else print(overview(past));
      });
    });
}

function printValue(path: string, value: unknown, sequence: number, { json }: CommonOptions): void {
  if (value === undefined) {
    throw new Fault(
      'NOT_FOUND',
      `There is nothing at ${path} at sequence ${sequence}. See what there is with: stig state --json`,
      { details: { path, sequence } },
    );
  }
  if (json === true) printJson(value);
  else print(prettyJson(value));
}
