/**
 * 300 random lives of more than 200 commands through the real coordinator, over a database in memory that outlives its openings.
 *
 * After each operation no two holders exclude each other; at the end nobody waits, nothing belongs to the dead, and the log
 * gives the state that was live. The seeds are fixed; one that finds a fault becomes a test of its own.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CATALOG } from '../../src/events/catalog.ts';
import { EventLog } from '../../src/events/log.ts';
import { checkReplayOf, countedIds, liveState } from '../../src/testing/index.ts';
import { checkLog } from '../support/life-checks.ts';
import { commitsOf, LIFE_LIMITS, lifeOf, live } from '../support/random-life.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

const RUNS = 300;
const COMMANDS = 200;
/** Some are no command: time passes, the swarm is opened again. */
const OPERATIONS = 260;
/** In parts, so that several processors can share them. */
const SEEDS = [1, 2, 3];

const seen = new Set<string>();

test.concurrent.each(SEEDS)(
  'never two that exclude each other, tokens grow, waiters are served or time out, tasks end once, the dead hold nothing, live equals replayed (seed %i)',
  async (seed) => {
    const property = fc.asyncProperty(lifeOf(OPERATIONS), async (operations) => {
      const database = new GatedDatabase();
      const ids = countedIds();
      const { swarm, commands } = await live(operations, (clock) =>
        openSwarmOver(database, { clock, ids, limits: LIFE_LIMITS }),
      );
      expect(commands).toBeGreaterThanOrEqual(COMMANDS);
      const shown = liveState(swarm);
      await swarm.close();
      const log = EventLog.read(database);
      await checkReplayOf(log, shown);
      const commits = await commitsOf(log);
      checkLog(commits);
      for (const { type, payload } of commits.flatMap(({ facts }) => facts)) {
        const { reason } = payload as { readonly reason?: unknown };
        seen.add(type).add(`${type} ${String(reason)}`);
      }
      await database.close();
    });
    await fc.assert(property, { seed, numRuns: RUNS / SEEDS.length });
  },
  600_000,
);

test('the lives saw every type of event, and circles that were broken', () => {
  const emitted = Object.entries(CATALOG).filter(([, { emitted: by }]) => by !== 'planned');
  expect(emitted.map(([type]) => type).filter((type) => !seen.has(type))).toEqual([]);
  expect(seen).toContain('lock.abandoned deadlock');
  expect(seen).toContain('lock.abandoned timeout');
});
