/** What a Guardian makes of figures, by rules alone: thresholds, sentences, and a status that gets better only when it holds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deriveHealth,
  nextHealth,
  type Health,
  type HealthFigures,
} from '../../src/agents/health.ts';
import { withLook, type Look } from '../../src/agents/health-figures.ts';
import { DEFAULT_HEALTH_THRESHOLDS, thresholdsOf } from '../../src/events/health-thresholds.ts';

const CALM: HealthFigures = {
  sessions: 40,
  inError: [],
  working: 20,
  stalled: [],
  queues: [],
  ended: { completed: 100, failed: 0 },
  log: { waiting: 0, eventsPerSecond: 10 },
  disk: { freeShare: 0.5 },
};

const many = (count: number) => Array.from({ length: count }, (_, at) => `a${at + 10}`);
const queue = (waiting: number, waitMs: number) => ({
  queues: [{ resource: 'src/a.ts', waiting, waitMs }],
});

/** Figures just below a threshold and at it, with what is said of them. */
const CASES: readonly (readonly [
  string,
  Partial<HealthFigures>,
  Health['status'],
  string | undefined,
])[] = [
  ['all is well', {}, 'healthy', undefined],
  ['one of forty in error', { inError: many(1) }, 'healthy', undefined],
  ['two of forty', { inError: ['bee', 'ant'] }, 'degraded', 'ant, bee are in error'],
  ['one of one', { sessions: 1, inError: ['ant'] }, 'critical', 'ant is in error'],
  ['half', { inError: many(20) }, 'critical', 'a10, a11, a12, a13, a14 and 15 more are in error'],
  ['four of twenty stalled', { stalled: many(4) }, 'healthy', undefined],
  ['five', { stalled: ['x', 'x', 'x', 'x', 'x'] }, 'degraded', 'x brings no task forward'],
  ['fifteen', { stalled: many(15) }, 'critical', expect.stringContaining('bring no task') as never],
  ['19 wait', queue(19, 0), 'healthy', undefined],
  ['20 wait', queue(20, 0), 'degraded', '20 or more wait for the lock on src/a.ts'],
  ['200 wait', queue(200, 0), 'critical', '200 or more wait for the lock on src/a.ts'],
  ['for a minute less 1', queue(1, 59_999), 'healthy', undefined],
  [
    'for a minute',
    queue(1, 60_000),
    'degraded',
    'somebody has waited for 60 s or more for the lock on src/a.ts',
  ],
  [
    'for ten',
    queue(1, 600_000),
    'critical',
    'somebody has waited for 600 s or more for the lock on src/a.ts',
  ],
  ['few ended', { ended: { completed: 0, failed: 4 } }, 'healthy', undefined],
  [
    'a fifth failed',
    { ended: { completed: 80, failed: 20 } },
    'degraded',
    '20 % or more of the tasks that ended in 600 s failed',
  ],
  [
    'half failed',
    { ended: { completed: 5, failed: 5 } },
    'critical',
    '50 % or more of the tasks that ended in 600 s failed',
  ],
  [
    'the disk is behind',
    { log: { waiting: 10_000, eventsPerSecond: 0 } },
    'degraded',
    '10000 events or more wait for the disk',
  ],
  [
    'it grows fast',
    { log: { waiting: 0, eventsPerSecond: 50_000 } },
    'critical',
    'the log grows by 50000 events a second or more',
  ],
  ['there is room', { disk: { freeShare: 0.05 } }, 'healthy', undefined],
  ['little room', { disk: { freeShare: 0.049 } }, 'degraded', 'less than 5 % of the disk is free'],
  ['no room', { disk: { freeShare: 0 } }, 'critical', 'less than 1 % of the disk is free'],
  [
    'no disk',
    { disk: { failed: { reason: 'ENOENT' } } },
    'degraded',
    'the disk cannot be looked at: ENOENT',
  ],
  ['nobody can see', { disk: undefined, log: undefined }, 'healthy', undefined],
  [
    'nobody is there',
    { sessions: 0, working: 0, ended: { completed: 0, failed: 0 } },
    'healthy',
    undefined,
  ],
];

describe('the health of some figures', () => {
  test.each(CASES)('%s', (_name, figures, status, issue) => {
    const health = deriveHealth({ ...CALM, ...figures }, DEFAULT_HEALTH_THRESHOLDS);
    expect(health).toEqual({ status, issues: issue === undefined ? [] : [issue] });
  });

  test('is that of the worst issue, and that stands first', () => {
    const figures = { ...CALM, inError: many(3), disk: { freeShare: 0 }, ...queue(30, 90_000) };
    const { status, issues } = deriveHealth(figures, DEFAULT_HEALTH_THRESHOLDS);
    expect([status, issues.length]).toEqual(['critical', 4]);
    expect(issues[0]).toContain('disk');
  });

  test('names critical and degraded locks apart', () => {
    const queues = [
      { resource: 'a', waiting: 30, waitMs: 0 },
      { resource: 'b', waiting: 300, waitMs: 0 },
      { resource: 'c', waiting: 31, waitMs: 0 },
    ];
    expect(deriveHealth({ ...CALM, queues }, DEFAULT_HEALTH_THRESHOLDS).issues).toEqual([
      '200 or more wait for the lock on b',
      '20 or more wait for the lock on a, c',
    ]);
  });

  test('goes by the thresholds that were said, and the defaults for the rest', () => {
    const thresholds = thresholdsOf({
      health: { diskFreeShareCritical: 0.6, calmLooks: undefined },
    });
    expect(thresholds).toEqual({ ...DEFAULT_HEALTH_THRESHOLDS, diskFreeShareCritical: 0.6 });
    expect(deriveHealth(CALM, thresholds).status).toBe('critical');
    const strict = thresholdsOf({ health: { errorShareDegraded: 0 } });
    expect(deriveHealth(CALM, strict).status).toBe('healthy'); // nothing at all is no error
    expect(deriveHealth({ ...CALM, inError: many(1) }, strict).status).toBe('degraded');
  });
});

const HEALTHY: Health = { status: 'healthy', issues: [] };
const degraded = (...issues: readonly string[]): Health => ({ status: 'degraded', issues });
const CRITICAL: Health = { status: 'critical', issues: ['full'] };

describe('what becomes of the health that is written', () => {
  test.each([
    ['worse', HEALTHY, degraded('a'), 0, degraded('a'), 0],
    ['worse, in the middle of calm looks', degraded('a'), CRITICAL, 2, CRITICAL, 0],
    ['the same', degraded('a'), degraded('a'), 2, undefined, 0],
    ['other issues', degraded('a'), degraded('a', 'b'), 0, degraded('a', 'b'), 0],
    ['better, for the first time', degraded('a'), HEALTHY, 0, undefined, 1],
    ['better, for the second time', CRITICAL, degraded('a'), 1, undefined, 2],
    ['better, for the third time', degraded('a'), HEALTHY, 2, HEALTHY, 0],
    ['well', HEALTHY, HEALTHY, 0, undefined, 0],
  ] as const)('%s', (_name, written, found, calm, next, after) => {
    expect(nextHealth({ written, found, calm, calmLooks: 3 })).toEqual({ next, calm: after });
  });

  test('it never gets better before it held, and is never kept worse for longer', () => {
    const ranks = { healthy: 0, degraded: 1, critical: 2 } as const;
    const status = fc.constantFrom<Health['status']>('healthy', 'degraded', 'critical');
    const looks = fc.array(status, { maxLength: 40 });
    fc.assert(
      fc.property(looks, fc.integer({ min: 1, max: 5 }), (statuses, calmLooks) => {
        let written: Health = HEALTHY;
        let calm = 0;
        for (const [at, one] of statuses.entries()) {
          const found: Health = { status: one, issues: one === 'healthy' ? [] : [one] };
          const step = nextHealth({ written, found, calm, calmLooks });
          const recent = statuses.slice(Math.max(0, at + 1 - calmLooks), at + 1);
          const before = written.status;
          const isCalm =
            recent.length === calmLooks && recent.every((other) => ranks[other] < ranks[before]);
          if (step.next !== undefined && ranks[one] < ranks[before]) expect(isCalm).toBe(true);
          if (isCalm) expect(step.next).toEqual(found);
          if (ranks[one] > ranks[before]) expect(step.next).toEqual(found);
          written = step.next ?? written;
          ({ calm } = step);
        }
      }),
      { seed: 5, numRuns: 1_000 },
    );
  });
});

describe('the looks of a window', () => {
  test('reach back as far as it does, and are not too many', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(steps, (gaps) => {
        let atMs = 0;
        let looks: readonly Look[] = [];
        for (const gapMs of gaps) {
          atMs += gapMs;
          looks = withLook(looks, { atMs, completed: 0, failed: 0, sequence: 0 }, 60_000);
          expect(looks.length).toBeLessThanOrEqual(102);
          const [first] = looks;
          if (atMs - (gaps[0] ?? 0) >= 60_000)
            expect(first?.atMs).toBeLessThanOrEqual(atMs - 59_000);
          expect(first?.atMs).toBeGreaterThanOrEqual(Math.min(gaps[0] ?? 0, atMs - 66_000));
        }
      }),
      { seed: 6, numRuns: 200 },
    );
  });
});
