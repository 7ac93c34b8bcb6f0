/** I1 as a property: what is kept incrementally equals what is built from scratch, and from every checkpoint. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide } from '../../src/actors/decide.ts';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { SwarmFact } from '../../src/events/catalog.ts';
import { CATALOG } from '../../src/events/catalog.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { CheckpointStore } from '../../src/events/checkpoint-store.ts';
import { EventLog } from '../../src/events/log.ts';
import { copyState } from '../../src/projections/checkpoint.ts';
import { Projector } from '../../src/projections/projector.ts';
import type { SwarmCommand } from '../../src/protocol/commands.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { checkReplay, countedIds, liveState } from '../../src/testing/index.ts';
import { life, LIFE_LIMITS, live } from '../support/random-life.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'stigmergy-replay-'));
});
afterAll(() => rm(root, { recursive: true }));

test('[I1] kept incrementally equals built from scratch', async () => {
  const seen = new Set<string>();
  let runs = 0;
  let checkpoints = 0;
  const property = fc.asyncProperty(life, async (operations) => {
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
    checkOrder(commits);
    checkFencingTokens(commits);
    checkEndings(commits);
    checkDecidedAgain(commits);
  });
  await fc.assert(property, { seed: 42, numRuns: 60 });
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

/** [I4] No gap and no repeat; [I5] time never goes back. */
function checkOrder(commits: readonly Commit[]): void {
  const facts = commits.flatMap((commit) => commit.facts);
  expect(facts.map(({ sequence }) => sequence)).toEqual(facts.map((_fact, index) => index + 1));
  const times = facts.map(({ timeMs }) => timeMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
}

/** The token of a grant is its sequence, and no lock is granted twice. */
function checkFencingTokens(commits: readonly Commit[]): void {
  const projector = new Projector();
  const newest = new Map<string, number>();
  for (const commit of commits) {
    projector.apply(commit);
    for (const fact of commit.facts as readonly SwarmFact[]) {
      if (fact.type !== 'lock.acquired') continue;
      const { resource, lockId } = fact.payload;
      const hold = projector.resource(resource)?.holders.find(({ id }) => id === lockId);
      if (hold !== undefined) expect(hold.fencingToken).toBe(fact.sequence);
      expect(fact.sequence).toBeGreaterThan(newest.get(resource) ?? 0);
      newest.set(resource, fact.sequence);
    }
  }
}

function checkEndings(commits: readonly Commit[]): void {
  const ended = new Set<string>();
  for (const fact of commits.flatMap(({ facts }) => facts as readonly SwarmFact[])) {
    if (
      fact.type !== 'task.completed' &&
      fact.type !== 'task.failed' &&
      fact.type !== 'task.closed' &&
      fact.type !== 'task.cancelled'
    )
      continue;
    expect(ended).not.toContain(fact.payload.taskId);
    ended.add(fact.payload.taskId);
  }
}

/** [I6] A recorded command, decided again on the state that it met, gives the recorded facts, and the recorded refusal. */
function checkDecidedAgain(commits: readonly Commit[]): void {
  const projector = new Projector();
  for (const commit of commits) {
    const decided = decide(projector, commit.command as SwarmCommand);
    expect(decided.ok ? undefined : decided.code).toBe(commit.refused);
    expect(decided.facts).toEqual(commit.facts);
    projector.apply(commit);
  }
}
