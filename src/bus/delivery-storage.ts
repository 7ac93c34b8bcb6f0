/** What a handler stores while it runs: its own writes over those that were decided before. */
import { refuse, Refused } from '../core/errors.ts';
import { copyJson } from '../core/json.ts';
import { STORAGE_KEY_CHARS_MAX, type StorageWrites } from './handler-storage.ts';
import type { BusPorts } from './ports.ts';

/** The values that the handlers of one durable subscription keep. They are JSON; no other subscription sees them. */
export interface DeliveryStorage {
  /** The value of a key; null where there is none. */
  readonly get: <T>(key: string) => Promise<T | null>;
  readonly set: (key: string, value: unknown) => void;
  readonly delete: (key: string) => void;
}

/** Half of a pair of characters, which no text on disk can hold. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** What the values of a handler are kept with. */
export interface StorageParts {
  readonly ports: BusPorts;
  /** Whose values they are. */
  readonly space: string | undefined;
  /** Throws why nothing can be read. */
  readonly checkRead: () => void;
  /** Throws why nothing can be stored. */
  readonly checkWrite: () => void;
}

/** Collects the writes of one call of a handler. */
export class CollectedStorage implements DeliveryStorage {
  readonly #parts: StorageParts;
  readonly #writes = new Map<string, string | undefined>();

  constructor(parts: StorageParts) {
    this.#parts = parts;
  }

  get writes(): StorageWrites {
    return this.#writes;
  }

  readonly get = async <T>(key: string): Promise<T | null> => {
    this.#parts.checkRead();
    const place = this.#placeOf(key);
    const { storage } = this.#parts.ports;
    const text = this.#writes.has(place) ? this.#writes.get(place) : await storage.get(place);
    return text === undefined ? null : (JSON.parse(text) as T);
  };

  readonly set = (key: string, value: unknown): void => {
    const { payloadCharsMax, payloadNodesMax, payloadDepthMax } = this.#parts.ports.limits();
    const copied = copyJson(value, {
      charsMax: payloadCharsMax,
      nodesMax: payloadNodesMax,
      depthMax: payloadDepthMax,
    });
    if (!copied.ok) throw new Refused(copied);
    this.#write(key, JSON.stringify(copied.value));
  };

  readonly delete = (key: string): void => {
    this.#write(key, undefined);
  };

  #write(key: string, text: string | undefined): void {
    const place = this.#placeOf(key);
    this.#parts.checkWrite();
    const max = this.#parts.ports.limits().compoundCommandsMax;
    if (this.#writes.size >= max && !this.#writes.has(place)) {
      const message = `A handler stores at most ${max} values (compoundCommandsMax).`;
      throw new Refused(refuse('LIMIT_EXCEEDED', message, { limit: 'compoundCommandsMax', max }));
    }
    this.#writes.set(place, text);
  }

  /** A key belongs to its subscription. */
  #placeOf(key: string): string {
    checkKey(key);
    return `${JSON.stringify(this.#parts.space ?? '')}/${key}`;
  }
}

function checkKey(key: unknown): void {
  const isKey =
    typeof key === 'string' &&
    key.length >= 1 &&
    key.length <= STORAGE_KEY_CHARS_MAX &&
    !LONE_SURROGATE.test(key);
  if (isKey) return;
  const message = `A key is a text of 1 to ${STORAGE_KEY_CHARS_MAX} characters.`;
  throw new Refused(refuse('INVALID_INPUT', message));
}
