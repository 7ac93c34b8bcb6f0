/**
 * The tasks by id. Those that had ended when a checkpoint was made stay text until somebody asks for one of them.
 *
 * A swarm that has worked for long has thousands of ended tasks for each open one; making records of them all was half of
 * the time that opening took. Whoever goes through all tasks gets records.
 */
import { assert } from '../core/errors.ts';
import type { TaskRecord } from '../events/task.ts';
import { unpackTask, type RowFrame, type TaskRow } from './task-row.ts';

/** Tasks as a slice of a checkpoint. */
export interface TaskRows {
  readonly ids: readonly string[];
  /** JSON of their rows, in the same order. */
  readonly rows: Buffer;
  readonly frame: RowFrame;
}

/** A map of tasks, of which some are still text. */
export class Tasks extends Map<string, TaskRecord> {
  readonly #asText = new Map<string, TaskRows>();

  /** Takes tasks as they were saved; they stay text until one of them is asked for. */
  addRows(slice: TaskRows): void {
    for (const id of slice.ids) this.#asText.set(id, slice);
  }

  /** The tasks that are records by now: at least all that have not ended. */
  atHand(): Iterable<TaskRecord> {
    return super.values();
  }

  /** The slices that nobody has asked for; a later checkpoint takes them as they are. */
  asText(): ReadonlySet<TaskRows> {
    return new Set(this.#asText.values());
  }

  override get(id: string): TaskRecord | undefined {
    const task = super.get(id);
    if (task !== undefined || this.#asText.size === 0) return task;
    const slice = this.#asText.get(id);
    if (slice !== undefined) this.#read(slice);
    return super.get(id);
  }

  override has(id: string): boolean {
    return super.has(id) || this.#asText.has(id);
  }

  override delete(id: string): boolean {
    const wasText = this.#asText.delete(id);
    return super.delete(id) || wasText;
  }

  override get size(): number {
    return super.size + (this.#asText?.size ?? 0); // the constructor of Map asks before there are fields
  }

  override clear(): void {
    this.#asText.clear();
    super.clear();
  }

  override keys(): MapIterator<string> {
    this.#readAll();
    return super.keys();
  }

  override values(): MapIterator<TaskRecord> {
    this.#readAll();
    return super.values();
  }

  override entries(): MapIterator<[string, TaskRecord]> {
    this.#readAll();
    return super.entries();
  }

  override [Symbol.iterator](): MapIterator<[string, TaskRecord]> {
    return this.entries();
  }

  override forEach(
    visit: (task: TaskRecord, id: string, map: Map<string, TaskRecord>) => void,
  ): void {
    this.#readAll();
    super.forEach(visit);
  }

  #readAll(): void {
    for (const slice of this.asText()) this.#read(slice);
  }

  #read({ ids, rows, frame }: TaskRows): void {
    const read = JSON.parse(rows.toString()) as TaskRow[];
    ids.forEach((id, index) => {
      const row = read[index];
      assert(row !== undefined, 'a slice has a row for each id');
      if (this.#asText.delete(id)) super.set(id, unpackTask(id, row, frame));
    });
  }
}
