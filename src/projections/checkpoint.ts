/**
 * A copy of the state at a sequence: taken at once, turned into text in slices, and loaded again.
 *
 * Records are immutable, so taking a copy copies maps only; commands go on while the text is made. A checkpoint is a cache:
 * one that does not load is passed over (I1).
 */
import { assert } from '../core/errors.ts';
import { hasEnded, type TaskRecord } from '../events/task.ts';
import { Projector } from './projector.ts';
import { SAVED_VIEWS } from './saved-views.ts';
import { packTask, RowFrame } from './task-row.ts';

/** The version of the form of saved rows and of the folds behind them; another one is passed over and the log is replayed. */
export const CHECKPOINT_FORMAT = 7;

/** What is known of a copy beside its rows. */
export interface CheckpointHeader {
  readonly format: number;
  readonly sequence: number;
  readonly timeMs: number;
  /** From where the event ring has to be read again; null when it was empty. */
  readonly ringFrom: number | null;
}

/** A copy that waits to be written. */
export interface CheckpointCopy {
  readonly header: CheckpointHeader;
  /** Its rows as texts of many rows each, made one at a time. */
  slices(): Generator<string>;
}

/** The first line of a slice; the second is a JSON list of rows, one for each key. */
interface SliceHead {
  readonly view: string;
  readonly keys: readonly string[];
  /** For tasks: the time that their rows are relative to. */
  readonly timeMs?: number;
}

/** Small enough that making the text of one keeps nobody waiting for more than a millisecond. */
const ROWS_PER_SLICE = 500;
const CHARS_PER_SLICE = 262_144;
const OPEN_TASKS = 'tasks';
const ENDED_TASKS = 'endedTasks';

/** Copies the state. Takes about a millisecond for 20,000 records. */
export function copyState(projector: Projector): CheckpointCopy {
  const views = SAVED_VIEWS.map((view) => ({
    name: view.name,
    rows: [...view.rows(projector)],
  }));
  const tasks = [...projector.tasks.atHand()];
  const texts = projector.tasks.asText();
  const frame = new RowFrame(projector.timeMs, projector.sessions.values());
  const header: CheckpointHeader = {
    format: CHECKPOINT_FORMAT,
    sequence: projector.sequence,
    timeMs: projector.timeMs,
    ringFrom: projector.ring.oldestSequence ?? null,
  };
  return {
    header,
    *slices() {
      for (const { name, rows } of views) yield* slicesOf(name, rows);
      yield* slicesOfTasks(
        OPEN_TASKS,
        tasks.filter((task) => !hasEnded(task)),
        frame,
      );
      yield* slicesOfTasks(ENDED_TASKS, tasks.filter(hasEnded), frame);
      for (const {
        ids,
        rows,
        frame: { timeMs },
      } of texts) {
        yield sliceText({ view: ENDED_TASKS, keys: ids, timeMs }, rows.toString());
      }
    },
  };
}

function slicesOf(
  view: string,
  rows: readonly (readonly [key: string, record: unknown])[],
): Generator<string> {
  return slicesFrom({ view }, rows, ([key, record]) => [key, record]);
}

function slicesOfTasks(
  view: string,
  tasks: readonly TaskRecord[],
  frame: RowFrame,
): Generator<string> {
  return slicesFrom({ view, timeMs: frame.timeMs }, tasks, (task) => [
    task.id,
    packTask(task, frame),
  ]);
}

function* slicesFrom<Item>(
  head: Omit<SliceHead, 'keys'>,
  items: readonly Item[],
  rowOf: (item: Item) => readonly [key: string, row: unknown],
): Generator<string> {
  let keys: string[] = [];
  let rows: string[] = [];
  let chars = 0;
  for (const item of items) {
    const [key, row] = rowOf(item);
    const text = JSON.stringify(row);
    keys.push(key);
    rows.push(text);
    chars += text.length;
    if (rows.length < ROWS_PER_SLICE && chars < CHARS_PER_SLICE) continue;
    yield sliceText({ ...head, keys }, `[${rows.join(',')}]`);
    [keys, rows, chars] = [[], [], 0];
  }
  if (rows.length > 0) yield sliceText({ ...head, keys }, `[${rows.join(',')}]`);
}

function sliceText(head: SliceHead, rows: string): string {
  return `${JSON.stringify(head)}\n${rows}`;
}

/** How many rows a copy would have: what its writing costs. */
export function rowCount({ counts, locks }: Projector): number {
  return counts.tasks + counts.sessions * 2 + counts.handoffs + locks.byResource.size;
}

/** Makes a projector of a copy. The event ring is still empty. */
export function loadState(header: CheckpointHeader, slices: Iterable<Buffer>): Projector {
  const projector = new Projector();
  const frames = new Map<number, RowFrame>();
  for (const bytes of slices) {
    const newline = bytes.indexOf('\n');
    const head = JSON.parse(bytes.toString('utf8', 0, newline)) as SliceHead;
    const rows = bytes.subarray(newline + 1);
    if (head.timeMs === undefined) {
      loadRecords(projector, head, rows);
      continue;
    }
    // Here all sessions are loaded, which the rows of tasks name by their numbers.
    const frame = frames.get(head.timeMs) ?? new RowFrame(head.timeMs, projector.sessions.values());
    frames.set(head.timeMs, frame);
    projector.tasks.addRows({ ids: head.keys, rows, frame });
    if (head.view === OPEN_TASKS) for (const id of head.keys) projector.tasks.get(id);
  }
  projector.sequence = header.sequence;
  projector.timeMs = header.timeMs;
  projector.deriveFromRecords();
  return projector;
}

function loadRecords(projector: Projector, { view, keys }: SliceHead, rows: Buffer): void {
  const saved = SAVED_VIEWS.find(({ name }) => name === view);
  assert(saved !== undefined, 'a checkpoint of this format has views that are known');
  const records = JSON.parse(rows.toString()) as unknown[];
  keys.forEach((key, index) => saved.load(projector, key, records[index]));
}
