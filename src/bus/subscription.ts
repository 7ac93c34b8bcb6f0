/**
 * One subscription: which event comes next, when a handler may run, and how far everything is done.
 *
 * It keeps a place in the log and no events; what it works at is bounded by its concurrency and the size of a batch (I12). It
 * works in steps, so that many subscriptions share a turn (bus.ts). Not here: what the guarantees promise (delivery.ts).
 */
import type { CancelTimer } from '../core/clock.ts';
import { refuse, type Fault, type Refusal } from '../core/errors.ts';
import type { DeadLetterRecord } from '../events/dead-letter.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { Delivery } from './delivery.ts';
import type { CompiledPattern, EventPattern } from './event-pattern.ts';
import type { Stretch, WindowEntry } from './event-window.ts';
import type { BusPorts } from './ports.ts';
import type { AnyHandler, Job } from './job.ts';
import { described } from './letter-writer.ts';
import { Progress } from './progress.ts';
import type { SettledOptions, SubscribeOptions } from './subscribe-options.ts';

/** A subscription (specification, `Subscription`). */
export interface Subscription {
  readonly id: string;
  readonly pattern: EventPattern;
  readonly status: 'active' | 'paused' | 'cancelled';
  readonly stats: {
    /** Events that were given to the handler. */
    readonly received: number;
    /** Of those, how many it handled. */
    readonly processed: number;
    /** How often it failed, retries included. */
    readonly errors: number;
  };
  /** Ours: the name of a durable subscription. */
  readonly name: string | undefined;
  /** Ours: the sequence of the next event that it looks at. */
  readonly next: number;
  /** Ours: why it was paused or cancelled by itself. */
  readonly reason: Refusal | undefined;
  /** Begins nothing more; what runs goes on. */
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** What a subscription is made of. */
export interface SubscriptionParts {
  readonly id: string;
  readonly source: AgentIdentity;
  readonly pattern: EventPattern;
  readonly compiled: CompiledPattern;
  readonly handler: AnyHandler;
  readonly options: SettledOptions;
  readonly filter: SubscribeOptions['filter'];
  readonly ports: BusPorts;
  /** The sequence of the first event that it looks at. */
  readonly next: number;
  /** Asks for a step. */
  readonly wake: (subscription: BusSubscription) => void;
  /** Told once, when it is over. */
  readonly onEnd: (subscription: BusSubscription) => void;
}

/** Events that one step looks at, wanted or not. */
const LOOKS_PER_STEP = 1_024;
/** Deliveries that one step begins. */
const STARTS_PER_STEP = 256;
/** Deliveries between two looks at the clock. */
const STARTS_PER_LOOK = 8;

/** A subscription at work. */
export class BusSubscription implements Subscription {
  readonly id: string;
  readonly pattern: EventPattern;
  readonly source: AgentIdentity;
  readonly stats = { received: 0, processed: 0, errors: 0 };
  /** Whether a step is asked for already. */
  isQueued = false;
  status: Subscription['status'] = 'active';
  reason: Refusal | undefined;
  next: number;
  readonly #parts: SubscriptionParts;
  readonly #abort = new AbortController();
  readonly #progress: Progress;
  readonly #delivery: Delivery;
  #inFlight = 0;
  #isReading = false;
  #fetched: Stretch | undefined;
  /** The dead letters that are being tried again. */
  readonly #lettersInHand = new Set<string>();
  /** What comes before the next event: letters that are tried again, and what could not be given up. */
  readonly #ready: Job[] = [];
  #batch: WindowEntry[] = [];
  #batchTimer: CancelTimer | undefined;
  #isBatchDue = false;
  #waiting: (() => void)[] = [];

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.pattern = parts.pattern;
    this.source = parts.source;
    this.next = parts.next;
    const { ports, source, options } = parts;
    const onRefusal = (refusal: Refusal) => this.end(refusal);
    this.#progress = new Progress({
      ports,
      source,
      name: options.name,
      through: parts.next - 1,
      onRefusal,
    });
    this.#delivery = new Delivery({
      ...parts,
      stats: this.stats,
      progress: this.#progress,
      signal: this.#abort.signal,
      untilActive: async () => this.#untilActive(),
      onRefusal,
      onKept: (job, refusal) => {
        this.#ready.unshift(job);
        this.#hold(refusal);
      },
    });
  }

  get name(): string | undefined {
    return this.#parts.options.name;
  }

  pause(): void {
    if (this.status === 'active') this.status = 'paused';
  }

  resume(): void {
    if (this.status !== 'paused') return;
    this.status = 'active';
    this.reason = undefined;
    this.#goOn();
    this.#parts.wake(this);
  }

  cancel(): void {
    if (this.status === 'cancelled') return;
    this.status = 'cancelled';
    this.#batchTimer?.();
    this.#progress.say();
    this.#abort.abort();
    this.#goOn();
    this.#parts.onEnd(this);
  }

  /** Cancels it for a reason: nothing that it asks for will be granted any more. */
  end(reason: Refusal): void {
    if (this.status === 'cancelled') return;
    this.reason = reason;
    this.cancel();
  }

  /** Gives the event of a dead letter again, before what comes next. */
  async retry(letter: DeadLetterRecord): Promise<void> {
    const { ports, compiled } = this.#parts;
    if (this.#lettersInHand.has(letter.id) || letter.ownerId !== this.#ownerId) return;
    this.#lettersInHand.add(letter.id);
    // When the log cannot be read, whoever reads it next says so, and the letter stays queued.
    const reading = Promise.resolve(ports.window.stretchAt(letter.eventSequence));
    const stretch = await reading.catch(() => undefined);
    const entry = stretch?.find(({ fact }) => fact.sequence === letter.eventSequence);
    if (entry === undefined || !compiled.matches(entry.fact)) {
      this.#lettersInHand.delete(letter.id);
      return;
    }
    this.#ready.push({ entries: [entry], attempt: 1, letter });
    this.#parts.wake(this);
  }

  /** Whose the subscription is. */
  get #ownerId(): string {
    const { ports, source, options } = this.#parts;
    return ports.ownerOf(options.name) ?? source.agentId;
  }

  /** Begins what can be begun, until its time is over. True when there is more to do at once. */
  step(isOver: () => boolean): boolean {
    const { options, ports } = this.#parts;
    if (!ports.isLive(this.source)) {
      this.cancel();
      return false;
    }
    const atOnce = options.ordered ? 1 : options.concurrency;
    for (let starts = 0; starts < STARTS_PER_STEP; starts++) {
      if (starts % STARTS_PER_LOOK === STARTS_PER_LOOK - 1 && isOver()) return true;
      // What ran just now may have paused or cancelled it.
      if (this.status !== 'active' || this.#isReading || this.#inFlight >= atOnce) return false;
      const job = this.#ready.shift() ?? this.#nextJob();
      if (job === undefined) return false;
      if (job === 'more') return true;
      this.#start(job);
    }
    return true;
  }

  /** What is to be delivered next; undefined when nothing is there yet, `more` when the search goes on in the next step. */
  #nextJob(): Job | 'more' | undefined {
    const { compiled, options, ports } = this.#parts;
    let looks = LOOKS_PER_STEP;
    while (looks > 0) {
      if (this.#isBatchDue) return this.#takeBatch();
      const stretch = this.#fetchedAt(this.next) ?? ports.window.stretchAt(this.next);
      if (stretch === undefined) return this.#caughtUp();
      if (stretch instanceof Promise) return this.#read(stretch);
      const first = stretch[0]?.fact.sequence ?? this.next;
      for (let at = this.next - first; at < stretch.length && looks > 0; at++, looks--) {
        const entry = stretch[at];
        this.next += 1;
        if (entry === undefined || !compiled.matches(entry.fact)) continue;
        if (this.#isAboutItself(entry)) continue;
        if (options.batch === undefined) return { entries: [entry], attempt: 1 };
        this.#batch.push(entry);
        if (this.#batch.length >= options.batch.maxSize) return this.#takeBatch();
      }
    }
    return 'more';
  }

  /** What was read for it, until it has looked at it. */
  #fetchedAt(sequence: number): Stretch | undefined {
    const first = this.#fetched?.[0]?.fact.sequence ?? Number.POSITIVE_INFINITY;
    const isIn = first <= sequence && sequence < first + (this.#fetched?.length ?? 0);
    if (!isIn) this.#fetched = undefined;
    return this.#fetched;
  }

  /** Its own dead letters are no news to it: it would fail at them again. */
  #isAboutItself({ fact: { type, payload } }: WindowEntry): boolean {
    if (!type.startsWith('deadletter.')) return false;
    const { letterId } = payload as { readonly letterId?: string };
    return letterId?.startsWith(`${this.name ?? this.id}/`) === true;
  }

  #read(reading: Promise<Stretch>): undefined {
    this.#isReading = true;
    const goOn = (stretch: Stretch) => {
      this.#fetched = stretch;
      this.#isReading = false;
      this.#parts.wake(this);
    };
    reading.then(goOn, (fault: Fault) => {
      this.#isReading = false;
      this.#hold(refuse(fault.code, fault.message, fault.details));
    });
    return undefined;
  }

  #caughtUp(): undefined {
    const { batch } = this.#parts.options;
    if (this.#batch.length > 0 && batch !== undefined && this.#batchTimer === undefined) {
      this.#batchTimer = this.#parts.ports.clock.schedule(batch.maxWait, () => {
        this.#isBatchDue = true;
        this.#parts.wake(this);
      });
    }
    if (this.#inFlight === 0 && this.#batch.length === 0) this.#progress.passed(this.next - 1);
    return undefined;
  }

  #takeBatch(): Job | undefined {
    this.#batchTimer?.();
    this.#batchTimer = undefined;
    this.#isBatchDue = false;
    const entries = this.#batch;
    this.#batch = [];
    return entries.length === 0 ? undefined : { entries, attempt: 1 };
  }

  #start(job: Job): void {
    this.#inFlight += 1;
    this.#progress.begin(job);
    const running = this.#delivery.deliver(job);
    if (running === undefined) {
      this.#over(job);
      return;
    }
    void this.#whileRunning(running, job);
  }

  async #whileRunning(running: Promise<void>, job: Job): Promise<void> {
    try {
      await running;
    } catch (error) {
      this.end(refuse('INTERNAL', described(error).message));
    }
    this.#over(job);
    this.#parts.wake(this);
  }

  #over({ letter }: Job): void {
    this.#inFlight -= 1;
    if (letter !== undefined) this.#lettersInHand.delete(letter.id);
  }

  async #untilActive(): Promise<boolean> {
    while (this.status === 'paused') {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    return this.status === 'active';
  }

  #goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Something keeps it from going on, which somebody can mend: it waits until it is resumed. */
  #hold(refusal: Refusal): void {
    if (this.status !== 'active') return;
    this.reason = refusal;
    this.pause();
  }
}
