/**
 * The catalogue: every type of event, once.
 *
 * The types of the specification keep their names; ours fill what it needs and does not name. Which actor a fact is about
 * follows from the table that it stands in. `docs/events.md` is this catalogue as a page; a test compares them.
 */
import type { NewFact } from './envelope.ts';
import { accessEvents, type AccessFact } from './access.ts';
import { APP_EVENT, isAppEventType, type AppEventType, type AppFact } from './app-event.ts';
import { deadLetterEvents, type DeadLetterFact } from './dead-letter.ts';
import type { EventDefinition } from './definition.ts';
import { handoffEvents, type HandoffFact } from './handoff.ts';
import { lockEvents, type LockFact } from './lock.ts';
import { sessionEvents, type SessionFact } from './session.ts';
import { stateEvents, type StateFact } from './state.ts';
import { subscriptionEvents, type SubscriptionFact } from './subscription.ts';
import { systemEvents, type SystemFact } from './system.ts';
import { taskEvents, type TaskFact } from './task.ts';

/** Every type of event with its definition. */
export const CATALOG = {
  ...stateEvents,
  ...taskEvents,
  ...handoffEvents,
  ...sessionEvents,
  ...lockEvents,
  ...systemEvents,
  ...accessEvents,
  ...subscriptionEvents,
  ...deadLetterEvents,
} as const;

/** The type of an event of the kernel. */
export type KernelEventType = keyof typeof CATALOG;

/** The type of an event (specification, `EventType`): of the kernel, or of an application. */
export type EventType = KernelEventType | AppEventType;

/** A fact of the catalogue, as a closed union on `type`. */
export type SwarmFact =
  | StateFact
  | TaskFact
  | HandoffFact
  | SessionFact
  | LockFact
  | SystemFact
  | AccessFact
  | SubscriptionFact
  | DeadLetterFact
  | AppFact;

/** A fact that has no place in the log yet. */
export type NewSwarmFact =
  | {
      [Type in KernelEventType]: NewFact<Type, Extract<SwarmFact, { type: Type }>['payload']>;
    }[KernelEventType]
  | NewFact<AppEventType, AppFact['payload']>;

/** The definition of a type; undefined when the catalogue has no such type. */
export function definitionOf(type: string): EventDefinition | undefined {
  if (Object.hasOwn(CATALOG, type)) return CATALOG[type as KernelEventType];
  return isAppEventType(type) ? APP_EVENT : undefined;
}

/** The kinds of actor, by the table in which their facts stand. */
export type ActorKind = 'session' | 'task' | 'lock' | 'handoff';

export function isTaskFact(fact: SwarmFact): fact is TaskFact {
  return fact.type.startsWith('task.');
}

export function isSessionFact(fact: SwarmFact): fact is SessionFact {
  return fact.type.startsWith('agent.');
}

export function isLockFact(fact: SwarmFact): fact is LockFact {
  return fact.type.startsWith('lock.');
}

export function isHandoffFact(fact: SwarmFact): fact is HandoffFact {
  return fact.type.startsWith('handoff.');
}

export function isStateFact(fact: SwarmFact): fact is StateFact {
  return fact.type.startsWith('state.');
}

export function isSystemFact(fact: SwarmFact): fact is SystemFact {
  return fact.type.startsWith('system.');
}

export function isAccessFact(fact: SwarmFact): fact is AccessFact {
  return fact.type.startsWith('access.');
}

export function isSubscriptionFact(fact: SwarmFact): fact is SubscriptionFact {
  return fact.type.startsWith('subscription.');
}

export function isDeadLetterFact(fact: SwarmFact): fact is DeadLetterFact {
  return fact.type.startsWith('deadletter.');
}

export function isAppFact(fact: SwarmFact): fact is AppFact {
  return isAppEventType(fact.type);
}

/** Facts that say how far somebody is: they stay out of the history, and only who names their type is told. */
export function isBookkeeping(type: string): boolean {
  return type === 'agent.heartbeat' || type === 'subscription.advanced';
}
