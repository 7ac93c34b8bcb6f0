/** What an import came to, for people. */
import colors from 'picocolors';
import type { CloseBy } from '../importers/beads-item.ts';
import type { ImportReport } from '../importers/import-beads.ts';
import type { Outcomes } from '../importers/import-tally.ts';
import { count, harmless, table } from './output.ts';

/** What a summary tells beside the report. */
export interface ImportTold {
  readonly file: string;
  readonly dir: string;
  readonly seconds: number;
}

const OUTCOMES = ['records', 'accepted', 'refused'];
const CLOSES: Readonly<Record<CloseBy, string>> = {
  assignee: 'by the assignee that its values name: a completion',
  claimant: 'by who claimed it without values: a completion',
  other: 'by anybody else: task.close by a Conductor',
  nobody: 'of an item without assignee: task.close by a Conductor',
};

/** Writes the summary. */
export function importSummary(report: ImportReport, told: ImportTold): string {
  return [headOf(report, told), mapped(report), closes(report), refusals(report), end(report, told)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function headOf(report: ImportReport, { file, dir, seconds }: ImportTold): string {
  const { records, accepted, refused, items, agents, sequence, firstSeen } = report;
  const presupposed = Object.entries(firstSeen).map(([kind, number]) => `${count(number)} ${kind}`);
  return [
    `${colors.bold(`${count(records)} records`)} of ${harmless(file)}: ${count(accepted)} accepted, ${count(refused)} refused`,
    `  ${count(items)} items, ${count(agents.conductor)} conductors and ${count(agents.pulse)} pulses; ${count(sequence)} events in ${harmless(dir)}, ${seconds.toFixed(1)} s`,
    ...(presupposed.length === 0
      ? []
      : [
          `  made from the old value of the record that shows them first: ${presupposed.join(', ')}`,
        ]),
  ].join('\n');
}

function mapped({ commands }: ImportReport): string {
  const rows = commands
    .toSorted((a, b) => (a.kind === b.kind ? b.records - a.records : a.kind < b.kind ? -1 : 1))
    .map((one) => [one.kind, one.commands.join(' + ') || '–', ...numbers(one)]);
  return table(['record', 'became', ...OUTCOMES], rows);
}

function closes(report: ImportReport): string {
  const rows = Object.entries(CLOSES).map(([by, text]) => [
    text,
    ...numbers(report.closes[by as CloseBy]),
  ]);
  return table(['closes', ...OUTCOMES], rows);
}

function refusals({ reasons, examples }: ImportReport): string {
  const rows = Object.entries(reasons).map(([code, number]) => {
    const ids = examples[code as keyof typeof examples] ?? [];
    return [code, count(number), harmless(ids.join(', '))];
  });
  return rows.length === 0 ? '' : table(['refused with', 'records', 'the first of them'], rows);
}

function end({ sequence, stateHash }: ImportReport, { dir }: ImportTold): string {
  const name = process.env['npm_lifecycle_event'] === undefined ? 'stig' : 'npx stig';
  const at = dir === './.stigmergy' ? '' : ` --dir ${JSON.stringify(dir)}`;
  return [
    `  state  ${stateHash} at sequence ${count(sequence)}`,
    '',
    'Look at it:',
    `  ${name} tasks${at}`,
    `  ${name} log${at} --type task.closed --last 5`,
    `  ${name} verify${at}`,
  ].join('\n');
}

function numbers({ records, accepted, refused }: Outcomes): readonly string[] {
  return [records, accepted, refused].map(count);
}
