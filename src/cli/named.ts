/** Things that are named on the command line by their id, or by as much of its beginning as tells it from every other. */
import { Fault } from '../core/errors.ts';
import { count } from './output.ts';

/** Where a thing is looked for. */
export interface Naming<Thing> {
  readonly things: readonly Thing[];
  /** What one of them is called. */
  readonly kind: string;
  /** The moment that is looked at. */
  readonly sequence: number;
  /** The command that shows them all. */
  readonly list: string;
}

/** The thing with an id, or the only one whose id begins so. Throws `NOT_FOUND`, `INVALID_INPUT`. */
export function thingNamed<Thing extends { readonly id: string }>(
  name: string,
  { things, kind, sequence, list }: Naming<Thing>,
): Thing {
  const details = { id: name, sequence };
  // Every id begins with nothing: an empty variable of a shell must not name the only one there is.
  if (name === '') throw new Fault('INVALID_INPUT', `The id of a ${kind} is empty.`, { details });
  const exact = things.find(({ id }) => id === name);
  if (exact !== undefined) return exact;
  const [first, ...others] = things.filter(({ id }) => id.startsWith(name));
  if (first === undefined) {
    const message = `There is no ${kind} ${JSON.stringify(name)} at sequence ${sequence}. See which there are with: ${list}`;
    throw new Fault('NOT_FOUND', message, { details });
  }
  if (others.length > 0) {
    const message = `${count(others.length + 1)} ${kind}s have ids that begin with ${JSON.stringify(name)}: give more of it.`;
    throw new Fault('INVALID_INPUT', message, { details });
  }
  return first;
}
