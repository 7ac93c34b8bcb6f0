/**
 * The event log over an ordered database.
 *
 * Keeps I2 (a block is synced before anyone is answered), I3 (it is written and read whole), I4 (sequences have no gap), I7
 * (after a failed write nothing more is written) and I8 (an owner whose epoch is not the newest is refused).
 * One block is in flight at a time; what is offered meanwhile forms the next one. So the disk and the processor work at
 * the same time, and a lone command never waits for company.
 * Not here: what events mean (projections/), who is told (coordinator/).
 */
import type { AbstractLevel } from 'abstract-level';
import { atEndOfTurn } from '../core/clock.ts';
import { assert, Fault } from '../core/errors.ts';
import { sha256 } from '../core/hash.ts';
import {
  BlockBuilder,
  readBlockHead,
  corrupt,
  decodeBlock,
  decodeParsed,
  parseBlock,
} from './block.ts';
import type { Block, BlockText } from './block.ts';
import { firstSequence, type Commit } from './envelope.ts';

/** The database of a log: text keys in order, bytes as values. */
export type LogDatabase = AbstractLevel<string | Buffer | Uint8Array, string, Buffer>;

/** The end of a log. It is written in the batch of the last block, so the two are never apart. */
export interface LogHead {
  /** The sequence of the last event; 0 for an empty log. */
  readonly sequence: number;
  /** SHA-256 of the last block's stored bytes, in hexadecimal; 64 zeros for an empty log. */
  readonly hash: string;
  /** How many owners the log has had. */
  readonly epoch: number;
  readonly blocks: number;
  readonly commits: number;
}

/** A block with the hash of its stored bytes. */
export interface StoredBlock {
  readonly block: Block;
  readonly hash: string;
  readonly bytes: number;
}

/** Where reading starts: after a sequence, whose block had this hash. */
export interface LogPosition {
  readonly sequence: number;
  readonly hash: string;
}

/** A write beside the log, of a key that is none of the log's: it becomes durable with a commit. */
export interface KeyWrite {
  readonly key: string;
  /** Undefined deletes the key. */
  readonly value: Uint8Array | undefined;
}

/** Somebody who waits for a commit: answered with `value` when it is durable. */
export interface Waiter {
  resolve(value: unknown): void;
  reject(reason: Fault): void;
  readonly value: unknown;
}

/** Most commits in a block: enough to hide the cost of a sync, few enough to answer soon. */
export const BLOCK_COMMITS_MAX = 1_024;
/** From so many commits in the last block on, deciding takes about as long as a sync: see `#seal`. */
const PIPELINED_COMMITS_MIN = 256;
/** Most characters in a block, for the same reasons. */
export const BLOCK_CHARS_MAX = 524_288;
/** Most commits that wait for the disk; beyond that commands are refused (`OVERLOADED`). */
export const BACKLOG_COMMITS_MAX = 65_536;
/** Most characters that wait for the disk. */
export const BACKLOG_CHARS_MAX = 67_108_864;

const HEAD_KEY = 'head';
const BLOCK_PREFIX = 'block/';
/** Sorts after every block. */
const BLOCKS_END = `${BLOCK_PREFIX}~`;
const BLOCKS_PER_READ = 16;
/** Where an empty log starts. */
export const LOG_START: LogPosition = { sequence: 0, hash: '0'.repeat(64) };
const EMPTY: LogHead = { ...LOG_START, epoch: 0, blocks: 0, commits: 0 };

/** The key of the block whose first event has a sequence. */
export function blockKey(first: number): string {
  return BLOCK_PREFIX + String(first).padStart(16, '0');
}

interface Forming {
  readonly builder: BlockBuilder;
  readonly waiters: Waiter[];
  readonly commits: Commit[];
  /** The last write of each key beside the log. */
  readonly writes: Map<string, Uint8Array | undefined>;
  besideBytes: number;
}

/** An open log. One owner appends; readers take no epoch and append nothing. */
export class EventLog {
  /** Called after a block is durable and its callers were answered; `chars` is the length of its text. */
  onDurable: (commits: readonly Commit[], chars: number) => void = () => {};
  /** Called when nothing more comes into a block, and everything decided so far is in it or before it. */
  onSeal: (sequence: number) => void = () => {};
  /** Called once, when a write failed. */
  onHalt: (fault: Fault) => void = () => {};

  readonly database: LogDatabase;
  #head: LogHead;
  #headBytes: Buffer;
  #forming: Forming = newForming();
  #full: Forming[] = [];
  #backlogCommits = 0;
  #backlogChars = 0;
  #flight: Promise<void> | undefined;
  #lastCount = 0;
  #sealScheduled = false;
  #halted: Fault | undefined;

  private constructor(database: LogDatabase, head: LogHead) {
    this.database = database;
    this.#head = head;
    this.#headBytes = encodeHead(head);
  }

  /** Opens for appending and deposes the owner before. Throws `LOG_FENCED` when the log is not as it was read. */
  static async own(database: LogDatabase, read?: LogHead): Promise<EventLog> {
    const head = readHead(database);
    if (read !== undefined && head.hash !== read.hash) {
      throw new Fault(
        'LOG_FENCED',
        `Another owner appended to the log while it was read (from sequence ${read.sequence} to ${head.sequence}). Open it again.`,
        { details: { sequence: head.sequence, read: read.sequence } },
      );
    }
    const owned = { ...head, epoch: head.epoch + 1 };
    await database
      .put(HEAD_KEY, encodeHead(owned), { sync: true } as object)
      .catch((cause: unknown) => {
        throw writeFault(cause);
      });
    return new EventLog(database, owned);
  }

  /** Opens for reading. */
  static read(database: LogDatabase): EventLog {
    return new EventLog(database, readHead(database));
  }

  /** The durable end of the log. */
  get head(): LogHead {
    return this.#head;
  }

  /** Refuses a log that ends before a sequence that somebody was told. Throws `LOG_TRUNCATED`. */
  checkLength(expected: number): void {
    const { sequence } = this.#head;
    if (sequence >= expected) return;
    throw new Fault(
      'LOG_TRUNCATED',
      `The log ends at sequence ${sequence}, but ${expected} was acknowledged: its end was lost. Restore it from a copy.`,
      { details: { sequence, expected } },
    );
  }

  /** Whether so much waits for the disk that nothing more should be offered. */
  get isOverloaded(): boolean {
    return this.#backlogCommits >= BACKLOG_COMMITS_MAX || this.#backlogChars >= BACKLOG_CHARS_MAX;
  }

  /**
   * Takes a decided commit; its waiter is answered once it is durable, or told the fault that kept it from being so. Writes
   * of other keys go into the same batch.
   */
  offer(commit: Commit, waiter: Waiter | undefined, writes: readonly KeyWrite[] = []): void {
    if (this.#halted !== undefined) {
      waiter?.reject(this.#halted);
      return;
    }

    const { builder, waiters, commits, writes: beside } = this.#forming;
    const before = builder.chars;
    builder.add(commit);
    commits.push(commit);
    for (const { key, value } of writes) {
      this.#forming.besideBytes += value?.byteLength ?? 0;
      this.#backlogChars += value?.byteLength ?? 0;
      beside.set(key, value);
    }
    if (waiter !== undefined) waiters.push(waiter);
    this.#backlogCommits += 1;
    this.#backlogChars += builder.chars - before;
    const isFull =
      builder.commits >= BLOCK_COMMITS_MAX ||
      builder.chars + this.#forming.besideBytes >= BLOCK_CHARS_MAX;
    if (isFull) {
      this.#full.push(this.#forming);
      this.#forming = newForming();
      this.onSeal(builder.last);
    }
    this.#seal(isFull);
  }

  /** Waits until everything offered so far is durable. Does nothing when it is. */
  settle(waiter: Waiter): void {
    if (this.#halted !== undefined) waiter.reject(this.#halted);
    else if (this.#forming.builder.commits > 0) this.#forming.waiters.push(waiter);
    else if (this.#full.length > 0) this.#full.at(-1)?.waiters.push(waiter);
    else if (this.#flight !== undefined) this.#landed.push(waiter);
    else waiter.resolve(waiter.value);
  }

  #landed: Waiter[] = [];

  /** Waits for what was offered, and appends nothing more. */
  async drain(): Promise<void> {
    while (this.#flight !== undefined || this.#sealScheduled)
      await (this.#flight ?? new Promise<void>(atEndOfTurn));
  }

  /**
   * Decides when the next block leaves. With nothing in flight it leaves when this turn has nothing more to offer. After a
   * large block it leaves with half of what that had: then callers fall into two groups, and one is decided while the other
   * is synced. With small blocks the sync takes longer than the deciding, and two groups would only mean two syncs.
   */
  #seal(isFull: boolean): void {
    if (this.#flight !== undefined) return;
    const isLarge = this.#lastCount >= PIPELINED_COMMITS_MIN;
    if (isFull || (isLarge && this.#forming.builder.commits * 2 >= this.#lastCount)) {
      this.#launch();
    } else if (!this.#sealScheduled) {
      this.#sealScheduled = true;
      atEndOfTurn(() => {
        this.#sealScheduled = false;
        if (this.#flight === undefined) this.#launch();
      });
    }
  }

  #launch(): void {
    const next = this.#full.shift() ?? this.#forming;
    if (next.builder.commits === 0 || this.#halted !== undefined) return;
    if (next === this.#forming) {
      this.#forming = newForming();
      this.onSeal(next.builder.last);
    }
    this.#flight = this.#write(next);
  }

  async #write(sealed: Forming): Promise<void> {
    const { builder, waiters, commits, writes } = sealed;
    try {
      const head = await this.#append(builder, writes);
      this.#head = head;
      this.#lastCount = builder.commits;
      this.#backlogCommits -= builder.commits;
      this.#backlogChars -= builder.chars + sealed.besideBytes;
    } catch (error) {
      this.#halt(error, waiters);
      return;
    }

    const landed = [...waiters, ...this.#landed];
    this.#landed = [];
    this.#flight = undefined;
    this.#launch(); // before the callers go on, so that the disk does not wait for them
    for (const waiter of landed) waiter.resolve(waiter.value);
    this.onDurable(commits, builder.chars);
  }

  async #append(
    builder: BlockBuilder,
    writes: ReadonlyMap<string, Uint8Array | undefined>,
  ): Promise<LogHead> {
    const bytes = builder.encode(this.#head.epoch, this.#head.hash);
    const head: LogHead = {
      sequence: builder.last,
      hash: sha256(bytes),
      epoch: this.#head.epoch,
      blocks: this.#head.blocks + 1,
      commits: this.#head.commits + builder.commits,
    };
    assert(builder.first === this.#head.sequence + 1, 'a block follows the one before it');
    const stored = this.database.getSync(HEAD_KEY);
    if (stored === undefined || !stored.equals(this.#headBytes)) throw this.#deposed();
    const headBytes = encodeHead(head);
    const batch = this.database.batch();
    for (const [key, value] of writes) {
      if (value === undefined) batch.del(key);
      else batch.put(key, value as Buffer);
    }
    await batch
      .put(blockKey(this.#head.sequence + 1), bytes)
      .put(HEAD_KEY, headBytes)
      .write({ sync: true } as object);
    this.#headBytes = headBytes;
    return head;
  }

  /** The stored head is not the one that we wrote last: somebody else owns the log (I8). */
  #deposed(): Fault {
    const { epoch } = readHead(this.database);
    const ours = this.#head.epoch;
    return new Fault(
      'LOG_FENCED',
      `Another owner took the log (epoch ${epoch}, ours is ${ours}).`,
      {
        details: { epoch, ours },
      },
    );
  }

  #halt(cause: unknown, inFlight: readonly Waiter[]): void {
    const fault = cause instanceof Fault ? cause : writeFault(cause);
    const { code } = fault;
    this.#halted = new Fault('HALTED', `The swarm halted after ${code}; open it again.`, {
      cause: fault,
    });
    const queued = [...this.#full.flatMap(({ waiters }) => waiters), ...this.#forming.waiters];
    const landed = this.#landed;
    this.#full = [];
    this.#landed = [];
    this.#forming = newForming();
    this.#flight = undefined;
    for (const waiter of [...inFlight, ...landed]) waiter.reject(fault);
    for (const waiter of queued) waiter.reject(this.#halted);
    this.onHalt(this.#halted);
  }

  /**
   * Throws `LOG_CORRUPT` when something stands beyond the head: a block, or `known`, a sequence that was durable once. Then
   * the head is older than they are, or it was lost.
   */
  async checkEnd(known = 0): Promise<void> {
    const range = { gt: blockKey(this.#head.sequence), lt: BLOCKS_END, limit: 1 };
    const [key] = await this.database
      .keys(range)
      .all()
      .catch(unreadable(this.#head.sequence + 1));
    const beyond = Math.max(known, key === undefined ? 0 : Number(key.slice(BLOCK_PREFIX.length)));
    const { sequence } = readHead(this.database); // after the block, for a log that grows while it is read
    if (sequence < beyond || Number.isNaN(beyond)) {
      throw corrupt(
        sequence + 1,
        `the head names ${sequence} as the last event, but ${beyond} was written too`,
      );
    }
  }

  /**
   * Reads the blocks after a position up to the head, and verifies each: whole, contiguous, chained, and at the end the same
   * hash as the head says. Throws `LOG_CORRUPT` with the sequence where it does not verify. A block is given only when the
   * one after it, or the head, has vouched for its bytes.
   */
  async *blocks(after: LogPosition = LOG_START): AsyncGenerator<StoredBlock> {
    const head = this.#head;
    let { sequence, hash } = after;
    let held: HeldBlock | undefined;
    const iterator = this.database.iterator({
      gt: sequence === 0 ? BLOCK_PREFIX : blockKey(sequence),
      lt: BLOCKS_END,
      highWaterMarkBytes: BLOCKS_PER_READ * BLOCK_CHARS_MAX,
    } as object);
    try {
      while (sequence < head.sequence) {
        const entries = await iterator.nextv(BLOCKS_PER_READ).catch(unreadable(sequence + 1));
        if (entries.length === 0) throw misplaced(sequence + 1, undefined, held);
        for (const [key, bytes] of entries) {
          if (sequence >= head.sequence) break;
          if (key !== blockKey(sequence + 1)) throw misplaced(sequence + 1, key, held);
          const text = parseBlock(bytes, sequence + 1);
          if (text.first !== sequence + 1)
            throw corrupt(sequence + 1, 'its first sequence is another');
          const next = { text, hash: sha256(bytes), bytes: bytes.byteLength };
          if (text.previous !== hash) throw await this.#brokenLink(held, next);
          if (held !== undefined) yield given(held);
          held = next;
          ({ hash } = next);
          sequence += text.count;
        }
      }
    } finally {
      await iterator.close();
    }
    if (sequence !== head.sequence || hash !== head.hash) {
      throw corrupt(
        held?.text.first ?? sequence,
        'the last block is not the one that the head names',
      );
    }
    if (held !== undefined) yield given(held);
  }

  /** Two blocks that do not fit: the later one is at fault, unless what comes after it vouches for it. */
  async #brokenLink(held: HeldBlock | undefined, next: HeldBlock): Promise<Fault> {
    const { first, count } = next.text;
    const end = first + count - 1;
    let vouched = this.#head.sequence === end ? this.#head.hash : undefined;
    try {
      const bytes = await this.database.get(blockKey(end + 1));
      if (bytes !== undefined) vouched = parseBlock(bytes, end + 1).previous;
    } catch {
      // Then nobody vouches for it.
    }

    const isSound = vouched === next.hash && held !== undefined;
    return isSound
      ? corrupt(held.text.first, 'its bytes are not those that the block after it follows')
      : corrupt(first, 'it does not follow the block before it');
  }

  /**
   * Follows the chain from the first block to a position, by hashes alone: a tenth of the cost of reading. Throws
   * `LOG_CORRUPT` with the sequence where it breaks. Stops between two blocks when it is told to.
   */
  async followChain(to: LogPosition, signal: AbortSignal): Promise<void> {
    let { sequence, hash } = LOG_START;
    const range = { gt: BLOCK_PREFIX, lte: blockKey(to.sequence) };
    for await (const [key, bytes] of this.database.iterator(range)) {
      if (signal.aborted) return;
      if (key !== blockKey(sequence + 1)) throw corrupt(sequence + 1, 'the block is missing');
      const { first, count, previous } = readBlockHead(bytes, sequence + 1);
      if (first !== sequence + 1 || previous !== hash) {
        throw corrupt(sequence + 1, 'it does not follow the block before it');
      }
      hash = sha256(bytes);
      sequence += count;
    }
    if (sequence !== to.sequence || hash !== to.hash) {
      throw corrupt(sequence, 'the chain does not lead to the checkpoint');
    }
  }

  /** The durable commit whose first event has a sequence. Throws `LOG_CORRUPT`. */
  async commitAt(sequence: number): Promise<Commit> {
    const { commits } = await this.blockAt(sequence);
    const found = commits.find((commit) => firstSequence(commit) === sequence);
    if (found === undefined) throw corrupt(sequence, 'no commit begins there');
    return found;
  }

  /** The durable block that holds a sequence; its place in the chain was verified when the log was opened. Throws `LOG_CORRUPT`. */
  async blockAt(sequence: number): Promise<Block> {
    const range = { gt: BLOCK_PREFIX, lte: blockKey(sequence), reverse: true, limit: 1 };
    const [bytes] = await this.database.values(range).all().catch(unreadable(sequence));
    const block = bytes === undefined ? undefined : decodeBlock(bytes, sequence);
    if (block === undefined || sequence >= block.first + block.count) {
      throw corrupt(sequence, 'no block holds it');
    }
    return block;
  }

  /** The position just before the block that holds a sequence, unverified; reading on from it verifies. */
  async positionBefore(sequence: number): Promise<LogPosition> {
    const range = {
      gt: BLOCK_PREFIX,
      lte: blockKey(Math.max(1, sequence)),
      reverse: true,
      limit: 1,
    };
    const [bytes] = await this.database.values(range).all().catch(unreadable(sequence));
    if (bytes === undefined) return LOG_START;
    const block = parseBlock(bytes, sequence);
    return { sequence: block.first - 1, hash: block.previous };
  }
}

/** A block that was read, and that nothing has vouched for yet. */
interface HeldBlock {
  readonly text: BlockText;
  readonly hash: string;
  readonly bytes: number;
}

function given({ text, hash, bytes }: HeldBlock): StoredBlock {
  return { block: decodeParsed(text, text.first), hash, bytes };
}

/** Another block, or none, stands where one was expected: that one is gone, or the one before it says a wrong count. */
function misplaced(expected: number, key: string | undefined, held: HeldBlock | undefined): Fault {
  if (held !== undefined) {
    const { first, count, commits } = held.text;
    const holds = Array.isArray(commits)
      ? commits.reduce((sum: number, commit) => sum + (commit?.facts?.length ?? 0), 0)
      : 0;
    const overlaps = key !== undefined && key < blockKey(expected);
    if (holds !== count || overlaps)
      return corrupt(first, `it says ${count} events and holds ${holds}`);
  }
  return corrupt(expected, 'the block is missing');
}

function unreadable(sequence: number): (error: unknown) => never {
  return (error) => {
    throw corrupt(sequence, `the database cannot be read there (${messageOf(error)})`, error);
  };
}

function newForming(): Forming {
  return {
    builder: new BlockBuilder(),
    waiters: [],
    commits: [],
    writes: new Map(),
    besideBytes: 0,
  };
}

function readHead(database: LogDatabase): LogHead {
  let head: Partial<LogHead> | null;
  try {
    const bytes = database.getSync(HEAD_KEY);
    if (bytes === undefined) return EMPTY;
    head = JSON.parse(bytes.toString()) as Partial<LogHead> | null;
  } catch (cause) {
    throw corrupt(0, 'the head is not readable', cause);
  }

  const numbers = [head?.sequence, head?.epoch, head?.blocks, head?.commits];
  if (
    typeof head?.hash === 'string' &&
    numbers.every((one) => Number.isSafeInteger(one) && Number(one) >= 0)
  ) {
    return head as LogHead;
  }
  throw corrupt(0, 'the head is not one of ours');
}

function encodeHead(head: LogHead): Buffer {
  return Buffer.from(JSON.stringify(head));
}

function writeFault(cause: unknown): Fault {
  return new Fault(
    'LOG_UNKNOWN',
    `Writing the log failed (${messageOf(cause)}). Nobody can know whether the last block is durable; open the swarm again to see.`,
    {
      cause,
    },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
