/** The refusals of moves that are not legal inside the data of an agent; which those are, `events/data-moves.ts` says. */
import { refuse, type Refusal } from '../core/errors.ts';
import { formatPath, parsePath } from '../core/path.ts';
import { brokenDreamMove, brokenIterationMove, type BrokenMove } from '../events/data-moves.ts';
import type { JsonObject } from '../core/json.ts';
import type { Leaf } from '../events/marks.ts';
import type { Target } from './state-target.ts';

/** Refuses a write that moves an iteration where it cannot go. */
export function checkIterations(target: Target, leaves: readonly Leaf[]): Refusal | undefined {
  const broken = brokenIterationMove(target.kind, leaves);
  return broken && refusalOf(target, broken);
}

/** Refuses a commit that moves a dream where it cannot go; the target has the document as it was before. */
export function checkDream(target: Target, after: JsonObject): Refusal | undefined {
  const broken = brokenDreamMove(target.kind, target.document, after);
  return broken && refusalOf(target, broken);
}

function refusalOf(target: Target, { code, steps, from, to, reason }: BrokenMove): Refusal {
  const path = pathIn(target, steps);
  return refuse(code, `${path}: ${reason}.`, { path, from, to, reason });
}

/** The path in full of a place in the document that a target leads into. */
function pathIn({ path, steps: inside }: Target, steps: BrokenMove['steps']): string {
  const parsed = parsePath(path);
  const above = parsed.ok ? parsed.steps.slice(0, parsed.steps.length - inside.length) : [];
  return formatPath([...above, ...steps]);
}
