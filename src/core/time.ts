/**
 * The two forms of a moment: milliseconds since 1970 inside, ISO 8601 in UTC where the specification shows it.
 * Gives no moment of its own: that is `core/clock.ts` (I5).
 */

let lastMs = Number.NaN;
let lastText = '';

/** Writes a moment as the specification's timestamps are written. Remembers the last: a block shares few moments. */
export function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}

/** Writes a moment that may not have come yet. */
export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

/** Reads an ISO 8601 moment; undefined when the text is none. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
