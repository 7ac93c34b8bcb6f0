/**
 * The newest durable events, kept once for all subscribers; what is older is read from the log, block by block.
 *
 * So a slow subscriber costs a number, where he is, and no buffer of his own (I12).
 */
import { frozen } from '../core/json.ts';
import type { Block } from '../events/block.ts';
import { toSwarmEvent, type Commit, type Fact, type SwarmEvent } from '../events/envelope.ts';

/** An event at its place, put into its envelope when somebody wants it. */
export class WindowEntry {
  readonly fact: Fact;
  readonly #commit: Commit;
  readonly #swarmId: string;
  #event: SwarmEvent | undefined;

  constructor(swarmId: string, commit: Commit, fact: Fact) {
    this.fact = fact;
    this.#commit = commit;
    this.#swarmId = swarmId;
  }

  get event(): SwarmEvent {
    this.#event ??= frozen(toSwarmEvent(this.#swarmId, this.#commit, this.fact));
    return this.#event;
  }
}

/** Events whose sequences follow each other. */
export type Stretch = readonly WindowEntry[];

/** Events that are kept, beside the newest stretch: a few blocks under full load. */
const EVENTS_MAX = 4_096;
/** Characters in them: payloads may be large. */
const CHARS_MAX = 4_194_304;
/** Blocks of the past that are kept decoded, for subscribers that catch up together. */
const PAST_MAX = 4;
/** Blocks that are read at once. */
const READERS_MAX = 4;

interface Kept {
  readonly first: number;
  readonly entries: Stretch;
  readonly chars: number;
}

/** Reads the durable block that holds a sequence. */
export type ReadBlock = (sequence: number) => Promise<Block>;

/** The newest durable events of one log. */
export class EventWindow {
  readonly #readBlock: ReadBlock;
  readonly #swarmId: () => string;
  #kept: Kept[] = [];
  #events = 0;
  #chars = 0;
  /** Decoded blocks of the past, the one that was read last at the end. */
  #past: Stretch[] = [];
  /** Reads under way, by the sequence that was asked for. */
  readonly #reading = new Map<number, Promise<Stretch>>();
  #readers = 0;
  readonly #waiting: (() => void)[] = [];
  /** The last durable sequence. */
  last: number;

  constructor(parts: {
    readonly readBlock: ReadBlock;
    readonly swarmId: () => string;
    readonly last: number;
  }) {
    this.#readBlock = parts.readBlock;
    this.#swarmId = parts.swarmId;
    this.last = parts.last;
  }

  /** Takes in what became durable. */
  push(commits: readonly Commit[], chars: number): void {
    const entries = this.#entriesOf(commits);
    const first = entries[0]?.fact.sequence;
    if (first === undefined) return;
    this.last = first + entries.length - 1;
    this.#kept.push({ first, entries, chars });
    this.#events += entries.length;
    this.#chars += chars;
    while (this.#isTooMuch()) {
      const gone = this.#kept.shift();
      this.#events -= gone?.entries.length ?? 0;
      this.#chars -= gone?.chars ?? 0;
    }
  }

  #isTooMuch(): boolean {
    return this.#kept.length > 1 && (this.#chars > CHARS_MAX || this.#events > EVENTS_MAX);
  }

  /** Lets go of everything, when nobody listens. */
  clear(last: number): void {
    this.#kept = [];
    this.#events = 0;
    this.#chars = 0;
    this.#past = [];
    this.last = last;
  }

  /**
   * The stretch that holds a durable sequence; a promise when it has to be read. Undefined when it is not durable yet. Throws
   * `LOG_CORRUPT`.
   */
  stretchAt(sequence: number): Stretch | Promise<Stretch> | undefined {
    if (sequence > this.last) return undefined;
    return (
      this.#keptAt(sequence) ??
      this.#past.find((past) => holds(past, sequence)) ??
      this.#read(sequence)
    );
  }

  /** Most ask for what is newest; the others search. */
  #keptAt(sequence: number): Stretch | undefined {
    let from = 0;
    let to = this.#kept.length - 1;
    const newest = this.#kept[to];
    if (newest !== undefined && newest.first <= sequence) return newest.entries;
    while (from <= to) {
      const middle = (from + to) >> 1;
      const kept = this.#kept[middle];
      if (kept === undefined) return undefined;
      if (holds(kept.entries, sequence)) return kept.entries;
      if (sequence < kept.first) to = middle - 1;
      else from = middle + 1;
    }
    return undefined;
  }

  async #read(sequence: number): Promise<Stretch> {
    const underWay = this.#reading.get(sequence);
    if (underWay !== undefined) return underWay;
    const reading = this.#inTurn(async () => {
      // Somebody may have read its block meanwhile.
      const past = this.#past.find((one) => holds(one, sequence));
      return past ?? this.#entriesOf((await this.#readBlock(sequence)).commits);
    });
    this.#reading.set(sequence, reading);
    try {
      const entries = await reading;
      this.#past = [...this.#past.filter((one) => one !== entries), entries].slice(-PAST_MAX);
      return entries;
    } finally {
      this.#reading.delete(sequence);
    }
  }

  /** A few reads at a time: what is read is decoded, and stays in memory until whoever asked has looked at it. */
  async #inTurn<T>(read: () => Promise<T>): Promise<T> {
    while (this.#readers >= READERS_MAX) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#readers += 1;
    try {
      return await read();
    } finally {
      this.#readers -= 1;
      this.#waiting.shift()?.();
    }
  }

  #entriesOf(commits: readonly Commit[]): Stretch {
    const swarmId = this.#swarmId();
    return commits.flatMap((commit) =>
      commit.facts.map((fact) => new WindowEntry(swarmId, commit, fact)),
    );
  }
}

function holds(stretch: Stretch, sequence: number): boolean {
  const first = stretch[0]?.fact.sequence ?? Number.POSITIVE_INFINITY;
  return first <= sequence && sequence < first + stretch.length;
}
