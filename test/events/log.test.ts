import { describe, expect, onTestFinished, test } from 'vitest';
import { BLOCK_COMMITS_MAX, blockKey, EventLog, LOG_START } from '../../src/events/log.ts';
import { COORDINATOR } from '../../src/events/identity.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { commitsOf } from '../support/random-life.ts';
import { GatedDatabase } from '../support/swarm-over.ts';

async function open(): Promise<{ database: GatedDatabase; log: EventLog }> {
  const database = new GatedDatabase();
  await database.open();
  onTestFinished(() => database.close());
  return { database, log: await EventLog.own(database) };
}

function stall(sequence: number, facts = 1): Commit {
  const source = COORDINATOR;
  return {
    command: {
      type: 'system.stall',
      version: 1,
      payload: { gapMs: sequence },
      source,
      timeMs: sequence,
    },
    facts: Array.from({ length: facts }, (_none, index) => ({
      type: 'system.stalled',
      payload: { gapMs: sequence },
      sequence: sequence + index,
      timeMs: sequence,
      source,
    })),
  };
}

async function offer(log: EventLog, commit: Commit): Promise<unknown> {
  return new Promise((resolve, reject) => {
    log.offer(commit, { resolve, reject, value: commit.facts.at(-1)?.sequence });
  });
}

describe('the log', () => {
  test('[I4] sequences continue after a restart', async () => {
    const opened = await openTestSwarm();
    await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const before = opened.swarm.sequence;
    const swarm = await opened.reopen();
    expect(swarm.sequence).toBe(before + 1);
    expect(swarm.state.events.events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    const sequences = (await opened.commits()).flatMap(({ facts }) =>
      facts.map(({ sequence }) => sequence),
    );
    expect(sequences).toEqual([1, 2, 3, 4]);
  });

  test('[I4] a block is keyed by its first sequence, and the head names the last block', async () => {
    const { database, log } = await open();
    await offer(log, stall(1, 3));
    await offer(log, stall(4, 2));
    expect(await database.keys().all()).toEqual([blockKey(1), blockKey(4), 'head']);
    expect(log.head).toMatchObject({ sequence: 5, blocks: 2, commits: 2, epoch: 1 });
    const blocks = [];
    for await (const stored of log.blocks()) blocks.push(stored);
    expect(blocks.map(({ block }) => [block.first, block.count])).toEqual([
      [1, 3],
      [4, 2],
    ]);
    expect(blocks.at(-1)?.hash).toBe(log.head.hash);
    expect(blocks[1]?.block.previous).toBe(blocks[0]?.hash);
    expect(blocks[0]?.block.previous).toBe(LOG_START.hash);
  });

  test('[I3] a commit is in one block, also when there are more than fit into one', async () => {
    const { database, log } = await open();
    const offers: Promise<unknown>[] = [];
    const COUNT = BLOCK_COMMITS_MAX * 2 + 10;
    for (let index = 0; index < COUNT; index++) offers.push(offer(log, stall(1 + index * 2, 2)));
    await Promise.all(offers);
    await log.drain();
    expect(database.blocks).toBe(3);
    const commits = await commitsOf(log);
    expect(commits).toHaveLength(COUNT);
    expect(commits.at(-1)?.facts.at(-1)?.sequence).toBe(COUNT * 2);
  });

  test('[I2] answers come in the order of the commits, and the block is told after them', async () => {
    const { log } = await open();
    const told: unknown[] = [];
    log.onDurable = (commits) => told.push(`${commits.length} durable`);
    await Promise.all(
      [1, 2, 3].map(async (sequence) => told.push(await offer(log, stall(sequence)))),
    );
    expect(told.filter((one) => typeof one === 'number')).toEqual([1, 2, 3]);
    expect(told).toContain('3 durable');
  });

  test('reads on from a block, and refuses to read on from a place that is none', async () => {
    const { log } = await open();
    for (const sequence of [1, 2, 3]) await offer(log, stall(sequence));
    const position = await log.positionBefore(2);
    expect(position.sequence).toBe(1);
    const after: number[] = [];
    for await (const { block } of log.blocks(position)) after.push(block.first);
    expect(after).toEqual([2, 3]);
    const wrong = async (): Promise<void> => {
      for await (const _block of log.blocks({ sequence: 1, hash: 'f'.repeat(64) })) void 0;
    };
    await expect(wrong()).rejects.toMatchObject({ code: 'LOG_CORRUPT', details: { sequence: 2 } });
    expect(await log.positionBefore(1)).toEqual(LOG_START);
  });

  test('a reader sees the log as it was when it was opened', async () => {
    const { database, log } = await open();
    await offer(log, stall(1));
    const reader = EventLog.read(database);
    await offer(log, stall(2));
    expect((await commitsOf(reader)).map(({ command }) => command.timeMs)).toEqual([1]);
  });

  test('drain waits for what was offered', async () => {
    const { log } = await open();
    const offered = offer(log, stall(1));
    await log.drain();
    expect(log.head.sequence).toBe(1);
    await offered;
  });
});
