/**
 * The life of a session, and the decisions about it (specification, `AgentStatus`).
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
  STALLED_TASKS_MAX,
  type AgentHealth,
  type AgentStatus,
  type SessionFact,
  type SessionRecord,
} from '../events/session.ts';
import { advancedAtMs, stallDeadlineMs } from '../events/stall.ts';
import type { TaskFact } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf, CommandType, SwarmCommand } from '../protocol/commands.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';
import { handOver } from './hand-over.ts';
import { LockScene } from './lock-scene.ts';
import { lossFact } from './task-end.ts';

const drops = [
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.closed',
  'task.requeued',
  'task.preempted',
] as const;

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

/** A session that runs something may bring none of it forward. */
const stalls = { 'agent.stalled': { actions: 'evolve' } } as const;

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
    wasStarting: ({ context }) => context.record.mode === 'starting',
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
        ...on(
          ['task.cancelled', 'task.closed', 'task.requeued'] as const,
          { actions: 'evolve' } as const,
        ),
        'task.assigned': { actions: 'evolve' },
        'task.started': { target: 'busy', actions: 'evolve' },
      },
    },
    busy: {
      on: {
        ...lives,
        ...works,
        ...stalls,
        'agent.paused': { target: 'paused', actions: 'evolve' },
      },
    },
    paused: {
      on: {
        ...lives,
        ...losesOnly,
        ...stalls,
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
        ...stalls,
        'task.started': { actions: 'evolve' },
      },
    },
    error: {
      on: {
        ...losesOnly,
        'agent.stopped': { target: 'offline', actions: 'evolve' },
        'agent.recovered': [
          { guard: 'wasStarting', target: 'initializing', actions: 'evolve' },
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
  | 'session.report_stalled'
  | 'session.hand_over'
> = {
  'session.register': register,
  'session.start': (_view, { payload }) => facts(fact('agent.started', payload)),
  'session.heartbeat': () => facts(), // that it was asked is what it says: see signOfLife
  'session.pause': (_view, { payload }) => facts(fact('agent.paused', payload)),
  'session.resume': (_view, { payload }) => facts(fact('agent.resumed', payload)),
  'session.drain': (_view, { payload }) => facts(fact('agent.draining', payload)),
  'session.stop': (view, command) => stopped(view, command, command.payload.reason ?? 'stopped'),
  'session.fail': (view, command) => {
    const { sessionId, code, message } = command.payload;
    return withHealth(view, command, fact('agent.errored', { sessionId, code, message }), 'error');
  },
  'session.recover': (view, command) =>
    withHealth(view, command, fact('agent.recovered', command.payload), 'idle'),
  'session.expire': expire,
  'session.sweep': sweep,
  'session.report_stalled': reportStalled,
  'session.hand_over': handOver,
};

const NOTHING: readonly NewSwarmFact[] = [];
/** Commands by which a session says itself what becomes of its error. */
const SAYS_HOW_IT_IS: ReadonlySet<string> = new Set<CommandType>([
  'session.recover',
  'session.stop',
  'session.fail',
]);

/** A session in error that asks for something shows life, so it recovers first; in the same commit, or not at all. */
export function revivalFacts(view: StateView, command: SwarmCommand): readonly NewSwarmFact[] {
  if (!isRevived(view, command)) return NOTHING;
  const { agentId, sessionId } = command.source;
  return [
    fact('agent.recovered', { sessionId }),
    ...healthFacts(view, command, { agentId, sessionId, next: 'idle' }),
  ];
}

function isRevived(view: StateView, { source, type, payload }: SwarmCommand): boolean {
  if (view.session(source.sessionId)?.status !== 'error') return false;
  const isAboutItself = 'sessionId' in payload && payload.sessionId === source.sessionId;
  return !(isAboutItself && SAYS_HOW_IT_IS.has(type));
}

/**
 * Any accepted command is a sign of life. One that causes nothing, a bare heartbeat for example, is recorded only when a third
 * of the deadline has passed since the last sign, or when its repeat shall be answered in the same way.
 */
export function signOfLife(
  view: StateView,
  { source, timeMs, idempotency }: SwarmCommand,
): readonly NewSwarmFact[] {
  const last = view.lastActivity(source.sessionId);
  const thirdMs = heartbeatTimeoutMs(view, source.sessionId) / 3;
  const isDue = last !== undefined && timeMs - last.timeMs >= thirdMs;
  const isRemembered = last !== undefined && idempotency !== undefined;
  if (!isDue && !isRemembered) return NOTHING;
  return [fact('agent.heartbeat', { sessionId: source.sessionId })];
}

/** How long a session may be silent; of one that always may, how long others may. */
function heartbeatTimeoutMs(view: StateView, sessionId: string): number {
  const ownMs = view.session(sessionId)?.heartbeatTimeoutMs ?? 0;
  return ownMs === 0 ? (view.swarm?.limits.heartbeatTimeoutMs ?? 0) : ownMs;
}

function register(view: StateView, command: CommandOf<'session.register'>): Decision {
  const { payload } = command;
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
  return facts(
    registered,
    ...started,
    ...healthFacts(view, command, { agentId, sessionId, next: 'idle' }),
  );
}

/** Silence: first an error, from which the session may recover; after the grace period the end. */
function expire(view: StateView, command: CommandOf<'session.expire'>): Decision {
  const { sessionId } = command.payload;
  const deadlineMs = view.sessionDeadlineMs(sessionId);
  if (deadlineMs === undefined || command.timeMs < deadlineMs) {
    return refuse('ILLEGAL_TRANSITION', `The deadline of ${sessionId} has not passed.`, {
      sessionId,
    });
  }
  if (view.session(sessionId)?.status === 'error') {
    return stopped(view, command, 'no sign of life within the grace period');
  }
  const code = 'HEARTBEAT_MISSED';
  const message = `no sign of life for ${heartbeatTimeoutMs(view, sessionId)} ms`;
  return withHealth(view, command, fact('agent.errored', { sessionId, code, message }), 'error');
}

/** Shows life and brings nothing forward: it is told of, and left alone. */
function reportStalled(
  view: StateView,
  { payload: { sessionId }, timeMs }: CommandOf<'session.report_stalled'>,
): Decision {
  const session = view.session(sessionId);
  const deadlineMs = session && stallDeadlineMs(view, session);
  if (session === undefined || deadlineMs === undefined || timeMs < deadlineMs) {
    return refuse('ILLEGAL_TRANSITION', `${sessionId} is not stalled.`, { sessionId });
  }
  const taskIds = session.runningIds.slice(0, STALLED_TASKS_MAX);
  const sinceMs = advancedAtMs(view, session);
  return facts(fact('agent.stalled', { sessionId, taskIds, sinceMs }));
}

type AboutSession = CommandOf<
  'session.stop' | 'session.fail' | 'session.recover' | 'session.expire'
>;

function stopped(view: StateView, command: AboutSession, reason: string): Decision {
  const { sessionId } = command.payload;
  return withHealth(view, command, fact('agent.stopped', { sessionId, reason }), 'offline');
}

/** Takes from an ended session what it holds, as much as one commit may; the rest is swept by the next one. */
function sweep(view: StateView, { payload, timeMs }: CommandOf<'session.sweep'>): Decision {
  const { sessionId } = payload;
  const session = view.session(sessionId);
  if (session?.status !== 'offline') {
    return refuse('ILLEGAL_TRANSITION', `${sessionId} has not ended.`, { sessionId });
  }
  const max = view.swarm?.limits.commitFactsMax ?? 1;
  const { locks, waits, handoffs } = view.holdings(sessionId);
  const found: NewSwarmFact[] = [];
  const scene = new LockScene(view, timeMs);
  const resources = new Set<string>();
  for (const { resource } of [...locks, ...waits]) {
    if (scene.facts.length >= max) break;
    if (!resources.has(resource)) scene.release(resource, sessionId);
    resources.add(resource);
  }
  // Once all are gone: who waits for two of them is let in by this commit too.
  for (const resource of resources) scene.grantAround(resource);
  found.push(...scene.facts);
  for (const { id, taskId } of handoffs.slice(0, Math.max(0, max - found.length))) {
    found.push(fact('handoff.rejected', { handoffId: id, taskId, reason: 'session_offline' }));
  }
  for (const taskId of session.taskIds.slice(0, Math.max(0, max - found.length))) {
    found.push(lossFact(view, taskId, session.identity));
  }
  return facts(...found);
}

function withHealth(
  view: StateView,
  command: AboutSession,
  first: NewSwarmFact,
  next: AgentStatus,
): Decision {
  const { sessionId } = command.payload;
  const session = view.session(sessionId);
  if (session === undefined) {
    return refuse('NOT_FOUND', `There is no session ${sessionId}.`, { sessionId });
  }
  const { agentId } = session.identity;
  return facts(first, ...healthFacts(view, command as SwarmCommand, { agentId, sessionId, next }));
}

/** `agent.health_changed`, when a session's next state changes how its agent is doing as a whole. */
function healthFacts(
  view: StateView,
  command: SwarmCommand,
  { agentId, sessionId, next }: { agentId: string; sessionId: string; next: AgentStatus },
): readonly NewSwarmFact[] {
  const agent = view.agent(agentId);
  if (agent === undefined) return NOTHING;
  const others = agent.sessionIds.filter((id) => id !== sessionId);
  // Whoever gave the command may have recovered by it, in the same commit.
  const revivedId = isRevived(view, command) ? command.source.sessionId : undefined;
  const statuses = others.map((id) =>
    id === revivedId ? 'idle' : (view.session(id)?.status ?? 'offline'),
  );
  const from = revivedId !== undefined && others.includes(revivedId) ? 'healthy' : agent.health;
  const to = healthOf([next, ...statuses]);
  return to === from ? NOTHING : [fact('agent.health_changed', { agentId, from, to })];
}

function healthOf(statuses: readonly AgentStatus[]): AgentHealth {
  if (statuses.some((status) => status !== 'offline' && status !== 'error')) return 'healthy';
  return statuses.includes('error') ? 'unresponsive' : 'offline';
}
