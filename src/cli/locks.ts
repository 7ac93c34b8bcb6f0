/** `stig locks`: who holds what and who waits for it, now or at any moment of the past. */
import type { Command } from 'commander';
import { Fault } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import type { PastState } from '../history/history.ts';
import type { LockRegistry } from '../projections/swarm-state.ts';
import { momentCommand, withPast, type MomentOptions } from './common.ts';
import { isEmpty, lockReport, lockTables } from './lock-report.ts';
import { momentLine } from './moment.ts';
import { print, printJson } from './output.ts';

/** Makes the command. */
export function locksCommand(): Command {
  return momentCommand('locks', 'Show who holds which lock, and who waits for it in which order.')
    .argument('[resource]', 'only the locks of this resource')
    .addHelpText(
      'after',
      `
Whoever waits is served in the order shown. A request counts as asked earlier than it was, by what its priority is worth;
so an urgent one overtakes, and nobody is overtaken for ever. Ages are those of the moment shown.

Examples:
  $ stig locks                        all locks, and who waits
  $ stig locks src/parser.ts --at 120 one resource, after event 120
  $ stig locks --json                 one object, for another program`,
    )
    .action(async (resource: string | undefined, options: MomentOptions) => {
      await withPast(options, (past) => show(past, resource, options));
    });
}

function show(past: PastState, resource: string | undefined, { json }: MomentOptions): void {
  const { sequence, timeMs } = past;
  const locks = past.get('locks') as LockRegistry; // only this part: a large state takes a while to show
  const report = lockReport(locks, timeMs, resource);
  if (resource !== undefined && isEmpty(report)) {
    throw new Fault(
      'NOT_FOUND',
      `Nobody holds ${JSON.stringify(resource)} or waits for it at sequence ${sequence}. See all locks with: stig locks`,
      { details: { resource, sequence } },
    );
  }
  if (json === true) {
    printJson({ sequence, time: isoTime(timeMs), ...report });
    return;
  }
  const tables = lockTables(report, timeMs);
  const drawn = tables === '' ? '  no lock is held, and nobody waits for one' : tables;
  print(`${momentLine(past)}\n\n${drawn}`);
}
