/** What all commands have in common: where the swarm is, and in which form they print. */
import { Command, InvalidArgumentError } from 'commander';
import { openSwarm } from '../coordinator/open-swarm.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import { History, type PastState } from '../history/history.ts';
import { withProgress } from './output.ts';

/** The options of every command. */
export interface CommonOptions {
  readonly dir: string;
  readonly json?: boolean;
}

/** The options of a command that shows a state. */
export interface MomentOptions extends CommonOptions {
  readonly at?: string;
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

/** A command that shows a state of a swarm: at its end, or at any moment of its past. */
export function momentCommand(name: string, description: string): Command {
  return command(name, description).option(
    '--at <moment>',
    'a sequence, an ISO time or an event id; the end when absent',
  );
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

/** Shows the state at the moment that was asked for, with progress for long logs. */
export async function withPast(
  options: MomentOptions,
  show: (past: PastState, history: History) => void | Promise<void>,
): Promise<void> {
  await withHistory(options, async (history) => {
    const past = await withProgress('replay', history.head.sequence, (advance) =>
      history.at(options.at, advance),
    );
    await show(past, history);
  });
}

/** Opens a swarm that there is as its owner for some work, and closes it. Throws `SWARM_HELD` while somebody else has it. */
export async function withOwnedSwarm<T>(
  { dir }: CommonOptions,
  work: (swarm: Swarm) => Promise<T>,
): Promise<T> {
  await (await History.open(dir)).close(); // a directory without a swarm is refused, and not filled
  const swarm = await openSwarm({ directory: dir });
  try {
    return await work(swarm);
  } finally {
    await swarm.close();
  }
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
