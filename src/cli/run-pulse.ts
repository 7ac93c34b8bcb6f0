/** `stig run pulse`: a command of the user's works on a task of a swarm, in a git repository. */
import { realpath, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Command } from 'commander';
import type { PulseOutcome } from '../agents/pulse-options.ts';
import { runPulse } from '../agents/pulse.ts';
import { Repository } from '../agents/repository.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import { refuse, Refused } from '../core/errors.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { wholeNumber } from './common.ts';
import type { Interruption } from './interrupt.ts';
import { harmless, note } from './output.ts';
import { iterationJson, iterationLine, outcomeJson, outcomeLines } from './pulse-lines.ts';
import {
  runAgent,
  runCommand,
  sessionsOf,
  type AgentAtWork,
  type RunOptions,
  type WorkEnd,
} from './run-common.ts';
import { findCommand, neededWords, QUIET, seconds, type Words } from './run-options.ts';
import { RunOutput, type OutputOptions } from './run-output.ts';
import { shellWords } from './shell-words.ts';
import { taskNamed } from './task-tables.ts';

interface PulseRunOptions extends RunOptions, OutputOptions {
  readonly goal?: string;
  readonly task?: string;
  readonly repo: string;
  readonly branch?: string;
  readonly maxIterations: number;
  readonly timeout: number;
}

const MAX_ITERATIONS = 10;
const TIMEOUT_SECONDS = 1_800;

/** Makes the command. */
export function runPulseCommand(): Command {
  return runCommand(
    'pulse',
    'Work on a task by running a command in a git repository, until it says that it is done.',
  )
    .argument('[command...]', 'what an iteration runs; write -- before it')
    .option('--goal <text>', 'what is to be done: makes a task of it')
    .option('--task <id>', 'the task to work on instead: its id, or a beginning that no other has')
    .option('--repo <directory>', 'where the command runs, in a git repository', '.')
    .option('--branch <name>', 'check this branch out first; it is made when there is none')
    .option(
      '--max-iterations <n>',
      'at most so many; 0 for as many as it takes',
      wholeNumber(0),
      MAX_ITERATIONS,
    )
    .option(
      '--timeout <seconds>',
      'how long one run of the command may take',
      seconds,
      TIMEOUT_SECONDS,
    )
    .option(...QUIET)
    .addHelpText(
      'after',
      `
The command finds its task in its environment: STIGMERGY_GOAL, STIGMERGY_TASK_ID, STIGMERGY_ITERATION, STIGMERGY_BRANCH,
and who it is: STIGMERGY_AGENT_ID, STIGMERGY_AGENT_TYPE, STIGMERGY_SESSION_ID. The last line that it prints of these decides
what follows: COMPLETE, CONTINUE, BLOCKED or PAUSE. A line "SUMMARY: ..." is kept as what it did.
docs/agents.md has the rest.

Exit status: 0 when the task is complete, 1 when it is not, 2 when it could not be begun, 130 after Ctrl-C.

Examples:
  $ stig run pulse --goal "make the tests pass" --repo . --branch fix -- ./agent.sh
  $ stig run pulse --task V1StGXR8_Z5j --max-iterations 3 -- sh -c 'npm test && echo COMPLETE'`,
    )
    .action(async (words: readonly string[], options: PulseRunOptions) => {
      await run(options, neededWords(words, 'stig run pulse --goal "..."'));
    });
}

async function run(options: PulseRunOptions, words: Words): Promise<void> {
  if (options.goal === undefined && options.task === undefined) {
    const message =
      'Say what is to be done: --goal "make the tests pass", or --task with the id of a task.';
    throw new Refused(refuse('INVALID_INPUT', message));
  }
  // What cannot be is told before a swarm is made for it.
  const repository = await Repository.open(options.repo);
  await findCommand(words, repository.directory);
  await runAgent(options, {
    agentType: 'pulse',
    goesOn: (swarm) => pausedSession(swarm, options),
    work: async (parts) => {
      await keepOutOf(repository, options.dir);
      return work(parts, options, words);
    },
  });
}

async function work(
  { swarm, session, signal, interruption, env }: AgentAtWork,
  options: PulseRunOptions,
  words: Words,
): Promise<WorkEnd> {
  const { goal, repo, branch, maxIterations, timeout } = options;
  const taskId = taskIdIn(swarm, options);
  const output = new RunOutput(options);
  const outcome = await runPulse(session, {
    goal,
    taskId,
    repository: repo,
    command: words,
    branchName: branch,
    maxIterations,
    iterationTimeoutMs: timeout * 1_000,
    env,
    signal,
    onOutput: output.show,
    onIteration(end) {
      output.tell(iterationJson(end), iterationLine(end));
    },
  });
  const { sessionId } = session.identity;
  output.tell(outcomeJson(outcome, sessionId), outcomeLines(outcome));
  if (options.json !== true) tellHowToGoOn(outcome, options, words);
  return {
    exitStatus: statusOf(outcome, interruption()),
    keepsSession: outcome.status === 'paused',
  };
}

function statusOf({ status }: PulseOutcome, interruption: Interruption | undefined): number {
  if (status === 'complete') return 0;
  return status === 'cancelled' ? (interruption?.exitStatus ?? 1) : 1;
}

function taskIdIn(swarm: Swarm, { task }: PulseRunOptions): string | undefined {
  if (task === undefined) return undefined;
  return taskNamed(swarm.state.global.tasks, task, swarm.sequence).id;
}

/** The session of this agent that paused in the middle of the task. */
function pausedSession(swarm: Swarm, options: PulseRunOptions): AgentIdentity | undefined {
  const taskId = taskIdIn(swarm, options);
  return sessionsOf(swarm).find(
    ({ agentType, agentId, status, currentTask, data }) =>
      agentType === 'pulse' &&
      agentId === options.agent &&
      taskId !== undefined &&
      currentTask?.id === taskId &&
      data['taskId'] === taskId &&
      (status === 'paused' || (status === 'error' && data['lastSignal'] === 'PAUSE')),
  );
}

/** Keeps git from taking a swarm that lies in the work tree for a part of it. */
async function keepOutOf({ root }: Repository, directory: string): Promise<void> {
  const path = relative(await realpath(root), await realpath(directory));
  if (path === '' || path === '..' || path.startsWith(`..${sep}`)) return;
  await writeFile(join(directory, '.gitignore'), '*\n', { flag: 'wx' }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
}

function tellHowToGoOn(
  { status, task }: PulseOutcome,
  options: PulseRunOptions,
  words: Words,
): void {
  if (status !== 'paused' && status !== 'cancelled') return;
  note(`go on with: ${againWith(task.id, options, words)}`);
}

/** The command line that goes on with a task. */
function againWith(taskId: string, options: PulseRunOptions, words: Words): string {
  const { agent, dir, repo, branch, maxIterations, timeout } = options;
  const said: readonly (readonly [name: string, value: string, isUsual: boolean])[] = [
    ['--task', taskId, false],
    ['--agent', agent, agent === 'pulse'],
    ['--dir', dir, dir === './.stigmergy'],
    ['--repo', repo, repo === '.'],
    ['--branch', branch ?? '', branch === undefined],
    ['--max-iterations', String(maxIterations), maxIterations === MAX_ITERATIONS],
    ['--timeout', String(timeout), timeout === TIMEOUT_SECONDS],
  ];
  const flags = said.flatMap(([name, value, isUsual]) => (isUsual ? [] : [name, value]));
  return harmless(shellWords(['stig', 'run', 'pulse', ...flags, '--', ...words]));
}
