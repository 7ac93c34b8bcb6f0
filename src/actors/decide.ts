/**
 * Decide: XState machines and rules say whether a command is legal now. The answer is facts at their places, or a refusal.
 *
 * Pure and synchronous: the same command on the same state gives the same facts, live and in every replay (I6).
 */
import { assert, refuse, type Refusal } from '../core/errors.ts';
import type { NewSwarmFact, SwarmFact } from '../events/catalog.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf, CommandType, SwarmCommand } from '../protocol/commands.ts';
import { partsOf } from '../protocol/compound.ts';
import { accessDeciders, denialFact } from './access.ts';
import { appEventDeciders } from './app-event.ts';
import { recorded, type Deciders, type Decision } from './decision.ts';
import { handoffDeciders } from './handoff.ts';
import { place } from './legality.ts';
import { lockDeciders } from './lock.ts';
import { revivalFacts, sessionDeciders, signOfLife } from './session.ts';
import { stateDeciders } from './state.ts';
import { subscriptionDeciders } from './subscription.ts';
import { systemDeciders } from './system.ts';
import { taskDeciders } from './task.ts';
import { ViewAfter } from './view-after.ts';

const DECIDERS: Deciders<Exclude<CommandType, 'compound.apply'>> = {
  ...sessionDeciders,
  ...taskDeciders,
  ...lockDeciders,
  ...handoffDeciders,
  ...stateDeciders,
  ...systemDeciders,
  ...accessDeciders,
  ...subscriptionDeciders,
  ...appEventDeciders,
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

/** Whether a part of a compound command is permitted, on the state as the parts before it left it. */
export type PermitPart = (view: StateView, part: SwarmCommand) => Refusal | undefined;

const WAS_PERMITTED: PermitPart = () => undefined;

/** Decides a command. `permitPart` is asked when it is decided for the first time; in a replay its answer is in the log. */
export function decide(
  view: StateView,
  command: SwarmCommand,
  permitPart: PermitPart = WAS_PERMITTED,
): Decided | DecidedRefusal {
  if (command.type === 'compound.apply') return decideParts(view, command, permitPart);
  const decision = decideOne(view, command);
  if (!decision.ok) return refused(view, command, decision);
  const revival = revivalFacts(view, command);
  const facts = revival.length === 0 ? decision.facts : [...revival, ...decision.facts];
  const placed = place(view, facts.length === 0 ? signOfLife(view, command) : facts, command);
  return placed.ok ? placed : { ...placed, facts: [] };
}

function decideOne(view: StateView, command: SwarmCommand): Decision {
  const { type } = command;
  assert(type !== 'compound.apply', 'a part is no compound command');
  const decider = DECIDERS[type] as (view: StateView, command: SwarmCommand) => Decision;
  return decider(view, command);
}

/** Decides the parts one after the other, each on what those before it left: all of them happen, or none. */
function decideParts(
  view: StateView,
  command: CommandOf<'compound.apply'>,
  permitPart: PermitPart,
): Decided | DecidedRefusal {
  const { compoundCommandsMax = 0, commitFactsMax = 0 } = view.swarm?.limits ?? {};
  const parts = partsOf(command);
  if (parts.length > compoundCommandsMax) {
    return tooMany('parts', { limit: 'compoundCommandsMax', max: compoundCommandsMax });
  }
  const after = new ViewAfter(view);
  const all: SwarmFact[] = [];
  const happen = (facts: readonly NewSwarmFact[]): Refusal | undefined => {
    const placed = place(after, facts, command);
    if (!placed.ok) return placed;
    after.follow(placed.facts);
    all.push(...placed.facts);
    return undefined;
  };
  happen(revivalFacts(view, command));
  for (const [index, part] of parts.entries()) {
    const decision = permitPart(after, part) ?? decideOne(after, part);
    const refusal = decision.ok ? happen(decision.facts) : decision;
    if (refusal !== undefined) return refusedPart(refusal, part.type, index);
    if (all.length > commitFactsMax)
      return tooMany('facts', { limit: 'commitFactsMax', max: commitFactsMax });
  }
  if (all.length === 0) happen(signOfLife(view, command));
  return { ok: true, facts: all };
}

function tooMany(
  what: string,
  { limit, max }: { readonly limit: string; readonly max: number },
): DecidedRefusal {
  const message = `One command has at most ${max} ${what} (${limit}).`;
  return { ...refuse('LIMIT_EXCEEDED', message, { limit, max }), facts: [] };
}

/** What a refused part would have left behind is not recorded: it was no command of its own. */
function refusedPart(
  { code, message, details }: Refusal,
  type: CommandType,
  index: number,
): DecidedRefusal {
  const refusal = refuse(code, `Part ${index} (${type}): ${message}`, { ...details, part: index });
  return { ...refusal, facts: [] };
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
