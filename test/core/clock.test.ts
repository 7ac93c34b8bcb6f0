import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { SwarmClock, systemClock, type Clock } from '../../src/core/clock.ts';

/** A clock that shows what it is told, and keeps what was scheduled. */
class HandClock implements Clock {
  wall: number;
  monotonic: number;
  readonly delays: number[] = [];

  constructor(wall: number, monotonic: number) {
    this.wall = wall;
    this.monotonic = monotonic;
  }

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  schedule(delayMs: number): () => void {
    this.delays.push(delayMs);
    return () => {};
  }
}

describe('[I5] the time of a swarm', () => {
  it('starts at the wall time, and goes on with the monotonic time', () => {
    const hand = new HandClock(1_000_000, 50);
    const clock = new SwarmClock(hand, 0);
    hand.monotonic += 7.9;
    expect(clock.nowMs()).toBe(1_000_007);
  });

  it('starts at the last recorded time when the wall shows an earlier one', () => {
    expect(new SwarmClock(new HandClock(1_000, 0), 5_000).nowMs()).toBe(5_000);
  });

  it('does not follow a wall that is set back or forward', () => {
    const hand = new HandClock(1_000_000, 0);
    const clock = new SwarmClock(hand, 0);
    hand.monotonic = 10;
    for (const wall of [0, 9_999_999_999]) {
      hand.wall = wall;
      expect(clock.nowMs()).toBe(1_000_010);
    }
  });

  it('fires not before the moment that was asked for', () => {
    const hand = new HandClock(1_000_000, 0);
    const clock = new SwarmClock(hand, 0);
    hand.monotonic = 0.9;
    clock.scheduleAt(1_000_010, () => {});
    expect(hand.delays).toEqual([10]);
  });

  test('is a whole number, never before the last recorded one, and never goes back', () => {
    // A hand-made clock may be near 1970 while the machine has run for long.
    const wall = fc.oneof(fc.double({ min: 0, max: 4e12, noNaN: true }), fc.nat(1_000));
    const recorded = fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: 4_000_000_000_000 }));
    const start = fc
      .tuple(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.nat(999_999))
      .map(([whole, part]) => whole + part / 1_000_000);
    const steps = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 10 });
    fc.assert(
      fc.property(wall, recorded, start, steps, (wallMs, lastMs, monotonicMs, moves) => {
        const hand = new HandClock(wallMs, monotonicMs);
        const clock = new SwarmClock(hand, lastMs);
        let before = lastMs;
        for (const move of [0, ...moves]) {
          hand.monotonic += move;
          const now = clock.nowMs();
          expect(Number.isSafeInteger(now)).toBe(true);
          expect(now).toBeGreaterThanOrEqual(before);
          before = now;
        }
      }),
      { seed: 9, numRuns: 5_000 },
    );
  });
});

describe('the clock of the machine', () => {
  it('calls back once, after the delay', async () => {
    const before = systemClock.monotonicMs();
    await new Promise<void>((resolve) => systemClock.schedule(5, resolve));
    expect(systemClock.monotonicMs() - before).toBeGreaterThan(3);
  });

  it('does not call back when it was cancelled, and cancelling twice is harmless', async () => {
    let calls = 0;
    const cancel = systemClock.schedule(1, () => calls++);
    cancel();
    cancel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(calls).toBe(0);
  });

  it('does not fire a timer of more than 24 days at once, as Node would', async () => {
    let calls = 0;
    const cancels = [2 ** 31, 1e15, Number.POSITIVE_INFINITY].map((delay) =>
      systemClock.schedule(delay, () => calls++),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const cancel of cancels) cancel();
    expect(calls).toBe(0);
  });
});
