/**
 * Which open tasks follow another one: its subtasks, and those that depend on it.
 *
 * When it fails or is cancelled, so are its followers, by `task.cascade`. Until that has happened the correlation of its end is
 * kept here, so that the whole cascade carries it.
 */
import { hasEnded, type TaskRecord } from '../events/task.ts';

const NONE: ReadonlySet<string> = new Set();

/** The open subtasks and dependents of tasks, each in the order in which they were made. */
export class TaskGraph {
  readonly #subtasks = new Map<string, Set<string>>();
  readonly #dependents = new Map<string, Set<string>>();
  /** Failed and cancelled tasks whose followers are open yet, with the correlation of what ended them. */
  readonly cascades = new Map<string, string>();

  /** Follows a task from what it was to what it is. */
  follow(before: TaskRecord | undefined, after: TaskRecord): void {
    const { id, parentTaskId, policy } = after;
    if (parentTaskId === null && policy === null) return;
    const isOpen = !hasEnded(after);
    if ((before !== undefined && !hasEnded(before)) === isOpen) return;
    if (parentTaskId !== null) this.#note(this.#subtasks, parentTaskId, id, isOpen);
    for (const dependency of policy?.dependsOn ?? []) {
      this.#note(this.#dependents, dependency, id, isOpen);
    }
  }

  #note(index: Map<string, Set<string>>, of: string, id: string, isOpen: boolean): void {
    const followers = index.get(of) ?? new Set();
    if (isOpen) index.set(of, followers.add(id));
    else if (followers.delete(id) && followers.size === 0) index.delete(of);
    if (!isOpen && !this.hasFollowers(of)) this.cascades.delete(of);
  }

  subtasksOf(taskId: string): ReadonlySet<string> {
    return this.#subtasks.get(taskId) ?? NONE;
  }

  dependentsOf(taskId: string): ReadonlySet<string> {
    return this.#dependents.get(taskId) ?? NONE;
  }

  hasFollowers(taskId: string): boolean {
    return this.#subtasks.has(taskId) || this.#dependents.has(taskId);
  }

  /** The tasks that are followed, for the hash of the state. */
  *rows(): Generator<readonly [taskId: string, subtasks: string[], dependents: string[]]> {
    for (const id of new Set([...this.#subtasks.keys(), ...this.#dependents.keys()])) {
      yield [id, [...this.subtasksOf(id)], [...this.dependentsOf(id)]];
    }
  }
}
