/**
 * `stig`: the program. Exit status 0 on success, 1 when what was asked or checked does not hold, 2 on bad usage; errors go to
 * standard error with their code.
 */
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { ERRORS, Fault, Refused, type ErrorCode } from '../core/errors.ts';
import { benchCommand } from './bench.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { demoCommand } from './demo/demo.ts';
import { importCommand } from './import.ts';
import { locksCommand } from './locks.ts';
import { logCommand } from './log.ts';
import { getCommand } from './get.ts';
import { harmless } from './output.ts';
import { runAgentCommand } from './run.ts';
import { setCommand, unsetCommand } from './set.ts';
import { stateCommand } from './state.ts';
import { subscriptionsCommand } from './subscriptions.ts';
import { tasksCommand } from './tasks.ts';
import { verifyCommand } from './verify.ts';

const { version } = createRequire(import.meta.url)('stigmergy/package.json') as { version: string };

const program = new Command('stig')
  .description('Coordinate a swarm of software agents, and see any moment of its past.')
  .version(version)
  .addHelpText(
    'after',
    `
Start here:
  $ stig demo                 a swarm at work on this directory, a death, a recovery
  $ stig run pulse --help     your own command-line agent takes part in a swarm
  $ stig log --limit 20       what it did, as events
  $ stig state --at 50        the whole state after event 50
  $ stig get 'agents.**.goal' every place of the state that a pattern matches
  $ stig tasks --at 50        its tasks then, and who worked on them
  $ stig locks --at 50        its locks then, and who waited for them
  $ stig subscriptions        who follows the events under a name, and how far
  $ stig deadletters          events that a subscription could not handle
  $ stig verify               proof that nothing was lost or changed

Every command takes --dir (default ./.stigmergy, or STIGMERGY_DIR) and --json.`,
  );
for (const made of [
  demoCommand(),
  runAgentCommand(),
  logCommand(),
  stateCommand(),
  getCommand(),
  setCommand(),
  unsetCommand(),
  locksCommand(),
  tasksCommand(),
  subscriptionsCommand(),
  deadLettersCommand(),
  verifyCommand(),
  importCommand(),
  benchCommand(),
]) {
  program.addCommand(made);
}

/** The commands that are used wrongly, by the error that says how. */
const misused = new WeakMap<Error, Command>();

function overrideExit(command: Command): void {
  command
    .exitOverride((error) => {
      misused.set(error, command);
      throw error;
    })
    .configureOutput({ outputError: () => {} })
    .showHelpAfterError(false);
  for (const child of command.commands) overrideExit(child);
}

/** Prints an error in one line, and gives the exit status that goes with it. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // help and version are no errors
    const isHelp = error.code === 'commander.help';
    if (!isHelp) complain('INVALID_INPUT', usageOf(error, misused.get(error) ?? program));
    return 2;
  }
  const code = error instanceof Fault || error instanceof Refused ? error.code : 'INTERNAL';
  complain(code, error instanceof Error ? error.message : String(error));
  if (process.env['STIGMERGY_DEBUG'] !== undefined) console.error(error);
  return ERRORS[code].exit;
}

/** What is wrong with the words of a call, and where the right ones stand. */
function usageOf({ code, message }: CommanderError, command: Command): string {
  const { parent } = command;
  // A word that a group of commands does not know is given to the command that it has for no word.
  const isGroup = parent !== null && parent !== program && parent.args[0] !== command.name();
  if (code === 'commander.excessArguments' && isGroup) {
    const names = parent.commands.map((one) => one.name()).join(', ');
    return `unknown command '${command.args[0] ?? ''}'; there are ${names}. See: ${helpOf(parent)}`;
  }
  return `${message.replace(/^error: /, '').replace(/\.?$/, '.')} See: ${helpOf(command)}`;
}

function helpOf(command: Command): string {
  const words = ['--help'];
  for (let one: Command | null = command; one !== null; one = one.parent) words.unshift(one.name());
  return words.join(' ');
}

function complain(code: ErrorCode, message: string): void {
  process.stderr.write(`stig: error [${code}] ${harmless(message.replaceAll('\n', ' '))}\n`);
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    // `stig log | head` has seen enough, or the terminal is gone. Work that has things to give back hears it too (interrupt.ts).
    if (stream.listenerCount('error') === 1) process.exit(0);
  });
}

overrideExit(program);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
