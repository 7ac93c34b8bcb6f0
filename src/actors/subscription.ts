/**
 * The decisions about durable subscriptions and dead letters: whose they are, and that nobody is done with an event twice.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import type { DeadLetterRecord } from '../events/dead-letter.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { SubscriptionRecord } from '../events/subscription.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';

/** The decisions about durable subscriptions and dead letters. */
export const subscriptionDeciders: Deciders<
  | 'subscription.create'
  | 'subscription.advance'
  | 'subscription.remove'
  | 'deadletter.add'
  | 'deadletter.requeue'
  | 'deadletter.resolve'
  | 'deadletter.drop'
> = {
  'subscription.create': create,
  'subscription.advance': advance,
  'subscription.remove': (view, { payload, source }) => {
    const found = ownSubscription(view, payload.name, source);
    return found.ok ? facts(fact('subscription.removed', payload)) : found;
  },
  'deadletter.add': add,
  'deadletter.requeue': (view, { payload, source }) => {
    const found = ownLetter(view, payload.letterId, source);
    if (!found.ok) return found;
    if (found.letter.status === 'queued') return facts();
    return facts(fact('deadletter.requeued', payload));
  },
  'deadletter.resolve': (view, { payload, source }) => {
    const found = ownLetter(view, payload.letterId, source);
    return found.ok ? facts(fact('deadletter.resolved', payload)) : found;
  },
  'deadletter.drop': (view, { payload, source }) => {
    const found = ownLetter(view, payload.letterId, source);
    return found.ok ? facts(fact('deadletter.dropped', payload)) : found;
  },
};

/** One that is there already is used again, from where it is. */
function create(view: StateView, { payload, source }: CommandOf<'subscription.create'>): Decision {
  const { name, through = view.sequence } = payload;
  if (view.subscription(name) !== undefined) {
    const found = ownSubscription(view, name, source);
    return found.ok ? facts() : found;
  }
  const max = view.swarm?.limits.subscriptionsMax ?? 0;
  if (view.counts.subscriptions >= max) {
    return exceeded(`The swarm has ${max} durable subscriptions`, {
      limit: 'subscriptionsMax',
      max,
    });
  }
  if (through > view.sequence) return ahead(view, through);
  return facts(fact('subscription.created', { name, through }));
}

function advance(
  view: StateView,
  { payload, source }: CommandOf<'subscription.advance'>,
): Decision {
  const found = ownSubscription(view, payload.name, source);
  if (!found.ok) return found;
  const { through } = found.subscription;
  if (payload.through > view.sequence) return ahead(view, payload.through);
  if (payload.through > through) return facts(fact('subscription.advanced', payload));
  return refuse(
    'VERSION_CONFLICT',
    `The subscription ${payload.name} is done with everything up to ${through} already: somebody else handled ${payload.through}.`,
    { name: payload.name, through, asked: payload.through },
  );
}

/**
 * Whoever runs a subscription gives its events up; the letter belongs to whom the subscription does. One that is there already was
 * retried, and failed again. Its id follows, so nobody can take it from another.
 */
function add(view: StateView, { payload, source }: CommandOf<'deadletter.add'>): Decision {
  const { subscription: name, eventSequence } = payload;
  const letterId = `${name}/${eventSequence}`;
  const durable = view.subscription(name);
  const found = durable === undefined ? undefined : ownSubscription(view, name, source);
  if (found?.ok === false) return found;
  const before = view.deadLetter(letterId);
  if (before === undefined) {
    const max = view.swarm?.limits.deadLettersMax ?? 0;
    if (view.counts.deadLetters >= max) {
      return exceeded(`The swarm has ${max} dead letters`, { limit: 'deadLettersMax', max });
    }
  } else if (durable === undefined) {
    const own = ownLetter(view, letterId, source);
    if (!own.ok) return own;
  }
  if (eventSequence > view.sequence) return ahead(view, eventSequence);
  const ownerId = durable?.ownerId ?? before?.ownerId ?? source.agentId;
  return facts(fact('deadletter.added', { letterId, ...payload, ownerId }));
}

function ownSubscription(
  view: StateView,
  name: string,
  source: AgentIdentity,
): { readonly ok: true; readonly subscription: SubscriptionRecord } | Refusal {
  const subscription = view.subscription(name);
  if (subscription === undefined) {
    return refuse('NOT_FOUND', `There is no durable subscription ${name}.`, { name });
  }
  const { ownerId } = subscription;
  if (mayUse(ownerId, source)) return { ok: true, subscription };
  return refuse('NOT_HOLDER', `The subscription ${name} is that of ${ownerId}.`, { name, ownerId });
}

function ownLetter(
  view: StateView,
  letterId: string,
  source: AgentIdentity,
): { readonly ok: true; readonly letter: DeadLetterRecord } | Refusal {
  const letter = view.deadLetter(letterId);
  if (letter === undefined) {
    return refuse('NOT_FOUND', `There is no dead letter ${letterId}.`, { letterId });
  }
  const { ownerId } = letter;
  if (mayUse(ownerId, source) || source.agentType === 'conductor') return { ok: true, letter };
  return refuse('NOT_HOLDER', `The dead letter ${letterId} is that of ${ownerId}.`, {
    letterId,
    ownerId,
  });
}

/** What is an agent's is for its sessions, and for the operator. */
function mayUse(ownerId: string, { agentId, agentType }: AgentIdentity): boolean {
  return agentId === ownerId || agentType === 'system';
}

function ahead(view: StateView, sequence: number): Refusal {
  return refuse(
    'INVALID_INPUT',
    `Nothing has the sequence ${sequence} yet: the last is ${view.sequence}.`,
    { sequence, last: view.sequence },
  );
}

function exceeded(
  what: string,
  { limit, max }: { readonly limit: string; readonly max: number },
): Refusal {
  return refuse('LIMIT_EXCEEDED', `${what}, its limit (${limit}).`, { limit, max });
}
