/**
 * How a dream is woven: a function for each phase, or a command of the user's that runs once for each.
 *
 * A command is told what to do by its environment, and the prompt on its standard input too. It says what came of it by lines of its output: `QUALITY: coherence=0.8
 * relevance=0.9 creativity=0.4`, of which the last of each counts, and, when it refines, `AGAIN` for another round. Its exit
 * status has to be 0.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { DreamType, DreamWeaverState } from '../events/state-schemas.ts';
import { environmentOf, variableOf } from './agent-environment.ts';
import { runChild } from './child-command.ts';
import type { ContextDocument } from './context-documents.ts';

/** What is to be dreamt. */
export interface Dream {
  readonly dreamId: string;
  readonly dreamType: DreamType;
  readonly prompt: string;
}

/** The phases in which something is done. */
export type DreamPhase = Exclude<DreamWeaverState['data']['phase'], 'complete'>;

/** How good a dream is, 0–1 each. */
export type Quality = DreamWeaverState['data']['quality'];

/** What a phase works with. */
export interface PhaseContext {
  readonly phase: DreamPhase;
  /** Which time it generates and refines, from 1. */
  readonly round: number;
  readonly dream: Dream;
  /** That of the task, or the prompt when there is none. */
  readonly goal: string;
  readonly taskId: string | undefined;
  /** Where its files go. */
  readonly directory: string;
  /** What is in the context window. */
  readonly documents: readonly ContextDocument[];
  readonly session: AgentSession;
  /** Aborts when nobody wants the dream any more. */
  readonly signal: AbortSignal;
}

/** What came of a phase. */
export interface Woven {
  /** The scores that it gives; the others stay. */
  readonly quality?: Partial<Quality>;
  /** Of refining: it shall generate again. */
  readonly again?: boolean;
}

/** A function for each phase. What one throws fails the dream. */
export type WeaveFunctions = Readonly<
  Record<DreamPhase, (context: PhaseContext) => Woven | void | Promise<Woven | void>>
>;

/** A command that runs once for each phase, in the directory of the dream. */
export interface WeaveCommand {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly [program: string, ...args: string[]];
  /** Beside the variables of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long one phase may take, in milliseconds; an hour when absent. */
  readonly timeoutMs?: number;
  /** Told what it prints. */
  readonly onOutput?: (text: string) => void;
}

/** How a dream is woven. */
export type Weave = WeaveFunctions | WeaveCommand;

const PHASE_TIMEOUT_MS = 3_600_000;
/** The last words of a command that failed. */
const WORDS_CHARS_MAX = 500;

/** Does one phase. Throws why it failed. */
export async function weavePhase(weave: Weave, context: PhaseContext): Promise<Woven> {
  if ('command' in weave) return runPhase(weave, context);
  return (await weave[context.phase](context)) ?? {};
}

async function runPhase(
  { command, env, timeoutMs = PHASE_TIMEOUT_MS, onOutput }: WeaveCommand,
  context: PhaseContext,
): Promise<Woven> {
  const { directory: cwd, signal } = context;
  const own = environmentFor(context);
  const { how, exitCode, output, reason } = await runChild({
    command,
    cwd,
    env: { ...env, ...own },
    input: context.dream.prompt, // whole, however long it is
    signal,
    timeoutMs,
    onOutput,
  });
  if (how === 'timeout') throw new Error(`it took longer than ${timeoutMs} ms`);
  if (exitCode === null) throw new Error(`${command[0]}: ${reason ?? 'it was ended'}`);
  if (exitCode !== 0) {
    const words = output.trim().slice(-WORDS_CHARS_MAX);
    throw new Error(`${command[0]} ended with exit status ${exitCode}: ${words}`);
  }
  return { quality: scoresIn(output), again: /^AGAIN\b/m.test(output) };
}

function environmentFor(context: PhaseContext): Readonly<Record<string, string>> {
  const { phase, round, dream, goal, taskId, documents, session } = context;
  return {
    ...environmentOf(session.identity),
    STIGMERGY_PHASE: phase,
    STIGMERGY_ROUND: String(round),
    STIGMERGY_DREAM_ID: dream.dreamId,
    STIGMERGY_DREAM_TYPE: dream.dreamType,
    STIGMERGY_PROMPT: variableOf(dream.prompt),
    STIGMERGY_GOAL: variableOf(goal),
    STIGMERGY_DOCUMENTS: variableOf(documents.map(({ name }) => name).join('\n')),
    ...(taskId === undefined ? {} : { STIGMERGY_TASK_ID: taskId }),
  };
}

const QUALITY_LINE = /^QUALITY:(.*)$/gm;
const SCORE = /\b(coherence|relevance|creativity)=(\S+)/g;

/** The scores that some output gives, as they are written; `NaN` where that is no number. */
export function scoresIn(output: string): Partial<Quality> {
  const scores = [...output.matchAll(QUALITY_LINE)].flatMap(([, line = '']) =>
    [...line.matchAll(SCORE)].map(([, name, text]) => [name, Number(text)] as const),
  );
  return Object.fromEntries(scores);
}
