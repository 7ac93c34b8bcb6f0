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

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d:\d\d)?)?$/i;

/**
 * Reads an ISO 8601 moment; undefined when the text is none. One without a zone is in UTC, as all times of a swarm are, so
 * that it means the same on every machine.
 */
export function parseTime(text: string): number | undefined {
  const [, day, time = '00:00', zone = 'Z'] = ISO.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Whether the calendar has it: `Date.parse` takes the 30th of February for the 2nd of March. */
function isDay(day: string): boolean {
  const ms = Date.parse(day);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}
