/** I2, I7, I8 and group commit, seen at the database: the log's own writes are held up, failed and counted. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Fault } from '../../src/core/errors.ts';
import { COORDINATOR } from '../../src/events/identity.ts';
import { EventLog } from '../../src/events/log.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { checkReplayOf, countedIds, liveState, ManualClock } from '../../src/testing/index.ts';
import { GatedDatabase, isPending, openSwarmOver } from '../support/swarm-over.ts';

interface Opened {
  readonly swarm: Swarm;
  readonly database: GatedDatabase;
  readonly clock: ManualClock;
}

/** A swarm over a gated database; compared with its log after the test unless the test broke it. */
async function open(database = new GatedDatabase()): Promise<Opened> {
  const clock = new ManualClock();
  const swarm = await openSwarmOver(database, { clock, ids: countedIds() });
  onTestFinished(async () => {
    database.release();
    if (database.failure === undefined) {
      const shown = liveState(swarm);
      await swarm.close();
      await checkReplayOf(EventLog.read(database), shown);
    } else await swarm.close();
    await database.close();
  });
  return { swarm, database, clock };
}

const codeOf = (error: unknown): unknown => (error instanceof Fault ? error.code : error);

describe('acknowledged means durable', () => {
  test('[I2] a command is answered when its block is synced, and not before', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    database.hold();
    const created = ant.tasks.create({ goal: 'g' });
    expect(await isPending(created)).toBe(true);
    expect(Object.keys(swarm.state.global.tasks)).toHaveLength(1); // folded, and said to be ahead
    expect(swarm.sequence).toBe(swarm.durableSequence + 1);
    database.release();
    await created;
    expect(swarm.sequence).toBe(swarm.durableSequence);
  });

  test('[I2] a refusal, a command that holds already and a barrier wait for what they saw', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    await ant.tasks.create({ taskId: 't1', goal: 'g' });
    database.hold();
    const claimed = ant.tasks.claim({ taskId: 't1' });
    const answers = [
      bee.dispatch({ type: 'task.claim', payload: { taskId: 't1' } }), // refused, because of the claim
      ant.heartbeat(), // holds already
      swarm.durable(),
      swarm.dispatch({ type: 'no such command' as never, payload: {} }),
      bee.locks.renew('none').catch(() => undefined),
    ];
    for (const answer of [claimed, ...answers]) expect(await isPending(answer)).toBe(true);
    database.release();
    expect(await answers[0]).toMatchObject({ ok: false, code: 'TASK_TAKEN' });
    await Promise.all([claimed, ...answers]);
  });

  test('[I2] they wait for the block in flight, and for the one that forms behind it', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    database.hold();
    const first = ant.tasks.create({ goal: 'in flight' });
    await isPending(first);
    const heldByFlight = ant.heartbeat();
    const second = ant.tasks.create({ goal: 'in the next block' });
    const heldByNext = ant.heartbeat();
    const blocks = database.blocks;
    for (const answer of [heldByFlight, second, heldByNext])
      expect(await isPending(answer)).toBe(true);
    const order: string[] = [];
    const told = [
      first.then(() => order.push('first')),
      heldByFlight.then(() => order.push('held by the flight')),
      second.then(() => order.push('second')),
      heldByNext.then(() => order.push('held by the next')),
    ];
    database.release();
    await Promise.all(told);
    expect(database.blocks).toBe(blocks + 2);
    expect(order.slice(0, 2).toSorted()).toEqual(['first', 'held by the flight']);
  });

  test('[I2] with nothing to wait for, answers come at once', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    database.hold();
    await ant.heartbeat();
    expect(await ant.dispatch({ type: 'task.claim', payload: {} })).toMatchObject({
      code: 'NOTHING_TO_CLAIM',
    });
    expect(await swarm.durable()).toBe(swarm.sequence);
  });

  test('[I2] whoever waits for a lock is told when the grant is durable', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const held = await ant.locks.acquire({ resource: 'a', type: 'exclusive' });
    const waits = bee.locks.acquire({ resource: 'a', type: 'exclusive' });
    await swarm.durable();
    database.hold();
    const released = ant.locks.release(held?.id ?? '');
    expect(await isPending(waits)).toBe(true);
    database.release();
    await released;
    expect(await waits).toMatchObject({ holder: bee.identity });
  });
});

describe('a failed write', () => {
  test('[I7] halts the swarm: who waits is told that nobody knows, later ones that it halted, reads are refused', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const held = await ant.locks.acquire({ resource: 'a', type: 'exclusive' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const waits = bee.locks
      .acquire({ resource: 'a', type: 'exclusive' })
      .catch((error: unknown) => error);
    await swarm.durable();
    database.hold();
    database.failure = new Error('ENOSPC');
    const inFlight = ant.tasks.create({ goal: 'in flight' }).catch(codeOf);
    await isPending(inFlight);
    const heldByFlight = ant.heartbeat().catch(codeOf);
    const next = ant.tasks.create({ goal: 'in the next block' }).catch(codeOf);
    database.release();
    expect(await inFlight).toBe('LOG_UNKNOWN');
    expect(await heldByFlight).toBe('LOG_UNKNOWN');
    expect(await next).toBe('HALTED');
    expect(await waits).toMatchObject({ code: 'HALTED' });
    expect(await ant.dispatch({ type: 'task.claim', payload: {} })).toMatchObject({
      ok: false,
      code: 'HALTED',
    });
    await expect(ant.locks.release(held?.id ?? '')).rejects.toMatchObject({ code: 'HALTED' });
    const halted = expect.objectContaining({ code: 'HALTED' }) as Error;
    expect(() => swarm.state).toThrow(halted);
    expect(() => swarm.stateHash).toThrow(halted);
    expect(() => swarm.get('global')).toThrow(halted);
    expect(() => ant.read('global.config')).toThrow(halted);
    expect(() => swarm.session(ant.identity)).toThrow(halted);
    await expect(swarm.durable()).rejects.toThrow(halted);
  });

  test('[I7] opening again rebuilds from the log, without what was not acknowledged', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await ant.tasks.create({ taskId: 'kept', goal: 'g' });
    database.failure = new Error('ENOSPC');
    await expect(ant.tasks.create({ taskId: 'lost', goal: 'g' })).rejects.toMatchObject({
      code: 'LOG_UNKNOWN',
    });
    await swarm.close();
    database.failure = undefined;
    const again = await openSwarmOver(database, { clock: new ManualClock() });
    expect(Object.keys(again.state.global.tasks)).toEqual(['kept']);
    await again.session(ant.identity).tasks.create({ taskId: 'next', goal: 'g' });
    const shown = liveState(again);
    await again.close();
    await checkReplayOf(EventLog.read(database), shown);
    database.failure = new Error('the test is over');
  });

  test('[I7] timers of a halted swarm do nothing more', async () => {
    const { swarm, database, clock } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    database.failure = new Error('ENOSPC');
    await expect(ant.tasks.create({ goal: 'g' })).rejects.toMatchObject({ code: 'LOG_UNKNOWN' });
    expect(clock.pending).toBe(0);
    const { sequence } = swarm;
    await clock.advance(100_000);
    expect(swarm.sequence).toBe(sequence);
  });

  test('[I7] a fault of ours between decide and record halts too, reads included', async () => {
    const database = new GatedDatabase();
    let isBroken = false;
    const ids = countedIds();
    const brokenIds = () => {
      if (isBroken) throw new Error('no chance left');
      return ids();
    };
    const swarm = await openSwarmOver(database, { clock: new ManualClock(), ids: brokenIds });
    isBroken = true;
    await expect(
      swarm.dispatch({ type: 'session.register', payload: { agentId: 'a', agentType: 'pulse' } }),
    ).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await swarm.dispatch({ type: 'task.create', payload: {} })).toMatchObject({
      code: 'HALTED',
    });
    expect(() => swarm.state).toThrow(expect.objectContaining({ code: 'HALTED' }) as Error);
    await swarm.close();
    await database.close();
  });
});

const commit = (sequence: number): Commit => ({
  command: {
    type: 'system.stall',
    version: 1,
    payload: { gapMs: sequence },
    source: COORDINATOR,
    timeMs: sequence,
  },
  facts: [
    {
      type: 'system.stalled',
      payload: { gapMs: sequence },
      sequence,
      timeMs: sequence,
      source: COORDINATOR,
    },
  ],
});
const offer = async (log: EventLog, one: Commit): Promise<unknown> =>
  new Promise((resolve, reject) => {
    log.offer(one, { resolve, reject, value: 'durable' });
  });

describe('one owner', () => {
  test('[I8] an older owner is fenced: its append is refused and changes nothing', async () => {
    const database = new GatedDatabase();
    await database.open();
    const old = await EventLog.own(database);
    expect(await offer(old, commit(1))).toBe('durable');
    const young = await EventLog.own(database);
    expect(young.head.epoch).toBe(old.head.epoch + 1);
    await expect(offer(old, commit(2))).rejects.toMatchObject({ code: 'LOG_FENCED' });
    await expect(offer(old, commit(2))).rejects.toMatchObject({ code: 'HALTED' });
    expect(EventLog.read(database).head.sequence).toBe(1);
    expect(await offer(young, commit(2))).toBe('durable');
    expect(EventLog.read(database).head).toEqual(young.head);
    await database.close();
  });

  test('[I8] a reader takes no epoch', async () => {
    const database = new GatedDatabase();
    await database.open();
    const owner = await EventLog.own(database);
    EventLog.read(database);
    expect(await offer(owner, commit(1))).toBe('durable');
    await database.close();
  });

  test('[I8] the deposed coordinator halts', async () => {
    const database = new GatedDatabase();
    const old = await openSwarmOver(database, { clock: new ManualClock() });
    const ant = await old.register({ agentType: 'pulse', agentId: 'ant' });
    const young = await openSwarmOver(database, { clock: new ManualClock() });
    await expect(ant.tasks.create({ goal: 'g' })).rejects.toMatchObject({ code: 'LOG_FENCED' });
    expect(await old.dispatch({ type: 'task.create', payload: { goal: 'g' } })).toMatchObject({
      code: 'HALTED',
    });
    await young.session(ant.identity).tasks.create({ goal: 'g' });
    const shown = liveState(young);
    await Promise.all([old.close(), young.close()]);
    await checkReplayOf(EventLog.read(database), shown);
    await database.close();
  });
});

describe('group commit', () => {
  test('64 commands at once land in at most 3 blocks; one command alone does not wait', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const before = database.blocks;
    await Promise.all(Array.from({ length: 64 }, () => ant.tasks.create({ goal: 'g' })));
    expect(database.blocks - before).toBeLessThanOrEqual(3);
    const alone = database.blocks;
    await ant.tasks.create({ goal: 'g' });
    expect(database.blocks).toBe(alone + 1);
  });

  test('what is asked while a block is in flight goes out as one', async () => {
    const { swarm, database } = await open();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    database.hold();
    const before = database.blocks;
    const first = ant.tasks.create({ goal: 'g' });
    await isPending(first);
    const others: Promise<unknown>[] = [];
    for (let count = 0; count < 500; count++) {
      others.push(ant.tasks.create({ goal: 'g' }));
      if (count % 100 === 0) await isPending(first);
    }
    database.release();
    await Promise.all([first, ...others]);
    expect(database.blocks).toBe(before + 2);
  });
});
