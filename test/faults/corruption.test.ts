/** Damage to a stored log: it is refused with the sequence at which it shows, and never served as something else (I1, I3, I4). */
import { mkdtempSync, rmSync } from 'node:fs';
import { cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { recover } from '../../src/coordinator/recovery.ts';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { ERRORS, Fault } from '../../src/core/errors.ts';
import { blockKey, EventLog, type LogHead } from '../../src/events/log.ts';
import { hashState } from '../../src/projections/saved-views.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { seeded, temporaryDirectories } from './processes.ts';

type Store = Level<string, Buffer>;

/** A block as it is stored. */
interface Stored {
  readonly key: string;
  readonly first: number;
  readonly bytes: Buffer;
}

/** A sound swarm, from which every test takes a copy. */
interface Original {
  readonly directory: string;
  readonly head: LogHead;
  readonly stateHash: string;
  readonly blocks: readonly Stored[];
  /** Heads as they were earlier, by their sequence. */
  readonly heads: ReadonlyMap<number, Buffer>;
  readonly checkpoints: readonly number[];
}

const temporary = temporaryDirectories();
const root = mkdtempSync(join(tmpdir(), 'stigmergy-original-'));
/** The original as its writer left it: LevelDB has it in its write-ahead log, and moves it into tables when it opens. */
const FRESH = join(root, 'fresh');
afterAll(() => rmSync(root, { recursive: true, force: true }));
let original: Original;

beforeAll(async () => {
  original = await makeOriginal(join(root, 'swarm'));
  expect(original.blocks.length).toBeGreaterThan(20);
  expect(original.checkpoints.length).toBe(2);
  expect(original.checkpoints[0]).toBeLessThan(original.head.sequence);
});

/** Works for a while, so that there are many blocks of several commits, two checkpoints, and a tail after them. */
async function makeOriginal(directory: string): Promise<Original> {
  const swarm = await openSwarm({
    directory,
    snapshots: { everyEvents: 150, keep: 2 },
    limits: { historyEventsMax: 20 }, // else the ring would read all blocks again, from a checkpoint too
  });
  const heads = new Map<number, Buffer>();
  const sessions = await Promise.all(
    ['a', 'b', 'c'].map((agentId) => swarm.register({ agentType: 'pulse', agentId })),
  );
  for (let round = 0; round < 30; round++) {
    await Promise.all(
      sessions.map(async ({ tasks, locks }, index) => {
        const taskId = `task-${round}-${index}`;
        await tasks.create({ goal: `goal of ${taskId}`, taskId });
        await tasks.claim({ taskId, start: true });
        const lock = await locks.acquire({ resource: `file-${index}`, type: 'exclusive' });
        await tasks.progress(taskId, 50, 'half');
        await tasks.complete(taskId, { lines: round });
        if (lock !== null) await locks.release(lock.id);
      }),
    );
  }
  await swarm.close();
  await cp(directory, FRESH, { recursive: true });
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const log = EventLog.read(engine.database);
    const { projector } = await recover(log, { useCheckpoints: false });
    let commits = 0;
    let count = 0;
    for await (const { block, hash } of log.blocks()) {
      const sequence = block.first + block.count - 1;
      commits += block.commits.length;
      count += 1;
      const head: LogHead = { sequence, hash, epoch: 1, blocks: count, commits };
      heads.set(sequence, Buffer.from(JSON.stringify(head)));
    }
    const entries = await engine.database.iterator({ gt: 'block/', lt: 'block/~' }).all();
    const blocks = entries.map(([key, bytes]) => ({ key, first: Number(key.slice(6)), bytes }));
    const names = await engine.database.keys({ gt: 'checkpoint/', lt: 'checkpoint/~' }).all();
    const checkpoints = names.map((name) => Number(name.slice('checkpoint/'.length)));
    return {
      directory,
      head: log.head,
      stateHash: hashState(projector),
      blocks,
      heads,
      checkpoints,
    };
  } finally {
    await engine.close();
  }
}

async function withStore(directory: string, use: (store: Store) => Promise<void>): Promise<void> {
  const store: Store = new Level(join(directory, 'log'), {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
  });
  await store.open();
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

async function damagedCopy(damage: (store: Store) => Promise<void>): Promise<string> {
  const directory = temporary();
  await cp(original.directory, directory, { recursive: true });
  await withStore(directory, damage);
  return directory;
}

type Outcome =
  | { readonly stateHash: string; readonly sequence: number }
  | { readonly code: string; readonly at: unknown };

/** Opens as users do. */
async function opened(directory: string, expectSequence = 0): Promise<Outcome> {
  return outcomeOf(async () => {
    const swarm = await openSwarm({ directory, readonly: true, expectSequence });
    const { stateHash, durableSequence: sequence } = swarm;
    await swarm.close();
    return { stateHash, sequence };
  });
}

/** Reads everything from zero, as `stig verify` does. */
async function replayed(directory: string): Promise<Outcome> {
  return outcomeOf(async () => {
    const engine = await openLevelEngine(directory, { create: false });
    try {
      const { projector } = await recover(EventLog.read(engine.database), {
        useCheckpoints: false,
      });
      return { stateHash: hashState(projector), sequence: projector.sequence };
    } finally {
      await engine.close();
    }
  });
}

/** What came of it: a state, or a fault with a code; anything else is a failure of the test. */
async function outcomeOf(open: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await open();
  } catch (error) {
    expect(error, String((error as Error).stack)).toBeInstanceOf(Fault);
    const { code, message, details } = error as Fault;
    expect(ERRORS).toHaveProperty(code);
    expect(message).not.toContain('\n');
    expect(code, message).not.toBe('INTERNAL');
    return { code, at: details['sequence'] };
  }
}

/** Nobody gets another state: from zero it is refused at the place, and so it is on opening, unless a checkpoint is newer. */
async function expectRefusedAt(directory: string, sequence: number): Promise<void> {
  const refused = { code: 'LOG_CORRUPT', at: sequence };
  expect(await replayed(directory)).toEqual(refused);
  const { stateHash, head } = original;
  const sound = { stateHash, sequence: head.sequence };
  expect([refused, sound]).toContainEqual(await opened(directory));
  await withStore(directory, async (store) => {
    await store.clear({ gt: 'checkpoint', lt: 'checkpoint~' });
  });
  expect(await opened(directory)).toEqual(refused);
}

const WHERE = { first: 0, 'an early': 7, 'the last but one': -2, 'the last': -1 } as const;

describe.each(Object.entries(WHERE))('[I4] of %s block', (_name, index) => {
  const block = (): Stored => original.blocks.at(index) as Stored;
  const put = (change: (bytes: Buffer) => Buffer) =>
    damagedCopy(async (store) => store.put(block().key, change(Buffer.from(block().bytes))));

  it.each([0.1, 0.5, 0.9])(
    'one flipped bit, %d of the way through, is refused there',
    async (part) => {
      const directory = await put((bytes) => {
        const from = bytes.indexOf('"commits"');
        const at = from + Math.floor((bytes.length - from) * part);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      });
      await expectRefusedAt(directory, block().first);
    },
  );

  it.each(['{"format":1', '"first":', '"count":', '"epoch":', '"previous":"', '"who":[{"agentI'])(
    'one flipped bit after %s is refused there',
    async (text) => {
      const directory = await put((bytes) => {
        const at = bytes.indexOf(text) + text.length - (text.endsWith('1') ? 1 : 0);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      });
      await expectRefusedAt(directory, block().first);
    },
  );

  it('another payload, still JSON, is refused there', async () => {
    const directory = await put((bytes) => {
      const at = inside(bytes, '"in":{"') + '"in":{"'.length;
      const colon = bytes.indexOf(':"', at);
      bytes[colon + 2] = bytes[colon + 2] === 0x78 ? 0x79 : 0x78;
      JSON.parse(bytes.toString());
      return bytes;
    });
    await expectRefusedAt(directory, block().first);
  });

  it('an event of another type, still JSON, is refused there', async () => {
    const directory = await put((bytes) => {
      const at = inside(bytes, '"facts":[["') + '"facts":[["'.length;
      bytes[at] = 0x7a;
      JSON.parse(bytes.toString());
      return bytes;
    });
    await expectRefusedAt(directory, block().first);
  });

  it.each(['', 'null', '0', '[]', '{}', '"block"', '{"first":', 'not JSON'])(
    '%j in its place is refused there',
    async (text) => {
      await expectRefusedAt(await put(() => Buffer.from(text)), block().first);
    },
  );

  it('its absence is refused there', async () => {
    const directory = await damagedCopy(async (store) => store.del(block().key));
    await expectRefusedAt(directory, block().first);
  });

  it('another block in its place is refused there', async () => {
    const other = original.blocks.at(index === 7 ? 8 : 7) as Stored;
    await expectRefusedAt(await put(() => other.bytes), block().first);
  });
});

describe('[I4] of the log', () => {
  it('two swapped blocks are refused at the first of them', async () => {
    const [one, other] = original.blocks.slice(5, 7) as [Stored, Stored];
    const directory = await damagedCopy(async (store) => {
      await store.put(one.key, other.bytes);
      await store.put(other.key, one.bytes);
    });
    await expectRefusedAt(directory, one.first);
  });

  it('a block that is stored twice is refused where it does not belong', async () => {
    const { bytes } = original.blocks[3] as Stored;
    const directory = await damagedCopy(async (store) =>
      store.put(blockKey(original.head.sequence + 1), bytes),
    );
    await expectRefusedAt(directory, original.head.sequence + 1);
  });

  it.each([-2, -5])(
    'an older head, %i blocks back, with the later blocks present, is refused',
    async (back) => {
      const next = original.blocks.at(back) as Stored;
      const older = original.heads.get(next.first - 1) as Buffer;
      const directory = await damagedCopy(async (store) => store.put('head', older));
      await expectRefusedAt(directory, next.first);
    },
  );

  it('a head that is gone, with blocks present, is refused and not taken for an empty log', async () => {
    const directory = await damagedCopy(async (store) => store.del('head'));
    await expectRefusedAt(directory, 1);
    await expect(openSwarm({ directory })).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
  });

  it.each([
    '',
    '{',
    'null',
    '5',
    '{}',
    '[]',
    '{"sequence":"9"}',
    '{"sequence":-1,"hash":"","epoch":1}',
  ])('the head %j is refused', async (text) => {
    const directory = await damagedCopy(async (store) => store.put('head', Buffer.from(text)));
    await expectRefusedAt(directory, 0);
  });

  it.each([1, -1, 1_000])('a head that says %i more is refused', async (more) => {
    const { head, blocks } = original;
    const wrong = Buffer.from(JSON.stringify({ ...head, sequence: head.sequence + more }));
    const directory = await damagedCopy(async (store) => store.put('head', wrong));
    const last = (blocks.at(-1) as Stored).first;
    await expectRefusedAt(directory, more < 0 ? last : head.sequence + 1);
  });

  it('a head with the hash of another block is refused', async () => {
    const { head, heads, blocks } = original;
    const last = (blocks.at(-1) as Stored).first;
    const { hash } = JSON.parse(String(heads.get(last - 1))) as LogHead;
    const wrong = Buffer.from(JSON.stringify({ ...head, hash }));
    await expectRefusedAt(await damagedCopy(async (store) => store.put('head', wrong)), last);
  });

  it('a tail that is cut off whole cannot be seen from inside, but by who was told more (LOG_TRUNCATED)', async () => {
    const [cut] = original.blocks.slice(-3) as [Stored];
    const sequence = cut.first - 1;
    expect(sequence).toBeGreaterThan(Math.max(...original.checkpoints));
    const directory = await damagedCopy(async (store) => {
      await store.clear({ gte: cut.key, lt: 'block/~' });
      await store.put('head', original.heads.get(sequence) as Buffer);
    });
    expect(await opened(directory)).toMatchObject({ sequence });
    expect(await opened(directory, original.head.sequence)).toMatchObject({
      code: 'LOG_TRUNCATED',
      at: sequence,
    });
    expect(await opened(directory, sequence)).toMatchObject({ sequence });
  });

  it('a tail that is cut off before a checkpoint is seen from inside: the checkpoint is newer', async () => {
    const cut = original.blocks.findLast(
      ({ first }) => first < (original.checkpoints[0] ?? 0),
    ) as Stored;
    const directory = await damagedCopy(async (store) => {
      await store.clear({ gte: cut.key, lt: 'block/~' });
      await store.put('head', original.heads.get(cut.first - 1) as Buffer);
    });
    expect(await opened(directory)).toEqual({ code: 'LOG_CORRUPT', at: cut.first });
  });
});

describe('[I1] of a checkpoint', () => {
  it.each([0.1, 0.5, 0.9])(
    'a flipped bit in every slice, %d of the way through, is passed over',
    async (part) => {
      await expectPassedOver(async (store) => {
        for (const [key, bytes] of await slicesOf(store, -1)) {
          const at = Math.floor(bytes.length * part);
          bytes[at] = (bytes[at] ?? 0) ^ 1;
          await store.put(key, bytes);
        }
      });
    },
  );

  it.each([0, 1, -1])('slice %i gone is passed over', async (which) => {
    await expectPassedOver(async (store) => {
      const [key] = (await slicesOf(store, -1)).at(which) ?? [];
      if (key !== undefined) await store.del(key);
    });
  });

  it('slices of another checkpoint are passed over', async () => {
    await expectPassedOver(async (store) => {
      const older = await slicesOf(store, 0);
      for (const [index, [key]] of (await slicesOf(store, -1)).entries()) {
        await store.put(key, older[index]?.[1] ?? Buffer.from(''));
      }
    });
  });

  it.each(['', 'null', '5', '[]', '{}', '{"sequence":1}', '{"header":null}', 'not JSON'])(
    'the name %j is passed over',
    async (text) => {
      await expectPassedOver(async (store) => store.put(nameOf(-1), Buffer.from(text)));
    },
  );

  it('a name with one digit, letter or bracket changed anywhere is passed over', async () => {
    const directory = await damagedCopy(async () => {});
    const { stateHash, head } = original;
    let bytes: Buffer | undefined;
    await withStore(directory, async (store) => {
      bytes = await store.get(nameOf(-1));
    });
    for (let at = 0; at < (bytes?.length ?? 0); at += 3) {
      await withStore(directory, async (store) => {
        const changed = Buffer.from(bytes ?? '');
        changed[at] = (changed[at] ?? 0) ^ 1;
        await store.put(nameOf(-1), changed);
      });
      expect(await opened(directory), `byte ${at}`).toEqual({ stateHash, sequence: head.sequence });
    }
  });

  it('all of them gone is the same state', async () => {
    await expectPassedOver(async (store) => store.clear({ gt: 'checkpoint', lt: 'checkpoint~' }));
  });
});

describe("[I1] of LevelDB's own files", () => {
  /** Where a byte is flipped: each byte of the data files as likely as any other, or only those near the end. */
  const CASES = [
    { positions: 30, files: 'the write-ahead log', inTables: false, from: 0 },
    { positions: 20, files: 'the end of the write-ahead log', inTables: false, from: 0.97 },
    { positions: 30, files: 'sorted tables', inTables: true, from: 0 },
  ];

  test.each(CASES)(
    '$positions flipped bytes in $files, one at a time: the same state, or a refusal with a code; never another state',
    async ({ positions, files, inTables, from }) => {
      const random = seeded(20_261_122);
      const source = inTables ? original.directory : FRESH;
      const came: Record<string, number> = {};
      for (let position = 0; position < positions; position++) {
        const directory = temporary();
        await cp(source, directory, { recursive: true });
        const story = await flipByte(directory, random, from);
        const [kind, zero] = await kindsOf(directory, `position ${position}: ${story}`);
        came[`${kind}, from zero ${zero}`] = (came[`${kind}, from zero ${zero}`] ?? 0) + 1;
      }
      console.log(`flipped bytes in ${files}: ${JSON.stringify(came)}`);
      const unharmed = came['same, from zero same'] ?? 0;
      expect(unharmed, 'no position hit anything').toBeLessThan(positions);
    },
  );
});

/** Where something of its commits stands, so that a change there is a change of an event. */
function inside(bytes: Buffer, text: string): number {
  const at = bytes.indexOf(text, bytes.indexOf('"commits"'));
  expect(at).toBeGreaterThan(0);
  return at;
}

/** Opens to the same state, from another start. */
async function expectPassedOver(damage: (store: Store) => Promise<void>): Promise<void> {
  const directory = await damagedCopy(damage);
  const { stateHash, head } = original;
  expect(await opened(directory)).toEqual({ stateHash, sequence: head.sequence });
}

const nameOf = (which: number): string =>
  `checkpoint/${String(original.checkpoints.at(which)).padStart(16, '0')}`;
const slicesOf = (store: Store, which: number) => {
  const prefix = nameOf(which).replace('checkpoint/', 'checkpoint-slice/');
  return store.iterator({ gt: prefix, lt: `${prefix}/~` }).all();
};

async function flipByte(directory: string, random: () => number, from: number): Promise<string> {
  const names = await readdir(join(directory, 'log'));
  const paths = names
    .filter((name) => /\.(log|ldb)$/.test(name))
    .toSorted()
    .map((name) => join(directory, 'log', name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let at = Math.floor(total * (from + (1 - from) * random()));
  const index = sizes.findIndex((size) => at < size || ((at -= size), false));
  const path = paths[index] ?? '';
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ (1 + Math.floor(random() * 255));
  await writeFile(path, bytes);
  return `${path} at ${at}`;
}

async function stateHashAt(sequence: number): Promise<string> {
  const directory = temporary();
  await cp(original.directory, directory, { recursive: true });
  const engine = await openLevelEngine(directory, { create: false });
  const options = { upTo: { sequence }, useCheckpoints: false };
  const { projector } = await recover(EventLog.read(engine.database), options);
  await engine.close();
  return hashState(projector);
}

/** What opening came to, and what reading everything came to. Both checked. */
async function kindsOf(directory: string, story: string): Promise<readonly [string, string]> {
  const { stateHash, head } = original;
  const outcome = await opened(directory);
  const fromZero = await replayed(directory);
  if ('code' in outcome) return [outcome.code, 'code' in fromZero ? fromZero.code : 'same'];
  if (outcome.sequence < head.sequence) {
    const told = await opened(directory, head.sequence);
    expect(told, story).toMatchObject({ code: 'LOG_TRUNCATED' });
    expect(outcome.stateHash, story).toBe(await stateHashAt(outcome.sequence));
  } else {
    expect(outcome, story).toEqual({ stateHash, sequence: head.sequence });
  }
  if (!('code' in fromZero)) expect(fromZero, story).toEqual(outcome);
  return [
    outcome.sequence < head.sequence ? 'older' : 'same',
    'code' in fromZero ? fromZero.code : 'same',
  ];
}
