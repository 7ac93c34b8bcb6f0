/** Dead letters for people: a row for each, with the type of its event and the error that it failed with. */
import type { DeadLetter } from '../coordinator/dead-letters.ts';
import type { History } from '../history/history.ts';
import { msOf, timeOfDay } from './moment.ts';
import { count, cut, harmless, tableWithRest } from './output.ts';

/** A dead letter with the type of its event, which only the log knows. */
export interface ShownLetter extends DeadLetter {
  readonly eventType: string;
}

/** Names are shown so far; ids are whole, since they are what a letter is named by. */
const NAME_CHARS = 16;
const TYPE_CHARS = 32;
/** Events that lie no further apart are read in one go. */
const GAP_MAX = 256;

const HEAD = [
  'dead letter',
  'subscription',
  'agent',
  'event',
  'type',
  'attempts',
  'when (UTC)',
  'status',
  'error',
];

/** Letters, which are in the order of their events, with the types of these. */
export async function withTypes(
  letters: readonly DeadLetter[],
  history: History,
): Promise<readonly ShownLetter[]> {
  const types = new Map<number, string>();
  for (const [fromSequence, toSequence] of stretches(letters)) {
    for await (const { sequence, type } of history.events({ fromSequence, toSequence })) {
      types.set(sequence, type);
    }
  }
  return letters.map((letter) => ({ ...letter, eventType: types.get(letter.eventSequence) ?? '' }));
}

/** The parts of the log that the events lie in: not the whole of it for two that are far apart. */
function stretches(letters: readonly DeadLetter[]): readonly (readonly [number, number])[] {
  const found: [from: number, to: number][] = [];
  for (const { eventSequence } of letters) {
    const last = found.at(-1);
    if (last !== undefined && eventSequence - last[1] <= GAP_MAX) last[1] = eventSequence;
    else found.push([eventSequence, eventSequence]);
  }
  return found;
}

/** A row for each letter, as long as the terminal is wide. */
export function letterTable(
  letters: readonly ShownLetter[],
  { shownMs, columns }: { readonly shownMs: number; readonly columns: number | undefined },
): string {
  const rows = letters.map((letter) => [
    harmless(letter.id),
    cut(harmless(letter.subscription), NAME_CHARS),
    cut(harmless(letter.agentId), NAME_CHARS),
    count(letter.eventSequence),
    cut(harmless(letter.eventType), TYPE_CHARS),
    count(letter.attempts),
    timeOfDay(msOf(letter.timestamp), shownMs),
    letter.status,
    harmless(`${letter.error.code} ${letter.error.message}`),
  ]);
  return tableWithRest(HEAD, rows, columns);
}
