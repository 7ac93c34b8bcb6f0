/**
 * The tasks that can be claimed, in the order in which they are: the most urgent, and then the oldest.
 *
 * New tasks come in the order of their age; only one that comes back has to find its place.
 */
import { PRIORITIES, type Priority } from '../events/identity.ts';
import type { TaskRecord } from '../events/task.ts';

/** An index of pending tasks that nobody is assigned to. */
export class Claimable {
  readonly #fresh: Record<Priority, Map<string, number>> = perPriority(() => new Map());
  readonly #returned: Record<Priority, { id: string; age: number }[]> = perPriority(() => []);

  /** Follows a task from what it was to what it is. */
  follow(before: TaskRecord | undefined, after: TaskRecord): void {
    const was = before !== undefined && isClaimable(before);
    const is = isClaimable(after);
    if (was === is) return;
    if (!is) this.#remove(after);
    else if (before === undefined) this.#fresh[after.priority].set(after.id, ageOf(after));
    else insert(this.#returned[after.priority], { id: after.id, age: ageOf(after) });
  }

  /** The ids, in order. Must not be kept over a fold. */
  *ids(): Generator<string> {
    for (const priority of PRIORITIES) {
      const returned = this.#returned[priority];
      let index = 0;
      for (const [id, age] of this.#fresh[priority]) {
        for (
          let other = returned[index];
          other !== undefined && other.age < age;
          other = returned[index]
        ) {
          yield other.id;
          index += 1;
        }
        yield id;
      }
      for (; index < returned.length; index++) yield returned[index]?.id ?? '';
    }
  }

  #remove(task: TaskRecord): void {
    if (this.#fresh[task.priority].delete(task.id)) return;
    const returned = this.#returned[task.priority];
    const index = returned.findIndex(({ id }) => id === task.id);
    if (index !== -1) returned.splice(index, 1);
  }
}

/** Whether a task waits for somebody to take it. */
export function isClaimable(task: TaskRecord): boolean {
  return task.status === 'pending' && task.assignedTo === null;
}

/** The sequence at which it was created. */
function ageOf(task: TaskRecord): number {
  return task.touched.whole.sequence;
}

function insert(list: { id: string; age: number }[], item: { id: string; age: number }): void {
  list.splice(list.findLastIndex((other) => other.age < item.age) + 1, 0, item);
}

function perPriority<T>(make: () => T): Record<Priority, T> {
  return { critical: make(), high: make(), normal: make(), low: make() };
}
