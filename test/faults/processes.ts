/** Real processes and real directories, for the tests of faults. Programs run against `dist`, as users' do. */
import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const WRITER = here('writer.mjs');
const OPENER = here('opener.mjs');

/** Throws when there is nothing to run. */
export function requireDist(): void {
  if (existsSync(here('../../dist/src/index.js'))) return;
  throw new Error(
    'dist/ is missing: these tests run the built program. Run `npm test`, or `npm run build` first.',
  );
}

/** Directories that are removed after each test. Other users may look into them. */
export function temporaryDirectories(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
  });
  return () => {
    const path = mkdtempSync(join(tmpdir(), 'stigmergy-faults-'));
    chmodSync(path, 0o755);
    made.push(path);
    return join(path, 'swarm');
  };
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a writer said. */
export interface Heard {
  /** The sequence that it found durable when it opened. */
  opened: number;
  /** What was acknowledged: the id that the event at a sequence is about. */
  readonly acknowledged: Map<number, string>;
  /** What everybody was told when a write failed. */
  failed: unknown;
}

/** A running `writer.mjs`. */
export class Writer {
  readonly heard: Heard = { opened: 0, acknowledged: new Map(), failed: undefined };
  /** Resolves at the first acknowledgement; rejects when the writer ends before it. */
  readonly writing: Promise<void>;
  /** Resolves when the process has ended and all that it said was read. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  #complaints = '';

  /** `shell` goes before the program, for limits of the process. */
  constructor(
    directory: string,
    options: { everyEvents?: number; messageChars?: number; shell?: string } = {},
  ) {
    const { everyEvents = 100, messageChars = 20, shell = '' } = options;
    const script = `${shell} exec "$0" "$@"`;
    const program = [
      process.execPath,
      WRITER,
      directory,
      String(everyEvents),
      String(messageChars),
    ];
    this.#process = spawn('/bin/bash', ['-c', script, ...program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process.stderr.on('data', (text: Buffer) => (this.#complaints += text.toString()));
    const lines = createInterface({ input: this.#process.stdout });
    const closed = new Promise<void>(
      (resolve) => void this.#process.once('close', () => resolve()),
    );
    const read = new Promise<void>((resolve) => void lines.once('close', () => resolve()));
    this.ended = both(closed, read);
    this.writing = new Promise((resolve, reject) => {
      lines.on('line', (line) => this.#hear(line) && resolve());
      void this.ended.then(() =>
        reject(new Error(`The writer ended before it wrote: ${this.#complaints}`)),
      );
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** What it wrote to standard error. */
  get complaints(): string {
    return this.#complaints;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  /** True for an acknowledgement. */
  #hear(line: string): boolean {
    const [first = '', second = ''] = line.split(' ');
    if (first === 'opened') this.heard.opened = Number(second);
    else if (first === 'failed') this.heard.failed = JSON.parse(line.slice(first.length));
    else this.heard.acknowledged.set(Number(first), second);
    return /^\d+$/.test(first);
  }
}

async function both(one: Promise<void>, other: Promise<void>): Promise<void> {
  await one;
  await other;
}

/** What `opener.mjs` said. */
export type Opened =
  | { readonly ok: true; readonly sequence: number; readonly stateHash: string }
  | {
      readonly ok: false;
      readonly name: string;
      readonly code: string;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** Opens a swarm in another process, and closes it again. */
export async function openElsewhere(options: {
  readonly directory: string;
  readonly readonly?: boolean;
  readonly uid?: number;
}): Promise<Opened> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [OPENER, JSON.stringify(options)], (error, out, complaints) => {
      if (error === null) resolve(JSON.parse(out) as Opened);
      else reject(new Error(`${error.message}\n${complaints}`));
    });
  });
}

/** Waits for so many milliseconds. */
export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
