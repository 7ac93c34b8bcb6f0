/**
 * Who could take a task, and how much they have to do: the swarm as routing sees it.
 *
 * Room and capabilities are the agent's: what all its live sessions hold counts. Nothing is read here; see `load-reader.ts`.
 */
import { AGENT_KINDS, type AgentIdentity, type AgentKind } from '../events/identity.ts';
import type { AgentStatus } from '../events/session.ts';

/** A live session. */
export interface SessionLoad {
  readonly identity: AgentIdentity & { readonly agentType: AgentKind };
  readonly status: AgentStatus;
  readonly capabilities: readonly string[];
  /** Tasks that the live sessions of its agent hold. */
  readonly assigned: number;
  /** Those of them that run. */
  readonly running: number;
  /** How many its agent takes at once. */
  readonly capacity: number;
  /** Tasks that it holds itself. */
  readonly held: number;
  /** Whether it was reported to stand still, and has not moved since. */
  readonly isStalled: boolean;
  /** Whether it runs a task of priority `low`, which a critical one may take the place of. */
  readonly runsLow: boolean;
}

/** How much one kind of agent has to do. */
export interface KindLoad {
  /** Sessions that take tasks now. */
  readonly sessions: number;
  /** Tasks that its live sessions hold. */
  readonly tasks: number;
  /** How many its agents with a live session take at once. */
  readonly capacity: number;
  /** How many more its sessions that take tasks have room for. */
  readonly free: number;
}

/** The loads of all kinds. */
export type KindLoads = Readonly<Record<AgentKind, KindLoad>>;

/** Whether a session takes tasks now. */
export function takesTasks({ status, isStalled }: SessionLoad): boolean {
  return (status === 'idle' || status === 'busy') && !isStalled;
}

/** Whether its agent has room for one more. */
export function hasRoom({ assigned, capacity }: SessionLoad): boolean {
  return assigned < capacity;
}

/** Adds up the sessions by kind, every agent once. */
export function kindLoads(sessions: readonly SessionLoad[]): KindLoads {
  const loads = Object.fromEntries(
    AGENT_KINDS.map((kind) => [kind, { sessions: 0, tasks: 0, capacity: 0, free: 0 }]),
  ) as Record<AgentKind, { -readonly [Field in keyof KindLoad]: number }>;
  const agents = new Set<string>();
  const open = new Set<string>();
  for (const session of sessions) {
    const { agentId, agentType } = session.identity;
    const load = loads[agentType];
    if (!agents.has(agentId)) {
      agents.add(agentId);
      load.tasks += session.assigned;
      load.capacity += session.capacity;
    }
    if (!takesTasks(session)) continue;
    load.sessions += 1;
    if (open.has(agentId)) continue;
    open.add(agentId);
    load.free += Math.max(0, session.capacity - session.assigned);
  }
  return loads;
}

/** The sessions after a task was given to one of them, from another one perhaps: their agents have one more and one less. */
export function afterMove(
  sessions: readonly SessionLoad[],
  {
    to,
    from,
    isPreempting,
  }: {
    readonly to: AgentIdentity;
    readonly from?: AgentIdentity | undefined;
    /** A running task made its place, and waits for somebody now. */
    readonly isPreempting: boolean;
  },
): readonly SessionLoad[] {
  return sessions.map((session) => {
    const { agentId, sessionId } = session.identity;
    const more = count(agentId === to.agentId) - count(agentId === from?.agentId);
    const held = count(sessionId === to.sessionId) - count(sessionId === from?.sessionId);
    const less = count(isPreempting && agentId === to.agentId);
    if (more === 0 && held === 0 && less === 0) return session;
    return {
      ...session,
      assigned: session.assigned + more - less,
      running: session.running - less,
      held: session.held + held,
    };
  });
}

function count(is: boolean): number {
  return is ? 1 : 0;
}
