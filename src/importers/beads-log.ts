/**
 * The event log of beads: its records in the order of their times, however its lines are ordered.
 *
 * The order is (created_at, id): ids grow with time inside each of the tables from which beads writes its log, and between the
 * tables only the time, which has a resolution of one second, says what came first.
 */
import { Fault } from '../core/errors.ts';
import { readRecord, type BeadsRecord } from './beads-record.ts';
import { LINE_BYTES_MAX, LineFile, type Line, type LinePlace } from './line-file.ts';

/** A line that is no record. */
export interface BadLine {
  readonly number: number;
  readonly message: string;
}

interface RecordPlace extends LinePlace {
  readonly timeMs: number;
  readonly id: number | string;
}

/** An event log of beads that is open for reading. */
export class BeadsLog {
  readonly #file: LineFile;
  readonly #places: readonly RecordPlace[];
  /** The SHA-256 of the file. */
  readonly sha256: string;
  readonly badLines: readonly BadLine[];

  private constructor(
    file: LineFile,
    parts: {
      readonly places: readonly RecordPlace[];
      readonly sha256: string;
      readonly badLines: readonly BadLine[];
    },
  ) {
    this.#file = file;
    this.#places = parts.places;
    this.sha256 = parts.sha256;
    this.badLines = parts.badLines;
  }

  /** Reads a file through. Throws `INVALID_INPUT` when it cannot be read, or when no line of it is a record. */
  static async open(path: string): Promise<BeadsLog> {
    const file = await LineFile.open(path);
    try {
      const places: RecordPlace[] = [];
      const badLines: BadLine[] = [];
      const sha256 = await file.scan((line) => {
        const { number, offset, bytes } = line;
        const read = readLine(line);
        if (read === undefined) return;
        if (!read.ok) badLines.push({ number, message: read.message });
        else places.push({ number, offset, bytes, timeMs: read.record.timeMs, id: read.record.id });
      });
      if (places.length === 0) throw noRecords(path, badLines);
      return new BeadsLog(file, { places: places.toSorted(inOrder), sha256, badLines });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** How many records there are, bad lines included. */
  get size(): number {
    return this.#places.length + this.badLines.length;
  }

  /** When the first record was. */
  get startMs(): number {
    return this.#places[0]?.timeMs ?? 0;
  }

  /** The records, the earliest first. */
  async *records(): AsyncGenerator<BeadsRecord> {
    for (const place of this.#places) {
      const read = readRecord((await this.#file.read(place)) ?? '');
      if (!read.ok || read.record.timeMs !== place.timeMs) {
        const message = `Line ${place.number} was changed while the file was imported.`;
        throw new Fault('INVALID_INPUT', message, { details: { line: place.number } });
      }
      yield read.record;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** A record, or what is wrong with the line; undefined for an empty one. */
function readLine({ text, bytes }: Line): ReturnType<typeof readRecord> | undefined {
  if (text !== undefined) return text.trim() === '' ? undefined : readRecord(text);
  const message =
    bytes > LINE_BYTES_MAX ? `longer than ${LINE_BYTES_MAX} bytes` : 'not text in UTF-8';
  return { ok: false, message };
}

function inOrder(a: RecordPlace, b: RecordPlace): number {
  if (a.timeMs !== b.timeMs) return a.timeMs - b.timeMs;
  const byId = typeof a.id === 'number' && typeof b.id === 'number' ? a.id - b.id : 0;
  return byId === 0 ? a.number - b.number : byId;
}

function noRecords(path: string, [first]: readonly BadLine[]): Fault {
  const why =
    first === undefined
      ? 'it is empty'
      : `no line of it is a record of beads (line ${first.number}: ${first.message})`;
  return new Fault('INVALID_INPUT', `${path} cannot be imported: ${why}.`, { details: { path } });
}
