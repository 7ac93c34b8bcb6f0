/**
 * Decide: XState machines and rules say whether a command is legal now. The answer is facts at their places, or a refusal.
 *
 * Pure and synchronous: the same command on the same state gives the same facts, live and in every replay (I6).
 */
import { assert, type Refusal } from '../core/errors.ts';
import type { NewSwarmFact, SwarmFact } from '../events/catalog.ts';
import type { StateView } from '../events/view.ts';
import type { CommandType, SwarmCommand } from '../protocol/commands.ts';
import { accessDeciders, denialFact } from './access.ts';
import { recorded, type Deciders, type Decision } from './decision.ts';
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
  ...accessDeciders,
};

/** Facts at their places in the log; none when the command asks for what holds already. */
export interface Decided {
  readonly ok: true;
  readonly facts: readonly SwarmFact[];
}

/** A refusal with the facts that it leaves behind: mostly none. */
export interface DecidedRefusal extends Refusal {
  readonly facts: readonly SwarmFact[];
}

/** Decides a command. */
export function decide(view: StateView, command: SwarmCommand): Decided | DecidedRefusal {
  const decider = DECIDERS[command.type] as (view: StateView, command: SwarmCommand) => Decision;
  const decision = decider(view, command);
  if (!decision.ok) return refused(view, command, decision);
  const revival = revivalFacts(view, command);
  const facts = revival.length === 0 ? decision.facts : [...revival, ...decision.facts];
  const placed = place(view, facts.length === 0 ? signOfLife(view, command) : facts, command);
  return placed.ok ? placed : { ...placed, facts: [] };
}

/**
 * What a denial before the decision leaves behind: the attempt, where denials are recorded. Not that of the operator, whose
 * attempts nothing bounds.
 */
export function denied(view: StateView, command: SwarmCommand, refusal: Refusal): DecidedRefusal {
  const isAudited = recordsDenials(view, command.source.sessionId);
  const left = isAudited ? denialFact(command, refusal) : undefined;
  return refused(view, command, left === undefined ? refusal : recorded(refusal, left));
}

/** Whether the denials of a session are recorded. */
export function recordsDenials(view: StateView, sessionId: string): boolean {
  return view.swarm?.config.audit?.denials === true && view.session(sessionId) !== undefined;
}

/** Whether a session has made as many attempts as are recorded in a minute. */
export function triesTooOften(view: StateView, sessionId: string, timeMs: number): boolean {
  const max = view.swarm?.limits.recordedRefusalsPerMinuteMax ?? 0;
  return view.recordedRefusals(sessionId, timeMs) >= max;
}

/** The attempt is recorded as long as the session has not made too many. */
function refused(
  view: StateView,
  command: SwarmCommand,
  refusal: Refusal & { readonly facts?: readonly NewSwarmFact[] },
): DecidedRefusal {
  const { facts = [] } = refusal;
  const isTooMuch = triesTooOften(view, command.source.sessionId, command.timeMs);
  const placed = facts.length === 0 || isTooMuch ? undefined : place(view, facts, command);
  assert(placed?.ok !== false, 'what a refusal leaves behind can always happen');
  return { ...refusal, facts: placed?.facts ?? [] };
}
