/** What the kinds of `stig run` read alike from the command line. What cannot be is told before a swarm is made for it. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { findProgram } from '../agents/find-program.ts';
import { refuse, Refused } from '../core/errors.ts';
import { wholeNumber } from './common.ts';

/** A program and its arguments. */
export type Words = readonly [program: string, ...args: string[]];

/** Of commands, and of no command for agents that run none. */
export const QUIET = ['--quiet', 'do not show what its commands print'] as const;

/** Node's longest timer has 2^31 - 1 ms. */
const SECONDS_MAX = 2_147_483;

/** Reads a number of seconds. */
export function seconds(text: string): number {
  const value = wholeNumber(1)(text);
  if (value > SECONDS_MAX) throw new InvalidArgumentError(`It must be at most ${SECONDS_MAX}.`);
  return value;
}

/** Adds a value to those of an option that may be given again. */
export function another(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The command that stands after `--`; undefined when there is none. */
export function wordsOf([program, ...args]: readonly string[]): Words | undefined {
  return program === undefined ? undefined : [program, ...args];
}

/** The command that has to stand after `--`. */
export function neededWords(words: readonly string[], example: string): Words {
  const command = wordsOf(words);
  if (command !== undefined) return command;
  const message = `Say what is to be run, after two hyphens: ${example} -- ./agent.sh`;
  throw new Refused(refuse('INVALID_INPUT', message));
}

/** Makes sure that a command can be started in a directory. */
export async function findCommand(words: Words | undefined, cwd: string): Promise<void> {
  if (words !== undefined) await findProgram(words[0], { cwd });
}

/** The whole path of a directory that is there. */
export async function directoryAt(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return resolve(path);
  throw new Refused(refuse('INVALID_INPUT', `There is no directory ${path}.`, { path }));
}
