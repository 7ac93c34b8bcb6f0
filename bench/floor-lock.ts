/**
 * The floor of a contended lock: one resource, its requests and releases durable on the floor, its queue in memory.
 *
 * It passes the lock on exactly as early as a correct coordinator may. A request has its place in the queue when it is made. The
 * release chooses the next holder when it is decided, not when it is durable, because one record holds the release and the grant;
 * the next holder is told when that record is durable, because a lock is not to be trusted before. So a turn costs one
 * sync: the request of who just released shares a block with the release of who comes next.
 * Not here: time limits, types of locks, priorities, and any check of who releases.
 */
import type { FloorAppend } from './floor-writers.ts';

/** An exclusive lock, granted in the order of asking. */
export class FloorLock {
  readonly #append: FloorAppend;
  /** Tells those who wait that it is their turn, in order. */
  readonly #queue: (() => void)[] = [];
  #isHeld = false;

  constructor(append: FloorAppend) {
    this.#append = append;
  }

  /** Resolves when the request is durable and the lock is the caller's. */
  async acquire(): Promise<void> {
    const turn = this.#turn();
    await this.#append();
    await turn;
  }

  /** Resolves when the release is durable; the next holder is told just before. */
  async release(): Promise<void> {
    const durable = this.#append();
    const tellNext = this.#queue.shift();
    this.#isHeld = tellNext !== undefined;
    await durable;
    tellNext?.(); // first, so that what it does next is not one block late
  }

  #turn(): Promise<void> {
    if (this.#isHeld) return new Promise((resolve) => this.#queue.push(resolve));
    this.#isHeld = true;
    return Promise.resolve();
  }
}
