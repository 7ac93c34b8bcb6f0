/**
 * What is promised of one delivery, and what becomes of one that fails (specification, "Delivery guarantees", "Error
 * handling"); `docs/event-bus.md` defines the guarantees.
 *
 * - at-most-once: that it is done is durable before the handler is called.
 * - at-least-once: that it is done is said after the handler has ended.
 * - exactly-once: what the handler asks for through its context, and that it is done, are one commit.
 *
 * Not here: how letters are written (dead-letters.ts).
 */
import { backoffMs } from '../core/backoff.ts';
import { Refused, type Refusal } from '../core/errors.ts';
import { lastSequence, type SwarmEvent } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { Collected, type ContextScope } from './delivery-context.ts';
import { described, isFinal, LetterWriter } from './letter-writer.ts';
import { firstOf, labelsOf, lastOf, type AnyHandler, type Job } from './job.ts';
import type { EventPattern } from './event-pattern.ts';
import type { BusCommand, BusPorts } from './ports.ts';
import type { Progress } from './progress.ts';
import type { SettledOptions, SubscribeOptions } from './subscribe-options.ts';

/** What deliveries of one subscription are made with. */
export interface DeliveryParts {
  readonly id: string;
  readonly source: AgentIdentity;
  readonly pattern: EventPattern;
  readonly filter: SubscribeOptions['filter'];
  readonly handler: AnyHandler;
  readonly options: SettledOptions;
  readonly ports: BusPorts;
  readonly progress: Progress;
  readonly stats: { received: number; processed: number; errors: number };
  readonly signal: AbortSignal;
  /** Waits while the subscription is paused; false when it is over. */
  readonly untilActive: () => Promise<boolean>;
  /** Nothing that it asks for will be granted any more. */
  readonly onRefusal: (refusal: Refusal) => void;
  /** A job could not be given up, and is to be kept. */
  readonly onKept: (job: Job, refusal: Refusal) => void;
}

/** Delivers for one subscription. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #letters: LetterWriter;
  readonly #scope: ContextScope;
  /** What every first attempt is given that collects nothing. */
  readonly #plain: Collected;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#letters = new LetterWriter(parts);
    const { ports, signal, options } = parts;
    const collects = options.delivery === 'exactly-once';
    this.#scope = { ports, signal, collects, space: collects ? options.name : undefined };
    this.#plain = new Collected(this.#scope, 1);
  }

  /** Delivers; undefined when it is over already. */
  deliver(job: Job): Promise<void> | undefined {
    if (job.givenUp !== undefined) return this.#giveUp(job);
    if (this.#isDropped(job)) return undefined;
    const isClaimed = this.#parts.options.delivery === 'at-most-once' && this.#isKept(job);
    return isClaimed ? this.#claimAndAttempt(job) : this.#attempt(job);
  }

  /** Somebody dropped the letter, or handled it. */
  #isDropped({ letter }: Job): boolean {
    return letter !== undefined && !this.#parts.ports.isQueued(letter.id);
  }

  /** Whether somebody keeps that it is done. */
  #isKept({ letter }: Job): boolean {
    return letter !== undefined || this.#parts.options.name !== undefined;
  }

  /** What of a job nobody else is done with; undefined when that is nothing. */
  #rest(job: Job): Job | undefined {
    const { options, ports } = this.#parts;
    if (options.name === undefined || job.letter !== undefined) return job;
    const through = ports.throughOf(options.name) ?? 0;
    if (through < firstOf(job)) return job;
    const entries = job.entries.filter(({ fact }) => fact.sequence > through);
    return entries.length === 0
      ? undefined
      : { ...job, entries, opened: job.opened ?? firstOf(job) };
  }

  /** At most once: durable before the handler sees it. */
  async #claimAndAttempt(whole: Job): Promise<void> {
    const { ports, source, progress, signal, untilActive, onRefusal } = this.#parts;
    const job = this.#rest(whole);
    if (job === undefined) return progress.advanced(whole);
    const { refusal, answer } = ports.ask({ ...this.#doneCommand(job), ...labelsOf(job) }, source);
    if (refusal?.code === 'OVERLOADED') {
      await this.#pause(1);
      return (await untilActive()) ? this.#claimAndAttempt(job) : undefined;
    }
    if (refusal !== undefined) return onRefusal(refusal);
    const isDurable = await answer.then(
      () => true,
      () => false, // the swarm has halted
    );
    progress.advanced(job);
    if (isDurable && !signal.aborted && (await untilActive())) await this.#attempt(job);
  }

  /** Calls the handler once. */
  #attempt(job: Job): Promise<void> | undefined {
    const { options, handler, stats } = this.#parts;
    const isPlain = job.attempt === 1 && !this.#scope.collects;
    const context = isPlain ? this.#plain : new Collected(this.#scope, job.attempt);
    let count = 1;
    try {
      let given: SwarmEvent | readonly SwarmEvent[] | undefined;
      if (options.batch === undefined) given = this.#one(job);
      else {
        given = this.#several(job);
        count = given.length;
      }
      if (given === undefined || count === 0) return this.#handled(job, context, 0);
      if (job.attempt === 1) stats.received += count;
      const running = handler(given, context);
      if (isThenable(running)) {
        return Promise.resolve(running).then(
          async () => this.#handled(job, context, count),
          async (error: unknown) => this.#threw(job, context, error),
        );
      }
    } catch (error) {
      return this.#threw(job, context, error);
    }
    return this.#handled(job, context, count);
  }

  #one({ entries }: Job): SwarmEvent | undefined {
    const event = entries[0]?.event;
    return event !== undefined && this.#wants(event) ? event : undefined;
  }

  #several({ entries }: Job): readonly SwarmEvent[] {
    return entries.map(({ event }) => event).filter((event) => this.#wants(event));
  }

  #wants(event: SwarmEvent): boolean {
    const { pattern, filter } = this.#parts;
    if (pattern.custom !== undefined && !answerOf(pattern.custom(event))) return false;
    return filter === undefined || answerOf(filter(event));
  }

  /** The handler has ended well: its effects happen, and that it is done is said. */
  #handled(job: Job, context: Collected, count: number): Promise<void> | undefined {
    const { options, stats, progress } = this.#parts;
    if (options.delivery === 'exactly-once') {
      context.end();
      const rest = this.#rest(job);
      // Somebody else was quicker: nothing of ours happens with what is done.
      if (rest !== undefined && rest !== job) return this.#attempt(rest);
      if (rest === undefined) progress.advanced(job);
      else if (!this.#isDropped(job)) {
        const refusal = this.#commit(job, context);
        if (refusal !== undefined) return this.#failed(job, new Refused(refusal), refusal);
      }
    } else if (options.delivery === 'at-least-once') {
      if (job.letter === undefined) progress.done(job);
      else if (!this.#isDropped(job)) this.#askAside(job, this.#doneCommand(job));
    }
    stats.processed += count;
    return undefined;
  }

  /** The effects of a handler and its progress, in one commit. Why not, when it was refused. */
  #commit(job: Job, { commands, writes }: Collected): Refusal | undefined {
    const { ports, source, progress } = this.#parts;
    const all = this.#isKept(job) ? [...commands, this.#doneCommand(job)] : commands;
    if (all.length === 0) return undefined;
    const compound = { type: 'compound.apply', payload: { commands: all } };
    const keyWrites = writes && ports.storage.toKeyWrites(writes);
    const asked = ports.ask({ ...compound, ...labelsOf(job) }, source, keyWrites);
    if (asked.refusal !== undefined) return asked.refusal;
    if (asked.commit !== undefined && writes !== undefined) {
      ports.storage.show(writes, lastSequence(asked.commit));
    }
    progress.advanced(job);
    asked.answer.catch(() => undefined); // a halt is told elsewhere
    return undefined;
  }

  #threw(job: Job, context: Collected, error: unknown): Promise<void> | undefined {
    if (this.#scope.collects) context.end();
    return this.#failed(job, error);
  }

  /**
   * A delivery failed: it is tried again, passed over, or becomes a dead letter. `refusal` is why its effects were refused; what
   * a handler throws says nothing about the subscription, also when it is a refusal.
   */
  #failed(job: Job, error: unknown, refusal?: Refusal): Promise<void> | undefined {
    const { options, stats, signal, onRefusal } = this.#parts;
    stats.errors += 1;
    if (signal.aborted) return undefined;
    if (refusal !== undefined && isFinal(refusal)) {
      onRefusal(refusal);
      return undefined;
    }
    const isBusy = refusal?.code === 'OVERLOADED';
    if (isBusy || job.attempt <= options.maxRetries) return this.#again(job);
    if (options.onError !== 'ignore') return this.#giveUp({ ...job, givenUp: described(error) });
    if (job.letter !== undefined) return this.#giveUp({ ...job, givenUp: job.letter.error });
    if (options.delivery !== 'at-most-once') this.#parts.progress.done(job);
    return undefined;
  }

  async #again(job: Job): Promise<void> {
    await this.#pause(job.attempt);
    if (await this.#parts.untilActive()) await this.#attempt({ ...job, attempt: job.attempt + 1 });
  }

  /** It becomes a dead letter. When that is refused for the moment it is tried again, and never the handler. */
  #giveUp(job: Job): Promise<void> | undefined {
    const { onRefusal, onKept } = this.#parts;
    const written = this.#letters.write(job);
    if (written.ok) return undefined;
    const { refusal, rest } = written;
    if (isFinal(refusal)) onRefusal(refusal);
    else if (refusal.code === 'OVERLOADED') return this.#giveUpLater(rest);
    else onKept(rest, refusal);
    return undefined;
  }

  async #giveUpLater(job: Job): Promise<void> {
    await this.#pause(1);
    if (await this.#parts.untilActive()) await this.#giveUp(job);
  }

  /** The command that says that a delivery is done. */
  #doneCommand({ letter, entries }: Job): BusCommand {
    if (letter !== undefined) {
      return { type: 'deadletter.resolve', payload: { letterId: letter.id } };
    }
    const { name } = this.#parts.options;
    return { type: 'subscription.advance', payload: { name, through: lastOf({ entries }) } };
  }

  #askAside(job: Job, command: BusCommand): void {
    const { ports, source, onRefusal } = this.#parts;
    const { refusal, answer } = ports.ask({ ...command, ...labelsOf(job) }, source);
    answer.catch(() => undefined); // a halt is told elsewhere
    if (refusal !== undefined && isFinal(refusal)) onRefusal(refusal);
  }

  /** Waits before another attempt; the end of the subscription ends the waiting. */
  async #pause(attempt: number): Promise<void> {
    const { ports, options, signal } = this.#parts;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const delayMs = backoffMs(attempt, options.backoff, ports.chance());
      const cancel = ports.clock.schedule(delayMs, () => {
        signal.removeEventListener('abort', end);
        resolve();
      });
      const end = () => {
        cancel();
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** What a predicate says; one that promises to say it later has failed. */
function answerOf(answer: unknown): boolean {
  if (!isThenable(answer)) return Boolean(answer);
  Promise.resolve(answer).catch(() => undefined);
  throw new TypeError('a predicate says true or false at once, and promises nothing');
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | undefined | null)?.then === 'function';
}
