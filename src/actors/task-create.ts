/** The decision whether a new task can be: its parent and what it depends on must allow that it ever ends. */
import { refuse, type Refusal } from '../core/errors.ts';
import { hasEnded, type TaskRecord } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { listed, noTask } from './about-task.ts';
import { fact, facts, type Decision } from './decision.ts';

/** Makes a pending task. */
export function create(view: StateView, { payload }: CommandOf<'task.create'>): Decision {
  const { swarm } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  const { parentTaskId, dependsOn = [] } = payload;
  const refusal =
    checkCount(view.counts.tasks, { limit: 'tasksMax', max: swarm.limits.tasksMax }) ??
    checkParent(view, parentTaskId) ??
    checkDependencies(view, dependsOn, swarm.limits.taskDependenciesMax) ??
    checkCycle(view, payload);
  if (refusal !== undefined) return refusal;
  const priority = payload.priority ?? swarm.config.defaultPriority;
  return facts(fact('task.created', { ...payload, priority }));
}

function checkCount(count: number, { limit, max }: { limit: string; max: number }) {
  if (count < max) return undefined;
  return refuse('LIMIT_EXCEEDED', `The swarm has ${max} tasks, its limit (${limit}).`, {
    limit,
    max,
  });
}

function checkParent(view: StateView, parentTaskId: string | undefined): Refusal | undefined {
  if (parentTaskId === undefined) return undefined;
  const parent = view.task(parentTaskId);
  if (parent === undefined) return noTask(parentTaskId);
  if (!hasEnded(parent)) return undefined;
  return refuse('ILLEGAL_TRANSITION', `${parent.id} is ${parent.status}: it takes no subtask.`, {
    taskId: parent.id,
    status: parent.status,
  });
}

function checkDependencies(
  view: StateView,
  dependsOn: readonly string[],
  max: number,
): Refusal | undefined {
  if (dependsOn.length > max) {
    return refuse(
      'LIMIT_EXCEEDED',
      `A task depends on at most ${max} others (taskDependenciesMax).`,
      { limit: 'taskDependenciesMax', max },
    );
  }
  for (const id of dependsOn) {
    const dependency = view.task(id);
    if (dependency === undefined) return noTask(id);
    const { status } = dependency;
    if (status === 'failed' || status === 'cancelled') {
      return refuse('TASK_BLOCKED', `${id} is ${status}: what depends on it can never be done.`, {
        waitsFor: [id],
        status,
      });
    }
  }
  return undefined;
}

interface NewTask {
  readonly taskId: string;
  readonly parentTaskId?: string | undefined;
  readonly dependsOn?: readonly string[] | undefined;
}

/**
 * A parent ends after its subtasks, so a subtask must not wait for anything that waits for one of its ancestors. Only a new
 * task can close such a circle: it can name only tasks that exist.
 */
function checkCycle(
  view: StateView,
  { taskId, parentTaskId, dependsOn = [] }: NewTask,
): Refusal | undefined {
  if (parentTaskId === undefined || dependsOn.length === 0) return undefined;
  const ancestors = ancestorsOf(view, parentTaskId);
  const waits = new Map<string, string>(dependsOn.map((id) => [id, taskId]));
  for (const id of waits.keys()) {
    if (ancestors.has(id)) {
      const wayThere = wayTo(id, waits, taskId);
      const wayBack = [...ancestors].slice(0, [...ancestors].indexOf(id)).toReversed();
      const cycle = [...wayThere, ...wayBack];
      return refuse(
        'DEPENDENCY_CYCLE',
        `${taskId} would wait for ${id}, which ends after its subtasks, so ${taskId} among them.`,
        { cycle: listed(cycle), length: cycle.length },
      );
    }
    for (const next of waitsFor(view, view.task(id))) if (!waits.has(next)) waits.set(next, id);
  }
  return undefined;
}

/** The parent, its parent, and so on. */
function ancestorsOf(view: StateView, parentTaskId: string): ReadonlySet<string> {
  const ancestors = new Set<string>();
  for (let id: string | null = parentTaskId; id !== null;) {
    ancestors.add(id);
    id = view.task(id)?.parentTaskId ?? null;
  }
  return ancestors;
}

/** What an open task has to wait for until it can be complete: its open dependencies and subtasks. */
function* waitsFor(view: StateView, task: TaskRecord | undefined): Generator<string> {
  if (task === undefined || hasEnded(task)) return;
  yield* task.policy?.dependsOn ?? [];
  yield* view.openSubtasks(task.id);
}

/** From a task to one that it waits for: each waits for the next. */
function wayTo(id: string, waits: ReadonlyMap<string, string>, from: string): readonly string[] {
  const way: string[] = [];
  for (let at: string | undefined = id; at !== undefined && at !== from; at = waits.get(at)) {
    way.unshift(at);
  }
  return [from, ...way];
}
