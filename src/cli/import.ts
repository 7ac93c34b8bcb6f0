/** `stig import`: the logs of other swarms, turned into commands on a new swarm. */
import { Command } from 'commander';
import { importBeads, type ImportReport } from '../importers/import-beads.ts';
import { BeadsLog } from '../importers/beads-log.ts';
import { command, type CommonOptions } from './common.ts';
import { importSummary } from './import-summary.ts';
import { note, print, printJson, withProgress } from './output.ts';

/** Makes the command. */
export function importCommand(): Command {
  const beads = command('beads', 'Import the event log of a swarm that used beads.')
    .argument('<file>', 'the log: one JSON object a line, .beads/backup/events.jsonl for example')
    .addHelpText(
      'after',
      `
Each record becomes the commands that its actor would have given, at its time; what the coordinator refuses is counted
by its code, with the first records. The directory must not hold a swarm yet. The same file gives the same state on
every machine. An import that was interrupted leaves a sound log of the records so far: delete it and import again.
docs/import-beads.md has the mapping.

Example:
  $ stig import beads events.jsonl --dir ./imported`,
    )
    .action(async (file: string, options: CommonOptions) => {
      await runImport(file, options);
    });
  return new Command('import')
    .description('Import the log of another swarm, as commands by its actors at their times.')
    .addCommand(beads);
}

async function runImport(file: string, { dir, json }: CommonOptions): Promise<void> {
  const started = performance.now();
  const log = await BeadsLog.open(file);
  try {
    const report = await untilInterrupted((signal) =>
      withProgress('import', log.size, (onProgress) =>
        importBeads(log, { directory: dir, signal, onProgress }),
      ),
    );
    const seconds = (performance.now() - started) / 1_000;
    if (json === true) printJson(toJson(report));
    else print(importSummary(report, { file, dir, seconds }));
    if (report.complete) return;
    note(`interrupted: ${dir} holds the records so far. Delete it and import again.`);
    process.exitCode = 130;
  } finally {
    await log.close();
  }
}

/** Lets Ctrl-C end the work at the next record, and not in the middle of one; the second one ends the program. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => controller.abort();
  process.once('SIGINT', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** What other programs read first comes first. */
function toJson(report: ImportReport): Readonly<Record<string, unknown>> {
  const { records, accepted, refused, reasons, sequence, stateHash, ...rest } = report;
  return { records, accepted, refused, reasons, sequence, stateHash, ...rest };
}
