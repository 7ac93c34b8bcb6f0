/** Paths in full. The appendix of the specification abbreviates some of them; what is read, written and locked is the same. */
import { ANY_DEPTH, type PathSegment, type PathStep } from '../core/path.ts';
import type { Pattern } from '../core/pattern.ts';
import { stateResource, stateStepsOf } from '../core/resource.ts';
import { insideSession } from './session.ts';

/** The steps of a path in full; those of a path that is not abbreviated. */
export function inFull(steps: readonly PathStep[]): readonly PathStep[] {
  const root = steps[0];
  if (root === 'locks') return [root, ...locksInFull(steps.slice(1))];
  const field = steps[3];
  if (root !== 'agents' || field === undefined) return steps;
  const inside = insideSession([field]);
  return inside[0] === field ? steps : [...steps.slice(0, 3), ...inside, ...steps.slice(4)];
}

/**
 * A pattern in full. A name that is short for something is written out; a wildcard stands for what is really there, but for
 * `locks.*`, which is every lock, as `locks.ID` is one. What follows a `**` is left as it is, since it may be at any depth.
 */
export function patternInFull(pattern: Pattern): Pattern {
  const [root, ...inside] = pattern;
  if (root === 'locks') return [root, ...locksInFull(inside)];
  const field = pattern[3];
  if (root !== 'agents' || field === undefined || typeof field === 'symbol') return pattern;
  if (pattern.slice(1, 3).includes(ANY_DEPTH)) return pattern;
  return [...pattern.slice(0, 3), ...insideSession([field]), ...pattern.slice(4)];
}

/** The one name of a resource: that of a part of the state has its path in full, and its keys as in a JSON Pointer. */
export function resourceInFull(resource: string): string {
  const part = stateStepsOf(resource);
  return part === undefined ? resource : stateResource(inFull(part.steps)) + part.end;
}

/** `locks.ID` is short for `locks.locks.ID`, and `holder.id` for `holder.agentId`. */
function locksInFull<Segment extends PathSegment>(
  inside: readonly Segment[],
): readonly (Segment | string)[] {
  const [first] = inside;
  if (first === undefined || first === 'waitQueue' || first === ANY_DEPTH) return inside;
  const full = first === 'locks' ? inside : ['locks', ...inside];
  const isHolderId = full.length === 4 && full[2] === 'holder' && full[3] === 'id';
  return isHolderId ? [...full.slice(0, 3), 'agentId'] : full;
}
