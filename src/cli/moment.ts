/**
 * How moments and lengths of time are shown to people.
 *
 * Everything is relative to the moment of the state that is shown, never to the clock on the wall: a log may be a year old.
 */
import colors from 'picocolors';
import { assert } from '../core/errors.ts';
import { isoTime, parseTime } from '../core/time.ts';
import type { PastState } from '../history/history.ts';
import { count } from './output.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The head of everything that shows a state: which moment it is. */
export function momentLine({ sequence, timeMs }: PastState): string {
  return `${colors.bold(`sequence ${count(sequence)}`)} ${colors.dim(isoTime(timeMs))}`;
}

/** Reads a time as a state shows it. */
export function msOf(time: string): number {
  const ms = parseTime(time);
  assert(ms !== undefined, 'a state writes its times in ISO 8601');
  return ms;
}

/** A time of day in UTC, with its day when that is not the day of the moment shown. */
export function timeOfDay(ms: number, shownMs: number): string {
  const [time, shown] = [isoTime(ms), isoTime(shownMs)];
  const day = time.slice(0, 10);
  const clock = time.slice(11, 23);
  return day === shown.slice(0, 10) ? clock : `${day} ${clock}`;
}

/** A length of time in its two largest units. */
export function duration(ms: number): string {
  if (ms < SECOND_MS) return `${ms} ms`;
  if (ms < MINUTE_MS) return `${Math.floor(ms / 100) / 10} s`;
  if (ms < HOUR_MS) return inUnits(ms, ['min', MINUTE_MS], ['s', SECOND_MS]);
  if (ms < DAY_MS) return inUnits(ms, ['h', HOUR_MS], ['min', MINUTE_MS]);
  return inUnits(ms, ['d', DAY_MS], ['h', HOUR_MS]);
}

type Unit = readonly [name: string, ms: number];

function inUnits(ms: number, [large, largeMs]: Unit, [small, smallMs]: Unit): string {
  const rest = Math.floor((ms % largeMs) / smallMs);
  return `${count(Math.floor(ms / largeMs))} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}
