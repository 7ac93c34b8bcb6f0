/** The life of a handoff, and the decisions about it: a task moves from one session to another, atomically. */
import { assign, setup } from 'xstate';
import { refuse, type Refusal } from '../core/errors.ts';
import { assignmentOf } from '../events/hand-over.ts';
import {
  evolveHandoff,
  type Addressee,
  type HandoffFact,
  type HandoffRecord,
} from '../events/handoff.ts';
import type { AgentIdentity, AgentType } from '../events/identity.ts';
import { hasEnded } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';
import { checkCapabilities, checkRoom } from './task-fit.ts';

const ends = {
  'handoff.rejected': { target: 'rejected', actions: 'evolve' },
  'handoff.expired': { target: 'expired', actions: 'evolve' },
} as const;

/** The machine of a handoff. Its events are the facts of the catalogue; it has no timers of its own (I9). */
export const handoffMachine = setup({
  types: {
    context: {} as { record: HandoffRecord },
    events: {} as HandoffFact,
    input: {} as { record: HandoffRecord },
  },
  actions: {
    evolve: assign({ record: ({ context, event }) => evolveHandoff(context.record, event) }),
  },
}).createMachine({
  id: 'handoff',
  context: ({ input }) => ({ record: input.record }),
  initial: 'requested',
  states: {
    requested: { on: { ...ends, 'handoff.accepted': { target: 'accepted', actions: 'evolve' } } },
    accepted: { on: { ...ends, 'handoff.completed': { target: 'completed', actions: 'evolve' } } },
    rejected: {},
    completed: {},
    expired: {},
  },
});

/** The decisions about handoffs. */
export const handoffDeciders: Deciders<
  'handoff.request' | 'handoff.accept' | 'handoff.reject' | 'handoff.complete' | 'handoff.expire'
> = {
  'handoff.request': (view, { payload, source }) => {
    const { swarm } = view;
    if ('sessionId' in payload.to && payload.to.sessionId === source.sessionId) {
      return refuse('INVALID_INPUT', 'A session cannot hand a task over to itself.', { at: 'to' });
    }
    if (kindOf(view, payload.to) === 'guardian') {
      const { taskId, to } = payload;
      const why = `A Guardian takes no tasks: offer ${taskId} to another kind of agent.`;
      return refuse('FORBIDDEN', why, { taskId, to });
    }
    const task = view.task(payload.taskId);
    if (swarm === undefined || task === undefined) {
      return refuse('NOT_FOUND', `There is no task ${payload.taskId}.`, { taskId: payload.taskId });
    }
    if (view.counts.handoffs >= swarm.limits.handoffsMax) {
      return refuse(
        'LIMIT_EXCEEDED',
        'The swarm has had as many handoffs as it may (handoffsMax).',
        { limit: 'handoffsMax' },
      );
    }
    const open = view.openHandoffOf(task.id);
    if (hasEnded(task) || open !== undefined) {
      const why =
        open === undefined ? `it is ${task.status}` : `it is offered already, by ${open.id}`;
      return refuse('ILLEGAL_TRANSITION', `${task.id} cannot be handed over: ${why}.`, {
        taskId: task.id,
        status: task.status,
        handoffId: open?.id ?? null,
      });
    }
    return facts(
      fact('handoff.requested', {
        ...payload,
        assignment: assignmentOf(task),
        priority: payload.priority ?? task.priority,
        timeout: payload.timeout ?? swarm.config.timeouts.handoffDefault,
      }),
    );
  },

  'handoff.accept': (view, { payload, source }) =>
    about(view, payload.handoffId, (handoff) => {
      const { id, taskId } = handoff;
      return (
        voidOffer(view, handoff) ??
        checkTaker(view, handoff, source) ??
        facts(fact('handoff.accepted', { handoffId: id, taskId, by: source }))
      );
    }),

  'handoff.reject': (view, { payload }) =>
    about(view, payload.handoffId, ({ taskId }) =>
      facts(fact('handoff.rejected', { ...payload, taskId })),
    ),

  /** The old holder can do nothing with the task from here on; a task that it ran waits to be started again. */
  'handoff.complete': (view, { payload, source }) =>
    about(view, payload.handoffId, (handoff) => {
      const refusal = voidOffer(view, handoff) ?? checkTaker(view, handoff, source);
      if (refusal !== undefined) return refusal;
      const { id, taskId, from } = handoff;
      const requeued = fact('task.requeued', { taskId, reason: 'handoff', from });
      const assigned = fact('task.assigned', { taskId, assignedTo: source });
      return facts(fact('handoff.completed', { handoffId: id, taskId }), requeued, assigned);
    }),

  'handoff.expire': (view, { payload, timeMs }) =>
    about(view, payload.handoffId, ({ id, taskId, requestedAtMs, timeoutMs }) =>
      timeMs < requestedAtMs + timeoutMs
        ? refuse('ILLEGAL_TRANSITION', `The deadline of ${id} has not passed.`, { handoffId: id })
        : facts(fact('handoff.expired', { handoffId: id, taskId })),
    ),
};

function about(
  view: StateView,
  handoffId: string,
  decide: (handoff: HandoffRecord) => Decision,
): Decision {
  const handoff = view.handoff(handoffId);
  return handoff === undefined
    ? refuse('NOT_FOUND', `There is no handoff ${handoffId}.`, { handoffId })
    : decide(handoff);
}

/** The kind of agent that something is offered to, as far as it is known. */
function kindOf(view: StateView, to: Addressee): AgentType | undefined {
  if ('sessionId' in to) return view.session(to.sessionId)?.identity.agentType ?? to.agentType;
  return 'agentId' in to ? view.agent(to.agentId)?.agentType : to.agentType;
}

/** Refuses when the task is no longer held as it was when it was offered, also when its holder got it again since. */
function voidOffer(
  view: StateView,
  { id, taskId, from, assignment }: HandoffRecord,
): Refusal | undefined {
  const task = view.task(taskId);
  const holder = task?.assignedTo ?? null;
  const isHeld = task !== undefined && holder?.sessionId === from.sessionId && !hasEnded(task);
  if (isHeld && assignmentOf(task) === assignment) return undefined;
  return refuse(
    'NOT_HOLDER',
    `${from.agentId} no longer holds ${taskId}, which the handoff ${id} offered.`,
    {
      taskId,
      holder,
    },
  );
}

/** Refuses whoever made the offer, cannot do the task, or has no room for it. */
function checkTaker(
  view: StateView,
  { id, taskId, from }: HandoffRecord,
  source: AgentIdentity,
): Refusal | undefined {
  if (from.sessionId === source.sessionId) {
    return refuse('FORBIDDEN', `This session made the offer ${id}; it can take it back only.`, {
      handoffId: id,
    });
  }
  const task = view.task(taskId);
  return (task && checkCapabilities(view, task, source)) ?? checkRoom(view, source);
}
