/**
 * `swarm.events` and `session.events`: the event bus, for whoever may read the events (specification, "Event Bus API"). Who
 * asks is bound when the handle is made.
 */
import type { EventBusHub } from '../bus/event-bus.ts';
import type { EventPattern } from '../bus/event-pattern.ts';
import type { AnyHandler, BatchHandler, EventHandler } from '../bus/job.ts';
import type { EmittedEvent } from '../bus/ports.ts';
import type { SubscribeOptions } from '../bus/subscribe-options.ts';
import type { Subscription } from '../bus/subscription.ts';
import { refuse, Refused } from '../core/errors.ts';
import { eventId, firstFact, type SwarmEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import { OPERATOR, type AgentIdentity } from '../events/identity.ts';
import { commandForEvent } from '../protocol/emitted.ts';
import type { SessionDoor } from './asker.ts';
import { DeadLetters, toDurableSubscription, type DurableSubscription } from './dead-letters.ts';
import { accepted } from './result.ts';

/** `EventBus` of the specification, as one identity may use it. */
export class SwarmEvents {
  readonly #door: SessionDoor;
  readonly #hub: EventBusHub;
  readonly #identity: AgentIdentity;
  /** Events that subscriptions could not handle. */
  readonly deadLetters: DeadLetters;

  /** Use `swarm.events` or `session.events`. */
  constructor(door: SessionDoor, identity: AgentIdentity) {
    this.#door = door;
    this.#hub = door.hub;
    this.#identity = identity;
    this.deadLetters = new DeadLetters(door, identity);
  }

  /**
   * Emits an event: `app.*` of an application, or a lifecycle fact, which goes through its actor. Decided at once. The id that is
   * returned is that of the event if it becomes durable; it acknowledges nothing, `await swarm.durable()` does.
   * @throws {Refused} why its actor does not allow it; `INVALID_INPUT` for an unknown type, `FORBIDDEN` for one that only the
   * coordinator records, and for the source of another
   *
   * @example
   * const swarm = await openSwarm();
   * const id = swarm.events.emit({ type: 'app.build.finished', payload: { seconds: 12 } });
   * await swarm.durable();
   * console.log(swarm.events.query({ types: ['app.*'] })[0].id === id); // true
   */
  emit<T>(event: EmittedEvent<T>): string {
    const { type, command, labels, source } = readEmitted(event);
    const asked = this.#door.ask({ ...labels, ...command }, this.#sourceOf(source));
    asked.answer.catch(() => undefined); // whoever asks whether it is durable is told
    if (asked.refusal !== undefined) throw new Refused(asked.refusal);
    const { commit } = asked;
    if (commit === undefined) {
      this.#door.checkServing();
      const message = `${type}: it is so already, so nothing has happened.`;
      throw new Refused(refuse('ILLEGAL_TRANSITION', message, { type }));
    }
    const fact = commit.facts.find((one) => one.type === type) ?? firstFact(commit);
    return eventId(this.#door.projector.swarm?.swarmId ?? '', fact.sequence);
  }

  /** A session speaks for itself; the operator for any session that there is. */
  #sourceOf(source: AgentIdentity | undefined): AgentIdentity {
    if (source === undefined || isSame(source, this.#identity)) return this.#identity;
    const session = this.#door.projector.session(source.sessionId);
    if (this.#identity !== OPERATOR || session === undefined || !isSame(session.identity, source)) {
      const message = `An event of ${source.agentId} (session ${source.sessionId}) is for its own handle to emit.`;
      throw new Refused(refuse('FORBIDDEN', message, { source }));
    }
    return session.identity;
  }

  /**
   * Tells a handler of events that match a pattern, from now on, when they are durable, in the order of the log. What is
   * promised is in `docs/event-bus.md`.
   * @throws {Refused} `INVALID_INPUT` for a pattern or options that cannot be meant; `FORBIDDEN`; `ALREADY_EXISTS` for a name
   * under which somebody listens now; `NOT_HOLDER` for one of another agent; `LIMIT_EXCEEDED`
   *
   * @example
   * const swarm = await openSwarm();
   * const told = [];
   * swarm.events.subscribe({ type: 'app.*' }, ({ payload }) => told.push(payload));
   * swarm.events.emit({ type: 'app.hello', payload: 'ants' });
   * await swarm.durable();
   * await new Promise((resolve) => setTimeout(resolve, 20));
   * console.log(told); // [ 'ants' ]
   */
  subscribe(
    pattern: EventPattern,
    handler: BatchHandler,
    options: SubscribeOptions & { readonly batch: NonNullable<SubscribeOptions['batch']> },
  ): Subscription;
  subscribe(pattern: EventPattern, handler: EventHandler, options?: SubscribeOptions): Subscription;
  subscribe(
    pattern: EventPattern,
    handler: EventHandler | BatchHandler,
    options: SubscribeOptions = {},
  ): Subscription {
    this.#door.reads.checkEvents(this.#identity);
    const source = this.#identity;
    return this.#hub.subscribe({ source, pattern, handler: handler as AnyHandler, options });
  }

  /**
   * Ends a subscription; a durable one can be taken up again under its name.
   * @throws {Refused} `NOT_FOUND` when this handle has no open one of this id
   */
  unsubscribe(subscriptionId: string): void {
    this.#hub.unsubscribe(subscriptionId, this.#identity);
  }

  /** The durable subscriptions of the swarm, whether anybody listens or not, by name. */
  durableSubscriptions(): readonly DurableSubscription[] {
    this.#door.reads.checkEvents(this.#identity);
    const { projector } = this.#door;
    const open = new Map(this.#hub.open.map((one) => [one.name, one.status]));
    return [...projector.subscriptions.values()]
      .map((record) => toDurableSubscription(record, projector.sequence, open.get(record.name)))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Takes a durable subscription away, with its place in the log.
   * @throws {Refused} `NOT_FOUND`, `NOT_HOLDER`
   */
  async removeSubscription(name: string): Promise<void> {
    const command = { type: 'subscription.remove', payload: { name } } as const;
    accepted(await this.#door.ask(command, this.#identity).answer);
  }

  /**
   * The events of the state's history that match a filter, oldest first, as folded now: at most `historyEventsMax`, none older
   * than `historyRetentionMs`, and no signs of life. What is older, `replay` reads.
   * @throws {Refused} `INVALID_INPUT` for a filter that cannot be meant; `FORBIDDEN`
   *
   * @example
   * const swarm = await openSwarm();
   * await swarm.register({ agentType: 'pulse', agentId: 'ant' });
   * console.log(swarm.events.query({ types: ['agent.*'] }).length); // 2
   */
  query(filter: EventFilter = {}): readonly SwarmEvent[] {
    return this.#door.reads.events(filter, this.#identity);
  }

  /**
   * Gives the durable events that match a filter to a handler, in order and one at a time, from the first of the log to the last
   * that is durable when it is called. Reads the log block by block, so its memory does not grow with the log.
   * @throws {Refused} `INVALID_INPUT` for a filter that cannot be meant; `FORBIDDEN`; `CLOSED` or `HALTED` when the swarm ends
   * meanwhile; and what the handler throws, which ends it
   */
  async replay(
    filter: EventFilter,
    handler: (event: SwarmEvent) => void | Promise<void>,
  ): Promise<void> {
    const events = this.#door.reads.recorded(filter, this.#identity);
    for await (const event of events) await handler(event);
  }
}

/** An event as it is emitted, read once; code of the caller may run in it. */
function readEmitted(event: EmittedEvent) {
  try {
    const { type, payload, source, metadata } = event;
    const { correlationId, causationId, trace } = metadata ?? {};
    const found = commandForEvent(type, payload);
    if (!found.ok) throw new Refused(found);
    const labels = {
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(causationId === undefined ? {} : { causationId }),
      ...(trace === undefined ? {} : { trace }),
    };
    return { type, command: found.command, labels, source: source ?? undefined };
  } catch (error) {
    if (error instanceof Refused) throw error;
    const message =
      "An event is emitted as an object that can be read: { type: 'app.x', payload }.";
    throw new Refused(refuse('INVALID_INPUT', message));
  }
}

function isSame(one: AgentIdentity, other: AgentIdentity): boolean {
  return (
    one.agentId === other.agentId &&
    one.agentType === other.agentType &&
    one.sessionId === other.sessionId
  );
}
