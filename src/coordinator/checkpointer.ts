/**
 * Takes checkpoints while commands go on: at the end of a block, every so many events, in the background.
 *
 * A copy is written once its block is durable, so no checkpoint is ever ahead of the log (I2). One that cannot be written is
 * given up; the log does without.
 */
import { setImmediate as yieldToCommands } from 'node:timers/promises';
import { CheckpointStore } from '../events/checkpoint-store.ts';
import type { EventLog } from '../events/log.ts';
import { copyState, rowCount, type CheckpointCopy } from '../projections/checkpoint.ts';
import type { Projector } from '../projections/projector.ts';

/** How often checkpoints are taken, and how many are kept. */
export interface CheckpointPolicy {
  /** Events between two checkpoints; more when the state is large, so that the cost per event is bounded. */
  readonly everyEvents: number;
  readonly keep: number;
}

export const DEFAULT_CHECKPOINTS: CheckpointPolicy = { everyEvents: 20_000, keep: 2 };

/** After a checkpoint of so many rows at least so many times as many events: a large state is not written again and again. */
const EVENTS_PER_ROW = 2;
/** A close with fewer events since the last checkpoint takes none: replaying them is as quick. */
const EVENTS_AT_CLOSE_MIN = 1_000;

/** Takes the checkpoints of one swarm. */
export class Checkpointer {
  readonly #log: EventLog;
  readonly #projector: Projector;
  readonly #policy: CheckpointPolicy;
  readonly #store: CheckpointStore;
  #last: number;
  #lastRows: number;
  #copy: CheckpointCopy | undefined;
  #writing: Promise<void> | undefined;

  constructor(log: EventLog, projector: Projector, policy: CheckpointPolicy, last: number) {
    this.#log = log;
    this.#projector = projector;
    this.#policy = policy;
    this.#last = last;
    this.#lastRows = rowCount(projector);
    this.#store = new CheckpointStore(log.database);
  }

  /** A block leaves, and everything decided so far is in it or before it: the moment at which a copy fits the log. */
  sealed(sequence: number): void {
    if (this.#copy !== undefined || this.#writing !== undefined) return;
    const every = Math.max(this.#policy.everyEvents, this.#lastRows * EVENTS_PER_ROW);
    if (sequence - this.#last < every || this.#projector.sequence !== sequence) return;
    this.#lastRows = rowCount(this.#projector);
    this.#copy = copyState(this.#projector);
  }

  /** A block is durable: if it was the one that was copied, the copy may be written. */
  durable(): void {
    const copy = this.#copy;
    if (copy === undefined || copy.header.sequence !== this.#log.head.sequence) return;
    this.#copy = undefined;
    this.#writing = this.#write(copy, this.#log.head.hash).finally(() => {
      this.#writing = undefined;
    });
  }

  /** Waits for what is being written, and saves the end of the log for the next opening. */
  async close(): Promise<void> {
    await this.#writing;
    const { sequence, hash } = this.#log.head;
    const isQuiet = this.#projector.sequence === sequence;
    if (isQuiet && sequence - this.#last >= EVENTS_AT_CLOSE_MIN) {
      await this.#write(copyState(this.#projector), hash);
    }
  }

  async #write(copy: CheckpointCopy, hash: string): Promise<void> {
    const { sequence } = copy.header;
    this.#last = sequence;
    try {
      await this.#store.save({ sequence, hash, header: copy.header }, copy.slices());
      await yieldToCommands();
      await this.#store.prune(this.#policy.keep);
    } catch {
      // A cache that cannot be written is no loss: the log is complete, and it says so itself when the disk is full.
    }
  }
}
