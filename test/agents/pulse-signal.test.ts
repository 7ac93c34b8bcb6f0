/** What is read from what a command printed. */
import { describe, expect, test } from 'vitest';
import { readPulseWords, SUMMARY_CHARS_MAX } from '../../src/agents/pulse-signal.ts';

describe('the signal', () => {
  test.each([
    ['CONTINUE', 'CONTINUE'],
    ['COMPLETE\n', 'COMPLETE'],
    ['working\n  BLOCKED  \n', 'BLOCKED'],
    ['PAUSE\r\n', 'PAUSE'],
    ['SIGNAL: COMPLETE', 'COMPLETE'],
    ['SIGNAL:COMPLETE', 'COMPLETE'],
    ['\tSIGNAL:   PAUSE', 'PAUSE'],
    ['10 %\r50 %\rCOMPLETE\r', 'COMPLETE'],
    ['\u001b[32m\u001b[1mCOMPLETE\u001b[0m\n', 'COMPLETE'],
    ['\u009b1mCOMPLETE\u001b(B\u001b[m', 'COMPLETE'],
    ['\u001b]0;a title\u0007COMPLETE', 'COMPLETE'],
    ['\u001b]8;;https://example.org/?a=b\u001b\\COMPLETE\u001b]8;;\u001b\\', 'COMPLETE'],
    ['\u001b[38;2;1;2;3mCOMPLETE\u001b[?25h\u001b[K\u001b7', 'COMPLETE'],
    ['\u001b]0;a title without an end\nCOMPLETE', 'COMPLETE'],
    // the last one holds, and it need not be the last line
    ['CONTINUE\nCOMPLETE\n', 'COMPLETE'],
    ['SIGNAL: COMPLETE\nBLOCKED\nbye\n\n', 'BLOCKED'],
    // no signals
    ['', 'UNKNOWN'],
    ['\n\n', 'UNKNOWN'],
    ['all is COMPLETE', 'UNKNOWN'],
    ['COMPLETE.', 'UNKNOWN'],
    ['complete', 'UNKNOWN'],
    ['INCOMPLETE', 'UNKNOWN'],
    ['UNKNOWN', 'UNKNOWN'],
    ['SIGNAL: UNKNOWN', 'UNKNOWN'],
    ['SIGNAL: SIGNAL: PAUSE', 'UNKNOWN'],
    ['signal: COMPLETE', 'UNKNOWN'],
    ['SIGNAL:', 'UNKNOWN'],
    ['"COMPLETE"', 'UNKNOWN'],
    ['COMPLETE BLOCKED', 'UNKNOWN'],
  ])('of %j is %s', (output, signal) => {
    expect(readPulseWords(output).signal).toBe(signal);
  });
});

test.each([
  ['an escape and very many parameters', `\u001b${';?'.repeat(130_000)}`],
  ['a control sequence without an end', `\u001b[${'1;'.repeat(130_000)}`],
  ['very many beginnings', '\u001b['.repeat(130_000)],
  ['titles without an end', '\u001b]0;'.repeat(65_000)],
  ['one long title without an end', `\u001b]${';a'.repeat(130_000)}`],
  ['very many spaces', `SIGNAL:${' '.repeat(260_000)}x`],
])('%s before it do not keep anybody waiting', (_what, hostile) => {
  // Read in quadratic time these take a minute, which is longer than a test may.
  expect(readPulseWords(`${hostile}\nCOMPLETE\n`).signal).toBe('COMPLETE');
});

describe('the summary', () => {
  test.each([
    ['SUMMARY: wrote the parser\nCOMPLETE', 'wrote the parser'],
    ['SUMMARY:wrote the parser', 'wrote the parser'],
    ['SUMMARY: first\nSUMMARY: second\nthen more\nCONTINUE', 'second'],
    ['SUMMARY: first\nSUMMARY:  \nCONTINUE', 'first'],
    ['one\n two \nCOMPLETE\n\n', 'two'],
    ['COMPLETE\nbye', 'bye'],
    ['summary: no\nCONTINUE', 'summary: no'],
    ['\u001b[31mred\u001b[0m\r\nSIGNAL: BLOCKED', 'red'],
    ['SUMMARY:\nCOMPLETE', ''],
    ['COMPLETE', ''],
    ['', ''],
    ['half a character \ud83d', 'half a character \ufffd'],
  ])('of %j is %j', (output, summary) => {
    expect(readPulseWords(output).summary).toBe(summary);
  });

  test('is cut between characters', () => {
    const long = readPulseWords(`SUMMARY: ${'x'.repeat(SUMMARY_CHARS_MAX + 1)}`).summary;
    expect(long).toBe(`${'x'.repeat(SUMMARY_CHARS_MAX - 1)}…`);
    const full = 'x'.repeat(SUMMARY_CHARS_MAX);
    expect(readPulseWords(full).summary).toBe(full);
    const pairs = readPulseWords(`SUMMARY: ${'x'.repeat(SUMMARY_CHARS_MAX - 2)}🐜🐜`).summary;
    expect(pairs).toBe(`${'x'.repeat(SUMMARY_CHARS_MAX - 2)}…`);
  });
});
