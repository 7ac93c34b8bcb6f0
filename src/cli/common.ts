/** What all commands have in common: where the swarm is, and in which form they print. */
import { Command, InvalidArgumentError } from 'commander';
import { History } from '../history/history.ts';
import { withProgress } from './output.ts';

/** The options of every command. */
export interface CommonOptions {
  readonly dir: string;
  readonly json?: boolean;
}

/** A command with the common options. */
export function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      '--dir <directory>',
      'the directory of the swarm (or STIGMERGY_DIR)',
      defaultDirectory(),
    )
    .option('--json', 'print JSON lines');
}

function defaultDirectory(): string {
  const named = process.env['STIGMERGY_DIR'];
  return named === undefined || named === '' ? './.stigmergy' : named;
}

/** Opens the history of a directory for some work, and closes it. */
export async function withHistory<T>(
  { dir }: CommonOptions,
  work: (history: History) => Promise<T>,
): Promise<T> {
  const history = await History.open(dir);
  try {
    return await work(history);
  } finally {
    await history.close();
  }
}

/** The state at a moment, with progress for long logs. */
export async function stateAt(history: History, at: string | undefined) {
  return withProgress('replay', history.head.sequence, (advance) => history.at(at, advance));
}

/** Reads a whole number that is at least a minimum. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < min) {
      throw new InvalidArgumentError(`It must be a whole number from ${min}.`);
    }
    return value;
  };
}
