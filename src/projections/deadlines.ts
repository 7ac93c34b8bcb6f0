/**
 * The deadlines of the state, the earliest first (I9).
 *
 * Nothing is removed when a deadline moves: an entry that comes up too early is put back at its present time, and one whose
 * thing is gone is dropped. So a sign of life costs nothing here. What a deadline is now, only the records know.
 */
import TinyQueue from 'tinyqueue';
import type { Deadline } from '../events/view.ts';

/** Says when something runs out now; undefined when it no longer does. */
export type DeadlineNow = (deadline: Deadline) => number | undefined;

const ENTRIES_MIN = 4_096;

/** A queue of deadlines. */
export class Deadlines {
  #queue = new TinyQueue<Deadline>([], compare);
  /** With so many entries the dead ones among them are thrown out. */
  #sweepAt = ENTRIES_MIN;
  readonly #queued = new Map<string, number>();
  readonly #now: DeadlineNow;

  constructor(now: DeadlineNow) {
    this.#now = now;
  }

  /** Notes that something runs out at a time; one entry per thing, at the earliest time that was noted. */
  note(deadline: Deadline): void {
    const key = keyOf(deadline);
    const queuedMs = this.#queued.get(key);
    if (queuedMs !== undefined && queuedMs <= deadline.atMs) return;
    this.#queued.set(key, deadline.atMs);
    this.#queue.push(deadline);
    if (this.#queue.length >= this.#sweepAt) this.#sweep();
  }

  /** Keeps what still runs out: otherwise a released lock would be kept in mind until it would have expired (I12). */
  #sweep(): void {
    const live = this.all();
    this.#queue = new TinyQueue<Deadline>([...live], compare);
    this.#queued.clear();
    for (const deadline of live) this.#queued.set(keyOf(deadline), deadline.atMs);
    this.#sweepAt = Math.max(ENTRIES_MIN, live.length * 2);
  }

  /** The earliest deadline; undefined when nothing runs out. */
  next(): Deadline | undefined {
    for (let first = this.#queue.peek(); first !== undefined; first = this.#queue.peek()) {
      const key = keyOf(first);
      const nowMs = this.#queued.get(key) === first.atMs ? this.#now(first) : undefined;
      if (nowMs === first.atMs) return first;
      this.#queue.pop();
      if (this.#queued.get(key) !== first.atMs) continue; // a later or an earlier entry stands for it
      this.#queued.delete(key);
      if (nowMs !== undefined) this.note({ ...first, atMs: nowMs });
    }
    return undefined;
  }

  /** Every deadline at its present time, the earliest first. Sorts: for hashes and for people. */
  all(): readonly Deadline[] {
    const found = new Map<string, Deadline>();
    for (const entry of this.#queue.data) {
      const atMs = this.#now(entry);
      if (atMs !== undefined) found.set(keyOf(entry), { ...entry, atMs });
    }
    return [...found.values()].toSorted(compare);
  }

  /** A lower bound of the earliest deadline, without looking at the records. */
  get earliestMs(): number {
    return this.#queue.peek()?.atMs ?? Number.POSITIVE_INFINITY;
  }
}

/** A lock id may be used again for another resource, which is another thing. */
function keyOf(deadline: Deadline): string {
  const { kind, id } = deadline;
  return 'resource' in deadline ? `${kind}/${id}/${deadline.resource}` : `${kind}/${id}`;
}

/** By time; the name breaks ties, so that a replay and a live run agree. */
function compare(a: Deadline, b: Deadline): number {
  if (a.atMs !== b.atMs) return a.atMs - b.atMs;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
