/** The iterations and the outcome of a Pulse: a line or two for people, an object for programs. */
import colors from 'picocolors';
import type { PulseIterationEnd } from '../agents/pulse-iteration.ts';
import type { PulseOutcome } from '../agents/pulse-options.ts';
import { duration } from './moment.ts';
import { count, harmless } from './output.ts';
import { many } from './run-output.ts';

/** An iteration for people. */
export function iterationLine({ iteration, commits }: PulseIterationEnd): string {
  const { number, signal, status, summary, durationSeconds, filesModified } = iteration;
  const said = status === 'failed' ? `${signal}, failed` : signal;
  const cells = [
    `iteration ${count(number)}`,
    (status === 'failed' ? colors.red : colors.bold)(said.padEnd(8)),
    duration(Math.round((durationSeconds ?? 0) * 1_000)),
    many(commits.length, 'commit'),
    many(filesModified.length, 'file'),
    harmless(summary),
  ];
  return cells.join('  ').trimEnd();
}

/** An iteration for programs. */
export function iterationJson({
  iteration,
  commits,
  exitCode,
}: PulseIterationEnd): Readonly<Record<string, unknown>> {
  return { ...iteration, commits, exitCode };
}

/** An outcome for programs. */
export function outcomeJson(
  { status, task, ...rest }: PulseOutcome,
  sessionId: string,
): Readonly<Record<string, unknown>> {
  return { outcome: status, ...rest, taskId: task.id, taskStatus: task.status, sessionId };
}

/** An outcome for people. */
export function outcomeLines(outcome: PulseOutcome): string {
  const { status, code, message, task, iterations, commits, files } = outcome;
  const color = status === 'complete' ? colors.green : colors.yellow;
  const made = [
    many(iterations, 'iteration'),
    many(commits.length, 'commit'),
    many(files.length, 'file'),
  ];
  const why = status === 'failed' ? ` (${code})` : '';
  const line = `${color(status)}${why}: ${made.join(', ')}; task ${harmless(task.id)} is ${task.status}`;
  return status === 'complete' || message === '' ? line : `${line}\n  ${harmless(message)}`;
}
