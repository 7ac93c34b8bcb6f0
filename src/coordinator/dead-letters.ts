/** `swarm.events.deadLetters`: events that subscriptions could not handle, for whoever looks after them. */
import { isoTime } from '../core/time.ts';
import { frozen } from '../core/json.ts';
import type { DeadLetterRecord } from '../events/dead-letter.ts';
import { eventId } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { SubscriptionRecord } from '../events/subscription.ts';
import type { SessionDoor } from './asker.ts';
import { accepted } from './result.ts';

/** An event that a subscription could not handle. */
export interface DeadLetter {
  readonly id: string;
  /** The name of the subscription; its id when it has no name. */
  readonly subscription: string;
  /** The agent whose subscription it is. */
  readonly agentId: string;
  readonly eventId: string;
  readonly eventSequence: number;
  /** How often the handler was given the event. */
  readonly attempts: number;
  readonly error: { readonly code: string; readonly message: string };
  /** ISO 8601, UTC: when it was last given up. */
  readonly timestamp: string;
  /** `queued`: the subscription gets it again as soon as somebody listens. */
  readonly status: 'dead' | 'queued';
}

/** A durable subscription as it is shown. */
export interface DurableSubscription {
  readonly name: string;
  readonly agentId: string;
  /** It is done with every event up to this sequence. */
  readonly through: number;
  /** How many events of the log come after that, wanted or not. */
  readonly behind: number;
  readonly createdAt: string;
  /** Whether somebody listens now. */
  readonly status: 'active' | 'paused' | 'closed';
}

/** Shows a durable subscription. */
export function toDurableSubscription(
  { name, ownerId: agentId, through, createdAtMs }: SubscriptionRecord,
  sequence: number,
  open: 'active' | 'paused' | 'cancelled' | undefined,
): DurableSubscription {
  const behind = sequence - through;
  const status = open === 'active' || open === 'paused' ? open : 'closed';
  return { name, agentId, through, behind, createdAt: isoTime(createdAtMs), status };
}

/** Shows a dead letter. */
export function toDeadLetter(record: DeadLetterRecord, swarmId: string): DeadLetter {
  const { id, subscription, ownerId: agentId, eventSequence, attempts, error, status } = record;
  return {
    id,
    subscription,
    agentId,
    eventId: eventId(swarmId, eventSequence),
    eventSequence,
    attempts,
    error,
    timestamp: isoTime(record.atMs),
    status,
  };
}

/** The dead letters of a swarm, as one identity may handle them. */
export class DeadLetters {
  readonly #door: SessionDoor;
  readonly #identity: AgentIdentity;

  /** Use `events.deadLetters`. */
  constructor(door: SessionDoor, identity: AgentIdentity) {
    this.#door = door;
    this.#identity = identity;
  }

  /**
   * The dead letters, oldest event first; those of one subscription when it is named.
   * @throws {Refused} `FORBIDDEN`
   */
  list(subscription?: string): readonly DeadLetter[] {
    const { projector, reads } = this.#door;
    reads.checkEvents(this.#identity);
    const letters = [...projector.deadLetters.values()]
      .filter((letter) => subscription === undefined || letter.subscription === subscription)
      .toSorted((a, b) => a.eventSequence - b.eventSequence);
    return frozen(letters.map((letter) => toDeadLetter(letter, projector.swarm?.swarmId ?? '')));
  }

  /**
   * Gives the event to its subscription again: at once when somebody listens, else when somebody does.
   * @throws {Refused} `NOT_FOUND`; `NOT_HOLDER` for a letter of another agent
   */
  async retry(id: string): Promise<void> {
    const command = { type: 'deadletter.requeue', payload: { letterId: id } } as const;
    accepted(await this.#door.ask(command, this.#identity).answer);
  }

  /**
   * Gives the event up for good.
   * @throws {Refused} `NOT_FOUND`; `NOT_HOLDER` for a letter of another agent
   */
  async drop(id: string, reason?: string): Promise<void> {
    const payload = { letterId: id, ...(reason === undefined ? {} : { reason }) };
    accepted(await this.#door.ask({ type: 'deadletter.drop', payload }, this.#identity).answer);
  }
}
