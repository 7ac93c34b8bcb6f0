/**
 * How events are delivered to a subscriber (specification, `SubscribeOptions`), and what that comes to when he says less.
 *
 * `docs/event-bus.md` defines the guarantees.
 */
import * as z from 'zod';
import { refuse, type Refusal } from '../core/errors.ts';
import type { SwarmEvent } from '../events/envelope.ts';
import { subscriptionNameSchema } from '../events/subscription.ts';

/** What is promised of each event (specification, "Delivery guarantees"). */
export type DeliveryGuarantee = 'at-most-once' | 'at-least-once' | 'exactly-once';

/** What becomes of an event that the handler failed at. */
export type OnError = 'ignore' | 'retry' | 'dead-letter';

/** Options of a subscription; each field of the specification, and ours. */
export interface SubscribeOptions {
  /** `at-least-once` for a durable subscription when absent, `at-most-once` for another. */
  readonly delivery?: DeliveryGuarantee;
  /** One event at a time, in the order of the log. True when absent. */
  readonly ordered?: boolean;
  /** Like `EventPattern.custom`: an event is wanted when both say so. */
  readonly filter?: (event: SwarmEvent) => boolean;
  /** Events are given as lists of at most `maxSize`, none of which waits for longer than `maxWait` milliseconds. */
  readonly batch?: { readonly maxSize: number; readonly maxWait: number };
  /** `retry` for a durable subscription when absent, `ignore` for another. */
  readonly onError?: OnError;
  /** How often an event is tried again before it becomes a dead letter: 5 with `retry`, 0 with `dead-letter` when absent. */
  readonly maxRetries?: number;
  /** Ours: makes the subscription durable. It goes on under its name after a restart. */
  readonly name?: string;
  /** Ours: where a subscription begins: at the first event, at the next one, or at a sequence. `now` when absent. */
  readonly from?: 'beginning' | 'now' | number;
  /** Ours: how many handlers may run at once when it is not ordered. 16 when absent. */
  readonly concurrency?: number;
  /** Ours: the pause before the first retry, doubled for each one after it up to `maxMs`, and drawn from its upper half. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
}

/** Options with nothing left open. */
export interface SettledOptions {
  readonly delivery: DeliveryGuarantee;
  readonly ordered: boolean;
  readonly batch: { readonly maxSize: number; readonly maxWait: number } | undefined;
  readonly onError: OnError;
  readonly maxRetries: number;
  readonly name: string | undefined;
  readonly from: 'beginning' | 'now' | number;
  readonly concurrency: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
}

const milliseconds = z.number().int().min(0).max(86_400_000);

const optionsSchema = z.strictObject({
  delivery: z.enum(['at-most-once', 'at-least-once', 'exactly-once']).optional(),
  ordered: z.boolean().optional(),
  filter: z.custom((value) => typeof value === 'function', 'a function').optional(),
  batch: z
    .strictObject({ maxSize: z.number().int().min(1).max(1_024), maxWait: milliseconds })
    .optional(),
  onError: z.enum(['ignore', 'retry', 'dead-letter']).optional(),
  maxRetries: z.number().int().min(0).max(1_000).optional(),
  name: subscriptionNameSchema.optional(),
  from: z
    .union([z.enum(['beginning', 'now']), z.number().int().min(1)], {
      error: '"beginning", "now" or a sequence from 1',
    })
    .optional(),
  concurrency: z.number().int().min(1).max(1_024).optional(),
  backoff: z.strictObject({ baseMs: milliseconds, maxMs: milliseconds }).optional(),
});

const DEFAULT_BACKOFF = { baseMs: 100, maxMs: 30_000 };

/** Settles options. Refuses with `INVALID_INPUT` what cannot be meant, or cannot be kept. */
export function settleOptions(
  options: SubscribeOptions,
): { readonly ok: true; readonly settled: SettledOptions } | Refusal {
  const parsed = readOptions(options);
  if (!parsed.ok) return parsed;
  const given = parsed.value;
  const isDurable = given.name !== undefined;
  const {
    delivery = isDurable ? 'at-least-once' : 'at-most-once',
    ordered = true,
    batch,
    onError = isDurable && delivery !== 'at-most-once' ? 'retry' : 'ignore',
    maxRetries = onError === 'retry' ? 5 : 0,
    name,
    from = 'now',
    concurrency = 16,
    backoff = DEFAULT_BACKOFF,
  } = given;
  if (delivery === 'at-most-once' && (onError === 'retry' || maxRetries > 0)) {
    return notMeant('onError', 'a retry gives an event twice, so not with at-most-once');
  }
  if (onError === 'ignore' && given.maxRetries !== undefined) {
    return notMeant(
      'maxRetries',
      'says nothing with onError "ignore": use "retry" or "dead-letter"',
    );
  }
  if (delivery === 'exactly-once' && !ordered) {
    return notMeant('ordered', 'exactly-once is in order: what is done stands as one sequence');
  }
  if (batch !== undefined && !ordered) {
    return notMeant('batch', 'a batch is in order');
  }
  const rest = { batch, onError, maxRetries, name, from, concurrency, backoff };
  return { ok: true, settled: { delivery, ordered, ...rest } };
}

/** Reads each option once: what was checked is what is used. */
function readOptions(
  options: SubscribeOptions,
): { readonly ok: true; readonly value: z.infer<typeof optionsSchema> } | Refusal {
  try {
    const parsed = optionsSchema.safeParse(options);
    if (parsed.success) return { ok: true, value: parsed.data };
    const [issue] = parsed.error.issues;
    if (issue?.code === 'unrecognized_keys') {
      return notMeant(issue.keys[0] ?? '', 'there is no such option');
    }
    return notMeant(issue?.path.join('.') ?? '', issue?.message ?? '');
  } catch {
    return notMeant('options', 'an object that can be read');
  }
}

function notMeant(at: string, reason: string): Refusal {
  return refuse('INVALID_INPUT', `Options of a subscription: ${at}: ${reason}.`, { at });
}
