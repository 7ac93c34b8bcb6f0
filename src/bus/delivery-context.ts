/**
 * What a handler is given beside the event: how often it was tried, and, with exactly-once, the doors through which its
 * effects happen together with the subscription's progress.
 */
import { refuse, Refused } from '../core/errors.ts';
import { copyJson } from '../core/json.ts';
import type { BusCommand, BusPorts, EmittedEvent } from './ports.ts';
import { STORAGE_KEY_CHARS_MAX } from './handler-storage.ts';

/** A direct write that a handler asks for (specification, `StateUpdate`). */
export interface AskedUpdate {
  readonly path: string;
  readonly newValue: unknown;
  readonly expectedVersion?: number;
  readonly merge?: boolean;
  readonly append?: true;
}

/** What a handler is given beside the event. */
export interface DeliveryContext {
  /** 1 when the event is given for the first time by this process. */
  readonly attempt: number;
  /** Aborted when the subscription is cancelled or the swarm closes. */
  readonly signal: AbortSignal;
  /** With exactly-once: writes a free path. Everything asked here happens as one commit, after the handler, or not at all. */
  update(update: AskedUpdate): void;
  /** With exactly-once: emits an event. */
  emit(event: EmittedEvent): void;
  /** With exactly-once: gives a command; `docs/event-bus.md` lists those that can be part of a compound one. */
  dispatch(command: { readonly type: string; readonly payload: unknown }): void;
  /** With exactly-once and a durable subscription: values that change together with its progress. */
  readonly storage: DeliveryStorage;
}

/** The values that a handler keeps. They are JSON, and belong to the swarm: any handler sees them. */
export interface DeliveryStorage {
  /** The value of a key; null where there is none. */
  get<T>(key: string): Promise<T | null>;
  set(key: string, value: unknown): void;
  delete(key: string): void;
}

/** Where a context belongs. */
export interface ContextScope {
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly collects: boolean;
  readonly stores: boolean;
  readonly ports: BusPorts;
}

/** Collects what one call of a handler asks for. */
export class Collected implements DeliveryContext {
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly commands: BusCommand[] = [];
  readonly writes = new Map<string, string | undefined>();
  readonly storage: DeliveryStorage;
  readonly #scope: ContextScope;
  #hasEnded = false;

  constructor(scope: ContextScope) {
    this.#scope = scope;
    this.attempt = scope.attempt;
    this.signal = scope.signal;
    this.storage = {
      get: async <T>(key: string) => this.#get<T>(key),
      set: (key, value) => this.#set(key, value),
      delete: (key) => this.#write(key, undefined),
    };
  }

  update(update: AskedUpdate): void {
    this.#collect({ type: 'state.update', payload: update });
  }

  emit(event: EmittedEvent): void {
    this.#collect(this.#scope.ports.commandFor(event));
  }

  dispatch({ type, payload }: { readonly type: string; readonly payload: unknown }): void {
    this.#collect({ type, payload });
  }

  /** The handler has ended: what it asks for now would come too late. */
  end(): void {
    this.#hasEnded = true;
  }

  #collect(command: BusCommand): void {
    this.#checkOpen(this.#scope.collects);
    this.commands.push(command);
  }

  async #get<T>(key: string): Promise<T | null> {
    this.#checkKey(key);
    const text = this.writes.has(key)
      ? this.writes.get(key)
      : await this.#scope.ports.storage.get(key);
    return text === undefined ? null : (JSON.parse(text) as T);
  }

  #set(key: string, value: unknown): void {
    const limits = this.#scope.ports.limits();
    const copied = copyJson(value, {
      charsMax: limits.payloadCharsMax,
      nodesMax: limits.payloadNodesMax,
      depthMax: limits.payloadDepthMax,
    });
    if (!copied.ok) throw new Refused(copied);
    this.#write(key, JSON.stringify(copied.value));
  }

  #write(key: string, text: string | undefined): void {
    this.#checkKey(key);
    this.#checkOpen(this.#scope.stores);
    const max = this.#scope.ports.limits().compoundCommandsMax;
    if (this.writes.size >= max && !this.writes.has(key)) {
      const limit = { limit: 'compoundCommandsMax', max };
      throw new Refused(
        refuse(
          'LIMIT_EXCEEDED',
          `A handler stores at most ${max} values (compoundCommandsMax).`,
          limit,
        ),
      );
    }
    this.writes.set(key, text);
  }

  #checkKey(key: string): void {
    if (typeof key === 'string' && key.length >= 1 && key.length <= STORAGE_KEY_CHARS_MAX) return;
    throw new Refused(
      refuse('INVALID_INPUT', `A key is a text of 1 to ${STORAGE_KEY_CHARS_MAX} characters.`),
    );
  }

  #checkOpen(isOffered: boolean): void {
    if (this.#hasEnded) {
      const message = 'The handler has ended: what it asks for afterwards cannot be part of it.';
      throw new Refused(refuse('ILLEGAL_TRANSITION', message));
    }
    if (isOffered) return;
    const message = this.#scope.collects
      ? 'Only a durable subscription stores: give it a name.'
      : 'Effects are collected with exactly-once only: subscribe so, or use the handle of a session.';
    throw new Refused(refuse('INVALID_INPUT', message));
  }
}
