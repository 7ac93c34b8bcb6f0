/**
 * The life of a task, and the decisions about it (specification, `TaskState`).
 *
 * The machine says what is legal; `decide` says which facts a command asks for. Who may ask was settled in `access/`.
 */
import { assign, setup } from 'xstate';
import { refuse, type Refusal } from '../core/errors.ts';
import { evolveTask, hasEnded, type TaskFact, type TaskRecord } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';

/** The machine of a task. Its events are the facts of the catalogue; it has no timers of its own (I9). */
export const taskMachine = setup({
  types: {
    context: {} as { record: TaskRecord },
    events: {} as TaskFact,
    input: {} as { record: TaskRecord },
  },
  actions: {
    evolve: assign({ record: ({ context, event }) => evolveTask(context.record, event) }),
  },
  guards: {
    isAssigned: ({ context }) => context.record.assignedTo !== null,
  },
}).createMachine({
  id: 'task',
  context: ({ input }) => ({ record: input.record }),
  initial: 'pending',
  states: {
    pending: {
      on: {
        'task.assigned': { actions: 'evolve' },
        'task.started': { guard: 'isAssigned', target: 'running', actions: 'evolve' },
        'task.requeued': { guard: 'isAssigned', actions: 'evolve' },
        'task.cancelled': { target: 'cancelled', actions: 'evolve' },
        'task.closed': { target: 'complete', actions: 'evolve' },
      },
    },
    running: {
      on: {
        'task.progress': { actions: 'evolve' },
        'task.completed': { target: 'complete', actions: 'evolve' },
        'task.failed': { target: 'failed', actions: 'evolve' },
        'task.cancelled': { target: 'cancelled', actions: 'evolve' },
        'task.closed': { target: 'complete', actions: 'evolve' },
        'task.requeued': { target: 'pending', actions: 'evolve' },
      },
    },
    complete: {},
    failed: {},
    cancelled: {},
  },
});

/** The decisions about tasks. */
export const taskDeciders: Deciders<
  | 'task.create'
  | 'task.claim'
  | 'task.assign'
  | 'task.start'
  | 'task.progress'
  | 'task.complete'
  | 'task.fail'
  | 'task.cancel'
  | 'task.close'
  | 'task.requeue'
> = {
  'task.create': (view, { payload }) => {
    const { taskId, priority, parentTaskId } = payload;
    const max = view.swarm?.limits.tasksMax ?? 0;
    if (view.counts.tasks >= max) {
      return refuse('LIMIT_EXCEEDED', `The swarm has ${max} tasks, its limit (tasksMax).`, {
        limit: 'tasksMax',
        max,
      });
    }
    if (parentTaskId !== undefined && view.task(parentTaskId) === undefined)
      return noTask(parentTaskId);
    return facts(
      fact('task.created', { ...payload, taskId, priority: priority ?? defaultPriority(view) }),
    );
  },

  'task.claim': (view, { payload, source }) => {
    const task = payload.taskId === undefined ? firstClaimable(view) : view.task(payload.taskId);
    if (task === undefined) {
      return payload.taskId === undefined
        ? refuse('NOTHING_TO_CLAIM', 'No task waits for somebody to take it.')
        : noTask(payload.taskId);
    }
    if (hasEnded(task)) {
      return refuse('ILLEGAL_TRANSITION', `${task.id} is ${task.status}.`, {
        taskId: task.id,
        status: task.status,
      });
    }
    if (task.assignedTo?.sessionId === source.sessionId) {
      const isToStart = payload.start === true && task.status === 'pending';
      return isToStart ? facts(fact('task.started', { taskId: task.id })) : facts(); // it has it already
    }
    if (task.assignedTo !== null) {
      const since = task.touched.fields?.['assignedTo']?.timeMs ?? task.createdAtMs;
      return refuse(
        'TASK_TAKEN',
        `${task.id} is taken by ${task.assignedTo.agentId} (session ${task.assignedTo.sessionId}).`,
        {
          taskId: task.id,
          assignedTo: task.assignedTo,
          sinceMs: since,
        },
      );
    }
    const assigned = fact('task.assigned', { taskId: task.id, assignedTo: source });
    return payload.start === true
      ? facts(assigned, fact('task.started', { taskId: task.id }))
      : facts(assigned);
  },

  'task.assign': (view, { payload }) => {
    const { assignedTo } = payload;
    const session = view.session(assignedTo.sessionId)?.identity;
    if (session?.agentId !== assignedTo.agentId || session.agentType !== assignedTo.agentType) {
      return refuse(
        'NOT_FOUND',
        `There is no such session: ${assignedTo.sessionId} of ${assignedTo.agentId}.`,
        { assignedTo },
      );
    }
    return about(view, payload.taskId, () => facts(fact('task.assigned', payload)));
  },

  'task.start': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.started', payload))),

  'task.progress': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.progress', payload))),

  'task.complete': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.completed', payload))),

  'task.fail': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.failed', payload))),

  'task.cancel': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.cancelled', payload))),

  'task.close': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.closed', payload))),

  'task.requeue': (view, { payload }) =>
    about(view, payload.taskId, ({ assignedTo }) =>
      assignedTo === null
        ? refuse('ILLEGAL_TRANSITION', `${payload.taskId} is assigned to nobody.`, {
            taskId: payload.taskId,
          })
        : facts(fact('task.requeued', { ...payload, from: assignedTo })),
    ),
};

function about(view: StateView, taskId: string, decide: (task: TaskRecord) => Decision): Decision {
  const task = view.task(taskId);
  return task === undefined ? noTask(taskId) : decide(task);
}

function noTask(taskId: string): Refusal {
  return refuse('NOT_FOUND', `There is no task ${taskId}.`, { taskId });
}

function firstClaimable(view: StateView): TaskRecord | undefined {
  for (const task of view.claimable()) return task;
  return undefined;
}

function defaultPriority(view: StateView) {
  return view.swarm?.config.defaultPriority ?? 'normal';
}
