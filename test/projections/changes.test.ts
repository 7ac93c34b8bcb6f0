/** What a watch tells is what differs between the states before and after a commit. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Watches } from '../../src/coordinator/watch.ts';
import { refuse } from '../../src/core/errors.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { formatPath, parsePath, type PathStep } from '../../src/core/path.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { lastSequence } from '../../src/events/envelope.ts';
import { EventLog } from '../../src/events/log.ts';
import { Projector } from '../../src/projections/projector.ts';
import { toSwarmState } from '../../src/projections/swarm-state.ts';
import { versionedAtPath } from '../../src/projections/versions.ts';
import { countedIds } from '../../src/testing/index.ts';
import { placesIn } from '../support/places-in.ts';
import { commitsOf, LIFE_LIMITS, lifeOf, live, type Operation } from '../support/random-life.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

const LIMITS = { ...LIFE_LIMITS, watchBufferMax: 1_000_000 };

/** What no watch tells, as docs/query-and-watch.md has it. */
const COLLECTION =
  /^(global|agents|locks)$|^global\.(tasks|registry)$|^agents\.\w+$|^locks\.(locks|waitQueue)$|^events/;
const DERIVED =
  /^agents\.\w+\.[^.[]+\.(lastActivityAt|data\.(activeSessions|pendingHandoffs|agentLoads))|^global\.registry\.[^.]+\.lastSeenAt/;

/** A place with its value as text, less what is derived. */
type Places = ReadonlyMap<string, string>;

function shown(projector: Projector): Places {
  const found = new Map<string, string>();
  for (const [steps, value] of placesIn(toSwarmState(projector))) {
    const path = formatPath(steps);
    if (!COLLECTION.test(path) && !DERIVED.test(path))
      found.set(path, withoutDerived(steps, value));
  }
  return found;
}

const DERIVED_KEYS = ['activeSessions', 'pendingHandoffs', 'agentLoads'];

/** A session, its data or an agent without what is derived; anything else as it is. */
function withoutDerived([root, section, ...inside]: readonly PathStep[], value: unknown): string {
  const own = { ...(value as Readonly<Record<string, unknown>>) };
  if (root === 'agents' && inside.length === 1) {
    const data = section === 'conductor' ? less(own['data'], DERIVED_KEYS) : own['data'];
    return canonicalJson(less({ ...own, data }, ['lastActivityAt']));
  }
  if (section === 'conductor' && inside.length === 2 && inside[1] === 'data') {
    return canonicalJson(less(own, DERIVED_KEYS));
  }
  const isAgent = root === 'global' && section === 'registry' && inside.length === 1;
  return canonicalJson(isAgent ? less(own, ['lastSeenAt']) : value);
}

function less(value: unknown, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(value as object).filter(([key]) => !keys.includes(key)));
}

async function commitsOfLife(operations: readonly Operation[]): Promise<readonly Commit[]> {
  const database = new GatedDatabase();
  const ids = countedIds();
  const { swarm } = await live(operations, (clock) =>
    openSwarmOver(database, { clock, ids, limits: LIMITS }),
  );
  await swarm.close();
  const commits = await commitsOf(EventLog.read(database));
  await database.close();
  return commits;
}

test('a watch of ** tells every place that differs after a commit, with its value and version, and no other', async () => {
  let told = 0;
  const types = new Set<string>();
  const property = fc.asyncProperty(lifeOf(60), async (operations) => {
    const projector = new Projector();
    const watches = new Watches(projector);
    const [first, ...commits] = await commitsOfLife(operations);
    if (first !== undefined) projector.apply(first);
    const watch = watches.watch('**', () => true);
    const expected: unknown[] = [];
    let before = shown(projector);
    for (const commit of commits) {
      watches.fold(commit);
      const after = shown(projector);
      const differing = [...new Set([...before.keys(), ...after.keys()])].filter(
        (path) => before.get(path) !== after.get(path),
      );
      for (const path of differing) expected.push(asExpected(projector, path, commit));
      if (differing.length > 0) for (const { type } of commit.facts) types.add(type);
      before = after;
      watches.durable([commit]);
    }
    watches.close(refuse('CLOSED', ''));
    const changes = await takeAll(watch);
    expect(changes.toSorted()).toEqual(expected.map((one) => canonicalJson(one)).toSorted());
    told += changes.length;
  });
  await fc.assert(property, { seed: 8, numRuns: 40 });
  expect(told).toBeGreaterThan(20_000);
  expect(types.size).toBeGreaterThan(30);
});

/** What a read gives right after the commit. */
function asExpected(projector: Projector, path: string, commit: Commit) {
  const sequence = lastSequence(commit);
  const parsed = parsePath(path);
  const read = parsed.ok ? versionedAtPath(projector, parsed.steps) : undefined;
  if (read === undefined) return { path, deleted: true, sequence };
  const { value, version, lastModifiedBy: by } = read;
  return { path, value, version, by, sequence };
}

async function takeAll(watch: ReturnType<Watches['watch']>): Promise<readonly string[]> {
  const taken: string[] = [];
  try {
    for await (const change of watch) {
      const { path, deleted, sequence } = change;
      taken.push(canonicalJson(deleted === true ? { path, deleted, sequence } : change));
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'CLOSED' });
  }
  return taken;
}
