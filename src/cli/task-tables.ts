/** Tasks for people: many as a table, the most urgent and oldest first, or one with all its fields. */
import colors from 'picocolors';
import { Fault } from '../core/errors.ts';
import { PRIORITIES } from '../events/identity.ts';
import { hasEnded, type TaskStatus } from '../events/task.ts';
import type { TaskState } from '../events/task-state.ts';
import { duration, msOf, timeOfDay } from './moment.ts';
import { count, cut, harmless, ID_CHARS, table } from './output.ts';

/** A task with since when its status and its holder are what they are. */
export interface ShownTask extends TaskState {
  readonly since: string;
}

type Tasks = Readonly<Record<string, TaskState>>;

/** The moment that is shown, and all tasks of it by id. */
export interface TaskMoment {
  readonly shownMs: number;
  readonly tasks: Tasks;
  /** As much of an id as is shown: enough to tell it from every other. */
  readonly idChars: number;
}

interface Column {
  readonly head: string;
  readonly cell: (task: ShownTask, moment: TaskMoment) => string;
  /** Left out when it has nothing to say of any task. */
  readonly isOptional?: boolean;
}

const GOAL_CHARS = 40;
const NOTHING = '–';

const COLUMNS: readonly Column[] = [
  { head: 'task', cell: ({ id }, { idChars }) => harmless(id.slice(0, idChars)) },
  { head: 'goal', cell: ({ goal }) => cut(harmless(goal), GOAL_CHARS) },
  { head: 'status', cell: ({ status }) => colorOf(status)(status) },
  { head: 'priority', cell: ({ priority }) => priority },
  { head: 'holder', cell: ({ assignedTo }) => harmless(assignedTo?.agentId ?? NOTHING) },
  { head: 'attempts', cell: ({ attempts }) => String(attempts) },
  { head: 'progress', cell: ({ progress }) => `${progress} %` },
  { head: 'age', cell: ({ createdAt }, moment) => duration(moment.shownMs - msOf(createdAt)) },
  { head: 'since (UTC)', cell: ({ since }, moment) => timeOfDay(msOf(since), moment.shownMs) },
  { head: 'deadline (UTC)', cell: deadlineOf, isOptional: true },
  { head: 'waits for', cell: waitsFor, isOptional: true },
];

/** The moment of some tasks, in milliseconds. */
export function taskMoment(tasks: Tasks, shownMs: number): TaskMoment {
  const ids = Object.keys(tasks);
  let idChars = ID_CHARS;
  while (new Set(ids.map((id) => id.slice(0, idChars))).size < ids.length) idChars += 1;
  return { shownMs, tasks, idChars };
}

/** The task with an id, or the only one whose id begins so, of those at a sequence. Throws `NOT_FOUND`, `INVALID_INPUT`. */
export function taskNamed(tasks: Tasks, taskId: string, sequence: number): TaskState {
  const exact = tasks[taskId];
  if (exact !== undefined) return exact;
  const [first, ...others] = Object.values(tasks).filter(({ id }) => id.startsWith(taskId));
  const details = { taskId, sequence };
  if (first === undefined) {
    const message = `There is no task ${JSON.stringify(taskId)} at sequence ${sequence}. See which there are with: stig tasks`;
    throw new Fault('NOT_FOUND', message, { details });
  }
  if (others.length > 0) {
    const message = `${count(others.length + 1)} tasks have ids that begin with ${JSON.stringify(taskId)}: give more of it.`;
    throw new Fault('INVALID_INPUT', message, { details });
  }
  return first;
}

/** What can still be worked on before what has ended; then the most urgent, then the oldest. */
export function inOrder(tasks: readonly TaskState[]): readonly TaskState[] {
  return tasks.toSorted(
    (a, b) =>
      Number(hasEnded(a)) - Number(hasEnded(b)) ||
      PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) ||
      msOf(a.createdAt) - msOf(b.createdAt),
  );
}

/** A row for each task. */
export function taskTable(shown: readonly ShownTask[], moment: TaskMoment): string {
  const drawn = COLUMNS.map(({ head, cell, isOptional = false }) => ({
    head,
    isOptional,
    cells: shown.map((task) => cell(task, moment)),
  })).filter(({ isOptional, cells }) => !isOptional || cells.some((cell) => cell !== ''));
  return table(
    drawn.map(({ head }) => head),
    shown.map((_, row) => drawn.map(({ cells }) => cells[row] ?? '')),
  );
}

/** All fields of a task, whatever they are. */
export function taskFields(task: ShownTask, moment: TaskMoment): string {
  const waits = waitsFor(task, moment);
  return table(
    ['field', 'value'],
    [
      ...Object.entries(task).map(([field, value]) => [field, fieldText(value)]),
      ['age', duration(moment.shownMs - msOf(task.createdAt))],
      ...(waits === '' ? [] : [['waits for', waits]]),
    ],
  );
}

function fieldText(value: unknown): string {
  if (value === null || value === undefined) return NOTHING;
  return harmless(typeof value === 'string' ? value : JSON.stringify(value));
}

function deadlineOf(task: ShownTask, { shownMs }: TaskMoment): string {
  const { deadline } = task;
  return deadline !== undefined ? timeOfDay(msOf(deadline), shownMs) : '';
}

/** What keeps a pending task from being claimed, as far as that is known. */
function waitsFor(task: ShownTask, { shownMs, tasks, idChars }: TaskMoment): string {
  if (task.status !== 'pending') return '';
  const { notBefore, dependsOn = [], requires = [] } = task;
  const unfinished = dependsOn.filter((id) => tasks[id]?.status !== 'complete');
  return [
    ...unfinished.map((id) => `task ${harmless(id.slice(0, idChars))}`),
    ...(notBefore !== undefined && msOf(notBefore) > shownMs
      ? [timeOfDay(msOf(notBefore), shownMs)]
      : []),
    ...(task.assignedTo === null ? requires.map((ability) => harmless(ability)) : []),
  ].join(', ');
}

function colorOf(status: TaskStatus): (text: string) => string {
  switch (status) {
    case 'running':
      return colors.green;
    case 'failed':
      return colors.red;
    case 'complete':
    case 'cancelled':
      return colors.dim;
    case 'pending':
      return (text) => text;
  }
}
