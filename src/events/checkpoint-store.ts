/**
 * Where checkpoints are kept: beside the log, in the same database, as slices of text under the sequence they are of.
 *
 * The record that names a checkpoint is written last and synced, with the chain's hash at its sequence and a checksum over the
 * slices; what a crash left half written has no such record and is never found.
 */
import { sha256OfLines } from '../core/hash.ts';
import type { LogDatabase } from './log.ts';

/** What names a checkpoint. `header` belongs to whoever made the copy. */
export interface CheckpointRecord<Header = unknown> {
  readonly sequence: number;
  /** The hash of the block that ends at its sequence. */
  readonly hash: string;
  readonly slices: number;
  readonly checksum: string;
  readonly header: Header;
}

const NAMES = 'checkpoint/';
const SLICES = 'checkpoint-slice/';

/** The checkpoints of one log. */
export class CheckpointStore {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  /** Writes a checkpoint slice by slice, letting others work in between. */
  async save<Header>(
    at: { readonly sequence: number; readonly hash: string; readonly header: Header },
    slices: Iterable<string>,
  ): Promise<void> {
    const texts: string[] = [];
    for (const text of slices) {
      await this.#database.put(sliceKey(at.sequence, texts.length), Buffer.from(text));
      texts.push(sha256OfLines([text]));
    }
    const record: CheckpointRecord<Header> = {
      ...at,
      slices: texts.length,
      checksum: sha256OfLines(texts),
    };
    const name = Buffer.from(JSON.stringify(record));
    await this.#database.put(NAMES + keyOf(at.sequence), name, { sync: true } as object);
  }

  /** The checkpoints up to a sequence, the newest first. One that cannot be read is left out. */
  async list<Header>(upTo: number): Promise<CheckpointRecord<Header>[]> {
    const range = { gt: NAMES, lte: NAMES + keyOf(upTo), reverse: true };
    const found: CheckpointRecord<Header>[] = [];
    for await (const bytes of this.#database.values(range)) {
      try {
        found.push(JSON.parse(bytes.toString()) as CheckpointRecord<Header>);
      } catch {
        // A damaged name is as good as none: the log is the truth.
      }
    }
    return found;
  }

  /** The slices of a checkpoint; undefined when they are not what was written. */
  async read({ sequence, slices, checksum }: CheckpointRecord): Promise<string[] | undefined> {
    const range = { gte: sliceKey(sequence, 0), lt: sliceKey(sequence, slices) };
    const texts = (await this.#database.values(range).all()).map((bytes) => bytes.toString());
    return sha256OfLines(texts.map((text) => sha256OfLines([text]))) === checksum
      ? texts
      : undefined;
  }

  /** Deletes all but the newest checkpoints. */
  async prune(keep: number): Promise<void> {
    const old = (await this.list(Number.MAX_SAFE_INTEGER)).slice(keep);
    for (const { sequence } of old) {
      await this.#database.del(NAMES + keyOf(sequence)); // first the name, so that it is never found half deleted
      await this.#database.clear({
        gte: sliceKey(sequence, 0),
        lt: `${SLICES}${keyOf(sequence)}/~`,
      });
    }
  }
}

function keyOf(sequence: number): string {
  return String(sequence).padStart(16, '0');
}

function sliceKey(sequence: number, index: number): string {
  return `${SLICES}${keyOf(sequence)}/${String(index).padStart(8, '0')}`;
}
