/** Replay: a log of mixed tasks, verified and folded into all projections from zero. */
import { recover } from '../../src/coordinator/recovery.ts';
import { EventLog } from '../../src/events/log.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { replayFloor } from '../floor.ts';
import { compare, type Sample } from '../harness.ts';
import { MIXED_EVENTS } from '../mixed-logs.ts';
import type { Work } from '../work.ts';

/** The work; the databases are open before the time is taken. */
export const replay: Work = {
  work: 'replay',
  summary: `${MIXED_EVENTS.toLocaleString('en')} events of mixed tasks into all projections, from zero`,
  variants: [
    {
      variant: 'into all projections',
      unit: 'events/s',
      goal: { of: 'ratio', bound: 'at least', minimum: 0.45, aim: 0.6 },
      async measure(setting) {
        const [ours, floor] = [await setting.logs.ours(), await setting.logs.floor()];
        return compare(
          { floor: () => replayFloorLog(floor), ours: () => replayOurLog(ours) },
          setting,
        );
      },
    },
  ],
};

async function replayFloorLog(directory: string): Promise<Sample> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const startMs = performance.now();
    const events = await replayFloor(engine.database);
    return sampleOf(events, performance.now() - startMs);
  } finally {
    await engine.close();
  }
}

async function replayOurLog(directory: string): Promise<Sample> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const startMs = performance.now();
    const log = EventLog.read(engine.database);
    const { projector } = await recover(log, { useCheckpoints: false });
    return sampleOf(projector.sequence, performance.now() - startMs);
  } finally {
    await engine.close();
  }
}

function sampleOf(events: number, elapsedMs: number): Sample {
  if (events < MIXED_EVENTS) throw new Error(`${events} events were replayed, not ${MIXED_EVENTS}`);
  return { value: (events * 1_000) / elapsedMs, latenciesMs: [elapsedMs] };
}
