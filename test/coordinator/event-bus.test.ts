/** The events of an open swarm: asked for in the history of the state, and read again from the log (specification, "Event Bus API"). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import type { EventFilter } from '../../src/events/filter.ts';
import { History } from '../../src/history/history.ts';
import { countedIds } from '../../src/testing/index.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { LIFE_LIMITS, lifeOf, live } from '../support/random-life.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

/** What a filter means, said once more, in the plainest way. */
function plainly(events: readonly SwarmEvent[], filter: EventFilter): readonly SwarmEvent[] {
  const { correlationId, offset: passed = 0 } = filter;
  const matching = events.filter((event) => {
    const { agentId, agentType, sessionId } = event.source;
    const isType = filter.types?.some((type) =>
      type.endsWith('*') ? event.type.startsWith(type.slice(0, -1)) : event.type === type,
    );
    return (
      (isType ?? true) &&
      (filter.sources?.some((one) => [agentId, agentType, sessionId].includes(one)) ?? true) &&
      (filter.after === undefined || Date.parse(event.timestamp) > Date.parse(filter.after)) &&
      (filter.before === undefined || Date.parse(event.timestamp) < Date.parse(filter.before)) &&
      (correlationId === undefined || event.metadata.correlationId === correlationId) &&
      event.sequence >= (filter.fromSequence ?? 0) &&
      event.sequence <= (filter.toSequence ?? Infinity)
    );
  });
  return matching.slice(passed, passed + (filter.limit ?? Infinity));
}

const START_MS = Date.UTC(2026, 0, 1);
const time = fc.nat(120_000).map((ms) => new Date(START_MS + ms).toISOString());
const sequence = fc.nat(200);
const fields = {
  types: fc.subarray(['task.*', 'agent.registered', 'lock.acquired', 'state.*', 'nothing'], {
    minLength: 1,
  }),
  sources: fc.subarray(['operator', 'system', 'pulse', 'agent-1', 'id-2'], { minLength: 1 }),
  after: time,
  before: time,
  fromSequence: sequence,
  toSequence: sequence,
  limit: fc.nat(20),
  offset: fc.nat(20),
};
const { types, sources, after, before, fromSequence, toSequence, limit, offset } = fields;
const optional = { requiredKeys: [] };
const filters = fc.oneof(
  fc.record({ types, limit, offset }, optional),
  fc.record({ sources, toSequence }, optional),
  fc.record({ after, before, types }, optional),
  fc.record({ fromSequence, limit }, optional),
  fc.record(fields, optional),
);

function goals(events: readonly SwarmEvent[]): readonly string[] {
  return events.map(({ payload }) => (payload as { goal: string }).goal);
}

test('query and replay find what the filter says, in the order of the log', async () => {
  let found = 0;
  const property = fc.asyncProperty(
    lifeOf(60),
    fc.array(filters, { minLength: 5, maxLength: 5 }),
    async (operations, asked) => {
      const database = new GatedDatabase();
      const ids = countedIds();
      const { swarm } = await live(operations, (clock) =>
        openSwarmOver(database, { clock, ids, limits: LIFE_LIMITS }),
      );
      await swarm.durable();
      const all: SwarmEvent[] = [];
      await swarm.events.replay({}, (event) => void all.push(event));
      expect(all.map((event) => event.sequence)).toEqual(all.map((_event, index) => index + 1));
      const ring = swarm.state.events.events;
      for (const filter of asked) {
        expect(swarm.events.query(filter)).toEqual(plainly(ring, filter));
        const replayed: SwarmEvent[] = [];
        await swarm.events.replay(filter, async (event) => void replayed.push(event));
        expect(replayed).toEqual(plainly(all, filter));
        found += replayed.length;
      }
      await swarm.close();
      await database.close();
    },
  );
  await fc.assert(property, { seed: 3, numRuns: 40 });
  expect(found).toBeGreaterThan(500);
});

describe('query', () => {
  test('is of the newest events: what fell out of the history is read by replay', async () => {
    const one = await openTestSwarm({ limits: { historyEventsMax: 5 } });
    const ant = await one.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    for (let count = 0; count < 7; count++) await ant.tasks.create({ goal: `${count}` });
    const created = { types: ['task.created'] };
    expect(goals(ant.events.query(created))).toEqual(['2', '3', '4', '5', '6']);
    const again = await one.reopen();
    expect(goals(again.events.query(created))).toEqual(['3', '4', '5', '6']); // and system.resumed
    const all: SwarmEvent[] = [];
    await again.events.replay(created, (event) => void all.push(event));
    expect(goals(all)).toEqual(['0', '1', '2', '3', '4', '5', '6']);
  });

  test('by correlation gives a whole chain', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const correlationId = 'chain';
    const { id } = await ant.tasks.create({ goal: 'g' }, { correlationId });
    await ant.tasks.claim({ taskId: id, start: true }, { correlationId });
    await ant.tasks.create({ goal: 'another' });
    expect(swarm.events.query({ correlationId }).map(({ type }) => type)).toEqual([
      'task.created',
      'task.assigned',
      'task.started',
    ]);
  });

  test.each([
    { after: 'yesterday' },
    { before: '2026-02-30' },
    { limit: -1 },
    { limit: 1.5 },
    { offset: Number.NaN },
    { types: 'task.*' },
    { fromSequence: '1' },
    { kinds: ['task.*'] },
    null,
  ])('%j cannot be meant', async (filter) => {
    const { swarm } = await openTestSwarm();
    const refused = { code: 'INVALID_INPUT' };
    expect(() => swarm.events.query(filter as never)).toThrow(expect.objectContaining(refused));
    const replay = swarm.events.replay(filter as never, () => {});
    await expect(replay).rejects.toMatchObject(refused);
  });
});

describe('replay', () => {
  test('gives what a History gives, while commands go on', async () => {
    const one = await openTestSwarm();
    const { swarm, directory } = one;
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    for (let count = 0; count < 20; count++) await ant.tasks.create({ goal: 'before' });
    const last = swarm.durableSequence;
    const given: SwarmEvent[] = [];
    await ant.events.replay({}, async (event) => {
      given.push(event);
      await ant.tasks.create({ goal: 'meanwhile' });
    });
    expect(given.at(-1)?.sequence).toBe(last);
    await one.close();
    const history = await History.open(directory);
    const recorded: SwarmEvent[] = [];
    for await (const event of history.events({ toSequence: last })) recorded.push(event);
    await history.close();
    expect(given).toEqual(recorded);
  });

  test('[I2] gives only what is durable', async () => {
    const database = new GatedDatabase();
    const swarm = await openSwarmOver(database);
    database.hold();
    const registering = swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await new Promise(setImmediate);
    expect(swarm.events.query({ types: ['agent.registered'] })).toHaveLength(1); // folded
    const told: string[] = [];
    await swarm.events.replay({}, ({ type }) => void told.push(type));
    expect(told).toEqual(['system.initialized']);
    database.release();
    await registering;
    await swarm.close();
  });

  test('ends with what its handler throws, and says why when the swarm is closed under it', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    for (let count = 0; count < 5; count++) await ant.tasks.create({ goal: 'g' });
    let seen = 0;
    const failing = ant.events.replay({}, () => {
      seen += 1;
      throw new RangeError('enough');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(seen).toBe(1);
    const other = await openSwarmOver(new GatedDatabase());
    await other.register({ agentType: 'pulse', agentId: 'ant' });
    const closing = other.events.replay({}, () => other.close());
    await expect(closing).rejects.toMatchObject({ code: 'CLOSED' });
    expect(() => other.events.query()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});
