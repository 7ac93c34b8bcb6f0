/**
 * Patterns of paths: which places a path with wildcards matches, found one step at a time.
 *
 * A pattern is followed like a small machine: `startOf` gives the positions at which it may be before the first step, `advance`
 * those after one more. So a tree is walked once, and a branch that no position leads into is not looked at.
 */
import { ANY, ANY_DEPTH, type PathSegment, type PathStep } from './path.ts';

/** A path that may hold wildcards, in segments. */
export type Pattern = readonly PathSegment[];
/** Where in a pattern one may be: indexes of its segments, and its length when it is through. In ascending order. */
export type Positions = readonly number[];

/** The positions before the first step. */
export function startOf(pattern: Pattern): Positions {
  return withSkipped(pattern, [0]);
}

/** The positions after one more step, or after `ANY` step; none when the pattern does not lead there. */
export function advance(
  pattern: Pattern,
  positions: Positions,
  step: PathStep | typeof ANY,
): Positions {
  const next: number[] = [];
  for (const position of positions) {
    const segment = pattern[position];
    if (segment === ANY_DEPTH) add(next, position);
    else if (segment !== undefined && isSame(segment, step)) add(next, position + 1);
  }
  return next.length === 0 ? next : withSkipped(pattern, next);
}

/** Whether the pattern is through: the steps so far lead to a place that it matches. */
export function isThrough(pattern: Pattern, positions: Positions): boolean {
  return positions.at(-1) === pattern.length;
}

/** Whether the pattern may match something below. */
export function leadsOn(pattern: Pattern, positions: Positions): boolean {
  const [first] = positions;
  return first !== undefined && first < pattern.length;
}

/** The steps that may come next, when all of them are named; undefined when any may. */
export function namedNext(pattern: Pattern, positions: Positions): readonly PathStep[] | undefined {
  const named: PathStep[] = [];
  for (const position of positions) {
    const segment = pattern[position];
    if (typeof segment === 'symbol') return undefined;
    if (segment !== undefined) named.push(segment);
  }
  return named;
}

/** Whether a pattern matches the place to which some steps lead. */
export function matches(pattern: Pattern, steps: readonly PathStep[]): boolean {
  let positions = startOf(pattern);
  for (const step of steps) positions = advance(pattern, positions, step);
  return isThrough(pattern, positions);
}

/** `**` may stand for no level at all. */
function withSkipped(pattern: Pattern, positions: readonly number[]): Positions {
  const all: number[] = [];
  for (const position of positions) {
    let reached = position;
    add(all, reached);
    while (pattern[reached] === ANY_DEPTH) {
      reached += 1;
      add(all, reached);
    }
  }
  return all;
}

/** Positions come in ascending order; one that `**` reached before is there already. */
function add(positions: number[], position: number): void {
  if ((positions.at(-1) ?? -1) < position) positions.push(position);
}

/** `[2]` also names the key "2" of an object, as it does when a path is read; `.2` names no index of a list. */
function isSame(segment: PathSegment, step: PathStep | typeof ANY): boolean {
  if (segment === ANY || step === ANY || segment === step) return true;
  return typeof segment === 'number' && String(segment) === step;
}
