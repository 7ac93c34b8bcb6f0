/** What the bus needs of its coordinator: contracts, so that the bus knows no command and no projection. */
import type { Clock } from '../core/clock.ts';
import type { Refusal } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { DeadLetterRecord } from '../events/dead-letter.ts';
import type { Commit, SwarmEvent } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { KeyWrite } from '../events/log.ts';
import type { EventWindow } from './event-window.ts';
import type { HandlerStorage } from './handler-storage.ts';

/** A command that the bus asks for. */
export interface BusCommand {
  readonly type: string;
  readonly payload: unknown;
}

/** What ties a command to the event that led to it. */
export interface BusLabels {
  readonly causationId?: string | undefined;
  readonly correlationId?: string | undefined;
}

/** What became of a command: decided at once, durable later. */
export interface BusAnswer {
  /** Undefined when it was not refused. */
  readonly refusal: Refusal | undefined;
  /** Undefined when it caused nothing. */
  readonly commit: Commit | undefined;
  /** Resolves when the outcome is durable; rejects with the fault that kept it from being so. */
  readonly answer: Promise<unknown>;
}

/** An event as somebody emits it: what the coordinator adds is left out. */
export interface EmittedEvent<T = unknown> {
  readonly type: string;
  readonly payload: T;
  /** Who emits it; the handle that is used when absent. */
  readonly source?: AgentIdentity;
  readonly metadata?: SwarmEvent['metadata'];
}

/** The coordinator, as the bus sees it. */
export interface BusPorts {
  readonly window: EventWindow;
  readonly storage: HandlerStorage;
  readonly clock: Pick<Clock, 'schedule' | 'monotonicMs'>;
  /** A number from 0 up to 1, for pauses that should not fall together. */
  readonly chance: () => number;
  readonly ids: () => string;
  /** The sequence of the last folded event. */
  sequence(): number;
  limits(): Limits;
  /** Carries out a command, together with writes of other keys. */
  ask(
    command: BusCommand & BusLabels,
    source: AgentIdentity,
    writes?: readonly KeyWrite[],
  ): BusAnswer;
  /** The command that records an event of a type. Throws `Refused` when nobody may emit it. */
  commandFor(event: EmittedEvent): BusCommand;
  /** Whether somebody may still act. */
  isLive(source: AgentIdentity): boolean;
  /** The agent that a durable subscription belongs to. */
  ownerOf(name: string | undefined): string | undefined;
  /** How far a durable subscription is. */
  throughOf(name: string): number | undefined;
  /** Whether a dead letter is still to be tried again. */
  isQueued(letterId: string): boolean;
  /** The dead letters of a subscription that it is to have again. */
  queuedLetters(subscription: string): readonly DeadLetterRecord[];
}
