/**
 * A check that is a command of the user's.
 *
 * Each line `FINDING: PRIORITY: SUMMARY` of its output is a finding. When it says none and its exit status is not 0, that is
 * one. A command that cannot be started, is ended by a signal or takes too long has measured nothing.
 */
import { PRIORITIES, type Priority } from '../events/identity.ts';
import { environmentOf } from './agent-environment.ts';
import { CHECK_TIMEOUT_MS, type Check, type CheckContext, type Found } from './check.ts';
import { runChild } from './child-command.ts';

/** A command that checks something. */
export interface CommandCheck {
  readonly type: string;
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  /** Beside the variables of this process, `STIGMERGY_CHECK` (the type) and those of `agent-environment.ts`. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take, in milliseconds; {@link CHECK_TIMEOUT_MS} when absent. */
  readonly timeoutMs?: number;
  /** Told what it prints, piece by piece. */
  readonly onOutput?: (text: string) => void;
}

/** The end of the output that a finding keeps: the last words of a script. */
const OUTPUT_CHARS_KEPT = 2_000;
/** For the command to be ended by its own limit, and its reason told, before the check is. */
const TO_END_MS = 10_000;

/** A check that runs a command. Nobody waits for one that was cancelled, but for its `close`: after that it runs no more. */
export function commandCheck(options: CommandCheck): Check {
  const { type, timeoutMs = CHECK_TIMEOUT_MS } = options;
  const running = new Set<Promise<unknown>>();
  return {
    type,
    timeoutMs: timeoutMs + TO_END_MS,
    async measure(context) {
      const run = runCheck({ ...options, timeoutMs }, context);
      running.add(run);
      try {
        return await run;
      } finally {
        running.delete(run);
      }
    },
    async close() {
      await Promise.allSettled(running);
    },
  };
}

async function runCheck(
  { type, command, cwd, env, timeoutMs, onOutput }: CommandCheck & { readonly timeoutMs: number },
  { session, signal }: CheckContext,
): Promise<readonly Found[]> {
  const own = { ...environmentOf(session.identity), STIGMERGY_CHECK: type };
  const child = { command, cwd, env: { ...env, ...own }, signal, timeoutMs, onOutput };
  const end = await runChild(child);
  if (end.how === 'timeout') throw new Error(`it took longer than ${timeoutMs} ms`);
  if (end.exitCode === null) throw new Error(end.reason ?? 'it was ended');
  const found = findingsIn(end.output);
  if (found.length > 0 || end.exitCode === 0) return found;
  const summary = `${command[0]} ended with exit status ${end.exitCode}`;
  const details = { exitCode: end.exitCode, output: end.output.slice(-OUTPUT_CHARS_KEPT) };
  return [{ priority: 'high', summary, details }];
}

const LINE = /^FINDING:[ \t]*(?:([a-z]+)[ \t]*:)?(.*)$/gm;

/** The findings that some output says; one whose priority is none is `normal`, and its text is kept as it is. */
export function findingsIn(output: string): readonly Found[] {
  return [...output.matchAll(LINE)].flatMap(([, word, rest = '']) => {
    const priority = PRIORITIES.find((one) => one === word);
    const said = priority === undefined && word !== undefined ? `${word}:${rest}` : rest;
    const summary = said.trim();
    return summary === '' ? [] : [{ priority: priority ?? ('normal' satisfies Priority), summary }];
  });
}
