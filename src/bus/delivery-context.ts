/**
 * What a handler is given beside the event: how often it was tried, and, with exactly-once, the doors through which its
 * effects happen together with the subscription's progress.
 */
import { refuse, Refused } from '../core/errors.ts';
import type { BusCommand, BusPorts, EmittedEvent } from './ports.ts';
import { CollectedStorage, type DeliveryStorage } from './delivery-storage.ts';
import type { StorageWrites } from './handler-storage.ts';

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

/** Where the contexts of one subscription belong. */
export interface ContextScope {
  readonly signal: AbortSignal;
  /** Whether commands are collected. */
  readonly collects: boolean;
  /** Whether values are stored. */
  readonly stores: boolean;
  readonly ports: BusPorts;
}

const NOTHING: readonly never[] = [];

/** Collects what one call of a handler asks for; most ask for nothing, and cost one small object. */
export class Collected implements DeliveryContext {
  readonly attempt: number;
  readonly #scope: ContextScope;
  #commands: BusCommand[] | undefined;
  #storage: CollectedStorage | undefined;
  #hasEnded = false;

  constructor(scope: ContextScope, attempt: number) {
    this.#scope = scope;
    this.attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get storage(): DeliveryStorage {
    this.#storage ??= new CollectedStorage(this.#scope.ports, () =>
      this.#checkOpen(this.#scope.stores),
    );
    return this.#storage;
  }

  /** What was asked for, in order. */
  get commands(): readonly BusCommand[] {
    return this.#commands ?? NOTHING;
  }

  /** What was stored; undefined when nothing was. */
  get writes(): StorageWrites | undefined {
    return this.#storage?.writes;
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
    this.#commands ??= [];
    this.#commands.push(command);
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
