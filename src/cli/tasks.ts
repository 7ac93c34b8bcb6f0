/** `stig tasks`: the tasks of a swarm, now or at any moment of the past. */
import { Option, type Command } from 'commander';
import { TASK_STATUSES, type TaskStatus } from '../events/task.ts';
import type { TaskState } from '../events/task-state.ts';
import type { PastState } from '../history/history.ts';
import { momentCommand, withPast, wholeNumber, type MomentOptions } from './common.ts';
import { momentLine } from './moment.ts';
import { count, note, print, printJson } from './output.ts';
import {
  inOrder,
  taskFields,
  taskMoment,
  taskNamed,
  taskTable,
  type ShownTask,
  type TaskMoment,
} from './task-tables.ts';

interface TasksOptions extends MomentOptions {
  readonly status?: readonly TaskStatus[];
  readonly limit: number;
}

const LIMIT_DEFAULT = 50;

/** Makes the command. */
export function tasksCommand(): Command {
  return momentCommand('tasks', 'Show the tasks of a swarm, or one of them with all its fields.')
    .argument('[taskId]', 'one task: its id, or a beginning that no other has')
    .addOption(new Option('--status <status...>', 'only these').choices(TASK_STATUSES))
    .option('--limit <n>', 'at most so many', wholeNumber(1), LIMIT_DEFAULT)
    .addHelpText(
      'after',
      `
What has not ended comes first; then the most urgent, then the oldest. Ages are those of the moment shown, and
"since" says since when the task has its status and its holder.

Examples:
  $ stig tasks                                all tasks, the first fifty
  $ stig tasks --status running --at 120      what was being worked on after event 120
  $ stig tasks hAXXIcEcDFas                   one task; ids are cut in the table
  $ stig tasks --json --limit 100000          a line per task, for another program`,
    )
    .action(async (taskId: string | undefined, options: TasksOptions) => {
      await withPast(options, (past) => {
        if (taskId === undefined) showAll(past, options);
        else showOne(past, taskId, options);
      });
    });
}

function showAll(past: PastState, { status, limit, json }: TasksOptions): void {
  const moment = momentOf(past);
  const found = inOrder(Object.values(moment.tasks)).filter(
    (task) => status === undefined || status.includes(task.status),
  );
  const shown = found.slice(0, limit).map((task) => withSince(past, task));
  if (json === true) for (const task of shown) printJson(task);
  else {
    const drawn = shown.length === 0 ? '  no task is like this' : taskTable(shown, moment);
    print(`${momentLine(past)}\n\n${drawn}`);
  }
  const more = found.length - shown.length;
  if (more > 0) note(`${count(more)} more; all of them with --limit ${found.length}`);
}

function showOne(past: PastState, taskId: string, { json }: TasksOptions): void {
  const moment = momentOf(past);
  const task = withSince(past, taskNamed(moment.tasks, taskId, past.sequence));
  if (json === true) printJson(task);
  else print(`${momentLine(past)}\n\n${taskFields(task, moment)}`);
}

function momentOf(past: PastState): TaskMoment {
  return taskMoment(past.get('global.tasks') as TaskMoment['tasks'], past.timeMs);
}

/** The later of when its status and its holder last changed. */
function withSince(past: PastState, task: TaskState): ShownTask {
  const changes = ['status', 'assignedTo'].map(
    (field) => past.readAt(['global', 'tasks', task.id, field])?.lastModified ?? task.createdAt,
  );
  return { ...task, since: changes.toSorted().at(-1) ?? task.createdAt };
}
