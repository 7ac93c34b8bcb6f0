/**
 * What the log is made of: facts, the commits that hold them, and the envelope in which users see a fact.
 *
 * Nothing here knows what a fact means; that is in the file of its actor.
 */
import { assert, type ErrorCode } from '../core/errors.ts';
import { frozen } from '../core/json.ts';
import { isoTime } from '../core/time.ts';
import type { AgentIdentity } from './identity.ts';

/** W3C trace context, carried from a command to every event that it caused. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

/** A fact before it has its place in the log: what `decide` answers. */
export interface NewFact<Type extends string = string, Payload = unknown> {
  readonly type: Type;
  readonly payload: Payload;
}

/** Something that happened, at its place in the swarm's total order. Never refused, never changed. */
export interface Fact<Type extends string = string, Payload = unknown> extends NewFact<
  Type,
  Payload
> {
  /** 1, 2, 3, with no gap (I4). */
  readonly sequence: number;
  /** When its command was decided, in milliseconds since 1970. */
  readonly timeMs: number;
  readonly source: AgentIdentity;
}

/** A command as it was decided and is recorded: with its time, its ids and who gave it (I6). */
export interface RecordedCommand<Type extends string = string, Payload = unknown> {
  readonly type: Type;
  readonly version: number;
  readonly payload: Payload;
  readonly source: AgentIdentity;
  readonly timeMs: number;
  /** Given by the caller to tie several commands together; the id of the commit's first event when absent. */
  readonly correlationId?: string | undefined;
  /** The id of the event that led to this command. */
  readonly causationId?: string | undefined;
  readonly trace?: TraceContext | undefined;
  /** Makes a repeat of the command be answered with its first result. */
  readonly idempotency?: Idempotency | undefined;
  /** The token that its caller showed; it was current when the command was permitted. */
  readonly fencingToken?: number | undefined;
}

/** What a repeat of a command is known by. */
export interface Idempotency {
  /** Chosen by the caller; unique among the commands of its session. */
  readonly key: string;
  /** A hash of what was asked: another body under the same key is a mistake. */
  readonly fingerprint: string;
}

/** One command and the facts it caused; atomic (I3). */
export interface Commit {
  readonly command: RecordedCommand;
  /** Why the command was refused, when the attempt itself is what is recorded. */
  readonly refused?: ErrorCode | undefined;
  /** At least one; their sequences follow each other. */
  readonly facts: readonly Fact[];
}

/** An event as the specification describes it, with our `sequence` and `version` beside it. */
export interface SwarmEvent<T = unknown> {
  readonly id: string;
  readonly type: string;
  readonly source: AgentIdentity;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly payload: T;
  readonly metadata: {
    readonly correlationId?: string;
    /** The event that caused this one. */
    readonly causationId?: string;
    readonly trace?: TraceContext;
  };
  /** Ours: its place in the swarm's total order. */
  readonly sequence: number;
}

/** The id of the event at a sequence: unique over swarms, and never stored. */
export function eventId(swarmId: string, sequence: number): string {
  return `${swarmId}-${sequence}`;
}

/** The sequence that an event id names, when it is an id of this swarm. */
export function sequenceOfEventId(swarmId: string, id: string): number | undefined {
  const digits = id.startsWith(`${swarmId}-`) ? id.slice(swarmId.length + 1) : '';
  return /^[1-9]\d{0,15}$/.test(digits) ? Number(digits) : undefined;
}

/** The first fact of a commit: what the command was about. */
export function firstFact({ facts: [first] }: Commit): Fact {
  assert(first !== undefined, 'a command that causes nothing is no commit');
  return first;
}

/** The sequence of the first and of the last fact of a commit. */
export function firstSequence(commit: Commit): number {
  return firstFact(commit).sequence;
}

export function lastSequence(commit: Commit): number {
  return commit.facts.at(-1)?.sequence ?? 0;
}

/** Puts a fact into the envelope in which users see it. Every event of a commit has the same correlation. */
export function toSwarmEvent(swarmId: string, commit: Commit, fact: Fact): SwarmEvent {
  const { correlationId, causationId, trace } = commit.command;
  return {
    id: eventId(swarmId, fact.sequence),
    type: fact.type,
    source: fact.source,
    timestamp: isoTime(fact.timeMs),
    payload: frozen(shownPayload(fact)),
    metadata: {
      correlationId: correlationId ?? eventId(swarmId, firstSequence(commit)),
      ...(causationId === undefined ? {} : { causationId }),
      ...(trace === undefined ? {} : { trace }),
    },
    sequence: fact.sequence,
  };
}

/** An application's event shows what the application gave. */
function shownPayload({ type, payload }: Fact): unknown {
  return type.startsWith('app.') ? (payload as { readonly data: unknown }).data : payload;
}
