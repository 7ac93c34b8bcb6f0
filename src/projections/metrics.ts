/** The metrics of the swarm, folded from facts and never counted on the side (specification, `GlobalState.metrics`). */
import { isoTime } from '../core/time.ts';
import type { SwarmFact } from '../events/catalog.ts';
import { touchOf, type Touch } from '../events/definition.ts';
import { COORDINATOR } from '../events/identity.ts';
import type { TaskRecord } from '../events/task.ts';

/** What is kept to give the metrics. */
export interface MetricsRecord {
  readonly tasksCompleted: number;
  readonly tasksFailed: number;
  /** Tasks that somebody closed who did not hold them. */
  readonly tasksClosed: number;
  /** Handoffs that were completed: the task changed hands. */
  readonly handoffs: number;
  /** Denials that were recorded. */
  readonly denied: number;
  /** The time from start to completion, summed over completed tasks. */
  readonly durationMsSum: number;
  /** The last event that changed one of them. */
  readonly touched: Touch;
}

/** `GlobalState.metrics` of the specification; the duration in milliseconds from start to completion. */
export interface SwarmMetrics {
  readonly totalTasksCompleted: number;
  readonly totalTasksFailed: number;
  /** Complete by `task.close`, which the total of completed tasks leaves out; absent when there are none. */
  readonly totalTasksClosed?: number;
  readonly totalHandoffs: number;
  /** Ours: the recorded denials, `access.denied`; absent when there are none. */
  readonly totalDenied?: number;
  readonly averageTaskDuration: number;
  readonly lastUpdated: string;
}

export const NO_METRICS: MetricsRecord = {
  tasksCompleted: 0,
  tasksFailed: 0,
  tasksClosed: 0,
  handoffs: 0,
  denied: 0,
  durationMsSum: 0,
  touched: { sequence: 0, timeMs: 0, by: COORDINATOR.sessionId },
};

/** What a fact makes of the metrics; `task` is the task that it is about, as it left it. */
export function foldMetrics(
  metrics: MetricsRecord,
  fact: SwarmFact,
  task: TaskRecord | undefined,
): MetricsRecord {
  if (fact.type === 'task.completed') {
    const durationMs = fact.timeMs - (task?.startedAtMs ?? fact.timeMs);
    return {
      ...metrics,
      tasksCompleted: metrics.tasksCompleted + 1,
      durationMsSum: metrics.durationMsSum + durationMs,
      touched: touchOf(fact),
    };
  }
  if (fact.type === 'task.failed') {
    return { ...metrics, tasksFailed: metrics.tasksFailed + 1, touched: touchOf(fact) };
  }
  if (fact.type === 'task.closed') {
    return { ...metrics, tasksClosed: metrics.tasksClosed + 1, touched: touchOf(fact) };
  }
  if (fact.type === 'handoff.completed') {
    return { ...metrics, handoffs: metrics.handoffs + 1, touched: touchOf(fact) };
  }
  if (fact.type === 'access.denied') {
    return { ...metrics, denied: metrics.denied + 1, touched: touchOf(fact) };
  }
  return fact.type === 'system.initialized' ? { ...metrics, touched: touchOf(fact) } : metrics;
}

/** Shows the metrics as the specification does. */
export function toSwarmMetrics(metrics: MetricsRecord): SwarmMetrics {
  const { tasksCompleted, tasksClosed, denied, durationMsSum } = metrics;
  return {
    totalTasksCompleted: tasksCompleted,
    totalTasksFailed: metrics.tasksFailed,
    ...(tasksClosed === 0 ? {} : { totalTasksClosed: tasksClosed }),
    totalHandoffs: metrics.handoffs,
    ...(denied === 0 ? {} : { totalDenied: denied }),
    averageTaskDuration: tasksCompleted === 0 ? 0 : durationMsSum / tasksCompleted,
    lastUpdated: isoTime(metrics.touched.timeMs),
  };
}
