/**
 * A task as a row of a checkpoint: a fifth of the size of its record as JSON, and as much quicker to load.
 *
 * There are many tasks and few sessions, so a row names a session by its number; times are counted back from the checkpoint's;
 * the marks of one fact, which stand at several fields, are written once with the set of those fields.
 */
import { assert } from '../core/errors.ts';
import type { Touch, Touched } from '../events/definition.ts';
import { COORDINATOR, OPERATOR, PRIORITIES, type AgentIdentity } from '../events/identity.ts';
import type { SessionRecord } from '../events/session.ts';
import { TASK_STATUSES, type TaskRecord } from '../events/task.ts';
import type { TaskPolicy } from '../events/task-policy.ts';

/** Fields in the order of {@link packTask}; `marks` is a run of [sequence, ms back, session, set of fields]. */
export type TaskRow = readonly [
  goal: string,
  status: number,
  priority: number,
  assignedTo: number | null,
  createdMsBack: number,
  startedMsBack: number | null,
  completedMsBack: number | null,
  parentTaskId: string | null,
  metadata: TaskRecord['metadata'],
  progress: number,
  message: string | null,
  result: unknown,
  error: TaskRecord['error'],
  attempts: number,
  marks: readonly number[],
  more?: MoreOfTask,
];

/** What few tasks have. */
interface MoreOfTask {
  readonly policy?: TaskPolicy;
  readonly notBeforeMsBack?: number;
  /** Numbers of sessions. */
  readonly lostBy?: readonly number[];
  /** Marks of paths below `metadata`. */
  readonly paths?: readonly PathMark[];
}

type PathMark = readonly [
  path: string,
  sequence: number,
  msBack: number,
  by: number,
  more?: Pick<Touch, 'gone' | 'priority'>,
];

/** The fields of a task that have marks of their own, each one bit of a set. Append only: the bits are stored. */
const MARKED_FIELDS = [
  'status',
  'assignedTo',
  'startedAt',
  'completedAt',
  'attempts',
  'progress',
  'message',
  'result',
  'error',
  'notBefore',
] as const;
const IS_MARKED: ReadonlySet<string> = new Set(MARKED_FIELDS);

const NOBODY: readonly string[] = Object.freeze([]);

/** What rows are relative to: a time, and the numbers of the sessions. */
export class RowFrame {
  readonly timeMs: number;
  readonly #identities: readonly AgentIdentity[];
  readonly #numberById: ReadonlyMap<string, number>;

  /** The sessions in the order of their registration, which never changes: so old rows keep their meaning. */
  constructor(timeMs: number, sessions: Iterable<SessionRecord>) {
    this.timeMs = timeMs;
    this.#identities = [COORDINATOR, OPERATOR, ...[...sessions].map(({ identity }) => identity)];
    this.#numberById = new Map(this.#identities.map(({ sessionId }, index) => [sessionId, index]));
  }

  msBack(timeMs: number): number {
    return this.timeMs - timeMs;
  }

  numberOf(sessionId: string): number {
    const number = this.#numberById.get(sessionId);
    assert(number !== undefined, 'sessions are not forgotten');
    return number;
  }

  identity(number: number): AgentIdentity {
    const identity = this.#identities[number];
    assert(identity !== undefined, 'a checkpoint names sessions that it holds');
    return identity;
  }
}

/** Makes the row of a task; its id is the key of the row. */
export function packTask(task: TaskRecord, frame: RowFrame): TaskRow {
  const more = packMore(task, frame);
  const row = [
    task.goal,
    TASK_STATUSES.indexOf(task.status),
    PRIORITIES.indexOf(task.priority),
    task.assignedTo && frame.numberOf(task.assignedTo.sessionId),
    frame.msBack(task.createdAtMs),
    task.startedAtMs === null ? null : frame.msBack(task.startedAtMs),
    task.completedAtMs === null ? null : frame.msBack(task.completedAtMs),
    task.parentTaskId,
    task.metadata,
    task.progress,
    task.message,
    task.result,
    task.error,
    task.attempts,
    packMarks(task.touched, frame),
  ] as const;
  return more === undefined ? row : [...row, more];
}

function packMore(
  { policy, notBeforeMs, lostBy, touched }: TaskRecord,
  frame: RowFrame,
): MoreOfTask | undefined {
  const paths = packPaths(touched, frame);
  if (policy === null && notBeforeMs === null && lostBy.length + paths.length === 0) {
    return undefined;
  }
  return {
    ...(policy === null ? {} : { policy }),
    ...(notBeforeMs === null ? {} : { notBeforeMsBack: frame.msBack(notBeforeMs) }),
    ...(lostBy.length === 0 ? {} : { lostBy: lostBy.map((id) => frame.numberOf(id)) }),
    ...(paths.length === 0 ? {} : { paths }),
  };
}

function packPaths({ fields }: Touched, frame: RowFrame): PathMark[] {
  const paths: PathMark[] = [];
  for (const path in fields) {
    const touch = fields[path];
    if (touch === undefined || IS_MARKED.has(path)) continue;
    const { sequence, timeMs, by, ...more } = touch;
    const mark = [path, sequence, frame.msBack(timeMs), frame.numberOf(by)] as const;
    paths.push(Object.keys(more).length === 0 ? mark : [...mark, more]);
  }
  return paths;
}

/** Makes the task of a row. */
export function unpackTask(id: string, row: TaskRow, frame: RowFrame): TaskRecord {
  const [goal, status, priority, assignedTo, created, started, completed, ...rest] = row;
  const [parentTaskId, metadata, progress, message, result, error, attempts, marks, more] = rest;
  return {
    id,
    goal,
    status: TASK_STATUSES[status] ?? 'pending',
    priority: PRIORITIES[priority] ?? 'normal',
    assignedTo: assignedTo === null ? null : frame.identity(assignedTo),
    createdAtMs: frame.msBack(created),
    startedAtMs: started === null ? null : frame.msBack(started),
    completedAtMs: completed === null ? null : frame.msBack(completed),
    parentTaskId,
    metadata,
    progress,
    message,
    result,
    error,
    attempts,
    policy: more?.policy ?? null,
    notBeforeMs: more?.notBeforeMsBack === undefined ? null : frame.msBack(more.notBeforeMsBack),
    lostBy: more?.lostBy?.map((number) => frame.identity(number).sessionId) ?? NOBODY,
    touched: withPaths(unpackMarks(marks, frame), more?.paths, frame),
  };
}

function withPaths(
  touched: Touched,
  paths: readonly PathMark[] | undefined,
  frame: RowFrame,
): Touched {
  if (paths === undefined) return touched;
  const fields: Record<string, Touch> = { ...touched.fields };
  for (const [path, sequence, back, by, more] of paths) {
    const { sessionId } = frame.identity(by);
    fields[path] = { sequence, timeMs: frame.msBack(back), by: sessionId, ...more };
  }
  return { whole: touched.whole, fields };
}

function packMarks({ whole, fields }: Touched, frame: RowFrame): number[] {
  const marks = [whole.sequence, frame.msBack(whole.timeMs), frame.numberOf(whole.by), 0];
  const left = new Map<Touch, number>();
  MARKED_FIELDS.forEach((field, bit) => {
    const touch = fields?.[field];
    if (touch !== undefined) left.set(touch, (left.get(touch) ?? 0) | (1 << bit));
  });
  for (const [{ sequence, timeMs, by }, set] of left) {
    marks.push(sequence, frame.msBack(timeMs), frame.numberOf(by), set);
  }
  return marks;
}

function unpackMarks(marks: readonly number[], frame: RowFrame): Touched {
  const whole = touchAt(marks, 0, frame);
  if (marks.length === 4) return { whole, fields: null };
  const fields: Record<string, Touch> = {};
  for (let index = 4; index < marks.length; index += 4) {
    const touch = touchAt(marks, index, frame);
    const set = marks[index + 3] ?? 0;
    for (let bit = 0; bit < MARKED_FIELDS.length; bit++) {
      const field = MARKED_FIELDS[bit];
      if ((set & (1 << bit)) !== 0 && field !== undefined) fields[field] = touch;
    }
  }
  return { whole, fields };
}

function touchAt(marks: readonly number[], index: number, frame: RowFrame): Touch {
  const [sequence = 0, back = 0, by = 0] = [marks[index], marks[index + 1], marks[index + 2]];
  return { sequence, timeMs: frame.msBack(back), by: frame.identity(by).sessionId };
}
