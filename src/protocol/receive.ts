/**
 * Receive: unknown input becomes a typed, copied and frozen command, once, here (I11).
 *
 * Nothing after this step checks a shape again, and nobody outside can change what it let in.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { copyJson, type JsonBounds } from '../core/json.ts';
import type { IdSource } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import type { TraceContext } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import { COMMANDS, type CommandType, type SwarmCommand } from './commands.ts';

/** What comes with a command and is not in it. */
export interface Reception {
  /** From the handle that was asked, never from the input. */
  readonly source: AgentIdentity;
  readonly timeMs: number;
  readonly ids: IdSource;
  readonly limits: Limits;
}

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
const NAME = /^[^\s\p{C}]{1,256}$/u;

/**
 * Makes a command of unknown input.
 * Refuses with `UNKNOWN_COMMAND`, `INVALID_INPUT` or `PAYLOAD_TOO_LARGE`; the details list what is wrong, and where.
 */
export function receive(
  input: unknown,
  reception: Reception,
): { readonly ok: true; readonly command: SwarmCommand } | Refusal {
  if (typeof input !== 'object' || input === null) {
    return refuse('INVALID_INPUT', 'A command is an object with a type and a payload.');
  }
  const { type, payload, correlationId, causationId, trace } = input as Record<string, unknown>;
  if (typeof type !== 'string' || !Object.hasOwn(COMMANDS, type)) {
    return refuse('UNKNOWN_COMMAND', `There is no command ${describe(type)}.`, {
      known: Object.keys(COMMANDS),
    });
  }
  const { draws, schema, version } = COMMANDS[type as CommandType];
  const copied = copyJson(withDrawnId(payload, draws, reception.ids), boundsOf(reception.limits));
  if (!copied.ok) return copied;
  const checked = schema.safeParse(copied.value);
  if (!checked.success) return invalid(type, checked.error.issues);
  const labels = readLabels(correlationId, causationId, trace);
  if (!labels.ok) return labels;
  const { source, timeMs } = reception;
  const command = {
    type,
    version,
    payload: copied.value, // the frozen copy, not a second one by the schema
    source,
    timeMs,
    correlationId: labels.correlationId,
    causationId: labels.causationId,
    trace: labels.trace,
  };
  return { ok: true, command: command as unknown as SwarmCommand };
}

function boundsOf(limits: Limits): JsonBounds {
  return {
    charsMax: limits.payloadCharsMax,
    nodesMax: limits.payloadNodesMax,
    depthMax: limits.payloadDepthMax,
  };
}

function withDrawnId(payload: unknown, field: string | null, ids: IdSource): unknown {
  if (field === null || typeof payload !== 'object' || payload === null) return payload;
  if ((payload as Record<string, unknown>)[field] !== undefined) return payload;
  return { ...payload, [field]: ids() };
}

interface Labels {
  readonly ok: true;
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly trace?: TraceContext | undefined;
}

const NO_LABELS: Labels = { ok: true };

function readLabels(
  correlationId: unknown,
  causationId: unknown,
  trace: unknown,
): Labels | Refusal {
  if (correlationId === undefined && causationId === undefined && trace === undefined)
    return NO_LABELS;
  for (const [name, id] of [
    ['correlationId', correlationId],
    ['causationId', causationId],
  ] as const) {
    if (id !== undefined && (typeof id !== 'string' || !NAME.test(id))) {
      return refuse('INVALID_INPUT', `${name} is a text of 1 to 256 printable characters.`, {
        at: name,
      });
    }
  }
  const context = trace as { traceparent?: unknown; tracestate?: unknown } | undefined;
  const isTrace =
    context === undefined ||
    (typeof context === 'object' &&
      context !== null &&
      typeof context.traceparent === 'string' &&
      TRACEPARENT.test(context.traceparent) &&
      (context.tracestate === undefined ||
        (typeof context.tracestate === 'string' && context.tracestate.length <= 512)));
  if (!isTrace) {
    return refuse('INVALID_INPUT', 'trace is a W3C trace context with a traceparent.', {
      at: 'trace',
    });
  }
  return {
    ok: true,
    correlationId: correlationId as string | undefined,
    causationId: causationId as string | undefined,
    trace: copyTrace(context as TraceContext | undefined),
  };
}

function copyTrace(trace: TraceContext | undefined): TraceContext | undefined {
  if (trace === undefined) return undefined;
  const { traceparent, tracestate } = trace;
  return Object.freeze({ traceparent, ...(tracestate === undefined ? {} : { tracestate }) });
}

function invalid(
  type: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): Refusal {
  const found = issues.slice(0, 8).map(({ path, message }) => ({ at: path.join('.'), message }));
  const told = found
    .map(({ at, message }) => (at === '' ? message : `${at}: ${message}`))
    .join('; ');
  return refuse('INVALID_INPUT', `${type}: ${told}.`, { command: type, issues: found });
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `of type ${typeof value}`;
}
