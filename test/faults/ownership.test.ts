/** One owner: whoever comes second is refused, and a killed process leaves nothing behind (I8). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { openElsewhere, pause, requireDist, temporaryDirectories, Writer } from './processes.ts';

const temporary = temporaryDirectories();
beforeAll(requireDist);

async function expectHeld(directory: string, holder: number): Promise<void> {
  for (const readonly of [false, true]) {
    const held = { name: 'Fault', code: 'SWARM_HELD', details: { directory, process: holder } };
    const message = expect.stringMatching(new RegExp(`^[^\\n]*\\b${holder}\\b[^\\n]*$`));
    await expect(openSwarm({ directory, readonly })).rejects.toMatchObject({ ...held, message });
    expect(await openElsewhere({ directory, readonly })).toMatchObject({
      ok: false,
      ...held,
      message,
    });
  }
}

describe('[I8] a swarm that this process holds', () => {
  it('is refused to a second opener here and elsewhere, again and again', async () => {
    const directory = temporary();
    const swarm = await openSwarm({ directory });
    await expectHeld(directory, process.pid);
    await expectHeld(directory, process.pid);
    await swarm.register({ agentType: 'pulse', agentId: 'p' }); // it still writes
    await swarm.close();
    expect(await openElsewhere({ directory })).toMatchObject({ ok: true });
  });

  it("is refused after somebody has read LevelDB's LOCK file, and our own", async () => {
    const directory = temporary();
    const swarm = await openSwarm({ directory });
    for (const path of ['log/LOCK', 'owner.lock']) readFileSync(join(directory, path));
    await expectHeld(directory, process.pid);
    await swarm.close();
  });

  it("is refused after a second opening of LevelDB itself has failed, which loses LevelDB's own lock", async () => {
    const directory = temporary();
    const swarm = await openSwarm({ directory });
    await expect(new Level(join(directory, 'log')).open()).rejects.toThrow();
    await expectHeld(directory, process.pid);
    await swarm.close();
  });

  it('is free for others when it is closed, however often close is called, and when opening failed', async () => {
    const directory = temporary();
    const swarm = await openSwarm({ directory });
    const { sequence } = swarm;
    await Promise.all([swarm.close(), swarm.close()]);
    await swarm.close();
    const tooLong = openSwarm({ directory, expectSequence: sequence + 1 });
    await expect(tooLong).rejects.toMatchObject({ code: 'LOG_TRUNCATED' });
    const again = await openSwarm({ directory });
    expect(again.sequence).toBe(sequence + 1);
    await again[Symbol.asyncDispose]();
  });
});

describe('[I8] a swarm that another process holds', () => {
  it('is refused, with the name of the process; when that is killed, it opens at once', async () => {
    const directory = temporary();
    const writer = new Writer(directory);
    await writer.writing;
    await expectHeld(directory, writer.pid);
    await pause(20);
    await writer.kill();
    const last = Math.max(...writer.heard.acknowledged.keys());
    const swarm = await openSwarm({ directory, expectSequence: last });
    expect(swarm.sequence).toBeGreaterThan(last);
    await swarm.close();
  });
});

describe('[I8] a reader', () => {
  it('takes no epoch, appends nothing, saves no checkpoint, and refuses commands', async () => {
    const directory = temporary();
    const swarm = await openSwarm({ directory, snapshots: { everyEvents: 1_000_000 } });
    const pulse = await swarm.register({ agentType: 'pulse', agentId: 'p' });
    await Promise.all(Array.from({ length: 1_500 }, () => pulse.tasks.create({ goal: 'a' })));
    const { stateHash, sequence } = swarm;
    // Ended by a process that did not close it: an end without a checkpoint, which a reader could feel called to write.
    await (swarm as unknown as { close(): Promise<void> }).close();
    await forgetCheckpoints(directory);
    const before = await contents(directory);

    const reader = await openSwarm({ directory, readonly: true });
    expect(reader).toMatchObject({ stateHash, sequence, durableSequence: sequence });
    const command = { type: 'task.create', payload: { goal: 'a' } } as const;
    expect(await reader.dispatch(command)).toMatchObject({ ok: false, code: 'READ_ONLY' });
    await expect(reader.session(pulse.identity).tasks.create({ goal: 'a' })).rejects.toMatchObject({ code: 'READ_ONLY' }); // prettier-ignore
    await expect(reader.register({ agentType: 'pulse', agentId: 'q' })).rejects.toMatchObject({ code: 'READ_ONLY' }); // prettier-ignore
    await reader.close();

    expect(await contents(directory)).toEqual(before);
    expect(readFileSync(join(directory, 'stigmergy.json'), 'utf8')).toBe(
      '{"format":"stigmergy","layout":1,"ready":true}\n',
    );
    expect(readdirSync(directory).toSorted()).toEqual(['log', 'owner.lock', 'stigmergy.json']);
  });
});

/** Everything that the log's database holds: LevelDB itself may arrange it in other files when it opens. */
async function contents(directory: string): Promise<ReadonlyMap<string, string>> {
  const store = new Level(join(directory, 'log'), { valueEncoding: 'utf8' });
  const found = new Map(await store.iterator().all());
  await store.close();
  expect(found.get('head')).toMatch(/"epoch":1/);
  return found;
}

async function forgetCheckpoints(directory: string): Promise<void> {
  const store = new Level(join(directory, 'log'));
  await store.clear({ gt: 'checkpoint', lt: 'checkpoint~' });
  await store.close();
}
