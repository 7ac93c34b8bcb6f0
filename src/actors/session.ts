/**
 * The life of a session, and the decisions about it (specification, `AgentStatus`; DESIGN, section 4).
 *
 * A session also hears the facts of tasks: of those it gains, runs, loses or ends. The end of a session releases nothing by
 * itself: `session.sweep` does, commit by commit, until nothing is left (a session may hold 10,000 things).
 */
import { assign, setup } from 'xstate';
import { refuse } from '../core/errors.ts';
import type { NewSwarmFact } from '../events/catalog.ts';
import { COORDINATOR, OPERATOR } from '../events/identity.ts';
import {
  evolveSession,
  type AgentHealth,
  type AgentStatus,
  type SessionFact,
  type SessionRecord,
} from '../events/session.ts';
import type { TaskFact } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import type { RecordedCommand } from '../events/envelope.ts';
import type { CommandOf, CommandType } from '../protocol/commands.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';
import { releaseFacts } from './lock-rules.ts';

const drops = ['task.completed', 'task.failed', 'task.cancelled', 'task.requeued'] as const;

/** A session that does not work keeps its state when a task leaves it, and gains none. */
const losesOnly = {
  ...on(drops, { actions: 'evolve' } as const),
  'task.assigned': { guard: 'isLost', actions: 'evolve' },
} as const;

/** A working session goes on being busy as long as one task runs. */
const works = {
  ...on(drops, [
    { guard: 'runsAnother', target: 'busy', actions: 'evolve' },
    { target: 'idle', actions: 'evolve' },
  ] as const),
  'task.assigned': { actions: 'evolve' },
  'task.started': { target: 'busy', actions: 'evolve' },
} as const;

/** What can befall every session that has not ended. */
const lives = {
  'agent.heartbeat': { actions: 'evolve' },
  'agent.draining': { target: 'draining', actions: 'evolve' },
  'agent.errored': { target: 'error', actions: 'evolve' },
  'agent.stopped': { target: 'offline', actions: 'evolve' },
} as const;

/** The machine of a session. Its events are the facts of the catalogue; it has no timers of its own (I9). */
export const sessionMachine = setup({
  types: {
    context: {} as { record: SessionRecord },
    events: {} as SessionFact | TaskFact,
    input: {} as { record: SessionRecord },
  },
  actions: {
    evolve: assign({ record: ({ context, event }) => evolveSession(context.record, event) }),
  },
  guards: {
    isRunning: ({ context }) => context.record.runningIds.length > 0,
    wasPaused: ({ context }) => context.record.mode === 'paused',
    wasDraining: ({ context }) => context.record.mode === 'draining',
    runsAnother: ({ context, event }) =>
      'taskId' in event.payload &&
      context.record.runningIds.some((id) => id !== (event as TaskFact).payload.taskId),
    isLost: ({ context, event }) =>
      event.type === 'task.assigned' &&
      event.payload.assignedTo.sessionId !== context.record.identity.sessionId,
  },
}).createMachine({
  id: 'session',
  context: ({ input }) => ({ record: input.record }),
  initial: 'initializing',
  states: {
    initializing: {
      on: {
        'agent.started': { target: 'idle', actions: 'evolve' },
        'agent.heartbeat': { actions: 'evolve' },
        'agent.errored': { target: 'error', actions: 'evolve' },
        'agent.stopped': { target: 'offline', actions: 'evolve' },
      },
    },
    idle: {
      on: {
        ...lives,
        'agent.paused': { target: 'paused', actions: 'evolve' },
        ...on(['task.cancelled', 'task.requeued'] as const, { actions: 'evolve' } as const),
        'task.assigned': { actions: 'evolve' },
        'task.started': { target: 'busy', actions: 'evolve' },
      },
    },
    busy: {
      on: { ...lives, ...works, 'agent.paused': { target: 'paused', actions: 'evolve' } },
    },
    paused: {
      on: {
        ...lives,
        ...losesOnly,
        'agent.resumed': [
          { guard: 'isRunning', target: 'busy', actions: 'evolve' },
          { target: 'idle', actions: 'evolve' },
        ],
      },
    },
    draining: {
      on: {
        'agent.heartbeat': { actions: 'evolve' },
        'agent.errored': { target: 'error', actions: 'evolve' },
        'agent.stopped': { target: 'offline', actions: 'evolve' },
        ...losesOnly,
        'task.started': { actions: 'evolve' },
      },
    },
    error: {
      on: {
        ...losesOnly,
        'agent.stopped': { target: 'offline', actions: 'evolve' },
        'agent.recovered': [
          { guard: 'wasPaused', target: 'paused', actions: 'evolve' },
          { guard: 'wasDraining', target: 'draining', actions: 'evolve' },
          { guard: 'isRunning', target: 'busy', actions: 'evolve' },
          { target: 'idle', actions: 'evolve' },
        ],
      },
    },
    offline: { on: losesOnly },
  },
});

function on<Type extends string, Transition>(
  types: readonly Type[],
  transition: Transition,
): { readonly [One in Type]: Transition } {
  return Object.fromEntries(types.map((type) => [type, transition])) as {
    readonly [One in Type]: Transition;
  };
}

/** The decisions about sessions. */
export const sessionDeciders: Deciders<
  | 'session.register'
  | 'session.start'
  | 'session.heartbeat'
  | 'session.pause'
  | 'session.resume'
  | 'session.drain'
  | 'session.stop'
  | 'session.fail'
  | 'session.recover'
  | 'session.expire'
  | 'session.sweep'
> = {
  'session.register': register,
  'session.start': (_view, { payload }) => facts(fact('agent.started', payload)),
  'session.heartbeat': heartbeat,
  'session.pause': (_view, { payload }) => facts(fact('agent.paused', payload)),
  'session.resume': (_view, { payload }) => facts(fact('agent.resumed', payload)),
  'session.drain': (_view, { payload }) => facts(fact('agent.draining', payload)),
  'session.stop': (view, { payload }) =>
    stopped(view, payload.sessionId, payload.reason ?? 'stopped'),
  'session.fail': (view, { payload }) => {
    const { sessionId, code, message } = payload;
    return withHealth(
      view,
      sessionId,
      'error',
      fact('agent.errored', { sessionId, code, message }),
    );
  },
  'session.recover': (view, { payload }) =>
    withHealth(view, payload.sessionId, 'idle', fact('agent.recovered', payload)),
  'session.expire': expire,
  'session.sweep': sweep,
};

const NOTHING_TO_REVIVE: readonly NewSwarmFact[] = [];
/** Commands that say themselves what becomes of a session in error. */
const SAYS_HOW_IT_IS: ReadonlySet<CommandType> = new Set([
  'session.recover',
  'session.stop',
  'session.fail',
]);

/** A session in error that asks for something shows life, so it recovers first; in the same commit, or not at all. */
export function revivalFacts(
  view: StateView,
  { source, type }: RecordedCommand<CommandType>,
): readonly NewSwarmFact[] {
  const session = view.session(source.sessionId);
  if (session?.status !== 'error' || SAYS_HOW_IT_IS.has(type)) return NOTHING_TO_REVIVE;
  const { agentId, sessionId } = source;
  return [fact('agent.recovered', { sessionId }), ...healthFacts(view, agentId, sessionId, 'idle')];
}

function register(view: StateView, { payload }: CommandOf<'session.register'>): Decision {
  const { sessionId, agentId, agentType, ready, ...rest } = payload;
  const { swarm, counts } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  for (const { agentId: taken, sessionId: reserved } of [COORDINATOR, OPERATOR]) {
    if (agentId === taken || sessionId === reserved) {
      return refuse('ALREADY_EXISTS', `${taken} is the name of the system itself.`, { agentId });
    }
  }
  const agent = view.agent(agentId);
  if (agent !== undefined && agent.agentType !== agentType) {
    return refuse('ALREADY_EXISTS', `${agentId} is registered as a ${agent.agentType}.`, {
      agentId,
      agentType: agent.agentType,
    });
  }
  const { maxConcurrentAgents } = swarm.config;
  if (counts.live >= maxConcurrentAgents) {
    return refuse(
      'LIMIT_EXCEEDED',
      `${counts.live} sessions are live, the limit (config.maxConcurrentAgents). Stop one first.`,
      {
        limit: 'maxConcurrentAgents',
        max: maxConcurrentAgents,
      },
    );
  }
  if (counts.sessions >= swarm.limits.sessionsMax) {
    return refuse('LIMIT_EXCEEDED', 'The swarm has had as many sessions as it may (sessionsMax).', {
      limit: 'sessionsMax',
    });
  }
  const registered = fact('agent.registered', { sessionId, agentId, agentType, ...rest });
  const started = ready === false ? [] : [fact('agent.started', { sessionId })];
  return facts(registered, ...started, ...healthFacts(view, agentId, sessionId, 'idle'));
}

/** A bare heartbeat is recorded only when a third of the deadline has passed since the last sign of life. */
function heartbeat(view: StateView, { payload, timeMs }: CommandOf<'session.heartbeat'>): Decision {
  const last = view.lastActivity(payload.sessionId);
  const thirdMs = (view.swarm?.limits.heartbeatTimeoutMs ?? 0) / 3;
  if (last !== undefined && timeMs - last.timeMs < thirdMs) return facts();
  return facts(fact('agent.heartbeat', payload));
}

/** Silence: first an error, from which the session may recover; after the grace period the end. */
function expire(view: StateView, { payload, timeMs }: CommandOf<'session.expire'>): Decision {
  const { sessionId } = payload;
  const deadlineMs = view.sessionDeadlineMs(sessionId);
  if (deadlineMs === undefined || timeMs < deadlineMs) {
    return refuse('ILLEGAL_TRANSITION', `The deadline of ${sessionId} has not passed.`, {
      sessionId,
    });
  }
  if (view.session(sessionId)?.status === 'error') {
    return stopped(view, sessionId, 'no sign of life within the grace period');
  }
  const code = 'HEARTBEAT_MISSED';
  const message = `no sign of life for ${view.swarm?.limits.heartbeatTimeoutMs ?? 0} ms`;
  return withHealth(view, sessionId, 'error', fact('agent.errored', { sessionId, code, message }));
}

function stopped(view: StateView, sessionId: string, reason: string): Decision {
  return withHealth(view, sessionId, 'offline', fact('agent.stopped', { sessionId, reason }));
}

/** Takes from an ended session what it holds, as much as one commit may; the rest is swept by the next one. */
function sweep(view: StateView, { payload }: CommandOf<'session.sweep'>): Decision {
  const { sessionId } = payload;
  const session = view.session(sessionId);
  if (session?.status !== 'offline') {
    return refuse('ILLEGAL_TRANSITION', `${sessionId} has not ended.`, { sessionId });
  }
  const max = view.swarm?.limits.commitFactsMax ?? 1;
  const { locks, waits, handoffs } = view.holdings(sessionId);
  const found: NewSwarmFact[] = [];
  for (const resource of new Set([...locks, ...waits].map((one) => one.resource))) {
    if (found.length >= max) break;
    found.push(...releaseFacts(view, resource, sessionId));
  }
  for (const { id, taskId } of handoffs.slice(0, Math.max(0, max - found.length))) {
    found.push(fact('handoff.rejected', { handoffId: id, taskId, reason: 'session_offline' }));
  }
  for (const taskId of session.taskIds.slice(0, Math.max(0, max - found.length))) {
    const from = session.identity;
    found.push(fact('task.requeued', { taskId, reason: 'session_offline', from }));
  }
  return facts(...found);
}

function withHealth(
  view: StateView,
  sessionId: string,
  next: AgentStatus,
  first: NewSwarmFact,
): Decision {
  const session = view.session(sessionId);
  if (session === undefined)
    return refuse('NOT_FOUND', `There is no session ${sessionId}.`, { sessionId });
  return facts(first, ...healthFacts(view, session.identity.agentId, sessionId, next));
}

/** `agent.health_changed`, when a session's next state changes how its agent is doing as a whole. */
function healthFacts(
  view: StateView,
  agentId: string,
  sessionId: string,
  next: AgentStatus,
): readonly NewSwarmFact[] {
  const agent = view.agent(agentId);
  if (agent === undefined) return [];
  const others = agent.sessionIds.filter((id) => id !== sessionId);
  const to = healthOf([next, ...others.map((id) => view.session(id)?.status ?? 'offline')]);
  return to === agent.health
    ? []
    : [fact('agent.health_changed', { agentId, from: agent.health, to })];
}

function healthOf(statuses: readonly AgentStatus[]): AgentHealth {
  if (statuses.some((status) => status !== 'offline' && status !== 'error')) return 'healthy';
  return statuses.includes('error') ? 'unresponsive' : 'offline';
}
