/**
 * The regular expressions of rules, in the syntax of RE2: matched in a time that grows with the text and no faster.
 *
 * A pattern is a literal of its expression, so it is checked and compiled once, when the rule is written. Linear is not yet
 * small: what a pattern compiles to is bounded too, and says what a match costs.
 */
import { RE2JS } from 're2js';

/** What a pattern may be (I12). */
export const PATTERN_LIMITS = {
  /** Characters: a condition that a person can read. */
  charsMax: 128,
  /** All counted repetitions together: `{n}` copies what it repeats, so `(a{30}){30}` is 900 of it. */
  repeatsMax: 100,
  /** Instructions of the compiled pattern: a match costs at most so many steps a character. */
  sizeMax: 1_000,
} as const;

/** A pattern that may be used. */
export interface TextPattern {
  readonly ok: true;
  /** Its instructions. */
  readonly size: number;
  /** Whether it is found anywhere in a text. */
  isIn(text: string): boolean;
}

const COUNTED = /\{(\d+)(?:,(\d*))?\}/g;

/** Patterns that were read lately. Only a memory of what reading gives. */
const lately = new Map<string, TextPattern>();
const LATELY_MAX = 256;

/** Reads a pattern, or says why it may not be used. */
export function readPattern(
  text: string,
): TextPattern | { readonly ok: false; readonly reason: string } {
  const known = lately.get(text);
  if (known !== undefined) return known;
  const { charsMax, repeatsMax, sizeMax } = PATTERN_LIMITS;
  if (text.length > charsMax) return unusable(`has more than ${charsMax} characters`);
  // Before it is compiled: the copies are made there.
  if (repeats(text) > repeatsMax) return unusable(`repeats more than ${repeatsMax} times`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(text);
  } catch (error) {
    return unusable(`cannot be read: ${error instanceof Error ? error.message : 'bad syntax'}`);
  }
  const size = compiled.programSize();
  if (size > sizeMax) return unusable(`has more than ${sizeMax} parts`);
  const pattern: TextPattern = { ok: true, size, isIn: (other) => compiled.test(other) };
  if (lately.size >= LATELY_MAX) lately.clear();
  lately.set(text, pattern);
  return pattern;
}

/** How often at most something is repeated by a number; what only looks like a repetition counts as well. */
function repeats(text: string): number {
  let sum = 0;
  for (const [, least, most] of text.matchAll(COUNTED)) {
    sum += Math.max(Number(least), Number(most ?? 0));
  }
  return sum;
}

function unusable(why: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason: `the pattern ${why}` };
}
