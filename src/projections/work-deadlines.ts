/** When the deadlines of tasks, and of sessions at work, are now: what `projections/deadlines.ts` asks when one comes up. */
import { tasksToOffer } from '../events/hand-over.ts';
import type { SessionRecord } from '../events/session.ts';
import { stallDeadlineMs } from '../events/stall.ts';
import { taskDeadlineMs } from '../events/task-state.ts';
import type { Deadline, StateView } from '../events/view.ts';
import type { RunningTasks } from './running-tasks.ts';
import type { TaskGraph } from './task-graph.ts';

/** A deadline of a task, or of a session at work. */
export type WorkDeadline = Extract<
  Deadline,
  { kind: 'task' | 'cascade' | 'stalled' | 'hand_over' }
>;

/** When it is; undefined when there is none any more. */
export function workDeadlineMs(
  view: StateView & { readonly graph: TaskGraph; readonly running: RunningTasks },
  { kind, id }: Pick<WorkDeadline, 'kind' | 'id'>,
): number | undefined {
  switch (kind) {
    case 'task': {
      const task = view.task(view.running.firstOf(id) ?? '');
      if (task === undefined || view.swarm === undefined) return undefined;
      return taskDeadlineMs(task, view.swarm.config) ?? undefined;
    }
    case 'cascade':
      return view.graph.cascades.has(id) ? (view.task(id)?.completedAtMs ?? undefined) : undefined;
    case 'stalled': {
      const session = view.session(id);
      return session && stallDeadlineMs(view, session);
    }
    case 'hand_over': {
      const session = view.session(id);
      return session && handOverMs(view, session);
    }
  }
}

/** At once, as long as a draining session holds something that nobody was offered. */
function handOverMs(view: StateView, session: SessionRecord): number | undefined {
  if (session.status !== 'draining') return undefined;
  if (tasksToOffer(view, session.identity.sessionId, 1).length === 0) return undefined;
  return session.touched.fields?.['status']?.timeMs ?? session.startedAtMs;
}
