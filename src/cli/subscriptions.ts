/** `stig subscriptions`: the durable subscriptions of a swarm and how far they are, now or at any moment of the past. */
import { Command } from 'commander';
import type { PastState, PastSubscription } from '../history/history.ts';
import {
  command,
  momentCommand,
  withOwnedSwarm,
  withPast,
  type CommonOptions,
  type MomentOptions,
} from './common.ts';
import { momentLine, msOf, timeOfDay } from './moment.ts';
import { count, harmless, note, print, printJson, table } from './output.ts';

/** A durable subscription with the number of its dead letters. */
interface ShownSubscription extends PastSubscription {
  readonly deadLetters: number;
}

/** Makes the command. */
export function subscriptionsCommand(): Command {
  return new Command('subscriptions')
    .description('Show the durable subscriptions and how far they are, or remove one.')
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(removeCommand())
    .addHelpText(
      'after',
      `
A durable subscription is one that was made with a name: it goes on under that name where it was. Without a subcommand they
are listed; the options are those of: stig subscriptions list --help

Examples:
  $ stig subscriptions                     all of them, with how many dead letters each has
  $ stig subscriptions --at 120 --json     as they were after event 120, for another program
  $ stig subscriptions remove invoices     its place in the log is forgotten`,
    );
}

function listCommand(): Command {
  return momentCommand('list', 'Show the durable subscriptions, by name.')
    .addHelpText(
      'after',
      `
A subscription is done with every event "through" its sequence; "behind" counts the events that come after it, wanted or not.

Examples:
  $ stig subscriptions                     all of them
  $ stig subscriptions --at 120 --json     as they were after event 120, for another program`,
    )
    .action(async (options: MomentOptions) => {
      await withPast(options, (past) => list(past, options));
    });
}

function removeCommand(): Command {
  return command('remove', 'Take a durable subscription away, with its place in the log.')
    .argument('<name>', 'its whole name')
    .addHelpText(
      'after',
      `
Whoever subscribes under the name again begins anew. Its dead letters stay, until they are dropped.

Examples:
  $ stig subscriptions remove invoices
  $ stig deadletters drop --all --subscription invoices`,
    )
    .action(async (name: string, options: CommonOptions) => {
      await withOwnedSwarm(options, async ({ events }) => {
        await events.removeSubscription(name);
        const deadLetters = events.deadLetters.list(name).length;
        if (options.json === true) printJson({ name, status: 'removed', deadLetters });
        else print(`${harmless(name)} is removed`);
        if (deadLetters > 0) note(`${count(deadLetters)} dead letters of it stay`);
      });
    });
}

function list(past: PastState, { json }: MomentOptions): void {
  const letters = new Map<string, number>();
  for (const { subscription } of past.deadLetters) {
    letters.set(subscription, (letters.get(subscription) ?? 0) + 1);
  }
  const shown = past.subscriptions.map((one) => ({
    ...one,
    deadLetters: letters.get(one.name) ?? 0,
  }));
  if (json === true) for (const one of shown) printJson(one);
  else {
    const drawn =
      shown.length === 0
        ? '  there are no durable subscriptions'
        : subscriptionTable(shown, past.timeMs);
    print(`${momentLine(past)}\n\n${drawn}`);
  }
  const listed = shown.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
  const others = past.deadLetters.length - listed;
  if (others > 0) {
    note(
      `${count(others)} dead letters are of subscriptions that are not listed: stig deadletters`,
    );
  }
}

function subscriptionTable(shown: readonly ShownSubscription[], shownMs: number): string {
  return table(
    ['subscription', 'agent', 'through', 'behind', 'since (UTC)', 'dead letters'],
    shown.map(({ name, agentId, through, behind, createdAt, deadLetters }) => [
      harmless(name),
      harmless(agentId),
      count(through),
      count(behind),
      timeOfDay(msOf(createdAt), shownMs),
      count(deadLetters),
    ]),
  );
}
