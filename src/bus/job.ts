/** What is delivered, and to whom. */
import type { DeadLetterRecord } from '../events/dead-letter.ts';
import type { SwarmEvent } from '../events/envelope.ts';
import type { DeliveryContext } from './delivery-context.ts';
import type { WindowEntry } from './event-window.ts';

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
}
