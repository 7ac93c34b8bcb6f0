/** The places that a pattern matches and that differ between two values: what a record showed before a commit, and after. */
import type { PathStep } from '../core/path.ts';
import {
  advance,
  isThrough,
  leadsOn,
  namedNext,
  type Pattern,
  type Positions,
} from '../core/pattern.ts';
import { stepsIn } from './branches.ts';

/** How far a pattern has come. */
export interface Followed {
  readonly pattern: Pattern;
  readonly positions: Positions;
}

/** Two values of one place; undefined where there was, or is, nothing. */
export interface Compared {
  readonly before: unknown;
  readonly after: unknown;
}

/** The steps from two values to everything in them that differs and that a pattern matches, each before what is in it. */
export function* differences(
  { before, after }: Compared,
  { pattern, positions }: Followed,
  steps: readonly PathStep[] = [],
): Generator<readonly PathStep[]> {
  if (isSameValue(before, after)) return;
  if (isThrough(pattern, positions)) yield steps;
  if (!leadsOn(pattern, positions)) return;
  for (const step of namedNext(pattern, positions)?.flatMap(spellings) ?? stepsOf(before, after)) {
    const next = advance(pattern, positions, step);
    if (next.length === 0) continue;
    const inside = { before: childOf(before, step), after: childOf(after, step) };
    yield* differences(inside, { pattern, positions: next }, [...steps, step]);
  }
}

/** A named index also names the key of an object. */
function spellings(step: PathStep): readonly PathStep[] {
  return typeof step === 'number' ? [step, String(step)] : [step];
}

function stepsOf(before: unknown, after: unknown): Iterable<PathStep> {
  return new Set([...stepsIn(before), ...stepsIn(after)]);
}

function childOf(value: unknown, step: PathStep): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value) !== (typeof step === 'number') || !Object.hasOwn(value, step)) {
    return undefined;
  }
  return (value as Readonly<Record<PathStep, unknown>>)[step];
}

/** Whether two values are the same JSON. What was not written is the same object, and is not looked into. */
function isSameValue(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return false;
  }
  const [steps, others] = [stepsIn(one), stepsIn(other)];
  if (steps.length !== others.length || Array.isArray(one) !== Array.isArray(other)) return false;
  return steps.every((step) => {
    const isThere = Object.hasOwn(other, step);
    return isThere && isSameValue(childOf(one, step), childOf(other, step));
  });
}
