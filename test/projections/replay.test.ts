/** I1 as a property: what is kept incrementally equals what is built from scratch, and from every checkpoint. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { CATALOG } from '../../src/events/catalog.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { CheckpointStore } from '../../src/events/checkpoint-store.ts';
import { EventLog } from '../../src/events/log.ts';
import { copyState } from '../../src/projections/checkpoint.ts';
import { Projector } from '../../src/projections/projector.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { checkReplay, countedIds, liveState } from '../../src/testing/index.ts';
import { checkLog } from '../support/life-checks.ts';
import { LIFE_LIMITS, lifeOf, live } from '../support/random-life.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'stigmergy-replay-'));
});
afterAll(() => rm(root, { recursive: true }));

test('[I1] kept incrementally equals built from scratch', async () => {
  const seen = new Set<string>();
  let runs = 0;
  let checkpoints = 0;
  const property = fc.asyncProperty(lifeOf(80), async (operations) => {
    const directory = join(root, String(runs++));
    const ids = countedIds();
    const { swarm } = await live(operations, (clock) =>
      openSwarm({
        directory,
        clock,
        ids,
        limits: LIFE_LIMITS,
        snapshots: { everyEvents: 20, keep: 1_000 },
      }),
    );
    const shown = liveState(swarm);
    await swarm.close();
    const commits = await readCommits(directory);
    const report = await checkReplay(directory, shown);
    checkpoints += report.checkpoints.length;
    for (const { facts } of commits) for (const { type } of facts) seen.add(type);
    checkLog(commits);
  });
  await fc.assert(property, { seed: 42, numRuns: 110 });
  expect(checkpoints).toBeGreaterThan(120);
  const emitted = Object.entries(CATALOG).filter(([, { emitted: by }]) => by !== 'planned');
  expect(emitted.map(([type]) => type).filter((type) => !seen.has(type))).toEqual([]);
});

/** Reads all commits, and saves a checkpoint every 20 events: the coordinator itself takes fewer of so small a state. */
async function readCommits(directory: string): Promise<readonly Commit[]> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const store = new CheckpointStore(engine.database);
    const projector = new Projector();
    const commits: Commit[] = [];
    let last = 0;
    for await (const { block, hash } of EventLog.read(engine.database).blocks()) {
      for (const commit of block.commits) projector.apply(commit);
      commits.push(...block.commits);
      const { sequence } = projector;
      if (sequence < last + 20) continue;
      const copy = copyState(projector);
      await store.save({ sequence, hash, header: copy.header }, copy.slices());
      last = sequence;
    }
    return commits;
  } finally {
    await engine.close();
  }
}
