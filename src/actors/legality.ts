/**
 * Whether facts may happen now: each is asked of the machine of its actor, in the state in which the facts before it left it.
 *
 * Actors are virtual: a machine is shown the record that the projection holds, and forgets it. `resolveState` finds the nodes
 * of a state; that is done once per state, and what it found is then shown one record after the other.
 */
import { assert, refuse, type Refusal } from '../core/errors.ts';
import type { ActorKind, NewSwarmFact, SwarmFact } from '../events/catalog.ts';
import { isHandoffFact, isLockFact, isSessionFact, isTaskFact } from '../events/catalog.ts';
import {
  evolveHandoff,
  stateOfHandoff,
  type HandoffFact,
  type HandoffRecord,
} from '../events/handoff.ts';
import type { AgentIdentity } from '../events/identity.ts';
import {
  evolveLock,
  freeResource,
  stateOfLock,
  type LockFact,
  type LockRecord,
} from '../events/lock.ts';
import {
  evolveSession,
  stateOfSession,
  type SessionFact,
  type SessionRecord,
} from '../events/session.ts';
import { evolveTask, stateOfTask, type TaskFact, type TaskRecord } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import { handoffMachine } from './handoff.ts';
import { lockMachine } from './lock.ts';
import { sessionMachine } from './session.ts';
import { taskMachine } from './task.ts';

/** What is asked of a machine: the part of XState that is used here. */
interface Machine<Record, Event> {
  resolveState(at: { value: string; context: { record: Record } }): {
    readonly context: { record: Record };
    can(event: Event): boolean;
  };
}

/** Whether a fact may happen to a record. */
type Check<Record, Event> = (record: Record, event: Event) => boolean;

function checker<Record, Event>(
  machine: Machine<Record, Event>,
  stateOf: (record: Record) => string,
): Check<Record, Event> {
  const probes = new Map<string, ReturnType<Machine<Record, Event>['resolveState']>>();
  return (record, event) => {
    const value = stateOf(record);
    let probe = probes.get(value);
    if (probe === undefined) {
      // A copy of our own, whose context is then ours to set: as XState's own cloneMachineSnapshot does.
      probe = { ...machine.resolveState({ value, context: { record } }) };
      probes.set(value, probe);
    }
    probe.context.record = record;
    return probe.can(event);
  };
}

const canTask = checker<TaskRecord, SwarmFact>(taskMachine, stateOfTask);
const canSession = checker<SessionRecord, SwarmFact>(sessionMachine, stateOfSession);
const canLock = checker<LockRecord, SwarmFact>(lockMachine, stateOfLock);
const canHandoff = checker<HandoffRecord, SwarmFact>(handoffMachine, stateOfHandoff);

/** Where and by whom facts are placed. */
export interface Placing {
  readonly timeMs: number;
  readonly source: AgentIdentity;
}

/**
 * Gives each fact its sequence and asks its actors whether it may happen.
 * Refuses with `ILLEGAL_TRANSITION`, `ALREADY_EXISTS` or `NOT_FOUND`; then none of them happened.
 */
export function place(
  view: StateView,
  facts: readonly NewSwarmFact[],
  { timeMs, source }: Placing,
): { readonly ok: true; readonly facts: readonly SwarmFact[] } | Refusal {
  const placed: SwarmFact[] = [];
  const records = new Overlay(view, facts.length > 1);
  for (const { type, payload } of facts) {
    const sequence = view.sequence + placed.length + 1;
    const fact = { type, payload, sequence, timeMs, source } as SwarmFact;
    const refusal = records.happen(fact);
    if (refusal !== undefined) return refusal;
    placed.push(fact);
  }
  return { ok: true, facts: placed };
}

/** The records as the facts so far left them; a single fact needs no copy of what it leaves. */
class Overlay {
  readonly #view: StateView;
  readonly #left: Map<string, unknown> | undefined;

  constructor(view: StateView, keeps: boolean) {
    this.#view = view;
    this.#left = keeps ? new Map() : undefined;
  }

  happen(fact: SwarmFact): Refusal | undefined {
    if (isTaskFact(fact)) return this.#task(fact);
    if (isLockFact(fact)) return this.#lock(fact);
    if (isHandoffFact(fact)) return this.#handoff(fact);
    if (isSessionFact(fact) && fact.type !== 'agent.health_changed') return this.#session(fact);
    return undefined; // facts about documents and the swarm were checked when they were decided
  }

  #task(fact: TaskFact): Refusal | undefined {
    const { taskId } = fact.payload;
    const record =
      (this.#leftOf('task', taskId) as TaskRecord | undefined) ?? this.#view.task(taskId);
    if (fact.type === 'task.created') {
      if (record !== undefined) return exists('task', taskId);
      this.#leave('task', taskId, () => evolveTask(undefined, fact));
      return undefined;
    }
    if (record === undefined) return missing('task', taskId);
    if (!canTask(record, fact)) return illegal('task', taskId, record.status, fact);
    if (fact.type === 'task.progress' || fact.type === 'task.late_completion') return undefined; // moves no session
    const to = fact.type === 'task.assigned' ? fact.payload.assignedTo.sessionId : undefined;
    const from = record.assignedTo?.sessionId;
    const refusal =
      (from === undefined ? undefined : this.#moveSession(from, fact)) ??
      (to === undefined || to === from ? undefined : this.#moveSession(to, fact));
    if (refusal === undefined) this.#leave('task', taskId, () => evolveTask(record, fact));
    return refusal;
  }

  #session(fact: Exclude<SessionFact, { type: 'agent.health_changed' }>): Refusal | undefined {
    const { sessionId } = fact.payload;
    if (fact.type !== 'agent.registered') return this.#moveSession(sessionId, fact);
    if (this.#view.session(sessionId) !== undefined) return exists('session', sessionId);
    this.#leave('session', sessionId, () => evolveSession(undefined, fact));
    return undefined;
  }

  #moveSession(sessionId: string, fact: SessionFact | TaskFact): Refusal | undefined {
    const record =
      (this.#leftOf('session', sessionId) as SessionRecord | undefined) ??
      this.#view.session(sessionId);
    if (record === undefined) return missing('session', sessionId);
    if (!canSession(record, fact)) return illegal('session', sessionId, record.status, fact);
    this.#leave('session', sessionId, () => evolveSession(record, fact));
    return undefined;
  }

  #lock(fact: LockFact): Refusal | undefined {
    const { resource } = fact.payload;
    const record =
      (this.#leftOf('lock', resource) as LockRecord | undefined) ??
      this.#view.resource(resource) ??
      freeResource(resource);
    if (!canLock(record, fact)) return illegal('lock', resource, stateOfLock(record), fact);
    this.#leave('lock', resource, () => evolveLock(record, fact));
    return undefined;
  }

  #handoff(fact: HandoffFact): Refusal | undefined {
    const { handoffId } = fact.payload;
    const record =
      (this.#leftOf('handoff', handoffId) as HandoffRecord | undefined) ??
      this.#view.handoff(handoffId);
    if (fact.type === 'handoff.requested') {
      if (record !== undefined) return exists('handoff', handoffId);
      this.#leave('handoff', handoffId, () => evolveHandoff(undefined, fact));
      return undefined;
    }
    if (record === undefined) return missing('handoff', handoffId);
    if (!canHandoff(record, fact)) return illegal('handoff', handoffId, record.status, fact);
    this.#leave('handoff', handoffId, () => evolveHandoff(record, fact));
    return undefined;
  }

  #leftOf(kind: ActorKind, id: string): unknown {
    return this.#left?.get(`${kind}/${id}`);
  }

  #leave(kind: ActorKind, id: string, record: () => unknown): void {
    this.#left?.set(`${kind}/${id}`, record());
  }
}

function exists(kind: string, id: string): Refusal {
  return refuse('ALREADY_EXISTS', `The ${kind} ${id} exists already.`, { kind, id });
}

function missing(kind: string, id: string): Refusal {
  return refuse('NOT_FOUND', `There is no ${kind} ${id}.`, { kind, id });
}

function illegal(kind: string, id: string, state: string, fact: SwarmFact): Refusal {
  assert(kind !== 'lock' || fact.type !== 'lock.acquired', 'only locks that fit are granted');
  return refuse(
    'ILLEGAL_TRANSITION',
    `${fact.type} cannot happen: the ${kind} ${id} is ${state}.`,
    {
      kind,
      id,
      state,
      event: fact.type,
    },
  );
}
