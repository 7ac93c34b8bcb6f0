/** Open: the same log of mixed tasks, from a closed directory, with a checkpoint near its end and without one. */
import { recover, type RecoveryOptions } from '../../src/coordinator/recovery.ts';
import { EventLog } from '../../src/events/log.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { compare, type Sample } from '../harness.ts';
import { MIXED_EVENTS, TAIL_EVENTS } from '../mixed-logs.ts';
import type { Work } from '../work.ts';

/** The work; the floor is the full replay, and opening the database counts on both sides. */
export const open: Work = {
  work: 'open',
  summary: 'a directory with a checkpoint near the end of those events, against full replay',
  variants: [
    {
      variant: 'checkpoint near the end',
      unit: 'ms',
      goal: { of: 'ratio', bound: 'at least', minimum: 6, aim: 8 },
      async measure(setting) {
        const directory = await setting.logs.ours();
        return compare(
          {
            floor: () => openFrom(directory, { useCheckpoints: false }),
            ours: () => openFrom(directory, { useCheckpoints: true }),
            isTime: true,
          },
          setting,
        );
      },
    },
  ],
};

async function openFrom(directory: string, options: RecoveryOptions): Promise<Sample> {
  const startMs = performance.now();
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const { projector, checkpoint } = await recover(EventLog.read(engine.database), options);
    const elapsedMs = performance.now() - startMs;
    const tail = projector.sequence - checkpoint;
    const isAsMeant =
      options.useCheckpoints === true ? tail <= 2 * TAIL_EVENTS : tail >= MIXED_EVENTS;
    if (!isAsMeant) throw new Error(`recovery began ${tail} events before the end`);
    return { value: elapsedMs, latenciesMs: [elapsedMs] };
  } finally {
    await engine.close();
  }
}
