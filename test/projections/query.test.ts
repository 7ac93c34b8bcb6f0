/** What a query finds is what going through the whole state finds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refused } from '../../src/core/errors.ts';
import { canonicalJson } from '../../src/core/json.ts';
import {
  ANY,
  ANY_DEPTH,
  formatPath,
  parsePath,
  parsePattern,
  type PathSegment,
  type PathStep,
} from '../../src/core/path.ts';
import { matches, type Pattern } from '../../src/core/pattern.ts';
import { patternInFull } from '../../src/events/full-path.ts';
import { Projector } from '../../src/projections/projector.ts';
import { queryAt } from '../../src/projections/query.ts';
import { versionedAtPath } from '../../src/projections/versions.ts';
import type { SwarmState } from '../../src/projections/swarm-state.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { EventLog } from '../../src/events/log.ts';
import { countedIds } from '../../src/testing/index.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { placesIn } from '../support/places-in.ts';
import { commitsOf, LIFE_LIMITS, lifeOf, live } from '../support/random-life.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

function patternOf(text: string): Pattern {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new Error(text);
  return patternInFull(parsed.segments);
}

/** Goes through the whole state. */
function bruteForce(state: SwarmState, pattern: Pattern): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [steps, value] of placesIn(state)) {
    if (matches(pattern, steps)) found.set(formatPath(steps), canonicalJson(value));
  }
  return found;
}

/** The path of a place in which some steps became wildcards, and rarely another name. */
function patternFrom(steps: readonly PathStep[], choices: readonly number[]): Pattern {
  const pattern: PathSegment[] = [];
  steps.forEach((step, at) => {
    const choice = (choices[at % choices.length] ?? 0) % 10;
    if (choice < 4) pattern.push(step);
    else if (choice < 7) pattern.push(ANY);
    else if (choice === 7) pattern.push(ANY_DEPTH);
    else if (choice === 8) pattern.push(ANY_DEPTH, step);
    else pattern.push('status');
  });
  return patternInFull(pattern);
}

const choosing = fc.record({
  place: fc.nat(1_000_000),
  choices: fc.array(fc.nat(99), { minLength: 3, maxLength: 8 }),
});

test('a query finds what a filter over the whole state finds, with the value and version of a read', async () => {
  let found = 0;
  const property = fc.asyncProperty(
    lifeOf(60),
    fc.array(choosing, { minLength: 25, maxLength: 25 }),
    async (operations, chosen) => {
      const database = new GatedDatabase();
      const ids = countedIds();
      const opened = await live(operations, (clock) =>
        openSwarmOver(database, { clock, ids, limits: LIFE_LIMITS }),
      );
      const { state } = opened.swarm;
      await opened.swarm.close();
      const projector = new Projector();
      for (const commit of await commitsOf(EventLog.read(database))) projector.apply(commit);
      const places = placesIn(state);
      for (const { place, choices } of chosen) {
        const [steps = []] = places[place % places.length] ?? [];
        found += check(projector, { state, pattern: patternFrom(steps, choices) });
      }
      await database.close();
    },
  );
  await fc.assert(property, { seed: 4, numRuns: 25 });
  expect(found).toBeGreaterThan(5_000);
});

function check(
  projector: Projector,
  { state, pattern }: { readonly state: SwarmState; readonly pattern: Pattern },
): number {
  const name = pattern.map(String).join(' ');
  const result = queryAt(projector, pattern, { canRead: () => true, max: 1_000_000 });
  if (!result.ok) throw new Error(result.message);
  const got = result.matches.map(({ path, value }) => [path, canonicalJson(value)] as const);
  expect(new Map(got), name).toEqual(bruteForce(state, pattern));
  expect(new Set(got.map(([path]) => path)).size, `${name}: each place once`).toBe(got.length);
  for (const { path, ...versioned } of result.matches.slice(0, 20)) {
    const parsed = parsePath(path);
    expect(parsed.ok && versionedAtPath(projector, parsed.steps), path).toEqual(versioned);
  }
  return got.length;
}

const isNotOfB = (steps: readonly PathStep[]): boolean => steps[2] !== 'b';

async function openSmall(): Promise<Swarm> {
  const { swarm } = await openTestSwarm();
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1' });
  await swarm.register({ agentType: 'pulse', agentId: 'bee', sessionId: 's/2' });
  await swarm.register({ agentType: 'heartbeat', agentId: 'owl', sessionId: 's3' });
  await ant.update({ path: 'agents.pulse.s1.data', newValue: { count: 1 }, merge: true });
  await ant.update({ path: 'agents.pulse.s1.data.list', newValue: ['a', 'b'] });
  await ant.locks.acquire({ resource: 'src/**', type: 'exclusive' });
  await ant.tasks.create({ taskId: 't1', goal: 'g' });
  return swarm;
}

const paths = (swarm: Swarm, pattern: string): readonly string[] =>
  swarm.query(pattern).map(({ path }) => path);

describe('a query', () => {
  test.each([
    [
      'agents.*.*.status',
      ['agents.pulse.s1.status', 'agents.pulse["s/2"].status', 'agents.heartbeat.s3.status'],
    ],
    ['agents.pulse["s/2"].status', ['agents.pulse["s/2"].status']],
    ['agents.pulse.*.count', ['agents.pulse.s1.data.count']],
    ['agents.pulse.s1.list.*', ['agents.pulse.s1.data.list[0]', 'agents.pulse.s1.data.list[1]']],
    ['agents.pulse.s1.list[1]', ['agents.pulse.s1.data.list[1]']],
    ['agents.**.list', ['agents.pulse.s1.data.list']],
    ['global.tasks.*.goal', ['global.tasks.t1.goal']],
    [
      'global.*',
      ['global.config', 'global.registry', 'global.tasks', 'global.metrics', 'global.health'],
    ],
    ['global.config.defaultPriority.**', ['global.config.defaultPriority']],
    ['locks.*.holder.id', ['locks.locks.id-1.holder.agentId']],
    ['locks.waitQueue.*', []],
    ['agents.nothing.*', []],
    ['events.maxEvents', ['events.maxEvents']],
    ['*', ['global', 'agents', 'locks', 'events']],
  ])('%s', async (pattern, expected) => {
    const swarm = await openSmall();
    const lock = Object.keys(swarm.state.locks.locks)[0] ?? '';
    const found = paths(swarm, pattern).map((path) => path.replace(lock, 'id-1'));
    expect(found).toEqual(expected);
    for (const { path, value, version } of swarm.query(pattern)) {
      expect(swarm.read(path)).toMatchObject({ value, version });
    }
  });

  test('shows what is folded, frozen', async () => {
    const swarm = await openSmall();
    const before = swarm.query('agents.pulse.s1.data')[0];
    expect(before).toMatchObject({
      lastModifiedBy: { sessionId: 's1' },
      version: swarm.read('agents.pulse.s1.data')?.version,
    });
    expect(Object.isFrozen(before?.value)).toBe(true);
    const written = swarm.update({ path: 'agents.pulse.s1.data.count', newValue: 2 });
    expect(swarm.query('agents.pulse.s1.count')[0]?.value).toBe(2);
    await written;
  });

  test('leaves out what who asks may not read, before it counts', async () => {
    const opened = await openTestSwarm();
    for (const id of ['a', 'b', 'c']) {
      await opened.swarm.register({ agentType: 'pulse', agentId: id, sessionId: id });
    }
    const projector = new Projector();
    for (const commit of await opened.commits()) projector.apply(commit);
    const bounds = { canRead: isNotOfB, max: 2 };
    const result = queryAt(projector, patternOf('agents.*.*.status'), bounds);
    expect(result).toMatchObject({
      ok: true,
      matches: [{ path: 'agents.pulse.a.status' }, { path: 'agents.pulse.c.status' }],
    });
  });

  test('[I12] refuses more matches than queryMatchesMax', async () => {
    const { swarm } = await openTestSwarm({ limits: { queryMatchesMax: 2 } });
    await swarm.register({ agentType: 'pulse', agentId: 'a', sessionId: 'a' });
    await swarm.register({ agentType: 'pulse', agentId: 'b', sessionId: 'b' });
    expect(paths(swarm, 'agents.pulse.*.status')).toHaveLength(2);
    await swarm.register({ agentType: 'pulse', agentId: 'c', sessionId: 'c' });
    expect(() => swarm.query('agents.pulse.*.status')).toThrow(Refused);
    expect(() => swarm.query('agents.pulse.*.status')).toThrow(
      expect.objectContaining({
        code: 'LIMIT_EXCEEDED',
        details: { limit: 'queryMatchesMax', max: 2 },
      }) as Error,
    );
  });

  test('refuses what is no pattern, and a swarm that is closed', async () => {
    const opened = await openTestSwarm();
    const { swarm } = opened;
    for (const pattern of ['', 'a..b', 'a.__proto__', 'a["constructor"].*']) {
      expect(() => swarm.query(pattern)).toThrow(
        expect.objectContaining({ code: 'INVALID_PATH' }) as Error,
      );
    }
    await opened.close();
    expect(() => swarm.query('agents.*')).toThrow(
      expect.objectContaining({ code: 'CLOSED' }) as Error,
    );
  });
});
