/**
 * What is promised of one delivery, and what becomes of one that fails (specification, "Delivery guarantees", "Error
 * handling"); `docs/event-bus.md` defines the guarantees.
 *
 * - at-most-once: that it is done is durable before the handler is called.
 * - at-least-once: that it is done is said after the handler has ended.
 * - exactly-once: what the handler asks for through its context, and that it is done, are one commit.
 */
import { backoffMs } from '../core/backoff.ts';
import { Fault, Refused, type Refusal } from '../core/errors.ts';
import { lastSequence, type SwarmEvent } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { Collected, type ContextScope } from './delivery-context.ts';
import type { AnyHandler, Job } from './job.ts';
import type { WindowEntry } from './event-window.ts';
import type { EventPattern } from './event-pattern.ts';
import type { BusCommand, BusLabels, BusPorts } from './ports.ts';
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

/** Refusals after which nothing will be granted to this subscriber. */
const FINAL: ReadonlySet<string> = new Set([
  'SESSION_OFFLINE',
  'UNKNOWN_SESSION',
  'NOT_FOUND',
  'NOT_HOLDER',
  'FORBIDDEN',
  'READ_ONLY',
  'CLOSED',
  'HALTED',
]);
const MESSAGE_CHARS_MAX = 2_000;
/** Letters in one command. */
const LETTERS_PER_COMMAND = 32;

/** Delivers for one subscription. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #scope: ContextScope;
  /** What every first attempt is given that collects nothing. */
  readonly #plain: Collected;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    const { ports, signal, options } = parts;
    const collects = options.delivery === 'exactly-once';
    this.#scope = { ports, signal, collects, stores: collects && options.name !== undefined };
    this.#plain = new Collected(this.#scope, 1);
  }

  /** Delivers; undefined when it is over already. Never rejects. */
  deliver(job: Job): Promise<void> | undefined {
    const { letter } = job;
    if (letter !== undefined && !this.#parts.ports.isQueued(letter.id)) return undefined; // dropped
    const isClaimed = this.#parts.options.delivery === 'at-most-once';
    const claim = isClaimed ? this.#doneCommand(job) : undefined;
    if (claim === undefined) return this.#attempt(job);
    return this.#claimAndAttempt(job, claim);
  }

  async #claimAndAttempt(job: Job, claim: BusCommand): Promise<void> {
    if (await this.#claim(job, claim)) await this.#attempt(job);
  }

  /** At most once: durable before the handler sees it. */
  async #claim(job: Job, claim: BusCommand): Promise<boolean> {
    const { ports, source, progress } = this.#parts;
    const { refusal, answer } = ports.ask({ ...claim, ...labelsOf(job) }, source);
    if (refusal !== undefined) {
      if (refusal.code === 'OVERLOADED') {
        await this.#pause(1);
        return (await this.#parts.untilActive()) && this.#claim(job, claim);
      }
      if (!isAlreadyDone(refusal)) this.#parts.onRefusal(refusal);
      return false;
    }
    const isDurable = await answer.then(
      () => true,
      () => false, // the swarm has halted
    );
    progress.advanced(job);
    return isDurable && !this.#parts.signal.aborted;
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
          async (error: unknown) => this.#failed(job, error),
        );
      }
    } catch (error) {
      return this.#failed(job, error);
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
    if (pattern.custom !== undefined && !pattern.custom(event)) return false;
    return filter === undefined || filter(event);
  }

  /** The handler has ended well: its effects happen, and that it is done is said. */
  #handled(job: Job, context: Collected, count: number): Promise<void> | undefined {
    const { options, stats, progress } = this.#parts;
    if (this.#scope.collects) context.end();
    const done = options.delivery === 'at-most-once' ? undefined : this.#doneCommand(job);
    if (options.delivery === 'exactly-once') {
      const refusal = this.#commit(job, [...context.commands, ...(done ? [done] : [])], context);
      if (refusal !== undefined) return this.#failed(job, new Refused(refusal));
    } else if (job.letter === undefined) progress.done(job);
    else if (done !== undefined) this.#askAside(job, done);
    stats.processed += count;
    return undefined;
  }

  /** The effects of a handler and its progress, in one commit. Why not, when it was refused. */
  #commit(job: Job, commands: readonly BusCommand[], context: Collected): Refusal | undefined {
    if (commands.length === 0) return undefined;
    const { ports, source, progress } = this.#parts;
    const { writes } = context;
    const compound = { type: 'compound.apply', payload: { commands } };
    const asked = ports.ask(
      { ...compound, ...labelsOf(job) },
      source,
      writes && ports.storage.toKeyWrites(writes),
    );
    if (asked.refusal !== undefined) {
      // Somebody else was quicker: nothing of ours has happened, and nothing is to be done.
      if (isAlreadyDone(asked.refusal, commands.length - 1)) return undefined;
      return asked.refusal;
    }
    if (asked.commit !== undefined && writes !== undefined) {
      ports.storage.show(writes, lastSequence(asked.commit));
    }
    progress.advanced(job);
    asked.answer.catch(() => undefined); // a halt is told elsewhere
    return undefined;
  }

  /** A delivery failed: it is tried again, passed over, or becomes a dead letter. */
  #failed(job: Job, error: unknown): Promise<void> | undefined {
    const { options, stats, signal, onRefusal } = this.#parts;
    stats.errors += 1;
    if (signal.aborted) return undefined;
    if (error instanceof Refused && isFinal(error)) {
      const { code, message, details } = error;
      onRefusal({ ok: false, code, message, details });
      return undefined;
    }
    const isBusy = error instanceof Refused && error.code === 'OVERLOADED';
    if (isBusy || job.attempt <= options.maxRetries) return this.#again(job);
    if (options.onError === 'ignore') {
      this.#passOver(job);
      return undefined;
    }
    return this.#giveUp(job, error);
  }

  async #again(job: Job): Promise<void> {
    await this.#pause(job.attempt);
    if (await this.#parts.untilActive()) await this.#attempt({ ...job, attempt: job.attempt + 1 });
  }

  #passOver(job: Job): void {
    const { options, progress } = this.#parts;
    if (options.delivery === 'at-most-once') return;
    if (job.letter === undefined) progress.done(job);
    else this.#keepLetters(job, new Error('it was ignored'), []);
  }

  /** It becomes a dead letter, in the commit that says that it is done. */
  #giveUp(job: Job, error: unknown): Promise<void> | undefined {
    const { options, progress } = this.#parts;
    const isDone = options.delivery === 'at-most-once' || job.letter !== undefined;
    const advance = isDone ? undefined : progress.advanceTo(job);
    const refusal = this.#keepLetters(job, error, advance === undefined ? [] : [advance]);
    if (refusal === undefined) {
      if (!isDone) progress.advanced(job);
    } else if (isFinal(refusal)) this.#parts.onRefusal(refusal);
    else if (refusal.code === 'OVERLOADED') return this.#again(job);
    else this.#parts.onKept({ ...job, attempt: 1 }, refusal);
    return undefined;
  }

  #keepLetters(job: Job, error: unknown, last: readonly BusCommand[]): Refusal | undefined {
    const { ports, source } = this.#parts;
    const letters = job.entries.map((entry) => this.#letter(job, entry, error));
    for (let at = 0; at < letters.length; at += LETTERS_PER_COMMAND) {
      const some = letters.slice(at, at + LETTERS_PER_COMMAND);
      const isLast = at + LETTERS_PER_COMMAND >= letters.length;
      const commands = isLast ? [...some, ...last] : some;
      const compound = { type: 'compound.apply', payload: { commands } };
      const { refusal, answer } = ports.ask({ ...compound, ...labelsOf(job) }, source);
      if (refusal !== undefined) return refusal;
      answer.catch(() => undefined); // a halt is told elsewhere
    }
    return undefined;
  }

  #letter({ attempt, letter }: Job, { fact }: WindowEntry, error: unknown): BusCommand {
    const subscription = this.#parts.options.name ?? this.#parts.id;
    const payload = {
      letterId: letter?.id ?? `${subscription}/${fact.sequence}`,
      subscription,
      eventSequence: fact.sequence,
      attempts: attempt + (letter?.attempts ?? 0),
      error: described(error),
    };
    return { type: 'deadletter.add', payload };
  }

  /** The command that says that a delivery is done; undefined when nobody keeps it. */
  #doneCommand(job: Job): BusCommand | undefined {
    if (job.letter === undefined) return this.#parts.progress.advanceTo(job);
    return { type: 'deadletter.resolve', payload: { letterId: job.letter.id } };
  }

  #askAside(job: Job, command: BusCommand): void {
    const { ports, source, onRefusal } = this.#parts;
    const { refusal, answer } = ports.ask({ ...command, ...labelsOf(job) }, source);
    answer.catch(() => undefined); // a halt is told elsewhere
    if (refusal !== undefined && refusal.code !== 'NOT_FOUND' && isFinal(refusal))
      onRefusal(refusal);
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

/** What ties a command to the event that is handled. */
function labelsOf({ entries: [entry] }: Job): BusLabels {
  if (entry === undefined) return {};
  const { id, metadata } = entry.event;
  return { causationId: id, correlationId: metadata.correlationId };
}

/** Somebody else handled the event, or dropped the letter. `part` is that which says that it is done. */
function isAlreadyDone({ code, details }: Refusal, part?: number): boolean {
  const isProgress = code === 'VERSION_CONFLICT' && details['name'] !== undefined;
  const isLetter = code === 'NOT_FOUND' && details['letterId'] !== undefined;
  return (isProgress || isLetter) && (part === undefined || details['part'] === part);
}

/** A refusal of a part is about that part, and may be mended; one of the whole is about who asks. */
function isFinal({ code, details }: Pick<Refusal, 'code' | 'details'>): boolean {
  return FINAL.has(code) && details['part'] === undefined;
}

function described(error: unknown): { readonly code: string; readonly message: string } {
  const code = error instanceof Refused || error instanceof Fault ? error.code : 'HANDLER_FAILED';
  const message = error instanceof Error ? error.message : String(error);
  return { code, message: message.slice(0, MESSAGE_CHARS_MAX) };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | undefined | null)?.then === 'function';
}
