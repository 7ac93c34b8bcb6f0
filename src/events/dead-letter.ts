/**
 * Dead letters: events that a subscription could not handle, kept until somebody has them retried or drops them.
 */
import * as z from 'zod';
import { assert } from '../core/errors.ts';
import { ours, type FactsOf } from './definition.ts';
import { idSchema, textSchema } from './identity.ts';
import { subscriptionNameSchema } from './subscription.ts';

const aboutLetter = { letterId: idSchema };

/** What is said of a letter when it is added. */
export const deadLetterShape = {
  /** The name of the subscription; its id when it has no name. */
  subscription: subscriptionNameSchema,
  eventSequence: z.number().int().min(1),
  /** How often the event was given to the handler. */
  attempts: z.number().int().min(1),
  error: z.strictObject({ code: z.string().min(1).max(128), message: z.string().max(2_000) }),
};

/** What can happen to a dead letter. */
export const deadLetterEvents = {
  'deadletter.added': ours(
    'deadletter.add by a subscription that gives an event up; again when a retry failed',
    null,
    z.strictObject({ ...aboutLetter, ...deadLetterShape, ownerId: idSchema }),
  ),
  'deadletter.requeued': ours(
    'deadletter.requeue: the subscription gets the event again',
    ['status'],
    z.strictObject(aboutLetter),
  ),
  'deadletter.resolved': ours(
    'deadletter.resolve by a subscription that handled the event at last',
    null,
    z.strictObject(aboutLetter),
  ),
  'deadletter.dropped': ours(
    'deadletter.drop: nobody will handle the event any more',
    null,
    z.strictObject({ ...aboutLetter, reason: textSchema.optional() }),
  ),
} as const;

/** A fact about a dead letter. */
export type DeadLetterFact = FactsOf<typeof deadLetterEvents>;

/** A dead letter as the coordinator keeps it. */
export interface DeadLetterRecord {
  readonly id: string;
  readonly subscription: string;
  /** The agent whose subscription it was. */
  readonly ownerId: string;
  readonly eventSequence: number;
  readonly attempts: number;
  readonly error: { readonly code: string; readonly message: string };
  readonly atMs: number;
  /** `queued`: its subscription gets it again as soon as it is there. */
  readonly status: 'dead' | 'queued';
}

/** What a fact makes of a letter; undefined when it is no more. */
export function evolveDeadLetter(
  record: DeadLetterRecord | undefined,
  fact: DeadLetterFact,
): DeadLetterRecord | undefined {
  if (fact.type === 'deadletter.added') {
    const { letterId: id, subscription, ownerId, eventSequence, attempts, error } = fact.payload;
    const atMs = fact.timeMs;
    return { id, subscription, ownerId, eventSequence, attempts, error, atMs, status: 'dead' };
  }
  assert(record !== undefined, 'a fact about a dead letter follows the one that added it');
  return fact.type === 'deadletter.requeued' ? { ...record, status: 'queued' } : undefined;
}
