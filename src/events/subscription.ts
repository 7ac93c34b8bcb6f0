/**
 * Durable subscriptions: how far somebody has handled the events of the log, kept in the log itself.
 *
 * So a handler's effects and its progress can be one commit, and a restart goes on where the last one ended. What runs a
 * subscription is in `bus/`.
 */
import * as z from 'zod';
import { assert } from '../core/errors.ts';
import { ours, type FactsOf } from './definition.ts';

/** The name of a durable subscription; short enough that a dead letter's id can begin with it. */
export const subscriptionNameSchema = z
  .string()
  .regex(/^[^\s\p{C}]{1,100}$/u, 'a name of 1 to 100 printable characters without spaces');

const sequenceSchema = z.number().int().min(0);

/** What can happen to a durable subscription. */
export const subscriptionEvents = {
  'subscription.created': ours(
    'subscription.create, the first time that a durable subscription of a name is made',
    null,
    z.strictObject({ name: subscriptionNameSchema, through: sequenceSchema }),
  ),
  'subscription.advanced': ours(
    'subscription.advance, when a durable subscription is done with events; stays out of the event history, and no subscriber is told',
    ['through'],
    z.strictObject({ name: subscriptionNameSchema, through: sequenceSchema }),
  ),
  'subscription.removed': ours(
    'subscription.remove, when nobody will subscribe under the name again',
    null,
    z.strictObject({ name: subscriptionNameSchema }),
  ),
} as const;

/** A fact about a durable subscription. */
export type SubscriptionFact = FactsOf<typeof subscriptionEvents>;

/** A durable subscription as the coordinator keeps it. */
export interface SubscriptionRecord {
  readonly name: string;
  /** The agent whose sessions may use it; the operator's are its own. */
  readonly ownerId: string;
  /** It is done with every event up to this sequence. */
  readonly through: number;
  readonly createdAtMs: number;
}

/** What a fact makes of a subscription; undefined when it is no more. */
export function evolveSubscription(
  record: SubscriptionRecord | undefined,
  fact: SubscriptionFact,
): SubscriptionRecord | undefined {
  const { name } = fact.payload;
  if (fact.type === 'subscription.created') {
    const { through } = fact.payload;
    return { name, ownerId: fact.source.agentId, through, createdAtMs: fact.timeMs };
  }
  assert(record !== undefined, 'a fact about a subscription follows the one that made it');
  if (fact.type === 'subscription.removed') return undefined;
  return { ...record, through: fact.payload.through };
}
