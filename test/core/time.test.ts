import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { isoTime, isoTimeOrNull, parseTime } from '../../src/core/time.ts';

describe('isoTime', () => {
  it('writes a moment in UTC with milliseconds', () => {
    expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(isoTime(1_700_000_000_123)).toBe('2023-11-14T22:13:20.123Z');
  });

  it('remembers moments, and tells them apart', () => {
    expect([isoTime(1), isoTime(1), isoTime(2), isoTime(1)].map((text) => text.slice(-4))).toEqual([
      '001Z',
      '001Z',
      '002Z',
      '001Z',
    ]);
    // Thirteen seconds apart they share a place.
    expect([0, 13_000, 0, 26_000].map((ms) => isoTime(ms).slice(-7))).toEqual([
      '00.000Z',
      '13.000Z',
      '00.000Z',
      '26.000Z',
    ]);
  });

  it('leaves null what has not come', () => {
    expect(isoTimeOrNull(null)).toBeNull();
    expect(isoTimeOrNull(0)).toBe(isoTime(0));
  });

  test('every whole millisecond is read again as itself', () => {
    const moment = fc.integer({ min: 0, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(moment, (ms) => parseTime(isoTime(ms)) === ms),
      { seed: 5, numRuns: 2_000 },
    );
  });
});

describe('parseTime', () => {
  it.each([
    ['2026-01-01', Date.UTC(2026, 0, 1)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2026-01-01T10:20', Date.UTC(2026, 0, 1, 10, 20)],
    ['2026-01-01 10:20:30', Date.UTC(2026, 0, 1, 10, 20, 30)],
    ['2026-01-01T10:20Z', Date.UTC(2026, 0, 1, 10, 20)],
    ['2026-01-01T10:20:30Z', Date.UTC(2026, 0, 1, 10, 20, 30)],
    ['2026-01-01T10:20:30.5Z', Date.UTC(2026, 0, 1, 10, 20, 30, 500)],
    ['2026-01-01T10:20:30+02:00', Date.UTC(2026, 0, 1, 8, 20, 30)],
  ])('reads %s', (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  it.each([
    '',
    'yesterday',
    '5',
    '1700000000000',
    '2026',
    '2026-13-01',
    '2026-02-30',
    '2025-02-29',
    '2026-01-01T25:00Z',
    '2026-01-01T10:20+99:00',
    '2026-01-01 (or so)',
    '2026-01-01T10:20:30Z; DROP TABLE',
    'Jan 1 2026',
    '__proto__',
  ])('[I11] %j is no moment', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });

  test('[I11] any text: a moment or undefined', () => {
    const digits = fc.stringMatching(/^[0-9:TZ+. -]{0,30}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), digits), (text) => {
        const ms = parseTime(text);
        if (ms !== undefined) expect(Number.isFinite(ms)).toBe(true);
      }),
      { seed: 6, numRuns: 5_000 },
    );
  });
});
