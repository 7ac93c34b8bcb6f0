/**
 * What a handler is given beside the event: how often it was tried, and, with exactly-once, the doors through which its
 * effects happen together with the subscription's progress.
 */
import { refuse, Refused, type Refusal } from '../core/errors.ts';
import { copyJson } from '../core/json.ts';
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
  readonly update: (update: AskedUpdate) => void;
  /** With exactly-once: emits an event. */
  readonly emit: (event: EmittedEvent) => void;
  /** With exactly-once: gives a command; `docs/event-bus.md` lists those that can be part of a compound one. */
  readonly dispatch: (command: BusCommand) => void;
  /** With exactly-once and a durable subscription: values that change together with its progress. */
  readonly storage: DeliveryStorage;
}

/** Where the contexts of one subscription belong. */
export interface ContextScope {
  readonly signal: AbortSignal;
  /** Whether commands are collected. */
  readonly collects: boolean;
  /** Whose values the handler stores; undefined when it stores none. */
  readonly space: string | undefined;
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

  // Functions of their own, so that a handler may take them apart: `(event, { emit }) => emit(…)`.
  readonly update = (update: AskedUpdate): void => {
    this.#collect({ type: 'state.update', payload: update });
  };

  readonly emit = (event: EmittedEvent): void => {
    this.#collect(this.#scope.ports.commandFor(event));
  };

  readonly dispatch = ({ type, payload }: BusCommand): void => {
    const isAboutProgress = /^(?:subscription|deadletter)\./.test(type);
    if (isAboutProgress) throw new Refused(notForHandlers(type));
    this.#collect({ type, payload });
  };

  constructor(scope: ContextScope, attempt: number) {
    this.#scope = scope;
    this.attempt = attempt;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get storage(): DeliveryStorage {
    const { ports, space } = this.#scope;
    this.#storage ??= new CollectedStorage({
      ports,
      space,
      checkRead: () => this.#checkOffered(space !== undefined),
      checkWrite: () => this.#checkOpen(space !== undefined),
    });
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

  /** The handler has ended: what it asks for now would come too late. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Copies what is asked for, which its caller may change afterwards. */
  #collect({ type, payload }: BusCommand): void {
    this.#checkOpen(this.#scope.collects);
    const limits = this.#scope.ports.limits();
    const max = limits.compoundCommandsMax - 1; // one says that the event is done
    this.#commands ??= [];
    if (this.#commands.length >= max) throw new Refused(tooMany(max));
    const copied = copyJson(payload, {
      charsMax: limits.payloadCharsMax,
      nodesMax: limits.payloadNodesMax,
      depthMax: limits.payloadDepthMax,
    });
    if (!copied.ok) throw new Refused(copied);
    this.#commands.push({ type, payload: copied.value });
  }

  #checkOpen(isOffered: boolean): void {
    if (this.#hasEnded) {
      const message = 'The handler has ended: what it asks for afterwards cannot be part of it.';
      throw new Refused(refuse('ILLEGAL_TRANSITION', message));
    }
    this.#checkOffered(isOffered);
  }

  #checkOffered(isOffered: boolean): void {
    if (isOffered) return;
    const message = this.#scope.collects
      ? 'Only a durable subscription stores: give it a name.'
      : 'Effects are collected with exactly-once only: subscribe so, or use the handle of a session.';
    throw new Refused(refuse('INVALID_INPUT', message));
  }
}

function notForHandlers(type: string): Refusal {
  const message = `${type}: how far a subscription is follows from its handler, and is not asked for in it.`;
  return refuse('FORBIDDEN', message, { type });
}

function tooMany(max: number): Refusal {
  const message = `A handler asks for at most ${max} things (compoundCommandsMax).`;
  return refuse('LIMIT_EXCEEDED', message, { limit: 'compoundCommandsMax', max });
}
