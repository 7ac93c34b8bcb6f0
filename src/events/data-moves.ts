/**
 * The legal moves inside the data of an agent: what a dream's phase, its context window and the status of an iteration may
 * become, beside the shape that `agent-data.ts` gives them.
 *
 * Pure, and part of `decide` (I6). An iteration is judged by what one write puts in its place; a dream by what a whole commit
 * makes of it, since its phase and its id change together. Who may write the data is for `access/` to say.
 */
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { PathStep } from '../core/path.ts';
import type { RecordDocument } from './documents.ts';
import type { AgentKind } from './identity.ts';
import type { Leaf } from './marks.ts';
import { leavesOf, valueAt, written, type Write } from './state.ts';

/** From which phase a dream goes on to which; a complete one only to another dream (specification, "Dream Weaver State"). */
export const DREAM_MOVES: Moves = {
  planning: ['generating'],
  generating: ['refining'],
  refining: ['complete', 'generating'],
  complete: ['planning'],
};

/** From which status an iteration goes on to which (specification, `PulseIteration`). */
export const ITERATION_MOVES: Moves = {
  pending: ['running'],
  running: ['complete', 'failed'],
  complete: [],
  failed: [],
};

type Moves = Readonly<Record<string, readonly string[]>>;

/** A move that is not legal. */
export interface BrokenMove {
  /** Not a move, or what it leads to can never be. */
  readonly code: 'ILLEGAL_TRANSITION' | 'INVALID_INPUT';
  /** The place in the document of the session. */
  readonly steps: readonly PathStep[];
  readonly from: JsonValue;
  readonly to: JsonValue;
  readonly reason: string;
}

/** The first move that one write by itself would make and that is not legal. */
export function brokenMove(
  { kind, document, steps }: RecordDocument,
  write: Write,
): BrokenMove | undefined {
  const leaves = leavesOf(document, write, steps);
  const broken = brokenIterationMove(kind, leaves);
  if (broken !== undefined || !touchesDream(kind, leaves)) return broken;
  return brokenDreamMove(kind, document, written(document, write, steps));
}

/** Whether a write may change how far a dream is, which dream it is, or what it has room for. */
export function touchesDream(kind: AgentKind | undefined, leaves: readonly Leaf[]): boolean {
  if (kind !== 'dream_weaver') return false;
  return leaves.some(({ steps: [root, field] }) => {
    if (root !== 'data') return false;
    return field === undefined || DREAM_FIELDS.has(field);
  });
}

const DREAM_FIELDS: ReadonlySet<PathStep> = new Set(['phase', 'dreamId', 'contextWindow']);

/** The first move of a dream that is not legal, from the document before a commit to that after it. */
export function brokenDreamMove(
  kind: AgentKind | undefined,
  before: JsonObject,
  after: JsonObject,
): BrokenMove | undefined {
  if (kind !== 'dream_weaver' || before === after) return undefined;
  return brokenPhase(before, after) ?? brokenBudget(before, after);
}

function brokenPhase(before: JsonObject, after: JsonObject): BrokenMove | undefined {
  const [from, to] = bothAt(before, after, PHASE);
  const [dream, other] = bothAt(before, after, DREAM_ID);
  if (from !== to && !isMove(DREAM_MOVES, from, to)) {
    return illegal(PHASE, from, to, `a dream that is ${word(from)} does not become ${word(to)}`);
  }
  if (from === 'complete' && to === 'planning' && dream === other) {
    return illegal(PHASE, from, to, 'only another dream begins again: give it another dreamId');
  }
  if (dream !== other && to !== 'planning') {
    return illegal(DREAM_ID, dream, other, `another dream begins planning, and is not ${word(to)}`);
  }
  return undefined;
}

/** The room is looked at when it changes, so that a log from before this rule can go on. */
function brokenBudget(before: JsonObject, after: JsonObject): BrokenMove | undefined {
  const [usedBefore, used] = bothAt(before, after, USED);
  const [maxBefore, max] = bothAt(before, after, ROOM);
  if (used === usedBefore && max === maxBefore) return undefined;
  if (max === 0 || Number(used) <= Number(max)) return undefined;
  const reason = `${word(used)} tokens do not fit into ${word(max)} (maxTokens)`;
  return { code: 'INVALID_INPUT', steps: USED, from: usedBefore, to: used, reason };
}

const PHASE = ['data', 'phase'];
const DREAM_ID = ['data', 'dreamId'];
const USED = ['data', 'contextWindow', 'usedTokens'];
const ROOM = ['data', 'contextWindow', 'maxTokens'];

/**
 * The first iteration whose status a write would move where it cannot go. What is written in its place is the same
 * iteration; in a list that is written as a whole it is known by its number.
 */
export function brokenIterationMove(
  kind: AgentKind | undefined,
  leaves: readonly Leaf[],
): BrokenMove | undefined {
  if (kind !== 'pulse') return undefined;
  for (const leaf of leaves) {
    const broken = leaf.steps[0] === 'data' ? brokenIterationLeaf(leaf) : undefined;
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function brokenIterationLeaf({ steps, before, after }: Leaf): BrokenMove | undefined {
  const [, field, index, inside] = steps;
  if (field === undefined) {
    return brokenList(valueAt(before, ['iterations']), valueAt(after, ['iterations']));
  }
  if (field !== 'iterations' || after === undefined) return undefined;
  if (typeof index !== 'number') return brokenList(before, after);
  if (inside === undefined) {
    return brokenStatus(index, statusOf(before), statusOf(after));
  }
  return inside === 'status' ? brokenStatus(index, before, after) : undefined;
}

function brokenList(before: unknown, after: unknown): BrokenMove | undefined {
  if (!Array.isArray(before) || !Array.isArray(after)) return undefined;
  for (const [index, iteration] of after.entries()) {
    const former = formerOf(before, index, iteration);
    const broken = brokenStatus(index, statusOf(former), statusOf(iteration));
    if (broken !== undefined) return broken;
  }
  return undefined;
}

/** The same iteration as it was: at its index when it has the number, or else the first that has it. */
function formerOf(before: readonly unknown[], index: number, iteration: unknown): unknown {
  const number = numberOf(iteration);
  const atPlace = before[index];
  if (atPlace !== undefined && numberOf(atPlace) === number) return atPlace;
  return before.find((one) => numberOf(one) === number);
}

/** Also when it is not there yet: then any status will do. */
function brokenStatus(index: number, from: unknown, to: unknown): BrokenMove | undefined {
  if (from === undefined || from === to || isMove(ITERATION_MOVES, from, to)) return undefined;
  const steps = ['data', 'iterations', index, 'status'];
  const reason = `an iteration that is ${word(from)} does not become ${word(to)}`;
  return illegal(steps, from as JsonValue, to as JsonValue, reason);
}

function isMove(moves: Moves, from: unknown, to: unknown): boolean {
  const next = Object.hasOwn(moves, String(from)) ? moves[String(from)] : undefined;
  return next?.includes(String(to)) === true;
}

function illegal(
  steps: readonly PathStep[],
  from: JsonValue,
  to: JsonValue,
  reason: string,
): BrokenMove {
  return { code: 'ILLEGAL_TRANSITION', steps, from, to, reason };
}

function bothAt(
  before: JsonObject,
  after: JsonObject,
  steps: readonly PathStep[],
): readonly [JsonValue, JsonValue] {
  return [valueAt(before, steps) as JsonValue, valueAt(after, steps) as JsonValue];
}

function statusOf(iteration: unknown): unknown {
  return valueAt(iteration, ['status']);
}

function numberOf(iteration: unknown): unknown {
  return valueAt(iteration, ['number']);
}

function word(value: unknown): string {
  return String(value);
}
