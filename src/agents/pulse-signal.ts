/**
 * What an iteration says of itself: a signal and a summary, read from what its command printed (specification, `PulseSignal`).
 *
 * Whoever prints does not know who reads: colours are taken off, and a carriage return ends a line as a new line does.
 */
import type { PulseSignal } from '../events/state-schemas.ts';

/** What an iteration said of itself. */
export interface PulseWords {
  readonly signal: PulseSignal;
  /** At most {@link SUMMARY_CHARS_MAX} characters; empty when it printed nothing. */
  readonly summary: string;
}

/** The longest summary that is kept: a line for people, and not a report. */
export const SUMMARY_CHARS_MAX = 1_000;

const BEL = '\u0007';
const ESC = '\u001b';
const CSI = '\u009b';
const ST = '\u009c';
const OSC = '\u009d';
/**
 * What a terminal obeys and does not show: a control sequence, a string such as a title or a link, and an escape of two or three
 * characters. No part of one can begin another, so a hostile output is read in linear time; `stripVTControlCharacters` of Node
 * is quadratic. A string that nobody ends is left as it is.
 */
const CONTROLS = new RegExp(
  [
    `(?:${ESC}\\[|${CSI})[0-?]*[ -/]*[@-~]`,
    `(?:${ESC}\\]|${OSC})[^${BEL}${ESC}${CSI}${ST}${OSC}\\r\\n]*(?:${BEL}|${ESC}\\\\|${ST})`,
    `${ESC}[ -/]*[0-Z\\\\^-~]`,
  ].join('|'),
  'g',
);
const SIGNAL = /^(?:SIGNAL:\s*)?(CONTINUE|COMPLETE|BLOCKED|PAUSE)$/;
const SUMMARY = /^SUMMARY:(.*)$/;

/**
 * Reads the last signal and the last summary of an output. A signal is a line that holds one of the four words and nothing
 * else, `SIGNAL:` before it at most; without one it is UNKNOWN. A summary is what follows `SUMMARY:` at the beginning of a line;
 * without one it is the last line that says anything else.
 */
export function readPulseWords(output: string): PulseWords {
  const lines = output
    .replaceAll(CONTROLS, '')
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .toReversed();
  const signal = firstMatch(lines, SIGNAL) ?? 'UNKNOWN';
  const other = lines.find((line) => line !== '' && !SIGNAL.test(line) && !SUMMARY.test(line));
  return {
    signal: signal as PulseSignal,
    summary: bounded(firstMatch(lines, SUMMARY) ?? other ?? ''),
  };
}

/** What a pattern captures in the first line where that is anything. */
function firstMatch(lines: readonly string[], pattern: RegExp): string | undefined {
  for (const line of lines) {
    const found = pattern.exec(line)?.[1]?.trim();
    if (found !== undefined && found !== '') return found;
  }
  return undefined;
}

/** A text that is not too long, and of whole characters. */
function bounded(text: string): string {
  const cut = text.length > SUMMARY_CHARS_MAX ? `${text.slice(0, SUMMARY_CHARS_MAX - 1)}…` : text;
  return cut.replace(/\p{Cs}…$/u, '…').replaceAll(/\p{Cs}/gu, '\ufffd'); // half a character is none
}
