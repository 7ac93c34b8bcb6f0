/** Paths in full. The appendix of the specification abbreviates some of them; what is read, written and locked is the same. */
import type { PathStep } from '../core/path.ts';
import { stateResource, stateStepsOf } from '../core/resource.ts';
import { insideSession } from './session.ts';

/** The steps of a path in full; those of a path that is not abbreviated. */
export function inFull(steps: readonly PathStep[]): readonly PathStep[] {
  const [root] = steps;
  if (root === 'locks') return [root, ...insideLocks(steps.slice(1))];
  return root === 'agents' ? [...steps.slice(0, 3), ...insideSession(steps.slice(3))] : steps;
}

/** The one name of a resource: that of a part of the state has its path in full, and its keys as in a JSON Pointer. */
export function resourceInFull(resource: string): string {
  const part = stateStepsOf(resource);
  return part === undefined ? resource : stateResource(inFull(part.steps)) + part.end;
}

/** `locks.ID` is short for `locks.locks.ID`, and `holder.id` for `holder.agentId`. */
function insideLocks(steps: readonly PathStep[]): readonly PathStep[] {
  const [first] = steps;
  if (first === undefined || first === 'waitQueue') return steps;
  const full = first === 'locks' ? steps : ['locks', ...steps];
  const isHolderId = full.length === 4 && full[2] === 'holder' && full[3] === 'id';
  return isHolderId ? [...full.slice(0, 3), 'agentId'] : full;
}
