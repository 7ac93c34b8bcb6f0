/** `stig bench`: how fast this machine is with us, as ratios to the floor of a log that only writes. */
import { isatty } from 'node:tty';
import { Presets, SingleBar } from 'cli-progress';
import { Argument, Command } from 'commander';
import picocolors from 'picocolors';
import {
  isPrompt,
  isReached,
  ROUNDS_DEFAULT,
  ROUNDS_MIN,
  runBenchmarks,
  WORKS,
  type Progress,
  type Row,
} from '../../bench/run.ts';
import { Fault } from '../core/errors.ts';
import { isDirectory } from '../storage/directory.ts';
import { wholeNumber } from './common.ts';
import { count, print, printJson, table } from './output.ts';

interface BenchOptions {
  readonly rounds: number;
  readonly on?: string;
  readonly json?: boolean;
}

/** The exit status of a program that was interrupted: 128 and the number of the signal. */
const INTERRUPTED = 130;

const colors = picocolors.createColors(isatty(1) && picocolors.isColorSupported);

/** Makes the command. */
export function benchCommand(): Command {
  const names = WORKS.map(({ work }) => work);
  return new Command('bench')
    .description(
      'Measure this machine: every work beside the floor, the least that a durable log must do.',
    )
    .addArgument(
      new Argument('[work...]', 'what to measure; everything when absent').choices(names),
    )
    .option(
      '--rounds <n>',
      'pairs of floor and ours, of which the median counts',
      wholeNumber(ROUNDS_MIN),
      ROUNDS_DEFAULT,
    )
    .option(
      '--on <directory>',
      'measure on the disk of this directory (default: that of temporary files)',
    )
    .option('--json', 'print a JSON line per row, as soon as it is measured')
    .addHelpText('after', helpText())
    .action(bench);
}

function helpText(): string {
  const width = Math.max(...WORKS.map(({ work }) => work.length));
  const works = WORKS.map(({ work, summary }) => `  ${work.padEnd(width)}  ${summary}`);
  return `
Works:
${works.join('\n')}

Floor and ours alternate in one run, because machines change their speed: compare ratios, not values. What is written
goes to a temporary directory, which is removed. docs/performance.md says what is measured, and what is not.

Examples:
  $ stig bench                       everything; takes four minutes
  $ stig bench append --rounds 9     one work, with a steadier median
  $ stig bench --json > bench.jsonl  for another program`;
}

async function bench(
  names: readonly string[],
  { rounds, on: dir, json }: BenchOptions,
): Promise<void> {
  if (dir !== undefined && !(await isDirectory(dir))) {
    throw new Fault(
      'DIRECTORY_NOT_FOUND',
      `There is no directory ${dir} to measure on. Make it first.`,
      {
        details: { directory: dir },
      },
    );
  }
  const interrupt = new AbortController();
  const giveUp = () => interrupt.abort();
  process.once('SIGINT', giveUp);
  try {
    const rows = await withBar(json === true && isatty(1), async (onProgress) =>
      runBenchmarks({
        ...(names.length > 0 && { only: names }),
        ...(dir !== undefined && { directory: dir }),
        rounds,
        onProgress,
        onRow: (row) => json === true && printJson(row),
        signal: interrupt.signal,
      }),
    );
    if (json !== true) print(toTable(rows));
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = INTERRUPTED;
  } finally {
    process.off('SIGINT', giveUp);
  }
}

/** Shows how far it is on a terminal, unless the results are being printed on that terminal meanwhile. */
async function withBar<T>(
  isTaken: boolean,
  work: (onProgress: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY || isTaken) return work(() => {});
  const bar = new SingleBar(
    { format: 'bench {bar} {percentage}% | {now}', clearOnComplete: true, hideCursor: true },
    Presets.shades_grey,
  );
  bar.start(1, 0, { now: '' });
  try {
    return await work(({ fraction, work: name, variant }) =>
      bar.update(fraction, { now: `${name}, ${variant}` }),
    );
  } finally {
    bar.stop();
  }
}

function toTable(rows: readonly Row[]): string {
  const head = [
    'work',
    'variant',
    'ours',
    'floor',
    'ratio',
    'at least',
    'aim',
    'p50 ms',
    'p99 ms',
    'beside',
  ];
  return table(head, rows.map(toCells));
}

function toCells(row: Row): string[] {
  const { work, variant, unit, value, floor, ratio, p50Ms, p99Ms } = row;
  const isRatio = row.of === 'ratio';
  return [
    work,
    variant,
    isRatio ? `${figure(value)} ${unit}` : judged(row, `${figure(value)} ${unit}`),
    figure(floor),
    isRatio && ratio !== null ? judged(row, ratio.toFixed(2)) : '',
    ...boundsOf(row),
    figure(p50Ms),
    judgedDelay(row, figure(p99Ms)),
    besideOf(row),
  ];
}

function boundsOf(row: Row): [minimum: string, aim: string] {
  if (row.bound === 'none') return ['', ''];
  const sign = row.bound === 'at least' ? '' : '≤ ';
  return [sign + row.minimum, sign + row.aim];
}

/** What is told of some works only. */
function besideOf({ bytesPerCommit, floorBytesPerCommit, doubleClaims }: Row): string {
  if (doubleClaims !== undefined) return `${doubleClaims} double claims`;
  if (bytesPerCommit === undefined) return '';
  return `${figure(bytesPerCommit)} bytes/commit (floor ${floorBytesPerCommit})`;
}

/** Green when the aim is reached, yellow when the minimum is, red when not even that; plain where nothing is asked. */
function judged(row: Row, text: string): string {
  if (row.bound === 'none') return text;
  if (isReached(row, 'aim')) return colors.green(text);
  return isReached(row, 'minimum') ? colors.yellow(text) : colors.red(text);
}

function judgedDelay(row: Row, text: string): string {
  return isPrompt(row) ? text : `${colors.red(text)} (floor ${figure(row.floorP99Ms ?? null)})`;
}

/** Three digits that count. */
function figure(value: number | null): string {
  if (value === null) return '';
  return value >= 1_000 ? count(Math.round(value)) : String(Number(value.toPrecision(3)));
}
