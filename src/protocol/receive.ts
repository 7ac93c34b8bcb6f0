/**
 * Receive: unknown input becomes a typed, copied and frozen command, once, here (I11).
 *
 * Nothing after this step checks a shape again, and nobody outside can change what it let in.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { canonicalJson, copyJson, unreadableValue } from '../core/json.ts';
import type { JsonBounds, JsonObject, JsonValue } from '../core/json.ts';
import { sha256 } from '../core/hash.ts';
import type { IdSource } from '../core/ids.ts';
import type { PayloadLimits } from '../core/limits.ts';
import type { Idempotency, TraceContext } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { COMMANDS, type CommandType, type SwarmCommand } from './commands.ts';
import { isPartType, type CommandPart } from './compound.ts';

/** What input is read with. */
export interface Reading {
  readonly ids: IdSource;
  readonly limits: PayloadLimits;
}

/** What comes with a command and is not in it. */
export interface Issue {
  /** From the handle that was asked, never from the input. */
  readonly source: AgentIdentity;
  readonly timeMs: number;
}

/** A command as it was asked for: nobody gave it yet, and at no time. */
export type CommandRequest = Omit<SwarmCommand, 'source' | 'timeMs'>;

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
/** 128 bits: nobody asks for two things by chance that look the same. */
const FINGERPRINT_CHARS = 32;
/** The levels of a compound command above the payload of a part. */
const PART_DEPTH = 3;
const NAME = /^[^\s\p{C}]{1,256}$/u;

/** Makes a command of unknown input. */
export function receive(
  input: unknown,
  { source, timeMs, ...reading }: Reading & Issue,
): { readonly ok: true; readonly command: SwarmCommand } | Refusal {
  const read = readRequest(input, reading);
  return read.ok ? { ok: true, command: issue(read.request, { source, timeMs }) } : read;
}

/** Gives a request its author and its time. */
export function issue(request: CommandRequest, { source, timeMs }: Issue): SwarmCommand {
  const { type, version, payload, correlationId, causationId, trace } = request;
  const { idempotency, fencingToken } = request;
  // Field by field: every command comes by here, and spreading is ten times slower.
  const command = {
    type,
    version,
    payload,
    source,
    timeMs,
    correlationId,
    causationId,
    trace,
    idempotency,
    fencingToken,
  };
  return command as unknown as SwarmCommand;
}

/**
 * Reads unknown input, before there is a time: code of the caller may run in it, a getter for example, which may ask for
 * something itself.
 * Refuses with `UNKNOWN_COMMAND`, `INVALID_INPUT` or `PAYLOAD_TOO_LARGE`; the details list what is wrong, and where.
 */
export function readRequest(
  input: unknown,
  reading: Reading,
): { readonly ok: true; readonly request: CommandRequest } | Refusal {
  if (typeof input !== 'object' || input === null) {
    return refuse('INVALID_INPUT', 'A command is an object with a type and a payload.');
  }

  const envelope = readEnvelope(input as Record<string, unknown>);
  if (!envelope.ok) return envelope;
  const { type, payload } = envelope;
  if (typeof type !== 'string' || !Object.hasOwn(COMMANDS, type)) {
    return refuse('UNKNOWN_COMMAND', `There is no command ${describe(type)}.`, {
      known: Object.keys(COMMANDS),
    });
  }

  const { draws, schema, version } = COMMANDS[type as CommandType];
  const bounds = boundsOf(reading.limits);
  // What a part holds is as deep as if it were given alone.
  const depthMax = bounds.depthMax + (type === 'compound.apply' ? PART_DEPTH : 0);
  const copied = copyJson(payload, { ...bounds, depthMax });
  if (!copied.ok) return copied;
  const drawn = withDrawnId(copied.value, draws, reading.ids);
  const checked = schema.safeParse(drawn);
  if (!checked.success) return invalid(type, checked.error.issues);
  const parts = type === 'compound.apply' ? readParts(drawn as JsonObject, reading.ids) : undefined;
  if (parts?.ok === false) return parts;
  const complete = parts?.payload ?? drawn;
  const labels = readLabels(envelope);
  if (!labels.ok) return labels;
  const { correlationId, causationId, trace, idempotencyKey: key, fencingToken } = labels;
  const request = {
    type,
    version,
    payload: complete, // the frozen copy, not a second one by the schema
    correlationId,
    causationId,
    trace,
    idempotency: key === undefined ? undefined : idempotencyOf(key, type, copied.value),
    fencingToken,
  };
  return { ok: true, request: request as unknown as CommandRequest };
}

/** The parts of a compound command, each as if it were received alone. */
function readParts(
  payload: JsonObject,
  ids: IdSource,
): { readonly ok: true; readonly payload: JsonValue } | Refusal {
  const commands: CommandPart[] = [];
  for (const [index, part] of (payload['commands'] as readonly JsonObject[]).entries()) {
    const { type } = part;
    if (typeof type !== 'string' || !isPartType(type)) {
      const message = `Part ${index}: ${describe(type)} cannot be part of a compound command.`;
      return refuse('INVALID_INPUT', message, { part: index, type });
    }
    const { draws, schema, version } = COMMANDS[type];
    const drawn = withDrawnId(part['payload'] ?? null, draws, ids) as CommandPart['payload'];
    const checked = schema.safeParse(drawn);
    if (!checked.success) return invalid(`part ${index} (${type})`, checked.error.issues);
    const read = version === 1 ? { type, payload: drawn } : { type, version, payload: drawn };
    commands.push(Object.freeze(read));
  }
  const complete = Object.freeze({ commands: Object.freeze(commands) });
  return { ok: true, payload: complete as unknown as JsonValue };
}

/** The fingerprint is of what the caller said: a drawn id is another one in every repeat. */
function idempotencyOf(key: string, type: string, payload: JsonValue): Idempotency {
  const fingerprint = sha256(canonicalJson([type, payload])).slice(0, FINGERPRINT_CHARS);
  return Object.freeze({ key, fingerprint });
}

interface Envelope {
  readonly ok: true;
  readonly type: unknown;
  readonly payload: unknown;
  readonly correlationId: unknown;
  readonly causationId: unknown;
  readonly trace: unknown;
  readonly idempotencyKey: unknown;
  readonly fencingToken: unknown;
}

/** Reads each part once, also of an object whose own code answers. */
function readEnvelope(input: Record<string, unknown>): Envelope | Refusal {
  try {
    const { type, payload, correlationId, causationId, trace } = input;
    const { idempotencyKey, fencingToken } = input;
    return {
      ok: true,
      type,
      payload,
      correlationId,
      causationId,
      trace,
      idempotencyKey,
      fencingToken,
    };
  } catch (thrown) {
    return unreadableValue(thrown);
  }
}

function boundsOf(limits: PayloadLimits): JsonBounds {
  return {
    charsMax: limits.payloadCharsMax,
    nodesMax: limits.payloadNodesMax,
    depthMax: limits.payloadDepthMax,
  };
}

function withDrawnId(payload: JsonValue, field: string | null, ids: IdSource): JsonValue {
  if (field === null || typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    return payload;
  }
  const given = payload as JsonObject;
  return Object.hasOwn(given, field) ? given : Object.freeze({ ...given, [field]: ids() });
}

interface Labels {
  readonly ok: true;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly trace?: TraceContext | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly fencingToken?: number | undefined;
}

const NO_LABELS: Labels = { ok: true };

function readLabels(envelope: Envelope): Labels | Refusal {
  const { correlationId, causationId, trace, idempotencyKey, fencingToken } = envelope;
  const given = [correlationId, causationId, trace, idempotencyKey, fencingToken];
  if (given.every((label) => label === undefined)) return NO_LABELS;
  for (const name of ['correlationId', 'causationId', 'idempotencyKey'] as const) {
    const id = envelope[name];
    if (id !== undefined && (typeof id !== 'string' || !NAME.test(id))) {
      return refuse('INVALID_INPUT', `${name} is a text of 1 to 256 printable characters.`, {
        at: name,
      });
    }
  }

  const context = readTrace(trace);
  if (context === null) {
    return refuse('INVALID_INPUT', 'trace is a W3C trace context with a traceparent.', {
      at: 'trace',
    });
  }
  if (
    fencingToken !== undefined &&
    !(Number.isSafeInteger(fencingToken) && Number(fencingToken) > 0)
  ) {
    return refuse('INVALID_INPUT', 'fencingToken is the token of a lock: a whole number from 1.', {
      at: 'fencingToken',
    });
  }
  return {
    ok: true,
    correlationId: correlationId as string | undefined,
    causationId: causationId as string | undefined,
    trace: context,
    idempotencyKey: idempotencyKey as string | undefined,
    fencingToken: fencingToken as number | undefined,
  };
}

const TRACE_BOUNDS: JsonBounds = { charsMax: 1_024, nodesMax: 8, depthMax: 2 };

/** A frozen copy of the trace context; null when it is none. */
function readTrace(trace: unknown): TraceContext | undefined | null {
  if (trace === undefined) return undefined;
  const copied = copyJson(trace, TRACE_BOUNDS);
  if (!copied.ok || typeof copied.value !== 'object' || copied.value === null) return null;
  const { traceparent, tracestate } = copied.value as Record<string, unknown>;
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) return null;
  if (tracestate === undefined) return Object.freeze({ traceparent });
  if (typeof tracestate !== 'string' || tracestate.length > 512) return null;
  return Object.freeze({ traceparent, tracestate });
}

function invalid(
  type: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): Refusal {
  // Bounded: the names of unknown keys, as many and as long as they are, stand in a message.
  const found = issues.slice(0, 8).map(({ path, message }) => ({
    at: path.join('.').slice(0, 200),
    message: message.slice(0, 400),
  }));
  const told = found
    .map(({ at, message }) => (at === '' ? message : `${at}: ${message}`))
    .join('; ');
  return refuse('INVALID_INPUT', `${type}: ${told}.`, { command: type, issues: found });
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `of type ${typeof value}`;
}
