/**
 * A process is killed at random moments around its handler, 40 times for each guarantee: at-most-once never repeats,
 * at-least-once never loses, exactly-once does neither.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { openSwarm } from '../../src/index.ts';
import { EventLog } from '../../src/events/log.ts';
import { verifyLog } from '../../src/history/verify.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { pause, requireDist, seeded, temporaryDirectories } from './processes.ts';

const PROGRAM = fileURLToPath(new URL('subscriber.mjs', import.meta.url));
const KILLS = 40;
/** Side by side: starting a process takes longer than killing it. */
const CHAINS = 4;

const temporary = temporaryDirectories();
beforeAll(requireDist);

/** What a chain of killed processes said, all of them together. */
interface Said {
  readonly emitted: number[];
  readonly begun: number[];
  readonly ended: number[];
}

/** Runs the program until it has begun some events, then kills it at a random moment. */
async function runAndKill(directory: string, delivery: string, said: Said, random: () => number) {
  const child = spawn(process.execPath, [PROGRAM, directory, delivery], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
  const lines = createInterface({ input: child.stdout });
  const closed = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  const read = new Promise<void>((resolve) => void lines.once('close', () => resolve()));
  const begun = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      const [what, number] = line.split(' ');
      if (what === 'emitted') said.emitted.push(Number(number));
      else if (what === 'end') said.ended.push(Number(number));
      else if (what === 'begin') {
        said.begun.push(Number(number));
        resolve();
      }
    });
  });
  await Promise.race([begun, closed]);
  expect(complaints).toBe('');
  await pause(random() * 60);
  child.kill('SIGKILL');
  await Promise.all([closed, read]);
}

/** Kills again and again; then a last process handles what is left. */
async function chain(delivery: 'at-most-once' | 'at-least-once' | 'exactly-once', seed: number) {
  const directory = temporary();
  const random = seeded(seed);
  const said: Said = { emitted: [], begun: [], ended: [] };
  for (let kill = 0; kill < KILLS / CHAINS; kill++) {
    await runAndKill(directory, delivery, said, random);
  }
  const swarm = await openSwarm({ directory });
  let stored: readonly number[] = [];
  const options = { name: 'numbers', delivery, from: 'beginning' } as const;
  const hears = swarm.events.subscribe(
    { type: 'app.number' },
    async ({ payload }, context) => {
      said.begun.push(payload as number);
      if (delivery === 'exactly-once') {
        const handled = (await context.storage.get<number[]>('handled')) ?? [];
        stored = [...handled, payload as number];
        context.storage.set('handled', stored);
        context.emit({ type: 'app.effect', payload });
      }
      said.ended.push(payload as number);
    },
    options,
  );
  swarm.events.emit({ type: 'app.number', payload: 0 }); // the last one
  const { sequence } = swarm;
  while (hears.next <= sequence || said.ended.at(-1) !== 0) await pause(2);
  await swarm.durable();
  const effects: unknown[] = [];
  const numbers: unknown[] = [];
  await swarm.events.replay({ types: ['app.effect', 'app.number'] }, ({ type, payload }) => {
    (type === 'app.effect' ? effects : numbers).push(payload);
  });
  await swarm.close();
  await checkLog(directory);
  return { ...said, effects, numbers, stored };
}

async function checkLog(directory: string): Promise<void> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    expect(await verifyLog(EventLog.read(engine.database))).toMatchObject({ ok: true });
  } finally {
    await engine.close();
  }
}

async function chains(delivery: Parameters<typeof chain>[0]) {
  const seeds = Array.from({ length: CHAINS }, (_, index) => 20_261_125 + index);
  const found = await Promise.all(seeds.map(async (seed) => chain(delivery, seed)));
  const sum = (of: (one: (typeof found)[number]) => number) =>
    found.reduce((total, one) => total + of(one), 0);
  const repeated = sum(({ begun }) => begun.length - new Set(begun).size);
  const lost = sum(
    ({ numbers, ended }) => numbers.filter((one) => !ended.includes(one as number)).length,
  );
  console.log(
    `${delivery}: killed ${KILLS} times, ${sum(({ numbers }) => numbers.length)} events, begun again ${repeated}, never ended ${lost}`,
  );
  for (const { emitted, numbers } of found) {
    expect(numbers).toEqual([...new Set(numbers)]); // nothing that was emitted is there twice
    for (const one of emitted) expect(numbers).toContain(one); // and nothing acknowledged is lost
  }
  return { found, repeated, lost };
}

describe('40 times SIGKILL around a handler', () => {
  test('at-most-once never repeats', async () => {
    const { repeated } = await chains('at-most-once');
    expect(repeated).toBe(0);
  }, 180_000);

  test('at-least-once never loses', async () => {
    const { found, lost, repeated } = await chains('at-least-once');
    expect(lost).toBe(0);
    expect(repeated).toBeGreaterThan(0); // the kills did hit handlers
    for (const { ended, numbers } of found) {
      // In order: whatever is given again is given again from there on.
      expect([...new Set(ended)]).toEqual(numbers);
    }
  }, 180_000);

  test('exactly-once does neither, in the events and in the storage', async () => {
    const { found, repeated } = await chains('exactly-once');
    expect(repeated).toBeGreaterThan(0); // handlers began again, and their effects did not
    for (const { effects, numbers, stored } of found) {
      expect(effects).toEqual(numbers);
      expect(stored).toEqual(numbers);
    }
  }, 180_000);
});
