/** What a draining session still holds and nobody was offered yet: what `config.features.autoHandoff` is about. */
import { versionOf } from './definition.ts';
import type { TaskRecord } from './task.ts';
import type { StateView } from './view.ts';

/** The version of a task's `assignedTo`: an offer is of this assignment, and void when there is a newer one. */
export function assignmentOf({ touched }: TaskRecord): number {
  return versionOf(touched, 'assignedTo').sequence;
}

/** The tasks of a draining session that are to be offered, at most so many: each once as long as it stays with the session. */
export function tasksToOffer(
  view: StateView,
  sessionId: string,
  most: number,
): readonly TaskRecord[] {
  const { swarm, counts } = view;
  const session = view.session(sessionId);
  if (session?.status !== 'draining' || swarm?.config.features.autoHandoff !== true) return [];
  const max = Math.min(most, swarm.limits.handoffsMax - counts.handoffs);
  const found: TaskRecord[] = [];
  for (const taskId of session.taskIds) {
    if (found.length >= max) break;
    const task = view.task(taskId);
    if (task === undefined || view.openHandoffOf(taskId) !== undefined) continue;
    if (view.lastOffered(taskId) !== assignmentOf(task)) found.push(task);
  }
  return found;
}
