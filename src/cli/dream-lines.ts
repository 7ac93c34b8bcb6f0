/** The phases and the end of a dream: lines for people, an object for programs. */
import { relative } from 'node:path';
import colors from 'picocolors';
import type { DreamEnd } from '../agents/dream-weaver.ts';
import type { DreamPhase } from '../agents/weave.ts';
import type { Artifact } from '../events/state-schemas.ts';
import type { TaskState } from '../events/task-state.ts';
import { count, harmless, ID_CHARS } from './output.ts';
import { many } from './run-output.ts';

/** A phase that is over. */
export interface PhaseEnd {
  readonly phase: DreamPhase;
  readonly round: number;
  /** What it made or changed. */
  readonly artifacts: readonly Artifact[];
}

/** What of some artifacts was not among those before, or has changed since. */
export function madeSince(
  before: readonly Artifact[],
  after: readonly Artifact[],
): readonly Artifact[] {
  const known = new Set(before.map(keyOf));
  return after.filter((artifact) => !known.has(keyOf(artifact)));
}

function keyOf({ id, metadata }: Artifact): string {
  return JSON.stringify([id, metadata['sha256']]);
}

/** A phase for people: a line, and one for each file that it made. */
export function phaseLines({ phase, round, artifacts }: PhaseEnd, directory: string): string {
  const cells = [colors.bold(phase.padEnd(10)), `round ${round}`, many(artifacts.length, 'file')];
  return [cells.join('  '), ...artifacts.map((one) => artifactLine(one, directory))].join('\n');
}

function artifactLine({ type, path, size, metadata }: Artifact, directory: string): string {
  const hash = String(metadata['sha256']).slice(0, ID_CHARS);
  const cells = [type.padEnd(8), `${count(size)} B`, `sha256 ${hash}`];
  return `  ${cells.join('  ')}  ${harmless(relative(directory, path))}`;
}

/** What there is to know beside the outcome. */
export interface DreamLabels {
  readonly dreamId: string;
  readonly sessionId: string;
  /** The task as it is now; undefined when the dream did none. */
  readonly task: TaskState | undefined;
}

/** An end for programs. */
export function dreamEndJson(
  { how, ...rest }: DreamEnd,
  { task, ...labels }: DreamLabels,
): Readonly<Record<string, unknown>> {
  return { outcome: how, ...rest, ...labels, taskId: task?.id, taskStatus: task?.status };
}

/** An end for people. */
export function dreamEndLines(end: DreamEnd, { task }: DreamLabels): string {
  const { how, phase, artifacts, quality, rounds, told } = end;
  const { coherence, relevance, creativity } = quality;
  const color = how === 'complete' ? colors.green : colors.yellow;
  const why = how === 'failed' ? ` (${end.code})` : how === 'cancelled' ? ` while ${phase}` : '';
  const parts = [
    `${many(rounds, 'round')}, ${many(artifacts.length, 'file')}`,
    `coherence ${coherence}, relevance ${relevance}, creativity ${creativity}`,
    ...(task === undefined ? [] : [`task ${harmless(task.id)} is ${task.status}`]),
  ];
  const sentences = [...(how === 'failed' ? [end.reason] : []), ...told];
  return [
    `${color(how)}${why}: ${parts.join('; ')}`,
    ...sentences.map((sentence) => `  ${harmless(sentence)}`),
  ].join('\n');
}
