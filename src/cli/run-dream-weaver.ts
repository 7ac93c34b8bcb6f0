/** `stig run dream-weaver`: a command of the user's plans, generates and refines, and the files that it makes are kept in mind. */
import { stat } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { Option, type Command } from 'commander';
import { runDreamWeaver, type DreamEnd } from '../agents/dream-weaver.ts';
import type { DreamPhase } from '../agents/weave.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import { refuse, Refused } from '../core/errors.ts';
import { randomIds } from '../core/ids.ts';
import { dreamTypeSchema } from '../events/agent-data.ts';
import type { Artifact, DreamType } from '../events/state-schemas.ts';
import type { TaskState } from '../events/task-state.ts';
import { wholeNumber } from './common.ts';
import { dreamEndJson, dreamEndLines, madeSince, phaseLines } from './dream-lines.ts';
import {
  runAgent,
  runCommand,
  type AgentAtWork,
  type RunOptions,
  type WorkEnd,
} from './run-common.ts';
import {
  another,
  directoryAt,
  findCommand,
  neededWords,
  QUIET,
  seconds,
  type Words,
} from './run-options.ts';
import { RunOutput, type OutputOptions } from './run-output.ts';
import { taskNamed } from './task-tables.ts';

interface DreamRunOptions extends RunOptions, OutputOptions {
  readonly goal?: string;
  readonly task?: string;
  readonly type: DreamType;
  readonly repo: string;
  readonly document?: readonly string[];
  readonly maxTokens: number;
  readonly timeout: number;
}

/** What a dream works with. */
interface Weaving {
  readonly directory: string;
  /** Paths, seen from the directory. */
  readonly documents: readonly string[];
  readonly words: Words;
}

const TIMEOUT_SECONDS = 3_600;

/** Makes the command. */
export function runDreamWeaverCommand(): Command {
  return runCommand('dream_weaver', 'Let a command plan, generate and refine, once for each phase.')
    .argument('[command...]', 'what a phase runs; write -- before it')
    .option('--goal <text>', 'what is to be dreamt: the prompt')
    .option('--task <id>', 'the task that it does, and whose goal is the prompt without --goal')
    .addOption(
      new Option('--type <type>', 'what it works at')
        .choices(dreamTypeSchema.options)
        .default('analysis'),
    )
    .option('--repo <directory>', 'where its files go, and where the command runs', '.')
    .option('--document <file>', 'something that it reads; may be given again', another)
    .option('--max-tokens <n>', 'how many of them it has room for; 0: any', wholeNumber(0), 0)
    .option('--timeout <seconds>', 'how long one phase may take', seconds, TIMEOUT_SECONDS)
    .option(...QUIET)
    .addHelpText(
      'after',
      `
The command finds in its environment what to do: STIGMERGY_PHASE (planning, generating or refining), STIGMERGY_PROMPT,
STIGMERGY_GOAL, STIGMERGY_DOCUMENTS and others; the whole prompt is on its standard input. It may print "QUALITY: coherence=0.8",
and AGAIN when it refines, for another round. Another exit status than 0 ends the dream. docs/agents.md has the rest.

Exit status: 0 when the dream is complete, 1 when it is not, 2 when it could not be begun, 130 after Ctrl-C.

Examples:
  $ stig run dream-weaver --goal "why do ants walk in lines" --type research --repo ../ants -- ./weave.sh
  $ stig run dream-weaver --task V1StGXR8_Z5j --document notes.md --max-tokens 100000 -- ./weave.sh`,
    )
    .action(async (words: readonly string[], options: DreamRunOptions) => {
      await run(options, neededWords(words, 'stig run dream-weaver --goal "..."'));
    });
}

async function run(options: DreamRunOptions, words: Words): Promise<void> {
  const { goal = '', task, repo, dir, document = [] } = options;
  if (goal === '' && task === undefined) {
    throw wrong('Say what is to be dreamt: --goal "why do ants walk in lines", or --task.');
  }
  const directory = await directoryAt(repo);
  await findCommand(words, directory);
  checkOutside(dir, directory);
  const documents: string[] = [];
  for (const name of document) documents.push(await seenFrom(directory, name));
  await runAgent(options, {
    agentType: 'dream_weaver',
    work: async (parts) => work(parts, options, { directory, documents, words }),
  });
}

async function work(
  { swarm, session, signal, interruption, env }: AgentAtWork,
  options: DreamRunOptions,
  { directory, documents, words }: Weaving,
): Promise<WorkEnd> {
  const { goal = '', type, maxTokens, timeout } = options;
  const task = taskIn(swarm, options);
  const taskId = task?.id;
  const output = new RunOutput(options);
  const dreamId = randomIds();
  const prompt = goal === '' ? (task?.goal ?? '') : goal;
  const end = await runDreamWeaver(session, {
    dream: { dreamId, dreamType: type, prompt },
    directory,
    documents,
    maxTokens,
    ...(taskId !== undefined && { taskId }),
    weave: { command: words, env, timeoutMs: timeout * 1_000, onOutput: output.show },
    onPhase: phaseTelling(output, directory),
    signal,
  });
  const { sessionId } = session.identity;
  if (end.how === 'cancelled') {
    await session.stop('the dream was cancelled');
    // What an ended session has goes back before anything else is decided: so ask for something, and have it back.
    await session.dispatch({ type: 'session.heartbeat', payload: { sessionId } });
  }
  const now = taskId === undefined ? undefined : swarm.state.global.tasks[taskId];
  const labels = { dreamId, sessionId, task: now };
  output.tell(dreamEndJson(end, labels), dreamEndLines(end, labels));
  return { exitStatus: statusOf(end) ?? interruption()?.exitStatus ?? 1 };
}

/** Tells of each phase what it made. */
function phaseTelling(
  output: RunOutput,
  directory: string,
): (phase: DreamPhase, artifacts: readonly Artifact[]) => void {
  let before: readonly Artifact[] = [];
  let generated = 0;
  return (phase, all) => {
    if (phase === 'generating') generated += 1;
    const end = { phase, round: Math.max(1, generated), artifacts: madeSince(before, all) };
    before = all;
    output.tell(end, phaseLines(end, directory));
  };
}

function statusOf({ how }: DreamEnd): number | undefined {
  if (how === 'cancelled') return undefined;
  return how === 'complete' ? 0 : 1;
}

function taskIn(swarm: Swarm, { task }: DreamRunOptions): TaskState | undefined {
  if (task === undefined) return undefined;
  return taskNamed(swarm.state.global.tasks, task, swarm.sequence);
}

/** The files of a swarm would count as made by the dream, unless a name begins with a dot on the way to them. */
function checkOutside(dir: string, directory: string): void {
  const steps = relative(directory, resolve(dir)).split(sep);
  if (steps[0] === '..' || steps.some((step) => step.startsWith('.'))) return;
  const message = `The swarm ${dir} lies in ${directory}, where its own files would count as made: move it, or give it a name that begins with a dot.`;
  throw wrong(message);
}

/** The path of a document as the command finds it. */
async function seenFrom(directory: string, name: string): Promise<string> {
  const found = await stat(name).catch(() => undefined);
  if (found?.isFile() === true) return relative(directory, resolve(name));
  throw wrong(`There is no file ${name}.`);
}

function wrong(message: string): Refused {
  return new Refused(refuse('INVALID_INPUT', message));
}
