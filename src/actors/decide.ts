/**
 * Decide: XState machines and rules say whether a command is legal now. The answer is facts at their places, or a refusal.
 *
 * Pure and synchronous: the same command on the same state gives the same facts, live and in every replay (I6).
 */
import type { Refusal } from '../core/errors.ts';
import type { SwarmFact } from '../events/catalog.ts';
import type { StateView } from '../events/view.ts';
import type { CommandType, SwarmCommand } from '../protocol/commands.ts';
import type { Deciders, Decision } from './decision.ts';
import { handoffDeciders } from './handoff.ts';
import { place } from './legality.ts';
import { lockDeciders } from './lock.ts';
import { revivalFacts, sessionDeciders, signOfLife } from './session.ts';
import { stateDeciders } from './state.ts';
import { systemDeciders } from './system.ts';
import { taskDeciders } from './task.ts';

const DECIDERS: Deciders<CommandType> = {
  ...sessionDeciders,
  ...taskDeciders,
  ...lockDeciders,
  ...handoffDeciders,
  ...stateDeciders,
  ...systemDeciders,
};

/** Facts at their places in the log; none when the command asks for what holds already. */
export interface Decided {
  readonly ok: true;
  readonly facts: readonly SwarmFact[];
}

/** Decides a command. */
export function decide(view: StateView, command: SwarmCommand): Decided | Refusal {
  const decider = DECIDERS[command.type] as (view: StateView, command: SwarmCommand) => Decision;
  const decision = decider(view, command);
  if (!decision.ok) return decision;
  const revival = revivalFacts(view, command);
  const facts = revival.length === 0 ? decision.facts : [...revival, ...decision.facts];
  return place(view, facts.length === 0 ? signOfLife(view, command) : facts, command);
}
