/**
 * When a session brings none of the tasks that it runs forward for too long, although it shows life.
 *
 * Nothing is kept for it beyond the marks that the records have anyway: that a task made progress costs nothing here.
 */
import { versionOf } from './definition.ts';
import type { SessionRecord } from './session.ts';
import type { StateView } from './view.ts';

/** When a session last started, ended or brought forward a task, or wrote its own progress. */
export function advancedAtMs(view: StateView, session: SessionRecord): number {
  let latestMs = Math.max(session.workedAtMs, versionOf(session.touched, 'progress').timeMs);
  for (const taskId of session.runningIds) {
    const progressMs = view.task(taskId)?.touched.fields?.['progress']?.timeMs ?? 0;
    if (progressMs > latestMs) latestMs = progressMs;
  }
  return latestMs;
}

/**
 * When it is to be reported; undefined when it runs nothing, shows no life, or was reported. A session whose silence has no
 * deadline is not watched in this either. While the coordinator stood still nobody could tell it of progress.
 */
export function stallDeadlineMs(view: StateView, session: SessionRecord): number | undefined {
  const { status, runningIds, stalledSinceMs, heartbeatTimeoutMs } = session;
  if (view.swarm === undefined || runningIds.length === 0 || stalledSinceMs !== null) {
    return undefined;
  }
  if (status === 'error' || status === 'offline' || heartbeatTimeoutMs === 0) return undefined;
  const { heardSinceMs, limits } = view.swarm;
  return Math.max(advancedAtMs(view, session), heardSinceMs) + limits.stalledAfterMs;
}
