/** What every decision about a task begins with: that there is one. */
import { refuse, type Refusal } from '../core/errors.ts';
import type { TaskRecord } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import type { Decision } from './decision.ts';

/** Decides about a task that exists. */
export function about(
  view: StateView,
  taskId: string,
  decide: (task: TaskRecord) => Decision,
): Decision {
  const task = view.task(taskId);
  return task === undefined ? noTask(taskId) : decide(task);
}

export function noTask(taskId: string): Refusal {
  return refuse('NOT_FOUND', `There is no task ${taskId}.`, { taskId });
}

/** So many ids stand in the details of a refusal; their number stands beside them. */
const LISTED_MAX = 32;

/** A list of ids for the details of a refusal. */
export function listed(ids: Iterable<string>): readonly string[] {
  const found: string[] = [];
  for (const id of ids) {
    if (found.length >= LISTED_MAX) break;
    found.push(id);
  }
  return found;
}
