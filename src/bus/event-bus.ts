/**
 * The subscriptions of one swarm, and the turns in which they work.
 *
 * Told what is durable, it wakes who listens; whoever has something to do gets a step, one after the other, and after a few
 * milliseconds the rest goes on in another turn: nobody keeps the coordinator, or another subscriber, waiting. Keeps I2:
 * subscribers hear durable events only, in the order of the log.
 */
import { refuse, Refused, type Refusal } from '../core/errors.ts';
import type { DeadLetterRecord } from '../events/dead-letter.ts';
import type { Commit } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { compilePattern, type EventPattern } from './event-pattern.ts';
import type { AnyHandler } from './job.ts';
import { described } from './letter-writer.ts';
import type { BusPorts } from './ports.ts';
import { settleOptions, type SettledOptions, type SubscribeOptions } from './subscribe-options.ts';
import { BusSubscription, type Subscription } from './subscription.ts';

/** How long subscribers work before others have their turn. */
const TURN_MS = 4;

/** What somebody subscribes with. */
export interface NewSubscription {
  readonly source: AgentIdentity;
  readonly pattern: EventPattern;
  readonly handler: AnyHandler;
  readonly options: SubscribeOptions;
}

/** The subscriptions of one swarm. */
export class EventBusHub {
  readonly #ports: BusPorts;
  readonly #subscriptions = new Map<string, BusSubscription>();
  /** Who has asked for a step, in the order of asking. */
  #queue: BusSubscription[] = [];
  #isTurnAsked = false;

  constructor(ports: BusPorts) {
    this.#ports = ports;
  }

  /**
   * Subscribes. Throws `INVALID_INPUT` for what cannot be meant; `ALREADY_EXISTS` for a name under which somebody listens now;
   * `NOT_HOLDER` for one of another agent; `LIMIT_EXCEEDED`.
   */
  subscribe({ source, pattern, handler, options }: NewSubscription): Subscription {
    const compiled = compilePattern(pattern);
    if (!compiled.ok) throw new Refused(compiled);
    const checked = settleOptions(options);
    if (!checked.ok) throw new Refused(checked);
    const { settled } = checked;
    if (typeof handler !== 'function') {
      throw new Refused(refuse('INVALID_INPUT', 'A subscription has a function as its handler.'));
    }
    if (settled.name !== undefined && compiled.names('subscription.advanced')) {
      const message =
        'A durable subscription cannot hear of progress: its own would be the next event, for ever.';
      throw new Refused(refuse('INVALID_INPUT', message, { at: 'type' }));
    }
    this.#checkRoom(settled.name);
    const next = this.#begin(settled, source);
    const subscription = new BusSubscription({
      id: this.#ports.ids(),
      source,
      pattern,
      compiled,
      handler,
      options: settled,
      filter: options.filter,
      ports: this.#ports,
      next,
      wake: (one) => this.#wake(one),
      onEnd: (one) => {
        this.#subscriptions.delete(one.id);
        if (this.#subscriptions.size === 0) this.#ports.window.clear(this.#ports.window.last);
      },
    });
    this.#subscriptions.set(subscription.id, subscription);
    for (const letter of this.#ports.queuedLetters(settled.name ?? subscription.id)) {
      void subscription.retry(letter);
    }
    this.#wake(subscription);
    return subscription;
  }

  #checkRoom(name: string | undefined): void {
    const max = this.#ports.limits().subscribersMax;
    if (this.#subscriptions.size >= max) {
      const message = `${max} subscriptions are open already (subscribersMax). Cancel one first.`;
      throw new Refused(refuse('LIMIT_EXCEEDED', message, { limit: 'subscribersMax', max }));
    }
    const other = [...this.#subscriptions.values()].find((one) => one.name === name);
    if (name !== undefined && other !== undefined) {
      const message = `${name}: somebody listens under this name now. Cancel that subscription first.`;
      throw new Refused(refuse('ALREADY_EXISTS', message, { name, id: other.id }));
    }
  }

  /** The sequence of the first event that a subscription looks at. */
  #begin({ name, from }: SettledOptions, source: AgentIdentity): number {
    const last = this.#ports.sequence();
    if (typeof from === 'number' && from > last + 1) {
      const message = `Nothing has the sequence ${from} yet: the next one is ${last + 1}.`;
      throw new Refused(refuse('INVALID_INPUT', message, { from, last }));
    }
    const begin = from === 'beginning' ? 1 : from === 'now' ? last + 1 : from;
    if (name === undefined) return begin;
    const payload = { name, through: begin - 1 };
    const { refusal, answer } = this.#ports.ask({ type: 'subscription.create', payload }, source);
    answer.catch(() => undefined); // a halt is told elsewhere
    if (refusal !== undefined) throw new Refused(refusal);
    return (this.#ports.throughOf(name) ?? begin - 1) + 1;
  }

  /** Ends a subscription of somebody. Throws `NOT_FOUND` when he has none of this id. */
  unsubscribe(id: string, source: AgentIdentity): void {
    const subscription = this.#subscriptions.get(id);
    const isTheirs =
      source.agentType === 'system' || subscription?.source.sessionId === source.sessionId;
    if (subscription === undefined || !isTheirs) {
      throw new Refused(refuse('NOT_FOUND', `There is no open subscription ${id}.`, { id }));
    }
    subscription.cancel();
  }

  /** The open subscriptions, in the order in which they were made. */
  get open(): readonly Subscription[] {
    return [...this.#subscriptions.values()];
  }

  /** Tells who listens what is durable now; `chars` is the length of its text. */
  durable(commits: readonly Commit[], { last, chars }: { last: number; chars: number }): void {
    const { window, storage } = this.#ports;
    storage.durable(last);
    if (this.#subscriptions.size === 0) {
      window.last = last;
      return;
    }
    window.push(commits, chars);
    for (const subscription of this.#subscriptions.values()) this.#wake(subscription);
  }

  /** A dead letter is to be tried again. */
  requeued(letter: DeadLetterRecord): void {
    for (const subscription of this.#subscriptions.values()) {
      if ((subscription.name ?? subscription.id) !== letter.subscription) continue;
      void subscription.retry(letter);
    }
  }

  /** Ends every subscription, with the reason; what is done is said before. */
  close(reason: Refusal): void {
    for (const subscription of this.#subscriptions.values()) subscription.end(reason);
    this.#queue = [];
  }

  #wake(subscription: BusSubscription): void {
    if (subscription.isQueued) return;
    subscription.isQueued = true;
    this.#queue.push(subscription);
    this.#askForTurn();
  }

  #askForTurn(): void {
    if (this.#isTurnAsked) return;
    this.#isTurnAsked = true;
    setImmediate(() => this.#turn());
  }

  /** A fault of one subscription ends it, and nobody else's turn. */
  #step(subscription: BusSubscription, isOver: () => boolean): void {
    try {
      if (subscription.step(isOver)) this.#wake(subscription);
    } catch (error) {
      subscription.end(
        refuse('INTERNAL', `The subscription has a fault: ${described(error).message}`),
      );
    }
  }

  #turn(): void {
    this.#isTurnAsked = false;
    const { clock } = this.#ports;
    const until = clock.monotonicMs() + TURN_MS;
    const queue = this.#queue;
    this.#queue = [];
    let at = 0;
    while (at < queue.length && clock.monotonicMs() < until) {
      const subscription = queue[at++];
      if (subscription === undefined) continue;
      subscription.isQueued = false;
      this.#step(subscription, () => clock.monotonicMs() >= until);
    }
    if (at < queue.length) this.#queue = [...queue.slice(at), ...this.#queue];
    if (this.#queue.length > 0) this.#askForTurn();
  }
}
