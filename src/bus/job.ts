/** What is delivered, and to whom. */
import type { DeadLetterRecord } from '../events/dead-letter.ts';
import type { SwarmEvent } from '../events/envelope.ts';
import type { DeliveryContext } from './delivery-context.ts';
import type { WindowEntry } from './event-window.ts';
import type { BusLabels } from './ports.ts';

/** Is given an event, and waited for (specification, `EventHandler`). When it throws, the delivery has failed. */
export type EventHandler = (event: SwarmEvent, context: DeliveryContext) => unknown;

/** The handler of a subscription with `batch`: is given several events at once, in order. */
export type BatchHandler = (events: readonly SwarmEvent[], context: DeliveryContext) => unknown;

/** Either; which one it is follows from the options. */
export type AnyHandler = (
  given: SwarmEvent | readonly SwarmEvent[],
  context: DeliveryContext,
) => unknown;

/** Events that are delivered together: one, or a batch. */
export interface Job {
  readonly entries: readonly WindowEntry[];
  /** How often they are given, this time included. */
  readonly attempt: number;
  /** The dead letter that is tried again. */
  readonly letter?: DeadLetterRecord;
  /** Why it is given up: then its letters are to be written, and the handler has nothing to do with it any more. */
  readonly givenUp?: LetterError;
  /** The sequence of the first event that it had when it was begun, when others are done with some of them. */
  readonly opened?: number;
}

/** Why an event was given up. */
export type LetterError = DeadLetterRecord['error'];

/** The sequence of the first event of a job. */
export function firstOf({ entries }: Pick<Job, 'entries'>): number {
  return entries[0]?.fact.sequence ?? 0;
}

/** The sequence of the last event of a job. */
export function lastOf({ entries }: Pick<Job, 'entries'>): number {
  return entries.at(-1)?.fact.sequence ?? 0;
}

/** What ties a command to the event that is handled. */
export function labelsOf({ entries: [entry] }: Pick<Job, 'entries'>): BusLabels {
  if (entry === undefined) return {};
  const { id, metadata } = entry.event;
  return { causationId: id, correlationId: metadata.correlationId };
}
