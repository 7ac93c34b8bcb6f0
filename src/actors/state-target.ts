/** The places that a direct write may lead to. A path that an actor owns is refused with the command to use instead. */
import { refuse, type Refusal } from '../core/errors.ts';
import type { PathStep } from '../core/path.ts';
import { documentAt, type RecordDocument } from '../events/documents.ts';
import { ownerAt } from '../events/owned-path.ts';
import type { StateView } from '../events/view.ts';

/** A document that may be written, and where in it. */
export interface Target extends RecordDocument {
  readonly ok: true;
}

/** The document at a path in full. Refuses with `ACTOR_OWNED_PATH` or `NOT_FOUND`; `path` is as it was written. */
export function targetAt(
  view: StateView,
  steps: readonly PathStep[],
  path: string,
): Target | Refusal {
  const [root, section] = steps;
  const found = documentAt(view, steps);
  if (found === undefined && root === 'agents') {
    return refuse('NOT_FOUND', `There is no session at ${path}.`, { path });
  }
  const command = ownerAt(steps);
  if (command !== undefined) {
    return refuse('ACTOR_OWNED_PATH', `${path} cannot be written directly. Command: ${command}.`, {
      path,
      command,
    });
  }
  if (found !== undefined) return { ok: true, ...found };
  const what = root === 'global' && section === 'tasks' ? 'task at' : 'free path';
  return refuse('NOT_FOUND', `The state has no ${what} ${path}.`, { path });
}
