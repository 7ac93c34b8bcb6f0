/**
 * The versions of what the state shows: the newest event that wrote at a place, above it or below it, and who caused it
 * (specification, `VersionedState`).
 *
 * Kept are the marks of records; what follows from other records has the version of what it follows from.
 */
import { assert } from '../core/errors.ts';
import { formatPath, type PathStep } from '../core/path.ts';
import { isoTime } from '../core/time.ts';
import { versionOf, type Touch } from '../events/definition.ts';
import { inFull } from '../events/full-path.ts';
import { COORDINATOR, OPERATOR, type AgentIdentity } from '../events/identity.ts';
import { isDerived } from '../events/owned-path.ts';
import type { AgentRecord, SessionRecord } from '../events/session.ts';
import type { SwarmRecord } from '../events/system.ts';
import type { TaskRecord } from '../events/task.ts';
import type { Projector } from './projector.ts';
import { holdOf, sessionAt, valueAtPath } from './swarm-state.ts';

/** A value with its version (specification, `VersionedState`): the sequence of the last event that touched it. */
export interface VersionedState<T = unknown> {
  readonly value: T;
  readonly version: number;
  readonly lastModified: string;
  readonly lastModifiedBy: AgentIdentity;
}

/** The value at a path with its version; undefined where there is none. */
export function versionedAtPath(
  projector: Projector,
  steps: readonly PathStep[],
): VersionedState | undefined {
  const value = valueAtPath(projector, steps);
  return value === undefined ? undefined : versionedAs(projector, inFull(steps), value);
}

/** A value with the version of the place where it stands; the steps are in full. */
export function versionedAs(
  projector: Projector,
  steps: readonly PathStep[],
  value: unknown,
): VersionedState {
  const touch = touchAt(projector, steps);
  return {
    value,
    version: touch.sequence,
    lastModified: isoTime(touch.timeMs),
    lastModifiedBy: identityOf(projector, touch.by),
  };
}

function touchAt(projector: Projector, steps: readonly PathStep[]): Touch {
  const [root, section, id, ...rest] = steps;
  const { swarm, metrics } = projector;
  assert(swarm !== undefined, 'a path with a value belongs to an initialized swarm');
  if (id !== undefined && root === 'global' && section === 'tasks') {
    const task = projector.tasks.get(String(id));
    if (task !== undefined) return taskTouch(task, rest, swarm);
  }
  if (id !== undefined && root === 'agents') {
    const session = sessionAt(projector, section, id);
    if (session !== undefined && !isDerived(steps)) return sessionTouch(projector, session, rest);
  }
  if (root === 'global' && (section === 'config' || section === 'health')) {
    return versionOf(swarm.touched, formatPath(steps.slice(1)));
  }
  if (root === 'global' && section === 'metrics') return metrics.touched;
  if (root === 'global' && section === 'registry' && id !== undefined) {
    const agent = projector.agents.get(String(id));
    if (agent !== undefined) return agentTouch(projector, agent, rest);
  }
  if (root === 'locks') {
    const [, , lockId, ...field] = steps;
    const hold = holdOf(projector, String(lockId));
    if (hold !== undefined) return versionOf(hold.touched, formatPath(field));
  }
  // A collection is as new as the state, and so is what is derived of one: it is not a place that anybody writes.
  return { sequence: projector.sequence, timeMs: projector.timeMs, by: COORDINATOR.sessionId };
}

/** Until when a task may run follows from its start, and from the configuration when it does not say itself. */
function taskTouch(
  { touched, policy }: TaskRecord,
  inside: readonly PathStep[],
  swarm: SwarmRecord,
): Touch {
  if (inside[0] !== 'deadline') return versionOf(touched, formatPath(inside));
  const started = versionOf(touched, 'startedAt');
  const configured = versionOf(swarm.touched, 'config.timeouts.taskDefault');
  const isConfigured = (policy?.timeoutMs ?? null) === null;
  return isConfigured && configured.sequence > started.sequence ? configured : started;
}

function sessionTouch(
  projector: Projector,
  session: SessionRecord,
  inside: readonly PathStep[],
): Touch {
  const touch = versionOf(session.touched, formatPath(inside));
  const seen = projector.lastActivity(session.identity.sessionId);
  const concernsActivity = inside.length === 0 || inside[0] === 'lastActivityAt';
  return concernsActivity && seen !== undefined && seen.sequence > touch.sequence ? seen : touch;
}

/** When an agent was last seen follows from the signs of life of its sessions. */
function agentTouch(
  projector: Projector,
  { touched, sessionIds }: AgentRecord,
  inside: readonly PathStep[],
): Touch {
  const touch = versionOf(touched, formatPath(inside));
  if (inside.length > 0 && inside[0] !== 'lastSeenAt') return touch;
  return sessionIds.reduce((newest, id) => {
    const seen = projector.lastActivity(id);
    return seen !== undefined && seen.sequence > newest.sequence ? seen : newest;
  }, touch);
}

function identityOf(projector: Projector, sessionId: string): AgentIdentity {
  if (sessionId === OPERATOR.sessionId) return OPERATOR;
  return projector.sessions.get(sessionId)?.identity ?? COORDINATOR;
}
