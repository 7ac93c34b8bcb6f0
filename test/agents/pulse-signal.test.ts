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
