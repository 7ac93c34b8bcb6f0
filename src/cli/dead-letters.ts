/**
 * `stig deadletters`: the events that subscriptions could not handle, now or at any moment of the past, and what becomes of
 * them: delivered again, or given up.
 *
 * Nobody listens while a command has the swarm open. So a retry is a note for the subscription, which is read when it is there.
 */
import { Command } from 'commander';
import type { DeadLetter, DeadLetters } from '../coordinator/dead-letters.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import type { History, PastState } from '../history/history.ts';
import { momentCommand, wholeNumber, withPast, type MomentOptions } from './common.ts';
import {
  choiceCommand,
  lettersOf,
  nothingToTell,
  withChosen,
  type ChoiceOptions,
} from './dead-letter-choice.ts';
import { letterTable, withTypes } from './dead-letter-table.ts';
import { momentLine } from './moment.ts';
import { count, harmless, note, print, printJson, terminalColumns } from './output.ts';

interface ListOptions extends MomentOptions {
  readonly subscription?: string;
  readonly limit: number;
}

interface DropOptions extends ChoiceOptions {
  readonly reason?: string;
}

const LIMIT_DEFAULT = 50;
/** So many are asked for at once: their commits share a write of the disk. */
const ASKED_AT_ONCE = 256;

/** Makes the command. */
export function deadLettersCommand(): Command {
  return new Command('deadletters')
    .description(
      'Show the events that subscriptions could not handle, retry them, or give them up.',
    )
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(retryCommand())
    .addCommand(dropCommand())
    .addHelpText(
      'after',
      `
A subscription with onError "retry" or "dead-letter" keeps an event here when its handler has failed often enough, and
goes on with the next one. Without a subcommand the letters are listed; the options are those of: stig deadletters list --help

Examples:
  $ stig deadletters                                     all of them, the first fifty
  $ stig deadletters --subscription invoices --at 120    those of one subscription, after event 120
  $ stig deadletters retry invoices/118                  its subscription has the event again when it is next there
  $ stig deadletters drop --all --reason "test data"     nobody will handle them any more`,
    );
}

function listCommand(): Command {
  return momentCommand('list', 'Show the dead letters, oldest event first.')
    .option('--subscription <name>', 'only those of this subscription')
    .option('--limit <n>', 'at most so many', wholeNumber(1), LIMIT_DEFAULT)
    .addHelpText(
      'after',
      `
An event with the status "queued" is delivered again when its subscription is next there; a "dead" one waits for somebody
who decides.

Examples:
  $ stig deadletters                            all of them, the first fifty
  $ stig deadletters --subscription invoices    those of one subscription
  $ stig deadletters --json --limit 10000       a line per letter, for another program`,
    )
    .action(async (options: ListOptions) => {
      await withPast(options, async (past, history) => list(past, history, options));
    });
}

function retryCommand(): Command {
  return choiceCommand('retry', 'Let subscriptions have events again when they are next there.')
    .addHelpText(
      'after',
      `
The handler that failed is given the event again as soon as a program subscribes under the name of the subscription.
So repair the cause first, then retry, then start the program.

Examples:
  $ stig deadletters retry invoices/118 invoices/120
  $ stig deadletters retry --all --subscription invoices`,
    )
    .action(async (names: readonly string[], options: ChoiceOptions) => {
      await withChosen(names, options, async (letters, swarm) => {
        await askForEach(letters, async ({ id }) => swarm.events.deadLetters.retry(id));
        for (const letter of letters) {
          if (options.json === true) printJson({ ...letter, status: 'queued' });
          else print(retryLine(letter));
        }
        tellOfTheAbsent(letters, swarm);
      });
    });
}

function dropCommand(): Command {
  return choiceCommand('drop', 'Give events up: nobody will handle them any more.')
    .option('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      `
The events themselves stay in the log, and so does who dropped them: stig log --type deadletter.dropped

Examples:
  $ stig deadletters drop invoices/118 --reason "entered by hand"
  $ stig deadletters drop --all --subscription invoices`,
    )
    .action(async (names: readonly string[], options: DropOptions) => {
      await withChosen(names, options, async (letters, swarm) => {
        await askForEach(letters, async ({ id }) =>
          swarm.events.deadLetters.drop(id, options.reason),
        );
        for (const letter of letters) {
          if (options.json === true) printJson({ ...letter, status: 'dropped' });
          else print(`${harmless(letter.id)} is dropped`);
        }
      });
    });
}

async function list(past: PastState, history: History, options: ListOptions): Promise<void> {
  const { subscription, limit, json } = options;
  const { deadLetters, sequence } = past;
  const names = past.subscriptions.map(({ name }) => name);
  const found = lettersOf(subscription, { letters: deadLetters, names, sequence });
  const shown = await withTypes(found.slice(0, limit), history);
  if (json === true) for (const letter of shown) printJson(letter);
  else {
    const moment = { shownMs: past.timeMs, columns: terminalColumns() };
    const drawn = shown.length === 0 ? nothingToTell(subscription) : letterTable(shown, moment);
    print(`${momentLine(past)}\n\n${drawn}`);
  }
  const more = found.length - shown.length;
  if (more > 0) note(`${count(more)} more; all of them with --limit ${found.length}`);
}

async function askForEach(
  letters: readonly DeadLetter[],
  ask: (letter: DeadLetter) => ReturnType<DeadLetters['retry']>,
): Promise<void> {
  for (let at = 0; at < letters.length; at += ASKED_AT_ONCE) {
    await Promise.all(letters.slice(at, at + ASKED_AT_ONCE).map(ask));
  }
}

function retryLine({ id, subscription, status }: DeadLetter): string {
  const waits = status === 'queued' ? 'waits already to be' : 'is';
  return `${harmless(id)} ${waits} delivered again when ${harmless(subscription)} is next there`;
}

/** Letters of a subscription that had no name, or was removed, wait for somebody who may never come. */
function tellOfTheAbsent(letters: readonly DeadLetter[], swarm: Swarm): void {
  const names = new Set(swarm.events.durableSubscriptions().map(({ name }) => name));
  for (const subscription of new Set(letters.map((letter) => letter.subscription))) {
    if (names.has(subscription)) continue;
    note(
      `there is no durable subscription ${harmless(subscription)} now: its letters wait until there is one, or until they are dropped`,
    );
  }
}
