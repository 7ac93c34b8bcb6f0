/**
 * The state as a tree that is made where somebody looks: no record is turned into what the specification shows, and no
 * collection is gone through, before a step leads into it.
 *
 * What stands at the end of some steps is what `valueAtPath` gives there.
 */
import type { PathStep } from '../core/path.ts';
import { toLock, toWaitQueue, type Lock, type LockRequest } from '../events/lock-state.ts';
import type { SessionRecord } from '../events/session.ts';
import { valueAt } from '../events/state.ts';
import { toTaskState } from '../events/task-state.ts';
import type { Projector } from './projector.ts';
import {
  agentField,
  configOf,
  globalPart,
  holdOf,
  sessionAt,
  toAgentState,
  toRegistration,
  valueAtPath,
} from './swarm-state.ts';

/** A place of the state, and the way to what is below it. */
export interface Branch {
  /** Whether the steps below it are indexes of a list. */
  readonly isList: boolean;
  /** The steps that lead on, in the order of the state. */
  steps(): Iterable<PathStep>;
  /** Where a step leads; undefined when there is nothing. */
  child(step: PathStep): Branch | undefined;
  /** What stands here, as the specification shows it. */
  value(): unknown;
}

/** The whole state. */
export function rootOf(projector: Projector): Branch {
  return collection({
    // The root has no path, so nobody can ask for it.
    value: () => undefined,
    steps: () => ['global', 'agents', 'locks', 'events'],
    child: (step) => {
      if (step === 'global') return globalBranch(projector);
      if (step === 'agents') return agentsBranch(projector);
      if (step === 'locks') return locksBranch(projector);
      return step === 'events' ? valueBranch(valueAtPath(projector, ['events'])) : undefined;
    },
  });
}

/** A value, and what is in it. */
export function valueBranch(value: unknown): Branch | undefined {
  if (value === undefined) return undefined;
  return {
    isList: Array.isArray(value),
    steps: () => stepsIn(value),
    child: (step) => valueBranch(valueAt(value, [step])),
    value: () => value,
  };
}

/** The steps that lead into a value; none into what is neither an object nor a list. */
export function stepsIn(value: unknown): readonly PathStep[] {
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value) ? [...value.keys()] : Object.keys(value);
}

function collection(inside: Omit<Branch, 'isList'>): Branch {
  return { isList: false, ...inside };
}

function globalBranch(projector: Projector): Branch {
  const { agents, tasks } = projector;
  const registry = collection({
    value: () => valueAtPath(projector, ['global', 'registry']),
    steps: () => agents.keys(),
    child: (id) => {
      const agent = agents.get(String(id));
      return valueBranch(agent && toRegistration(projector, agent));
    },
  });
  const shownTasks = collection({
    value: () => valueAtPath(projector, ['global', 'tasks']),
    steps: () => tasks.keys(),
    child: (id) => {
      const task = tasks.get(String(id));
      return valueBranch(task && toTaskState(task, configOf(projector)));
    },
  });
  return collection({
    value: () => valueAtPath(projector, ['global']),
    steps: () => ['config', 'registry', 'tasks', 'metrics', 'health'],
    child: (step) => {
      if (step === 'registry') return registry;
      if (step === 'tasks') return shownTasks;
      const isRecord = step === 'config' || step === 'metrics' || step === 'health';
      return isRecord ? valueBranch(globalPart(projector, step)) : undefined;
    },
  });
}

function agentsBranch(projector: Projector): Branch {
  const idsByType = new Map<PathStep, string[]>();
  for (const [id, { identity }] of projector.sessions) {
    const ids = idsByType.get(identity.agentType);
    if (ids === undefined) idsByType.set(identity.agentType, [id]);
    else ids.push(id);
  }
  return collection({
    value: () => valueAtPath(projector, ['agents']),
    steps: () => idsByType.keys(),
    child: (type) => {
      const ids = idsByType.get(type);
      return (
        ids &&
        collection({
          value: () => valueAtPath(projector, ['agents', type]),
          steps: () => ids,
          child: (id) => sessionBranch(projector, sessionAt(projector, type, id)),
        })
      );
    },
  });
}

function sessionBranch(
  projector: Projector,
  session: SessionRecord | undefined,
): Branch | undefined {
  return (
    session &&
    collection({
      value: () => toAgentState(projector, session),
      steps: () => Object.keys(toAgentState(projector, session)),
      child: (field) => valueBranch(agentField(projector, session, field)),
    })
  );
}

function locksBranch(projector: Projector): Branch {
  const resources = projector.locks.byResource;
  const held = collection({
    value: () => valueAtPath(projector, ['locks', 'locks']),
    steps: () => [...resources.values()].flatMap(({ holders }) => holders.map(({ id }) => id)),
    child: (id) => valueBranch(lockAt(projector, String(id))),
  });
  const waitQueue = collection({
    value: () => valueAtPath(projector, ['locks', 'waitQueue']),
    steps: () => resources.keys(),
    child: (resource) => valueBranch(queueAt(projector, String(resource))),
  });
  return collection({
    value: () => valueAtPath(projector, ['locks']),
    steps: () => ['locks', 'waitQueue'],
    child: (step) => {
      if (step === 'locks') return held;
      return step === 'waitQueue' ? waitQueue : undefined;
    },
  });
}

/** The lock with an id, as it is shown. */
export function lockAt(projector: Projector, lockId: string): Lock | undefined {
  const hold = holdOf(projector, lockId);
  return hold && toLock(projector.resourceOf(lockId) ?? '', hold);
}

/** Who waits for a resource; undefined when nobody does, as in the state. */
export function queueAt(
  projector: Projector,
  resource: string,
): readonly LockRequest[] | undefined {
  const record = projector.locks.byResource.get(resource);
  const waiting = record === undefined ? [] : toWaitQueue(record);
  return waiting.length === 0 ? undefined : waiting;
}
