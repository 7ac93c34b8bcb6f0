/** What a decision is: facts, or a refusal. And how one is written down. */
import type { Refusal } from '../core/errors.ts';
import type { EventType, NewSwarmFact } from '../events/catalog.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf, CommandType } from '../protocol/commands.ts';

/** Facts of any number of actors as one commit. No facts: the command holds already, and nothing is recorded. */
export interface Facts {
  readonly ok: true;
  readonly facts: readonly NewSwarmFact[];
}

/** A refusal that leaves facts behind: that it was tried is something that happened. */
export interface RecordedRefusal extends Refusal {
  readonly facts: readonly NewSwarmFact[];
}

/** What a decider answers. */
export type Decision = Facts | Refusal | RecordedRefusal;

/** Decides one type of command: pure, synchronous, and the same in every replay (I5, I6). */
export type Decider<Type extends CommandType> = (
  view: StateView,
  command: CommandOf<Type>,
) => Decision;

/** The deciders of some commands. */
export type Deciders<Type extends CommandType> = { readonly [One in Type]: Decider<One> };

/** A decision for facts. */
export function facts(...list: readonly NewSwarmFact[]): Facts {
  return { ok: true, facts: list };
}

/** A refusal whose attempt is recorded. */
export function recorded(refusal: Refusal, ...list: readonly NewSwarmFact[]): RecordedRefusal {
  return { ...refusal, facts: list };
}

/** A fact of the catalogue, checked against its payload's type. */
export function fact<Type extends EventType>(
  type: Type,
  payload: Extract<NewSwarmFact, { type: Type }>['payload'],
): NewSwarmFact {
  return { type, payload } as NewSwarmFact;
}
