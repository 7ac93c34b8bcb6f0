/**
 * The floor: the least that a durable, verifiable log of events must do. Our own speed is told as a ratio to it.
 *
 * Fixed, whatever our own commits weigh: an event is 335 bytes of JSON, made and turned into text when it is appended; one
 * `put` with sync per block of at most 1,024; one SHA-256 per block, chained; one promise a writer; one block in flight, and
 * what is appended meanwhile forms the next. Replay reads blocks of 512, checks the chain and parses.
 * Not here: commands, permission, legality, state: everything that makes a coordinator out of a log.
 */
import { sha256 } from '../src/core/hash.ts';
import type { LogDatabase } from '../src/events/log.ts';

/** The length of every event of the floor, as JSON in UTF-8. */
export const FLOOR_EVENT_BYTES = 335;
/** Most events in a block. */
export const FLOOR_BLOCK_EVENTS_MAX = 1_024;
/** The events in each block that the floor's replay reads. */
export const FLOOR_REPLAY_BLOCK_EVENTS = 512;

/** Keeps the number of digits, and so the length, the same for the first ten thousand million events. */
const SEQUENCE_BASE = 10_000_000_000;
const HASH_CHARS = 64;
const NO_HASH = '0'.repeat(HASH_CHARS);
const BLOCKS_PER_READ = 16;
const READ_BYTES_MAX = 8_388_608;

/** The event of the floor: the shape of a `SwarmEvent` about the progress of a task. Only its number differs. */
export function floorEvent(number: number) {
  return {
    id: `floor-${SEQUENCE_BASE + number}`,
    type: 'task.progress',
    source: { agentId: 'pulse-01', agentType: 'pulse', sessionId: 'V1StGXR8_Z5jdHi6B-myT' },
    timestamp: '2025-01-01T00:00:00.000Z',
    payload: { taskId: 'Uakgb_J5m9g-0JDMbcJqL', progress: 50, message: 'parsed 20 of 40' },
    metadata: { correlationId: `floor-${SEQUENCE_BASE + number}` },
    sequence: SEQUENCE_BASE + number,
  };
}

/** What a block of the floor holds. */
interface FloorBlock {
  readonly previous: string;
  readonly events: readonly ReturnType<typeof floorEvent>[];
}

/** A log of floor events with group commit. */
export class Floor {
  readonly #database: LogDatabase;
  #hash = NO_HASH;
  #blocks = 0;
  #texts: string[] = [];
  #waiters: { resolve(): void; reject(reason: unknown): void }[] = [];
  #isLaunchDue = false;
  #isInFlight = false;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  /** Resolves when the event is durable. */
  append(event: ReturnType<typeof floorEvent>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#texts.push(JSON.stringify(event));
      this.#waiters.push({ resolve, reject });
      if (this.#isInFlight || this.#isLaunchDue) return;
      this.#isLaunchDue = true;
      queueMicrotask(() => {
        this.#isLaunchDue = false;
        void this.#launch(); // tells its waiters itself when it fails
      });
    });
  }

  async #launch(): Promise<void> {
    const texts = this.#texts.splice(0, FLOOR_BLOCK_EVENTS_MAX);
    const waiters = this.#waiters.splice(0, FLOOR_BLOCK_EVENTS_MAX);
    this.#isInFlight = true;
    try {
      await this.#put(texts);
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
      return; // stays in flight: nothing more is written
    }
    this.#isInFlight = false;
    if (this.#texts.length > 0) void this.#launch(); // before the writers go on, so that the disk does not wait
    for (const waiter of waiters) waiter.resolve();
  }

  /** Stores a block: the hash of its body, then its body, which names the hash of the block before. */
  async #put(texts: readonly string[]): Promise<void> {
    const body = `{"previous":"${this.#hash}","events":[${texts.join(',')}]}`;
    const bytes = Buffer.allocUnsafe(HASH_CHARS + body.length);
    bytes.write(body, HASH_CHARS, 'latin1'); // the events are ASCII
    this.#hash = sha256(bytes.subarray(HASH_CHARS));
    bytes.write(this.#hash, 0, 'latin1');
    this.#blocks += 1;
    await this.#database.put(keyOf(this.#blocks), bytes, { sync: true } as object);
  }
}

/** Fills a database with events in the blocks that {@link replayFloor} reads. */
export async function fillFloor(database: LogDatabase, events: number): Promise<void> {
  const floor = new Floor(database);
  for (let first = 0; first < events; first += FLOOR_REPLAY_BLOCK_EVENTS) {
    const count = Math.min(FLOOR_REPLAY_BLOCK_EVENTS, events - first);
    await Promise.all(Array.from({ length: count }, (_, i) => floor.append(floorEvent(first + i))));
  }
}

/** Reads all blocks, checks their chain, and parses them. Gives the number of events; throws when a block does not verify. */
export async function replayFloor(database: LogDatabase): Promise<number> {
  const iterator = database.iterator({ highWaterMarkBytes: READ_BYTES_MAX } as object);
  let previous = NO_HASH;
  let blocks = 0;
  let events = 0;
  try {
    for (;;) {
      const entries = await iterator.nextv(BLOCKS_PER_READ);
      if (entries.length === 0) return events;
      for (const [key, bytes] of entries) {
        blocks += 1;
        const body = bytes.subarray(HASH_CHARS);
        const hash = bytes.toString('latin1', 0, HASH_CHARS);
        if (key !== keyOf(blocks) || sha256(body) !== hash) throw broken(blocks);
        const block = JSON.parse(body.toString()) as FloorBlock;
        if (block.previous !== previous) throw broken(blocks);
        previous = hash;
        events += block.events.length;
      }
    }
  } finally {
    await iterator.close();
  }
}

function keyOf(block: number): string {
  return String(block).padStart(16, '0');
}

function broken(block: number): Error {
  return new Error(`block ${block} of the floor does not verify`);
}
