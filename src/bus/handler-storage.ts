/**
 * What handlers store: values beside the log, in the batch that makes their effects durable.
 *
 * A write is seen by later handlers as soon as it is decided, and by nobody after a crash unless its commit was durable.
 * Outside the state and outside time travel, as the specification's `StateStorage` is.
 */
import type { LogDatabase, KeyWrite } from '../events/log.ts';

const PREFIX = 'data/';
/** A key is a name, not a document. */
export const STORAGE_KEY_CHARS_MAX = 512;

/** Texts by key; undefined where one is deleted. */
export type StorageWrites = ReadonlyMap<string, string | undefined>;

interface Pending {
  readonly text: string | undefined;
  readonly sequence: number;
}

/** The values of one swarm. */
export class HandlerStorage {
  readonly #database: LogDatabase;
  /** Decided, and not durable yet. */
  readonly #pending = new Map<string, Pending>();

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  /** The value of a key as JSON text; undefined where there is none. */
  async get(key: string): Promise<string | undefined> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending.text;
    const bytes = await this.#database.get(PREFIX + key);
    // While it was read, a write of it may have been decided.
    const since = this.#pending.get(key);
    return since === undefined ? bytes?.toString('utf8') : since.text;
  }

  /** Writes as the log takes them. */
  toKeyWrites(writes: StorageWrites): readonly KeyWrite[] {
    return Array.from(writes, ([key, text]) => ({
      key: PREFIX + key,
      value: text === undefined ? undefined : Buffer.from(text),
    }));
  }

  /** Shows writes from now on, which become durable with a sequence. */
  show(writes: StorageWrites, sequence: number): void {
    for (const [key, text] of writes) this.#pending.set(key, { text, sequence });
  }

  /** Lets go of what the database has. */
  durable(through: number): void {
    if (this.#pending.size === 0) return;
    for (const [key, { sequence }] of this.#pending) {
      if (sequence <= through) this.#pending.delete(key);
    }
  }
}
