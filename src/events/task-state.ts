/** A task as the specification shows it (`TaskState`), and until when it may run. */
import { isoTime, isoTimeOrNull } from '../core/time.ts';
import type { AgentIdentity, Priority } from './identity.ts';
import type { SwarmConfig } from './system.ts';
import type { TaskRecord, TaskStatus } from './task.ts';
import type { TaskPolicy, TaskRetry } from './task-policy.ts';

/** A task as the specification shows it; what stands below `metadata` is ours. */
export interface TaskState {
  readonly id: string;
  readonly goal: string;
  readonly status: TaskStatus;
  readonly priority: Priority;
  readonly assignedTo: AgentIdentity | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly parentTaskId?: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** 0–100, as last reported by the holder. */
  readonly progress: number;
  readonly message: string | null;
  /** What the holder said the task resulted in; null until it is complete. */
  readonly result: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** How often it was started. */
  readonly attempts: number;
  /** The capabilities that an agent must have to take it. */
  readonly requires?: readonly string[];
  /** The tasks that have to be complete before it can be taken. */
  readonly dependsOn?: readonly string[];
  /** How long it may run, in milliseconds; 0 for ever. `config.timeouts.taskDefault` when absent. */
  readonly timeout?: number;
  readonly retry?: TaskRetry;
  /** Until when it may run, while it does. */
  readonly deadline?: string;
  /** When its next attempt may begin, or might have begun. */
  readonly notBefore?: string;
}

/** When a task that runs has run for long enough; null when it does not run, or may for ever. */
export function taskDeadlineMs(
  { status, startedAtMs, policy }: TaskRecord,
  { timeouts }: SwarmConfig,
): number | null {
  if (status !== 'running' || startedAtMs === null) return null;
  const timeoutMs = policy?.timeoutMs ?? timeouts.taskDefault;
  return timeoutMs === 0 ? null : startedAtMs + timeoutMs;
}

/** Shows a task as the specification does; the configuration says until when it may run. */
export function toTaskState(record: TaskRecord, config: SwarmConfig): TaskState {
  const { policy, notBeforeMs } = record;
  const deadlineMs = taskDeadlineMs(record, config);
  return {
    id: record.id,
    goal: record.goal,
    status: record.status,
    priority: record.priority,
    assignedTo: record.assignedTo,
    createdAt: isoTime(record.createdAtMs),
    startedAt: isoTimeOrNull(record.startedAtMs),
    completedAt: isoTimeOrNull(record.completedAtMs),
    ...(record.parentTaskId === null ? {} : { parentTaskId: record.parentTaskId }),
    metadata: record.metadata,
    progress: record.progress,
    message: record.message,
    result: record.result,
    error: record.error,
    attempts: record.attempts,
    ...(policy === null ? {} : shownPolicy(policy)),
    ...(deadlineMs === null ? {} : { deadline: isoTime(deadlineMs) }),
    ...(notBeforeMs === null ? {} : { notBefore: isoTime(notBeforeMs) }),
  };
}

function shownPolicy({ requires, dependsOn, timeoutMs, retry }: TaskPolicy): Partial<TaskState> {
  return {
    ...(requires.length === 0 ? {} : { requires }),
    ...(dependsOn.length === 0 ? {} : { dependsOn }),
    ...(timeoutMs === null ? {} : { timeout: timeoutMs }),
    ...(retry === null ? {} : { retry }),
  };
}
