/**
 * One iteration of a Pulse: one run of a command in a repository, and what it left there.
 *
 * Its commits and files are those that git reports between the commit before and the commit after. Writes nothing down: that is
 * for `pulse-record.ts`; what follows is for `pulse-verdict.ts`.
 */
import { environmentOf, variableOf } from './agent-environment.ts';
import type { Clock } from '../core/clock.ts';
import { Refused } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { PulseIteration } from '../events/state-schemas.ts';
import { runChild, type ChildCommand, type ChildEnd } from './child-command.ts';
import { readPulseWords } from './pulse-signal.ts';
import type { PulseFailure } from './pulse-verdict.ts';
import { NOT_ELSEWHERE, type Repository } from './repository.ts';

/** What is run in an iteration. */
export interface IterationWork {
  readonly repository: Repository;
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onOutput?: ((text: string) => void) | undefined;
}

/** An iteration that has ended. */
export interface PulseIterationEnd {
  /** As the state keeps it (specification, `PulseIteration`). */
  readonly iteration: PulseIteration;
  /** The commits that it made, the oldest first. */
  readonly commits: readonly string[];
  /** With what its command exited; null when it did not exit by itself. */
  readonly exitCode: number | null;
  /** How its command failed; null when it did not. */
  readonly failure: PulseFailure | null;
}

/** The record of an iteration that begins now. */
export function beginIteration(number: number, clock: Clock): PulseIteration {
  return {
    number,
    status: 'running',
    signal: 'UNKNOWN',
    summary: '',
    commitHash: null,
    startedAt: isoTime(clock.wallMs()),
    completedAt: null,
    durationSeconds: null,
    filesModified: [],
  };
}

/** What a command of a Pulse finds in its environment, beside the variables of this process. */
export function pulseEnvironment(work: {
  readonly identity: AgentIdentity;
  readonly taskId: string;
  readonly goal: string;
  readonly iteration: number;
  readonly branchName: string | null;
}): Readonly<Record<string, string>> {
  const { identity, taskId, goal, iteration, branchName } = work;
  return {
    ...environmentOf(identity),
    STIGMERGY_TASK_ID: taskId,
    STIGMERGY_GOAL: variableOf(goal),
    STIGMERGY_ITERATION: String(iteration),
    STIGMERGY_BRANCH: branchName ?? '',
  };
}

/** How an iteration ended, and what its listener threw: that is to be thrown when the end is written down. */
export interface IterationRun {
  readonly end: PulseIterationEnd;
  readonly thrown: { readonly error: unknown } | undefined;
}

/** Runs the command of an iteration that has begun. Throws only what git says before it runs. */
export async function runIteration(
  begun: PulseIteration,
  { repository, clock, env, ...work }: IterationWork,
): Promise<IterationRun> {
  const before = await repository.head();
  const startedMs = clock.monotonicMs();
  const { thrown, ...end } = await runHeard({
    ...work,
    cwd: repository.directory,
    env: { ...NOT_ELSEWHERE, ...env },
  });
  const durationSeconds = Math.round(clock.monotonicMs() - startedMs) / 1_000;
  const {
    commits,
    files,
    failure = failureOf(end, work.timeoutMs),
  } = await leftBehind(repository, before);
  const { signal, summary } = readPulseWords(end.output);
  const ended: PulseIterationEnd = {
    iteration: {
      ...begun,
      status: failure === null ? 'complete' : 'failed',
      signal,
      summary: summary === '' ? (failure?.message ?? '') : summary,
      commitHash: commits.at(-1) ?? null,
      completedAt: isoTime(clock.wallMs()),
      durationSeconds,
      filesModified: [...files],
    },
    commits,
    exitCode: end.exitCode,
    failure,
  };
  return { end: ended, thrown };
}

type HeardEnd = Pick<ChildEnd, 'exitCode' | 'reason' | 'output'> &
  Pick<IterationRun, 'thrown'> & { readonly how: ChildEnd['how'] | 'not heard' };

/** Runs a command to its end, also when the listener threw and so ended it. */
async function runHeard(child: ChildCommand): Promise<HeardEnd> {
  try {
    return { ...(await runChild(child)), thrown: undefined };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { how: 'not heard', exitCode: null, reason, output: '', thrown: { error } };
  }
}

interface LeftBehind {
  readonly commits: readonly string[];
  readonly files: readonly string[];
  readonly failure?: PulseFailure;
}

/** What git reports since a commit; a command may have left a repository that git does not understand any more. */
async function leftBehind(repository: Repository, before: string | null): Promise<LeftBehind> {
  try {
    const after = await repository.head();
    const commits = await repository.commitsBetween(before, after);
    return { commits, files: await repository.filesBetween(before, after) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { commits: [], files: [], failure: { code: 'GIT_FAILED', message: error.message } };
  }
}

function failureOf(
  { how, exitCode, reason }: Omit<HeardEnd, 'thrown'>,
  timeoutMs: number,
): PulseFailure | null {
  switch (how) {
    case 'exited':
      if (exitCode === 0) return null;
      return failed(exitCode === null ? `ended by ${reason}` : `exit status ${exitCode}`);
    case 'timeout':
      return failed(`not done within ${timeoutMs} ms`);
    case 'cancelled':
      return failed('ended early');
    case 'not started':
      return failed(`could not be started: ${reason}`);
    case 'not heard':
      return failed(`ended, because onOutput threw: ${reason}`);
  }
}

function failed(message: string): PulseFailure {
  return { code: 'COMMAND_FAILED', message };
}
