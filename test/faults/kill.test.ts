/** A process that writes is killed at random moments, again and again, and starts again on the same directory. */
import { beforeAll, expect, test } from 'vitest';
import { recover } from '../../src/coordinator/recovery.ts';
import { EventLog } from '../../src/events/log.ts';
import { verifyLog } from '../../src/history/verify.ts';
import { hashState } from '../../src/projections/saved-views.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { pause, requireDist, seeded, temporaryDirectories, Writer } from './processes.ts';

/** The seeds of chains that run side by side: starting a process takes longer than killing it. */
const CHAINS = [20_261_122, 20_261_123, 20_261_124, 20_261_125];
const KILLS_PER_CHAIN = 25;
const CHECK_EVERY = 5;
/** Small, so that kills hit the writing of checkpoints too. */
const EVERY_EVENTS = 50;

const temporary = temporaryDirectories();
beforeAll(requireDist);

test('[I2][I3][I4] 100 times SIGKILL at a random moment during writing: nothing acknowledged is lost, and there is no gap', async () => {
  const directories = CHAINS.map(() => temporary());
  const chains = await Promise.all(
    CHAINS.map((seed, index) => chainOfKills(seed, directories[index] ?? '')),
  );
  for (const { acknowledged, checkpoints, commits } of chains) {
    expect(acknowledged).toBeGreaterThan(KILLS_PER_CHAIN * 5);
    expect(checkpoints).toBeGreaterThan(0);
    expect(commits).toBeGreaterThan(0);
  }
  console.log(`killed ${CHAINS.length * KILLS_PER_CHAIN} times: ${JSON.stringify(chains)}`);
}, 180_000);

async function chainOfKills(seed: number, directory: string) {
  const random = seeded(seed);
  const acknowledged = new Map<number, string>();
  let checkpoints = 0;
  let last = 0;
  for (let kill = 1; kill <= KILLS_PER_CHAIN; kill++) {
    const writer = new Writer(directory, { everyEvents: EVERY_EVENTS });
    await writer.writing;
    expect(writer.heard.opened, `seed ${seed}, kill ${kill}`).toBeGreaterThan(last);
    await pause(5 + random() * 145);
    await writer.kill();
    expect(writer.heard.failed).toBeUndefined();
    for (const [sequence, id] of writer.heard.acknowledged) {
      expect(acknowledged.get(sequence), `sequence ${sequence} was given twice`).toBeUndefined();
      acknowledged.set(sequence, id);
      last = Math.max(last, sequence);
    }
    if (kill % CHECK_EVERY === 0) checkpoints += await check(directory, acknowledged, last);
  }
  const commits = await verifyAll(directory);
  return { acknowledged: acknowledged.size, last, checkpoints, commits };
}

/** Reads the whole log; 1 when the state could be read from a checkpoint too. */
async function check(
  directory: string,
  acknowledged: Map<number, string>,
  last: number,
): Promise<number> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const log = EventLog.read(engine.database);
    expect(log.head.sequence).toBeGreaterThanOrEqual(last);
    let next = 1;
    let found = 0;
    for await (const { block } of log.blocks()) {
      for (const { facts } of block.commits) {
        for (const { sequence, payload } of facts) {
          expect(sequence).toBe(next++);
          const id = acknowledged.get(sequence);
          if (id === undefined) continue;
          found += 1;
          expect(Object.values(payload as object), `sequence ${sequence}`).toContain(id);
        }
      }
    }
    expect(next - 1).toBe(log.head.sequence);
    expect(found).toBe(acknowledged.size);
    const fromCheckpoint = await recover(log);
    const fromZero = await recover(log, { useCheckpoints: false });
    expect(hashState(fromCheckpoint.projector)).toBe(hashState(fromZero.projector));
    return fromCheckpoint.checkpoint > 0 ? 1 : 0;
  } finally {
    await engine.close();
  }
}

/** Every recorded command, decided again, gives the recorded facts (I6). */
async function verifyAll(directory: string): Promise<number> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const verification = await verifyLog(EventLog.read(engine.database));
    expect(verification).toMatchObject({ ok: true });
    return verification.ok ? verification.commits : 0;
  } finally {
    await engine.close();
  }
}
