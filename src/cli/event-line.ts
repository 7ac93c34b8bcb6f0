/** An event as one line for people: sequence, time, type, source, and what it says in brief. */
import colors from 'picocolors';
import type { SwarmEvent } from '../events/envelope.ts';
import { cut, harmless, ID_CHARS } from './output.ts';

const LINE_CHARS_MAX = 96;

/** Writes an event as one line. */
export function eventLine(event: SwarmEvent): string {
  const time = event.timestamp.slice(11, 23);
  const type = colorOf(event.type)(event.type.padEnd(22));
  const source = event.source.agentId.padEnd(12);
  return `${String(event.sequence).padStart(6)}  ${colors.dim(time)}  ${type} ${source} ${brief(event.payload)}`;
}

function colorOf(type: string): (text: string) => string {
  if (/\.(errored|failed|expired|abandoned|stopped|alert)$/.test(type)) return colors.red;
  if (/\.(requeued|rejected|cancelled|stalled|health_changed)$/.test(type)) return colors.yellow;
  if (/\.(completed|recovered|acquired)$/.test(type)) return colors.green;
  return colors.cyan;
}

/** Names and numbers as they are, ids by their beginning, larger values as a hint: the whole is in `--json`. */
function brief(payload: unknown): string {
  const parts = Object.entries(payload as Record<string, unknown>).map(
    ([key, value]) =>
      `${key}=${key.endsWith('Id') ? String(value).slice(0, ID_CHARS) : short(value)}`,
  );
  return cut(harmless(parts.join(' ')), LINE_CHARS_MAX);
}

function short(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const agent = (value as { agentId?: unknown }).agentId;
  if (typeof agent === 'string') return agent;
  return Array.isArray(value) ? '[…]' : '{…}';
}
