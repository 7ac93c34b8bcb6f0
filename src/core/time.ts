/**
 * The two forms of a moment: milliseconds since 1970 inside, ISO 8601 in UTC where the specification shows it.
 * Gives no moment of its own: that is `core/clock.ts` (I5).
 */

const MS_PER_SECOND = 1_000;
/** The ends of all moments of a second: '000Z' to '999Z'. */
const ENDS = Array.from({ length: MS_PER_SECOND }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);
/** A prime that divides no usual timeout, so that a moment and its deadline do not push each other out. */
const REMEMBERED = 13;
const seconds: number[] = Array.from({ length: REMEMBERED }, () => Number.NaN);
const beginnings: string[] = Array.from({ length: REMEMBERED }, () => '');

/**
 * Writes a moment as the specification's timestamps are written. Remembers some seconds: the moments of a state that is
 * shown are close together, and so are its deadlines.
 */
export function isoTime(ms: number): string {
  const second = Math.floor(ms / MS_PER_SECOND);
  const slot = Math.abs(second % REMEMBERED);
  if (seconds[slot] !== second) {
    beginnings[slot] = new Date(second * MS_PER_SECOND).toISOString().slice(0, -'000Z'.length);
    seconds[slot] = second;
  }
  return (beginnings[slot] ?? '') + (ENDS[Math.floor(ms - second * MS_PER_SECOND)] ?? '');
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
