/**
 * Where checkpoints are kept: beside the log, in the same database, as slices of text under the sequence they are of.
 *
 * The record that names a checkpoint is written last and synced, with the chain's hash at its sequence and a checksum over
 * itself and the slices; what a crash left half written has no such record and is never found. What is damaged is as good as
 * not there: the log is the truth.
 */
import { sha256, sha256OfLines } from '../core/hash.ts';
import { canonicalJson } from '../core/json.ts';
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
const READ_BYTES_MAX = 8_388_608;

/** The checkpoints of one log. */
export class CheckpointStore {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  /** Writes a checkpoint slice by slice, letting others work in between. */
  async save(
    at: { readonly sequence: number; readonly hash: string; readonly header: unknown },
    slices: Iterable<string>,
  ): Promise<void> {
    const hashes: string[] = [];
    for (const text of slices) {
      const bytes = Buffer.from(text);
      await this.#database.put(sliceKey(at.sequence, hashes.length), bytes);
      hashes.push(sha256(bytes));
    }
    const named = { ...at, slices: hashes.length };
    const record: CheckpointRecord = { ...named, checksum: checksumOf(named, hashes) };
    const name = Buffer.from(JSON.stringify(record));
    await this.#database.put(NAMES + keyOf(at.sequence), name, { sync: true } as object);
  }

  /** The checkpoints up to a sequence, the newest first. One whose name cannot be read is left out. */
  async list<Header>(upTo: number): Promise<CheckpointRecord<Header>[]> {
    const range = { gt: NAMES, lte: NAMES + keyOf(upTo), reverse: true };
    const entries = await this.#database
      .iterator(range)
      .all()
      .catch(() => []);
    return entries
      .map(([key, bytes]) => recordOf<Header>(key, bytes))
      .filter((record) => record !== undefined);
  }

  /** The sequence of the newest checkpoint, by its key alone; 0 when there is none. The log was durable up to there once. */
  async newest(): Promise<number> {
    const range = { gt: NAMES, lt: `${NAMES}~`, reverse: true, limit: 1 };
    const [key] = await this.#database
      .keys(range)
      .all()
      .catch(() => []);
    return key === undefined ? 0 : Number(key.slice(NAMES.length)) || 0;
  }

  /** The slices of a checkpoint; undefined when they, or its name, are not what was written. */
  async read({ checksum, ...named }: CheckpointRecord): Promise<readonly Buffer[] | undefined> {
    const { sequence, slices } = named;
    const range = { gte: sliceKey(sequence, 0), lt: sliceKey(sequence, slices) };
    const found = await this.#database
      .values({ ...range, highWaterMarkBytes: READ_BYTES_MAX } as object)
      .all()
      .catch(() => []);
    return checksumOf(named, found.map(sha256)) === checksum ? found : undefined;
  }

  /** Deletes all but the newest checkpoints. */
  async prune(keep: number): Promise<void> {
    const names = await this.#database.keys({ gt: NAMES, lt: `${NAMES}~`, reverse: true }).all();
    for (const name of names.slice(keep)) {
      await this.#database.del(name); // first the name, so that it is never found half deleted
      const slices = `${SLICES}${name.slice(NAMES.length)}/`;
      await this.#database.clear({ gte: slices, lt: `${slices}~` });
    }
  }
}

/** Over everything of the name but the checksum itself, and the hashes of the slices. */
function checksumOf(named: Omit<CheckpointRecord, 'checksum'>, hashes: readonly string[]): string {
  return sha256OfLines([canonicalJson(named), ...hashes]);
}

function recordOf<Header>(key: string, bytes: Uint8Array): CheckpointRecord<Header> | undefined {
  try {
    const record = JSON.parse(bytes.toString()) as CheckpointRecord<Header>;
    const isNamed = key === NAMES + keyOf(record.sequence) && Number.isSafeInteger(record.slices);
    return isNamed && typeof record.header === 'object' && record.header !== null
      ? record
      : undefined;
  } catch {
    return undefined;
  }
}

function keyOf(sequence: number): string {
  return String(sequence).padStart(16, '0');
}

function sliceKey(sequence: number, index: number): string {
  return `${SLICES}${keyOf(sequence)}/${String(index).padStart(8, '0')}`;
}
