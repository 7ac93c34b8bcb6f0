/** A disk that takes no more: nothing more is acknowledged, and what was acknowledged is served again later (I7). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { EventLog } from '../../src/events/log.ts';
import { verifyLog } from '../../src/history/verify.ts';
import { openLevelEngine } from '../../src/storage/engine.ts';
import { requireDist, temporaryDirectories, Writer } from './processes.ts';

const temporary = temporaryDirectories();
beforeAll(requireDist);

/** What `writer.mjs` says when a write failed. */
interface Failed {
  readonly codes: readonly string[];
  readonly after: Readonly<Record<string, string>>;
  readonly closed: string;
}

/** Writes until it fails, and looks at what everybody was told. */
async function writeUntilFull(directory: string, shell?: string): Promise<Writer> {
  const writer = new Writer(directory, {
    everyEvents: 1_000_000,
    messageChars: 2_000,
    ...(shell === undefined ? {} : { shell }),
  });
  await writer.writing;
  await writer.ended;
  const { codes, after, closed } = writer.heard.failed as Failed;
  expect(codes, writer.complaints).toHaveLength(6); // every session was told, and none waits for ever
  expect(codes).toContain('LOG_UNKNOWN');
  expect(codes.filter((code) => code !== 'LOG_UNKNOWN' && code !== 'HALTED')).toEqual([]);
  expect(after).toEqual({
    dispatch: 'HALTED',
    get: 'HALTED',
    read: 'HALTED',
    state: 'HALTED',
    stateHash: 'HALTED',
    durable: 'HALTED',
    register: 'HALTED',
  });
  expect(closed).toBe('served');
  return writer;
}

/** Opens again, verifies, and finds everything that was acknowledged. */
async function expectAllServed(directory: string, { heard }: Writer): Promise<void> {
  const last = Math.max(...heard.acknowledged.keys());
  const swarm = await openSwarm({ directory, expectSequence: last });
  const task = await (
    await swarm.register({ agentType: 'pulse', agentId: 'after' })
  ).tasks.create({ goal: 'on' });
  expect(task.status).toBe('pending');
  await swarm.close();
  const engine = await openLevelEngine(directory, { create: false });
  try {
    const log = EventLog.read(engine.database);
    expect(await verifyLog(log)).toMatchObject({ ok: true });
    const found = new Set<number>();
    for await (const { block } of log.blocks()) {
      for (const { facts } of block.commits) {
        for (const { sequence, payload } of facts) {
          const id = heard.acknowledged.get(sequence);
          if (id !== undefined && Object.values(payload as object).includes(id))
            found.add(sequence);
        }
      }
    }
    expect(found.size).toBe(heard.acknowledged.size);
  } finally {
    await engine.close();
  }
}

describe('[I7] a file that may not grow (ulimit -f; works without root)', () => {
  it.each([300, 1_000, 2_500])(
    'at %i KiB halts the swarm; later everything acknowledged is served',
    async (kib) => {
      const directory = temporary();
      const writer = await writeUntilFull(directory, `ulimit -f ${kib};`);
      expect(writer.heard.acknowledged.size).toBeGreaterThan(50);
      await expectAllServed(directory, writer);
    },
  );
});

/** Why no small disk of our own can be made; undefined when it can. */
function whyNoDisk(): string | undefined {
  const directory = join(tmpdir(), `stigmergy-disk-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory], { stdio: 'pipe' });
    execFileSync('umount', [directory]);
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().split('\n').at(-1) ?? 'mount failed';
  } finally {
    rmdirSync(directory);
  }
}

const reason = whyNoDisk();

describe(`[I7] a disk of 4 MB${reason === undefined ? '' : ` (skipped, a tmpfs cannot be mounted: ${reason})`}`, () => {
  it.skipIf(reason !== undefined)(
    'is full: the swarm halts; on a larger one everything acknowledged is served',
    async () => {
      const directory = temporary();
      const disk = join(directory, '..', 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
      try {
        const swarm = join(disk, 'swarm');
        const writer = await writeUntilFull(swarm);
        // Still full: it may open or not, but with a code, and it loses nothing.
        writeFull(join(disk, 'filler'));
        for (const readonly of [true, false]) {
          await openSwarm({ directory: swarm, readonly }).then(
            (opened) => opened.close(),
            (error: unknown) =>
              expect(['DIRECTORY_NOT_WRITABLE', 'LOG_UNKNOWN']).toContain(
                (error as { code: string }).code,
              ),
          );
        }
        rmSync(join(disk, 'filler'));
        execFileSync('mount', ['-o', 'remount,size=64m', disk]);
        await expectAllServed(swarm, writer);
      } finally {
        execFileSync('umount', [disk]);
      }
    },
  );

  it.skipIf(reason !== undefined)(
    'that is full from the beginning is DIRECTORY_NOT_WRITABLE',
    async () => {
      const disk = join(temporary(), '..', 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
      try {
        writeFull(join(disk, 'filler'));
        const opening = openSwarm({ directory: join(disk, 'swarm') });
        await expect(opening).rejects.toMatchObject({
          name: 'Fault',
          code: 'DIRECTORY_NOT_WRITABLE',
        });
        rmSync(join(disk, 'filler'));
        await (await openSwarm({ directory: join(disk, 'swarm') })).close();
      } finally {
        execFileSync('umount', [disk]);
      }
    },
  );
});

/** Takes all the space that is left. */
function writeFull(path: string): void {
  for (const size of [1_048_576, 4_096, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // Full, but for less than this.
    }
  }
}
