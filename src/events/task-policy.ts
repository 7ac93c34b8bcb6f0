/**
 * What a task asks for beside its goal: who may do it, what it waits for, how long it may take, how often it is tried.
 *
 * Said once, when the task is made, and never changed. Most tasks say nothing of it, and keep null.
 */
import * as z from 'zod';
import { idSchema } from './identity.ts';

/** A year: what is longer is said as 0, which is none. */
const milliseconds = z.number().int().min(0).max(31_536_000_000);
const capability = z.string().min(1).max(128);

/** How often a task is tried, and what becomes of it when its session is lost. */
const retrySchema = z.strictObject({
  maxAttempts: z.number().int().min(1).max(100),
  backoffMs: milliseconds.optional(),
  factor: z.number().min(1).max(10).optional(),
  onLost: z.enum(['requeue', 'fail']).optional(),
});

/** How often a task is tried (`TaskState.retry`). */
export interface TaskRetry {
  /** How often it may be started. */
  readonly maxAttempts: number;
  /** The pause before the second attempt, in milliseconds; none when absent. */
  readonly backoffMs?: number | undefined;
  /** By how much each pause is longer than the one before; 2 when absent. */
  readonly factor?: number | undefined;
  /** Whether it is tried again when the session that ran it is lost; it is when absent. */
  readonly onLost?: 'requeue' | 'fail' | undefined;
}

/** The fields of a new task that make its policy, as a command asks and as the fact states. */
export const taskPolicyShape = {
  requires: z.array(capability).max(256).optional(),
  dependsOn: z
    .array(idSchema)
    .refine((ids) => new Set(ids).size === ids.length, 'each task once')
    .optional(),
  timeout: milliseconds.optional(),
  retry: retrySchema.optional(),
};

/** What a task asks for, as the coordinator keeps it. */
export interface TaskPolicy {
  /** The capabilities that an agent must have to take it. */
  readonly requires: readonly string[];
  /** The tasks that have to be complete before it can be taken. */
  readonly dependsOn: readonly string[];
  /** How long it may run; 0 for ever, null as long as the configuration says. */
  readonly timeoutMs: number | null;
  readonly retry: TaskRetry | null;
}

/** The policy of a new task; null when it says nothing. */
export function policyOf(said: {
  readonly requires?: readonly string[] | undefined;
  readonly dependsOn?: readonly string[] | undefined;
  readonly timeout?: number | undefined;
  readonly retry?: TaskRetry | undefined;
}): TaskPolicy | null {
  const { requires = NONE, dependsOn = NONE, timeout = null, retry = null } = said;
  const saysNothing = timeout === null && retry === null;
  if (saysNothing && requires.length === 0 && dependsOn.length === 0) return null;
  return { requires, dependsOn, timeoutMs: timeout, retry };
}

const NONE: readonly string[] = Object.freeze([]);

/** The pause after so many attempts, at most so long. */
export function backoffMs(retry: TaskRetry, attempts: number, maxMs: number): number {
  const { backoffMs: firstMs = 0, factor = 2 } = retry;
  return Math.min(Math.floor(firstMs * factor ** (attempts - 1)), maxMs);
}

/** The dependencies that are not complete yet. */
export function unmetDependencies(
  policy: TaskPolicy | null,
  find: (taskId: string) => { readonly status: string } | undefined,
): readonly string[] {
  if (policy === null || policy.dependsOn.length === 0) return NONE;
  return policy.dependsOn.filter((id) => find(id)?.status !== 'complete');
}
