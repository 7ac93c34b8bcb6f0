/**
 * What every Conductor is shown of the swarm (specification, `ConductorState.data`): derived from the records, so that it is
 * never behind them, and kept nowhere.
 */
import type { JsonObject } from '../core/json.ts';
import { toHandoffRequest, type HandoffRequest } from '../events/handoff.ts';
import type { SessionRecord } from '../events/session.ts';
import type { Projector } from './projector.ts';

/** How much an agent has to do, in tasks. */
export interface AgentLoad {
  /** Those that its live sessions run. */
  readonly currentTasks: number;
  /** Those that are assigned to them and not started. */
  readonly queuedTasks: number;
  /** How many it takes at once; 10,000 when it did not say. */
  readonly capacity: number;
}

/** What is derived for Conductors. */
export interface ConductorView {
  /** The sessions that have not ended, oldest first. */
  readonly activeSessions: readonly string[];
  /** The handoffs that are neither completed nor given up, oldest first. */
  readonly pendingHandoffs: readonly HandoffRequest[];
  /** By the id of every agent that has a session which has not ended. */
  readonly agentLoads: { readonly [agentId: string]: AgentLoad };
}

/** The greatest capacity that an agent may declare. */
export const CAPACITY_MAX = 10_000;

/** Made once for all Conductors of a moment. Only a memory of what making gives. */
const lately = new WeakMap<
  Projector,
  { readonly sequence: number; readonly view: ConductorView }
>();

/** What is derived for Conductors now. Costs a visit of every live session, once per sequence. */
export function conductorView(projector: Projector): ConductorView {
  const { sequence } = projector;
  const known = lately.get(projector);
  if (known?.sequence === sequence) return known.view;
  const view = viewOf(projector);
  lately.set(projector, { sequence, view });
  return view;
}

/** The `data` of a session as it is shown: that of a Conductor with what is derived. */
export function shownData(projector: Projector, { identity, data }: SessionRecord): JsonObject {
  if (identity.agentType !== 'conductor') return data;
  return { ...(conductorView(projector) as unknown as JsonObject), ...data };
}

function viewOf(projector: Projector): ConductorView {
  const activeSessions: string[] = [];
  const agentLoads = Object.create(null) as Record<string, AgentLoad>;
  for (const { identity } of projector.liveSessions()) {
    const { agentId, sessionId } = identity;
    activeSessions.push(sessionId);
    if (agentLoads[agentId] !== undefined) continue;
    const { assigned, running } = projector.load(agentId);
    const capacity = projector.agents.get(agentId)?.capacity ?? CAPACITY_MAX;
    agentLoads[agentId] = { currentTasks: running, queuedTasks: assigned - running, capacity };
  }
  const open = [...projector.openHandoffs()];
  return { activeSessions, pendingHandoffs: open.map(toHandoffRequest), agentLoads };
}
