/**
 * The tasks that run, in the order in which they were started, apart for each timeout: the first of each has the earliest
 * deadline of all that have it. So there is one deadline for each timeout, and none for each task.
 */
import type { TaskRecord } from '../events/task.ts';

/** Running tasks by their timeout. */
export class RunningTasks {
  readonly #groups = new Map<number | null, Set<string>>();

  /** Follows a task from what it was to what it is. True when it is the first that runs with its timeout. */
  follow(before: TaskRecord | undefined, after: TaskRecord): boolean {
    const isRunning = after.status === 'running';
    if ((before?.status === 'running') === isRunning) return false;
    const timeoutMs = after.policy?.timeoutMs ?? null;
    const group = this.#groups.get(timeoutMs);
    if (!isRunning) {
      group?.delete(after.id);
      return false;
    }
    if (group === undefined) this.#groups.set(timeoutMs, new Set([after.id]));
    else group.add(after.id);
    return group === undefined || group.size === 1;
  }

  /** The task that was started first of all that have a timeout. */
  firstOf(name: string): string | undefined {
    const timeoutMs = name === DEFAULT ? null : Number(name);
    return this.#groups.get(timeoutMs)?.keys().next().value;
  }

  /** The names of the timeouts that a task has which runs. */
  *names(): Generator<string> {
    for (const [timeoutMs, { size }] of this.#groups) if (size > 0) yield nameOf(timeoutMs);
  }
}

const DEFAULT = 'default';

function nameOf(timeoutMs: number | null): string {
  return timeoutMs === null ? DEFAULT : String(timeoutMs);
}

/** The name of a task's timeout. */
export function timeoutName({ policy }: TaskRecord): string {
  return nameOf(policy?.timeoutMs ?? null);
}
