/** What a handler stores while it runs: its own writes over those that were decided before. */
import { refuse, Refused } from '../core/errors.ts';
import { copyJson } from '../core/json.ts';
import { STORAGE_KEY_CHARS_MAX, type StorageWrites } from './handler-storage.ts';
import type { BusPorts } from './ports.ts';

/** The values that a handler keeps. They are JSON, and belong to the swarm: any handler sees them. */
export interface DeliveryStorage {
  /** The value of a key; null where there is none. */
  get<T>(key: string): Promise<T | null>;
  set(key: string, value: unknown): void;
  delete(key: string): void;
}

/** Half of a pair of characters, which no text on disk can hold. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Collects the writes of one call of a handler. */
export class CollectedStorage implements DeliveryStorage {
  readonly #ports: BusPorts;
  readonly #checkOpen: () => void;
  readonly #writes = new Map<string, string | undefined>();

  /** `checkOpen` throws why nothing can be stored. */
  constructor(ports: BusPorts, checkOpen: () => void) {
    this.#ports = ports;
    this.#checkOpen = checkOpen;
  }

  get writes(): StorageWrites {
    return this.#writes;
  }

  async get<T>(key: string): Promise<T | null> {
    checkKey(key);
    const text = this.#writes.has(key) ? this.#writes.get(key) : await this.#ports.storage.get(key);
    return text === undefined ? null : (JSON.parse(text) as T);
  }

  set(key: string, value: unknown): void {
    const { payloadCharsMax, payloadNodesMax, payloadDepthMax } = this.#ports.limits();
    const copied = copyJson(value, {
      charsMax: payloadCharsMax,
      nodesMax: payloadNodesMax,
      depthMax: payloadDepthMax,
    });
    if (!copied.ok) throw new Refused(copied);
    this.#write(key, JSON.stringify(copied.value));
  }

  delete(key: string): void {
    this.#write(key, undefined);
  }

  #write(key: string, text: string | undefined): void {
    checkKey(key);
    this.#checkOpen();
    const max = this.#ports.limits().compoundCommandsMax;
    if (this.#writes.size >= max && !this.#writes.has(key)) {
      const message = `A handler stores at most ${max} values (compoundCommandsMax).`;
      throw new Refused(refuse('LIMIT_EXCEEDED', message, { limit: 'compoundCommandsMax', max }));
    }
    this.#writes.set(key, text);
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
