/**
 * What a Guardian asks beside the swarm itself: a function, or a command of the user's, that says in sentences what is wrong.
 *
 * Sentences become issues of the health, so they should say the same while it is wrong: figures would change it at every look.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import { environmentOf } from './agent-environment.ts';
import { CHECK_TIMEOUT_MS } from './check.ts';
import { runChild } from './child-command.ts';

/** What a probe asks with. */
export interface ProbeContext {
  /** The session of the Guardian; it reads the swarm. */
  readonly session: AgentSession;
  /** Aborts when nobody wants to know any more. */
  readonly signal: AbortSignal;
}

/** Says what is wrong, a sentence each; nothing when all is well. Throws when it cannot tell. A look waits for it. */
export type Probe = (context: ProbeContext) => readonly string[] | Promise<readonly string[]>;

/** A command that says whether all is well. */
export interface CommandProbe {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  /** Beside the variables of this process, and those of `agent-environment.ts`. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take, in milliseconds; {@link CHECK_TIMEOUT_MS} when absent. */
  readonly timeoutMs?: number;
  /** Told what it prints, piece by piece. */
  readonly onOutput?: (text: string) => void;
}

/** An issue is a line for a person. */
const SENTENCE_CHARS_MAX = 1_000;
/** More than these, nobody reads. */
const SENTENCES_MAX = 25;

/**
 * A probe that runs a command: with another exit status than 0 the last line that it prints is what is wrong. One that cannot be
 * started, is ended by a signal or takes too long cannot tell.
 */
export function commandProbe({
  command,
  cwd,
  env,
  timeoutMs = CHECK_TIMEOUT_MS,
  onOutput,
}: CommandProbe): Probe {
  return async ({ session, signal }) => {
    const own = environmentOf(session.identity);
    const child = { command, cwd, env: { ...env, ...own }, signal, timeoutMs, onOutput };
    const { how, exitCode, output, reason } = await runChild(child);
    if (how === 'timeout') throw new Error(`it took longer than ${timeoutMs} ms`);
    if (exitCode === null) throw new Error(reason ?? 'it was ended');
    if (exitCode === 0) return [];
    const said = output.split('\n').map((line) => line.trim());
    return [
      said.findLast((line) => line !== '') ?? `${command[0]} ended with exit status ${exitCode}`,
    ];
  };
}

/** What a probe says, each once and cut; that it cannot tell is wrong too. */
export async function probed(probe: Probe, context: ProbeContext): Promise<readonly string[]> {
  try {
    const said = [...new Set((await probe(context)).map(cut))];
    return said.slice(0, SENTENCES_MAX);
  } catch (error) {
    return [
      cut(`the probe cannot tell: ${error instanceof Error ? error.message : String(error)}`),
    ];
  }
}

function cut(sentence: string): string {
  return sentence.slice(0, SENTENCE_CHARS_MAX);
}
