/**
 * The life of a task, and the decisions about it (specification, `TaskState`).
 *
 * The machine says what is legal; `decide` says which facts a command asks for. Who may ask was settled in `access/`.
 */
import { assign, setup } from 'xstate';
import { refuse } from '../core/errors.ts';
import { evolveTask, type TaskFact, type TaskRecord } from '../events/task.ts';
import { about } from './about-task.ts';
import { fact, facts, type Deciders } from './decision.ts';
import { assign as assignTo, claim, start } from './task-claim.ts';
import { create } from './task-create.ts';
import { cascade, close, complete, expire, fail } from './task-end.ts';

/** That somebody tried to complete it who had lost it changes nothing. */
const attempted = { 'task.late_completion': { actions: 'evolve' } } as const;

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
        ...attempted,
        'task.assigned': { actions: 'evolve' },
        'task.started': { guard: 'isAssigned', target: 'running', actions: 'evolve' },
        'task.requeued': { guard: 'isAssigned', actions: 'evolve' },
        'task.cancelled': { target: 'cancelled', actions: 'evolve' },
        'task.closed': { target: 'complete', actions: 'evolve' },
      },
    },
    running: {
      on: {
        ...attempted,
        'task.progress': { actions: 'evolve' },
        'task.completed': { target: 'complete', actions: 'evolve' },
        'task.failed': { target: 'failed', actions: 'evolve' },
        'task.cancelled': { target: 'cancelled', actions: 'evolve' },
        'task.closed': { target: 'complete', actions: 'evolve' },
        'task.requeued': { target: 'pending', actions: 'evolve' },
        'task.preempted': { target: 'pending', actions: 'evolve' },
      },
    },
    complete: { on: attempted },
    failed: { on: attempted },
    cancelled: { on: attempted },
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
  | 'task.expire'
  | 'task.cascade'
> = {
  'task.create': create,
  'task.claim': claim,
  'task.assign': assignTo,
  'task.start': start,

  'task.progress': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.progress', payload))),

  'task.complete': complete,
  'task.fail': fail,

  'task.cancel': (view, { payload }) =>
    about(view, payload.taskId, () => facts(fact('task.cancelled', payload))),

  'task.close': close,

  'task.requeue': (view, { payload }) =>
    about(view, payload.taskId, ({ assignedTo }) =>
      assignedTo === null
        ? refuse('ILLEGAL_TRANSITION', `${payload.taskId} is assigned to nobody.`, {
            taskId: payload.taskId,
          })
        : facts(fact('task.requeued', { ...payload, from: assignedTo })),
    ),

  'task.expire': expire,
  'task.cascade': cascade,
};
