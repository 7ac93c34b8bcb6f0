/**
 * The changes that one watcher has not taken yet, as an async iterator.
 *
 * Keeps I2 (a change is given out when its commit is durable) and I12 (what waits is bounded: a watcher that is too slow is
 * told so, after the last commit that it was told in whole). Not here: what a change is (watch.ts).
 */
import { refuse, Refused, type Refusal } from '../core/errors.ts';
import type { AgentIdentity } from '../events/identity.ts';

/** A place that a commit changed. */
export interface StateChange<T = unknown> {
  /** The path, in full. */
  readonly path: string;
  /** The value as the commit left it; undefined when the place is gone. */
  readonly value: T;
  /** Its version, as `read` gave it right after the commit. For a place that is gone, that of its end. */
  readonly version: number;
  readonly deleted?: true;
  /** Who wrote that version. */
  readonly by: AgentIdentity;
  /** The last sequence of the commit: the value is that of the state at this sequence. */
  readonly sequence: number;
}

/** How a watcher learns of the end. */
export interface QueueEnd {
  /** Called once, when nobody will take anything any more. */
  readonly onEnd: () => void;
  /** Ends the iteration, as `return` does. */
  readonly signal?: AbortSignal | undefined;
}

interface Taker {
  resolve(result: IteratorResult<StateChange, undefined>): void;
  reject(reason: Refused): void;
}

const DONE = { done: true, value: undefined } as const;

/** The queue of one watcher. */
export class WatchQueue implements AsyncIterableIterator<StateChange, undefined> {
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = () => this.#finish();
  /** Folded, and not durable yet. */
  #folded: StateChange[] = [];
  #ready: StateChange[] = [];
  /** Who waits for a change; nothing is ready then. */
  #takers: Taker[] = [];
  /** The last commit that is in the queue as a whole, or was taken. */
  #sequence: number;
  /** Why nothing more is taken in; told as the reason once everything before it is durable. */
  #overflow: Refusal | undefined;
  /** Why it ends; told once everything that is ready was taken. */
  #reason: Refusal | undefined;
  #isDone = false;

  constructor(sequence: number, { onEnd, signal }: QueueEnd) {
    this.#sequence = sequence;
    this.#onEnd = onEnd;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#stop, { once: true });
  }

  get isFull(): boolean {
    return this.#overflow !== undefined;
  }

  /** Takes the changes of a folded commit; when they are too many, none of them and nothing more. */
  offer(changes: readonly StateChange[], sequence: number, max: number): void {
    if (this.#folded.length + this.#ready.length + changes.length > max) {
      this.#overflow = tooSlow(max, this.#sequence);
      this.#endWhenFull();
      return;
    }
    for (const change of changes) this.#folded.push(change);
    this.#sequence = sequence;
  }

  /** Gives out what is durable now. */
  durable(sequence: number): void {
    const later = this.#folded.findIndex((change) => change.sequence > sequence);
    const ready = later === -1 ? this.#folded : this.#folded.slice(0, later);
    this.#folded = later === -1 ? [] : this.#folded.slice(later);
    for (const change of ready) {
      const taker = this.#takers.shift();
      if (taker === undefined) this.#ready.push(change);
      else taker.resolve({ done: false, value: change });
    }
    this.#endWhenFull();
  }

  #endWhenFull(): void {
    if (this.#overflow !== undefined && this.#folded.length === 0) this.close(this.#overflow);
  }

  /** Ends with a reason, after what is ready. What is not durable is never told. */
  close(reason: Refusal): void {
    if (this.#isDone) return;
    this.#folded = [];
    this.#reason ??= reason;
    const first = this.#takers.shift();
    if (first === undefined) return;
    first.reject(new Refused(this.#reason));
    this.#finish();
  }

  /** The next change. Throws why the watch ended, once, when it was not its own wish. */
  next(): Promise<IteratorResult<StateChange, undefined>> {
    const value = this.#ready.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#reason !== undefined && !this.#isDone) {
      this.#finish();
      return Promise.reject(new Refused(this.#reason));
    }
    if (this.#isDone) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject });
    });
  }

  /** Ends the watch; leaving a `for await` loop does it too. */
  return(): Promise<IteratorResult<StateChange, undefined>> {
    this.#finish();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#folded = [];
    this.#ready = [];
    for (const taker of this.#takers.splice(0)) taker.resolve(DONE);
    this.#signal?.removeEventListener('abort', this.#stop);
    this.#onEnd();
  }
}

function tooSlow(max: number, sequence: number): Refusal {
  return refuse(
    'LIMIT_EXCEEDED',
    `More than ${max} changes waited for this watch (watchBufferMax). Read what it watches again, and watch anew.`,
    { limit: 'watchBufferMax', max, sequence },
  );
}
