/** Which dead letters a command is about: those of one subscription, those that are named, or all. */
import type { Command } from 'commander';
import type { DeadLetter } from '../coordinator/dead-letters.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import { Fault } from '../core/errors.ts';
import { command, withOwnedSwarm, type CommonOptions } from './common.ts';
import { thingNamed } from './named.ts';
import { harmless, print } from './output.ts';

/** Which letters something is done with: those that are named, or all, of one subscription or of every one. */
export interface ChoiceOptions extends CommonOptions {
  readonly all?: true;
  readonly subscription?: string;
}

/** What letters are looked for in. */
interface Known {
  readonly letters: readonly DeadLetter[];
  /** The names of the durable subscriptions. */
  readonly names: readonly string[];
  readonly sequence: number;
}

/** A command about chosen letters. */
export function choiceCommand(name: string, description: string): Command {
  return command(name, description)
    .argument('[ids...]', 'dead letters: their ids, or beginnings that no other has')
    .option('--all', 'all dead letters instead of some')
    .option('--subscription <name>', 'with --all: only those of this subscription');
}

/** Does something with the letters that are chosen. Nothing is done when one of them cannot be found. */
export async function withChosen(
  ids: readonly string[],
  options: ChoiceOptions,
  work: (letters: readonly DeadLetter[], swarm: Swarm) => Promise<void>,
): Promise<void> {
  checkChoice(ids, options);
  await withOwnedSwarm(options, async (swarm) => {
    const { subscription } = options;
    const { sequence } = swarm;
    const letters = swarm.events.deadLetters.list();
    const names = swarm.events.durableSubscriptions().map(({ name }) => name);
    const chosen =
      options.all === true
        ? lettersOf(subscription, { letters, names, sequence })
        : [...new Set(ids.map((id) => letterNamed(id, letters, sequence)))];
    if (chosen.length > 0) await work(chosen, swarm);
    else if (options.json !== true) print(nothingToTell(subscription));
  });
}

/** The letters of a subscription, or all. Throws `NOT_FOUND` when nothing has the name: it is a slip of the hand then. */
export function lettersOf(
  subscription: string | undefined,
  { letters, names, sequence }: Known,
): readonly DeadLetter[] {
  if (subscription === undefined) return letters;
  const found = letters.filter((letter) => letter.subscription === subscription);
  if (found.length > 0 || names.includes(subscription)) return found;
  const message = `Neither a durable subscription nor a dead letter has the name ${JSON.stringify(subscription)} at sequence ${sequence}. See which there are with: stig subscriptions`;
  throw new Fault('NOT_FOUND', message, { details: { subscription, sequence } });
}

/** That there is nothing. */
export function nothingToTell(subscription: string | undefined): string {
  if (subscription === undefined) return '  there are no dead letters';
  return `  there are no dead letters of the subscription ${harmless(subscription)}`;
}

/** What is not clear is not done: a letter that is dropped does not come back. */
function checkChoice(ids: readonly string[], options: ChoiceOptions): void {
  const message = whyUnclear(ids, options);
  if (message !== undefined) throw new Fault('INVALID_INPUT', message, {});
}

function whyUnclear(
  { length }: readonly string[],
  { all, subscription }: ChoiceOptions,
): string | undefined {
  if (length === 0) {
    if (all === true) return undefined;
    return 'Name dead letters by their ids, or all of them with --all. See which there are with: stig deadletters';
  }
  if (all === true) return 'Name some dead letters, or all of them with --all: not both.';
  if (subscription === undefined) return undefined;
  return '--subscription goes with --all: an id names one letter already.';
}

function letterNamed(id: string, letters: readonly DeadLetter[], sequence: number): DeadLetter {
  const naming = { kind: 'dead letter', sequence, list: 'stig deadletters' };
  return thingNamed(id, { things: letters, ...naming });
}
