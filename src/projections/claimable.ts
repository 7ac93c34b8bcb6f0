/**
 * The tasks that can be claimed, in the order in which they are: the most urgent, and then the oldest.
 *
 * A task that waits for another is not here until that one is complete. Tasks that require the same capabilities stand in one
 * lane, so that whoever lacks them passes over all of these at once. New tasks come in the order of their age; only one that
 * comes later has to find its place.
 */
import { PRIORITIES, type Priority } from '../events/identity.ts';
import type { TaskRecord } from '../events/task.ts';

/** Whether somebody has the capabilities that are required. */
export type Fits = (requires: readonly string[]) => boolean;

/** An index of pending tasks that nobody is assigned to and that wait for nothing. */
export class Claimable {
  readonly #lanes = new Map<string, Lane>();

  /** Follows a task from what it was to what it is; one that is not ready waits for another task. */
  follow(before: TaskRecord | undefined, after: TaskRecord, isReady = true): void {
    if (!isReady) return;
    const was = before !== undefined && isClaimable(before);
    const is = isClaimable(after);
    if (was === is) return;
    if (!is) this.#remove(after);
    else if (before === undefined) this.#laneOf(after).addNew(after);
    else this.enter(after);
  }

  /** Takes in a task that is claimable from now on, at the place of its age. */
  enter(task: TaskRecord): void {
    this.#laneOf(task).addLater(task);
  }

  /** The ids, in order, of those that fit; of all when nobody says which do. Must not be kept over a fold. */
  *ids(fits?: Fits): Generator<string> {
    const lanes: Lane[] = [];
    for (const lane of this.#lanes.values()) {
      if (lane.requires.length === 0 || fits === undefined || fits(lane.requires)) lanes.push(lane);
    }
    const [first, second] = lanes;
    if (first === undefined) return;
    for (const priority of PRIORITIES) {
      const items = second === undefined ? first.items(priority) : merged(lanes, priority);
      for (const { id } of items) yield id;
    }
  }

  #laneOf({ policy }: TaskRecord): Lane {
    const requires = policy?.requires ?? NOTHING;
    const name = nameOf(requires);
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new Lane(requires);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #remove(task: TaskRecord): void {
    const name = nameOf(task.policy?.requires ?? NOTHING);
    const lane = this.#lanes.get(name);
    lane?.remove(task);
    // The lane of tasks that require nothing stays: it is made anew for each task otherwise, where few wait.
    if (lane?.size === 0 && name !== '') this.#lanes.delete(name);
  }
}

const NOTHING: readonly string[] = Object.freeze([]);

function nameOf(requires: readonly string[]): string {
  return requires.length === 0 ? '' : JSON.stringify(requires.toSorted());
}

interface Item {
  readonly id: string;
  readonly age: number;
}

/** Claimable tasks that require the same. */
class Lane {
  readonly requires: readonly string[];
  size = 0;
  readonly #fresh: Record<Priority, Map<string, number>> = perPriority(() => new Map());
  readonly #returned: Record<Priority, Item[]> = perPriority(() => []);

  constructor(requires: readonly string[]) {
    this.requires = requires;
  }

  addNew(task: TaskRecord): void {
    this.#fresh[task.priority].set(task.id, ageOf(task));
    this.size += 1;
  }

  addLater(task: TaskRecord): void {
    insert(this.#returned[task.priority], { id: task.id, age: ageOf(task) });
    this.size += 1;
  }

  remove(task: TaskRecord): void {
    if (this.#fresh[task.priority].delete(task.id)) {
      this.size -= 1;
      return;
    }
    const returned = this.#returned[task.priority];
    const index = returned.findIndex(({ id }) => id === task.id);
    if (index === -1) return;
    returned.splice(index, 1);
    this.size -= 1;
  }

  *items(priority: Priority): Generator<Item> {
    const returned = this.#returned[priority];
    let index = 0;
    for (const [id, age] of this.#fresh[priority]) {
      for (
        let other = returned[index];
        other !== undefined && other.age < age;
        other = returned[index]
      ) {
        yield other;
        index += 1;
      }
      yield { id, age };
    }
    for (; index < returned.length; index++) {
      const other = returned[index];
      if (other !== undefined) yield other;
    }
  }
}

/** The items of several lanes, the oldest first. */
function* merged(lanes: readonly Lane[], priority: Priority): Generator<Item> {
  const heads = lanes.map((lane) => {
    const items = lane.items(priority);
    return { items, item: items.next() };
  });
  for (;;) {
    let oldest: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (head.item.done === true) continue;
      if (oldest === undefined || head.item.value.age < ageOfHead(oldest)) oldest = head;
    }
    if (oldest === undefined || oldest.item.done === true) return;
    yield oldest.item.value;
    oldest.item = oldest.items.next();
  }
}

function ageOfHead({ item }: { readonly item: IteratorResult<Item, void> }): number {
  return item.done === true ? Number.POSITIVE_INFINITY : item.value.age;
}

/** Whether nothing but another task keeps somebody from taking a task. */
export function isClaimable(task: TaskRecord): boolean {
  return task.status === 'pending' && task.assignedTo === null;
}

/** The sequence at which it was created. */
function ageOf(task: TaskRecord): number {
  return task.touched.whole.sequence;
}

function insert(list: Item[], item: Item): void {
  list.splice(list.findLastIndex((other) => other.age < item.age) + 1, 0, item);
}

function perPriority<T>(make: () => T): Record<Priority, T> {
  return { critical: make(), high: make(), normal: make(), low: make() };
}
