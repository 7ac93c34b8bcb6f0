/**
 * What it costs to evaluate an expression, in steps.
 *
 * Every evaluation has a number of them. A function pays before it works, by the size of what it is given; a loop pays for all of
 * its turns before the first. Who cannot pay ends the whole evaluation. So its time has a bound, whatever the values are, and
 * the same values always end it at the same place.
 */
import { isCelList, isCelMap, type CelValue } from '@bufbuild/cel';
import { readPattern } from './expression-pattern.ts';

/** What an evaluation may take (I12). */
export const EVALUATION_LIMITS = {
  /** Steps: a node that is visited in a loop, or 64 characters that are looked at. Half a microsecond each, rarely three. */
  stepsMax: 10_000,
  /** Elements of a list, or keys of an object, through which an expression goes. */
  elementsMax: 1_000,
} as const;

const CHARS_A_STEP = 64;
/** Characters times instructions of a pattern that are a step. */
const MATCHES_A_STEP = 16;
/** `size` of a text counts code points, and conversions read digit by digit. */
const COUNTED_CHARS_A_STEP = 8;

/** Ends an evaluation. */
export class TooCostly extends Error {}

/** The steps that are left. Evaluations are synchronous and call nobody back, so that one meter serves them all. */
class Meter {
  #left = 0;

  begin(): void {
    this.#left = EVALUATION_LIMITS.stepsMax;
  }

  pay(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) {
      throw new TooCostly(`it takes more than ${EVALUATION_LIMITS.stepsMax} steps`);
    }
  }
}

export const METER = new Meter();

/** What a function is given; for a method its target stands first. */
export type Values = readonly (CelValue | undefined)[];

const flat: (values: Values) => number = () => 1;

/** What a use of a function costs, by its name. */
export const COSTS: Readonly<Record<string, (values: Values) => number>> = {
  '!_': flat,
  '-_': flat,
  '_-_': flat,
  '_*_': flat,
  '_/_': flat,
  '_%_': flat,
  '_+_': (values) => sum(values, lengthOf),
  '_==_': (values) => sum(values, weightOf),
  '_!=_': (values) => sum(values, weightOf),
  '_<_': (values) => sum(values, lengthOf),
  '_<=_': (values) => sum(values, lengthOf),
  '_>_': (values) => sum(values, lengthOf),
  '_>=_': (values) => sum(values, lengthOf),
  '@in': (values) => sum(values, weightOf),
  contains: ([text, part]) => 1 + (chars(text) * chars(part)) / CHARS_A_STEP,
  startsWith: (values) => sum(values, lengthOf),
  endsWith: (values) => sum(values, lengthOf),
  matches: ([text, pattern]) => 1 + (chars(text) * sizeOf(pattern)) / MATCHES_A_STEP,
  size: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  int: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  double: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  string: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  bool: flat,
};

function chars(value: CelValue | undefined): number {
  return typeof value === 'string' ? value.length : 0;
}

function sizeOf(pattern: CelValue | undefined): number {
  const read = typeof pattern === 'string' ? readPattern(pattern) : undefined;
  return read?.ok === true ? read.size : 0;
}

function sum(values: Values, steps: (value: CelValue | undefined) => number): number {
  return values.reduce<number>((all, value) => all + steps(value), 0);
}

/** Of a list its own length: it is copied, and not what is in it. */
function lengthOf(value: CelValue | undefined): number {
  return 1 + (isCelList(value) ? value.size : chars(value) / CHARS_A_STEP);
}

/** Of all that is in it; pays for looking as it goes, since that takes as long as what follows. */
function weightOf(value: CelValue | undefined): number {
  const own = 1 + chars(value) / CHARS_A_STEP;
  if (!isCelList(value) && !isCelMap(value)) return own;
  METER.pay(value.size);
  return [...value.values()].reduce<number>((all, item) => all + weightOf(item), own);
}
