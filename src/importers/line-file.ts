/**
 * A file of lines, read as a stream once, and after that line by line at its place.
 *
 * Holds one line in memory and none that is longer than the limit (I12): an import needs its records in the order of their
 * times, which a file of any size may not have, so what is kept of a line is where it is.
 * Not here: what a line means.
 */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { Fault } from '../core/errors.ts';

/** Where a line is. */
export interface LinePlace {
  /** From 1, as editors count. */
  readonly number: number;
  /** In bytes from the beginning of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A line as it was read; its text is undefined when it is too long, or no UTF-8. */
export interface Line extends LinePlace {
  readonly text: string | undefined;
}

const CHUNK_BYTES = 65_536;
/** The longest line: a record of the largest item seen so far has 18 KB. */
export const LINE_BYTES_MAX = 1_048_576;
const NEWLINE = 0x0a;
const decoder = new TextDecoder('utf-8', { fatal: true }); // leaves out a byte order mark

/** A file that is open for reading. */
export class LineFile {
  readonly #handle: FileHandle;
  readonly #path: string;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  /** Opens a file. Throws `INVALID_INPUT` when there is none, or when it is a directory or a pipe. */
  static async open(path: string): Promise<LineFile> {
    const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
      throw unreadable(path, error.code === 'ENOENT' ? 'there is no such file' : error.message);
    });
    if ((await handle.stat()).isFile()) return new LineFile(handle, path);
    await handle.close();
    throw unreadable(path, 'it is no regular file');
  }

  /** Hands over every line in the order of the file, and answers with the SHA-256 of all bytes. */
  async scan(take: (line: Line) => void): Promise<string> {
    const hash = createHash('sha256');
    const lines = new LineSplitter(take);
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK_BYTES, null).catch(this.#fail);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      hash.update(chunk);
      lines.push(chunk);
    }
    lines.end();
    return hash.digest('hex');
  }

  /** Reads a line again. */
  async read({ offset, bytes }: LinePlace): Promise<string | undefined> {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await this.#handle.read(buffer, 0, bytes, offset).catch(this.#fail);
    return textOf(buffer.subarray(0, bytesRead));
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  readonly #fail = (error: Error): never => {
    throw unreadable(this.#path, error.message);
  };
}

class LineSplitter {
  readonly #take: (line: Line) => void;
  #number = 1;
  #offset = 0;
  #bytes = 0;
  #parts: Buffer[] = [];

  constructor(take: (line: Line) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at));
      this.#give();
      from = at + 1;
    }
    this.#keep(Buffer.from(chunk.subarray(from))); // a copy: the chunk is read over
  }

  end(): void {
    if (this.#bytes > 0) this.#give();
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > LINE_BYTES_MAX) this.#parts = [];
    else this.#parts.push(part);
  }

  #give(): void {
    const isTooLong = this.#bytes > LINE_BYTES_MAX;
    const text = isTooLong ? undefined : textOf(Buffer.concat(this.#parts));
    this.#take({ number: this.#number, offset: this.#offset, bytes: this.#bytes, text });
    this.#number += 1;
    this.#offset += this.#bytes + 1;
    this.#bytes = 0;
    this.#parts = [];
  }
}

function textOf(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function unreadable(path: string, why: string): Fault {
  return new Fault('INVALID_INPUT', `${path} cannot be imported: ${why}.`, { details: { path } });
}
