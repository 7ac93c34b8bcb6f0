/**
 * The form of a block on disk: one JSON text that holds all the commits that one sync made durable.
 *
 *     {"format":1,"first":7,"count":3,"epoch":2,"previous":"<sha-256 of the stored bytes before>","who":[identity, …],
 *      "commits":[{"at":ms,"by":0,"do":"task.claim","in":{…},"facts":[["task.assigned",{…}],["task.started"]]}, …]}
 *
 * Who gave a command is an index into `who`. A fact is `[type, own, absent, version, part]`: it has every field of its type that
 * its command's payload has under the same name, except those in `absent`; what is its own stands in `own`. Of a compound
 * command, `part` says which part's payload that is. Trailing parts are left out when they say nothing. `docs/log-format.md` describes it for other programs.
 */
import { Fault, type ErrorCode } from '../core/errors.ts';
import { definitionOf } from './catalog.ts';
import type { EventDefinition } from './definition.ts';
import type { Commit, Fact, RecordedCommand, TraceContext } from './envelope.ts';
import type { AgentIdentity } from './identity.ts';
import { earlierVersion, upcast } from './upcasters.ts';

/** The version of the block's own form. */
export const BLOCK_FORMAT = 1;

type Payload = Readonly<Record<string, unknown>>;
type FactText = [
  type: string,
  own?: Payload | 0,
  absent?: readonly string[] | 0,
  version?: number,
  part?: number,
];

interface CommitText {
  readonly at: number;
  readonly by: number;
  readonly do: string;
  readonly v?: number;
  readonly in: Payload;
  readonly correlation?: string;
  readonly causation?: string;
  readonly trace?: TraceContext;
  readonly key?: readonly [key: string, fingerprint: string];
  readonly token?: number;
  readonly refused?: ErrorCode;
  readonly facts: readonly FactText[];
}

/** A block as it is parsed, its commits decoded. */
export interface Block {
  readonly first: number;
  readonly count: number;
  readonly epoch: number;
  /** SHA-256 of the stored bytes of the block before, in hexadecimal. */
  readonly previous: string;
  readonly commits: readonly Commit[];
}

/** What a block says of itself at its beginning: all that following the chain needs. */
export interface BlockHead {
  readonly first: number;
  readonly count: number;
  readonly previous: string;
}

const HEAD =
  /^\{"format":\d+,"first":(\d{1,16}),"count":(\d{1,16}),"epoch":\d{1,16},"previous":"([\da-f]{64})"/;
const HEAD_BYTES_MAX = 256;

/** Reads the beginning of a block without parsing the rest. Throws `LOG_CORRUPT`. */
export function readBlockHead(bytes: Uint8Array, sequence: number): BlockHead {
  const text = Buffer.from(bytes.subarray(0, HEAD_BYTES_MAX)).toString('latin1');
  const [, first, count, previous] = HEAD.exec(text) ?? [];
  if (previous === undefined) throw corrupt(sequence, 'it does not begin as a block does');
  return { first: Number(first), count: Number(count), previous };
}

/** A block that is being filled: commits are turned into text as they are decided, the block only joins them. */
export class BlockBuilder {
  readonly #texts: string[] = [];
  readonly #who: AgentIdentity[] = [];
  readonly #whoIndex = new Map<AgentIdentity, number>();
  #first = 0;
  #last = 0;
  #chars = 0;

  get commits(): number {
    return this.#texts.length;
  }

  get chars(): number {
    return this.#chars;
  }

  /** The sequence of the first fact in it; 0 while it is empty. */
  get first(): number {
    return this.#first;
  }

  /** The sequence of the last fact in it; 0 while it is empty. */
  get last(): number {
    return this.#last;
  }

  add(commit: Commit): void {
    const text = encodeCommit(commit, this.#indexOf(commit.command.source));
    this.#texts.push(text);
    this.#chars += text.length;
    for (const { sequence } of commit.facts) {
      if (this.#first === 0) this.#first = sequence;
      this.#last = sequence;
    }
  }

  /** The stored bytes. */
  encode(epoch: number, previous: string): Buffer {
    const count = this.#last - this.#first + 1;
    const head = `{"format":${BLOCK_FORMAT},"first":${this.#first},"count":${count},"epoch":${epoch},"previous":"${previous}"`;
    return Buffer.from(
      `${head},"who":${JSON.stringify(this.#who)},"commits":[${this.#texts.join(',')}]}`,
    );
  }

  #indexOf(identity: AgentIdentity): number {
    let index = this.#whoIndex.get(identity);
    if (index === undefined) {
      index = this.#who.push(identity) - 1;
      this.#whoIndex.set(identity, index);
    }
    return index;
  }
}

function encodeCommit({ command, facts, refused }: Commit, by: number): string {
  let text = `{"at":${command.timeMs},"by":${by},"do":"${command.type}","in":${JSON.stringify(command.payload)}`;
  if (command.version !== 1) text += `,"v":${command.version}`;
  if (command.correlationId !== undefined) {
    text += `,"correlation":${JSON.stringify(command.correlationId)}`;
  }
  if (command.causationId !== undefined) {
    text += `,"causation":${JSON.stringify(command.causationId)}`;
  }
  if (command.trace !== undefined) text += `,"trace":${JSON.stringify(command.trace)}`;
  if (command.idempotency !== undefined) {
    const { key, fingerprint } = command.idempotency;
    text += `,"key":${JSON.stringify([key, fingerprint])}`;
  }
  if (command.fencingToken !== undefined) text += `,"token":${command.fencingToken}`;
  if (refused !== undefined) text += `,"refused":"${refused}"`;
  text += ',"facts":[';
  for (let index = 0; index < facts.length; index++) {
    const fact = facts[index];
    if (fact === undefined) continue;
    if (index > 0) text += ',';
    if (command.type === 'compound.apply') text += encodeOfPart(fact, command.payload as Compound);
    else text += encodeFact(fact, givenTo(command, index));
  }
  return `${text}]}`;
}

/** What a fact may leave to its command: its payload, or of a `state.batch` the write at the same place. */
function givenTo(
  { type, payload }: Pick<RecordedCommand, 'type' | 'payload'>,
  index: number,
): Payload {
  if (type !== 'state.batch') return payload as Payload;
  return (payload as { readonly updates: readonly Payload[] }).updates[index] ?? NOTHING;
}

const NOTHING: Payload = Object.freeze({});

/** The payload of a compound command. */
interface Compound {
  readonly commands: readonly { readonly payload: Payload }[];
}

/** A fact of a compound command leaves what it can to the part that gives it most. */
function encodeOfPart(fact: Fact, { commands }: Compound): string {
  const payload = fact.payload as Payload;
  const { fields } = knownDefinition(fact.type, fact.sequence);
  let part: number | undefined;
  let most = 0;
  for (const [index, { payload: given }] of commands.entries()) {
    let same = 0;
    for (const key of fields)
      if (given[key] !== undefined && given[key] === payload[key]) same += 1;
    if (same > most) [part, most] = [index, same];
  }
  if (part === undefined) return encodeFact(fact, NOTHING);
  return encodeFact(fact, commands[part]?.payload ?? NOTHING, part);
}

function encodeFact(fact: Fact, given: Payload, part?: number): string {
  const definition = knownDefinition(fact.type, fact.sequence);
  const payload = fact.payload as Payload;
  let own: Record<string, unknown> | undefined;
  for (const key in payload) {
    if (payload[key] !== given[key] || !definition.fields.includes(key)) {
      own ??= {};
      own[key] = payload[key];
    }
  }
  let absent: string[] | undefined;
  for (const key of definition.fields) {
    if (given[key] !== undefined && payload[key] === undefined) (absent ??= []).push(key);
  }
  if (part !== undefined) {
    return JSON.stringify([fact.type, own ?? 0, absent ?? 0, definition.version, part]);
  }
  if (definition.version !== 1) {
    return JSON.stringify([fact.type, own ?? 0, absent ?? 0, definition.version]);
  }
  if (absent !== undefined) return JSON.stringify([fact.type, own ?? 0, absent]);
  return own === undefined ? `["${fact.type}"]` : `["${fact.type}",${JSON.stringify(own)}]`;
}

/**
 * Reads the stored bytes of a block, and lifts its facts to today's versions.
 * Throws `LOG_CORRUPT` when they are no block, `FORMAT_UNSUPPORTED` when they are one of a program unknown here.
 */
export function decodeBlock(bytes: Uint8Array, sequence: number): Block {
  return decodeParsed(parseBlock(bytes, sequence), sequence);
}

/** Decodes a parsed block, whose bytes somebody has vouched for. Throws as {@link decodeBlock} does. */
export function decodeParsed(parsed: BlockText, sequence: number): Block {
  const { format, first, count, epoch, previous, who, commits } = parsed;
  if (format !== BLOCK_FORMAT) {
    throw new Fault(
      'FORMAT_UNSUPPORTED',
      `The block at sequence ${sequence} has format ${String(format)}; this program reads ${BLOCK_FORMAT}.`,
      {
        details: { sequence, format },
      },
    );
  }
  let next = first;
  const decoded: Commit[] = [];
  for (const text of commits) {
    const commit = decodeCommit(text, who, next);
    decoded.push(commit);
    next += commit.facts.length;
  }
  if (next !== first + count)
    throw corrupt(sequence, `it says ${count} events and holds ${next - first}`);
  return { first, count, epoch, previous, commits: decoded };
}

/** A block as it is parsed: what its head says is of the right type, and nothing else was looked at. */
export interface BlockText {
  readonly format: number;
  readonly first: number;
  readonly count: number;
  readonly epoch: number;
  readonly previous: string;
  readonly who: readonly AgentIdentity[];
  readonly commits: readonly CommitText[];
}

/** Reads the stored bytes as far as their place in the chain. Throws `LOG_CORRUPT`. */
export function parseBlock(bytes: Uint8Array, sequence: number): BlockText {
  const parsed = parseJson(bytes, sequence) as Partial<BlockText> | null;
  const isBlock =
    typeof parsed === 'object' &&
    parsed !== null &&
    Number.isSafeInteger(parsed.first) &&
    Number(parsed.count) >= 1 &&
    Number.isSafeInteger(parsed.count) &&
    typeof parsed.previous === 'string';
  if (!isBlock) throw corrupt(sequence, 'it is no block');
  return parsed as BlockText;
}

function parseJson(bytes: Uint8Array, sequence: number): unknown {
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    return JSON.parse(text);
  } catch (cause) {
    throw corrupt(sequence, 'it is not JSON', cause);
  }
}

function decodeCommit(text: CommitText, who: readonly AgentIdentity[], first: number): Commit {
  const source = who[text.by];
  if (source === undefined) throw corrupt(first, 'its author is missing');
  const command: RecordedCommand = {
    type: text.do,
    version: text.v ?? 1,
    payload: text.in,
    source,
    timeMs: text.at,
    correlationId: text.correlation,
    causationId: text.causation,
    trace: text.trace,
    idempotency: text.key && { key: text.key[0], fingerprint: text.key[1] },
    fencingToken: text.token,
  };
  const facts: Fact[] = [];
  for (const fact of text.facts) {
    const sequence = first + facts.length;
    const given =
      partGiven(text, fact[4]) ?? givenTo({ type: text.do, payload: text.in }, facts.length);
    const payload = decodePayload(fact, given, sequence);
    facts.push({ type: fact[0], payload, sequence, timeMs: text.at, source });
  }
  return text.refused === undefined
    ? { command, facts }
    : { command, refused: text.refused, facts };
}

/** What the part of a compound command gives that a fact names; undefined when it names none. */
function partGiven(text: CommitText, part: number | undefined): Payload | undefined {
  if (text.do !== 'compound.apply') return undefined;
  return part === undefined ? NOTHING : (text.in as unknown as Compound).commands[part]?.payload;
}

function decodePayload(
  [type, own, absent, version = 1]: FactText,
  given: Payload,
  at: number,
): Payload {
  const definition = knownDefinition(type, at);
  if (version === definition.version) return merge(definition.fields, given, own, absent);
  const { fields } = earlierVersion(type, definition, version, at);
  const payload = merge(fields, given, own, absent);
  return upcast(type, definition, { version, payload, sequence: at });
}

function merge(
  fields: readonly string[],
  given: Payload,
  own: Payload | 0 | undefined,
  absent: readonly string[] | 0 | undefined,
): Payload {
  if (own === undefined && isCovered(given, fields)) return given;
  const payload: Record<string, unknown> = {};
  for (const key of fields) {
    if (given[key] !== undefined) payload[key] = given[key];
  }
  if (absent) for (const key of absent) delete payload[key];
  return own ? Object.assign(payload, own) : payload;
}

function isCovered(given: Payload, fields: readonly string[]): boolean {
  for (const key in given) if (!fields.includes(key)) return false;
  return true;
}

function knownDefinition(type: string, sequence: number): EventDefinition {
  const definition = definitionOf(type);
  if (definition === undefined) {
    throw new Fault(
      'FORMAT_UNSUPPORTED',
      `The event at sequence ${sequence} has the type ${type}, which this program does not know. Use a newer program.`,
      { details: { sequence, type } },
    );
  }
  return definition;
}

/** A fault of the log, with the sequence at which it shows. */
export function corrupt(sequence: number, reason: string, cause?: unknown): Fault {
  return new Fault(
    'LOG_CORRUPT',
    `The log does not verify at sequence ${sequence}: ${reason}. Restore it from a copy; nothing after it is served.`,
    { details: { sequence, reason }, cause },
  );
}
