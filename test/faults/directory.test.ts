/** Directories that cannot be served: each is refused in one line, with a code, and is left as it was. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import type { OpenOptions } from '../../src/coordinator/open-options.ts';
import { ERRORS, Fault, type ErrorCode } from '../../src/core/errors.ts';
import { openElsewhere, requireDist, temporaryDirectories } from './processes.ts';

const temporary = temporaryDirectories();
beforeAll(requireDist);

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

async function expectFault(code: ErrorCode, options: OpenOptions): Promise<void> {
  let swarm: Swarm | undefined;
  try {
    swarm = await openSwarm(options);
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(Fault);
    expect(error).toMatchObject({ code });
    expect((error as Fault).message).toMatch(/^[^\n]+$/);
    expect((error as Fault).message).toContain(options.directory);
  }
  await swarm?.close();
  expect(swarm, 'it was opened').toBeUndefined();
}

/** Opens as somebody who is not root: here, when we are not; else in a process that gives its rights away. */
async function expectFaultForOthers(
  code: ErrorCode,
  options: { directory: string; readonly?: boolean },
) {
  if (!isRoot) return expectFault(code, options);
  const opened = await openElsewhere({ ...options, uid: NOBODY });
  expect(opened).toMatchObject({ ok: false, name: 'Fault', code });
  expect(!opened.ok && opened.message).toMatch(/^[^\n]+$/);
  return undefined;
}

/** A closed swarm. */
async function made(): Promise<string> {
  const directory = temporary();
  await (await openSwarm({ directory })).close();
  return directory;
}

describe('a directory that holds something else', () => {
  it('is NOT_A_SWARM, and stays as it is', async () => {
    const directory = temporary();
    mkdirSync(directory);
    writeFileSync(join(directory, 'letter.txt'), 'dear');
    for (const readonly of [false, true]) await expectFault('NOT_A_SWARM', { directory, readonly });
    expect(readdirSync(directory)).toEqual(['letter.txt']);
  });

  it('is NOT_A_SWARM when it holds a log without a marker', async () => {
    const directory = await made();
    rmSync(join(directory, 'stigmergy.json'));
    await expectFault('NOT_A_SWARM', { directory });
  });

  it('is NOT_A_SWARM when it is a file, or lies below one', async () => {
    const file = temporary();
    writeFileSync(file, 'dear');
    await expectFault('NOT_A_SWARM', { directory: file });
    await expectFault('NOT_A_SWARM', { directory: join(file, 'below') });
    expect(readFileSync(file, 'utf8')).toBe('dear');
  });

  it.each(['', '{', 'null', '5', '[]', '{}', '{"format":"other","layout":1}', '{"format":"stigmergy"}', '{"format":"stigmergy","layout":"1"}'])(
    'is NOT_A_SWARM when its marker is %j',
    async (marker) => {
      const directory = await made();
      writeFileSync(join(directory, 'stigmergy.json'), marker);
      for (const readonly of [false, true]) await expectFault('NOT_A_SWARM', { directory, readonly });
      expect(readFileSync(join(directory, 'stigmergy.json'), 'utf8')).toBe(marker);
    },
  ); // prettier-ignore

  it('is FORMAT_UNSUPPORTED when a newer program made it', async () => {
    const directory = await made();
    const marker = JSON.stringify({ format: 'stigmergy', layout: 2 });
    writeFileSync(join(directory, 'stigmergy.json'), marker);
    for (const readonly of [false, true])
      await expectFault('FORMAT_UNSUPPORTED', { directory, readonly });
    expect(readFileSync(join(directory, 'stigmergy.json'), 'utf8')).toBe(marker);
  });
});

describe('a directory that is not there', () => {
  it('is DIRECTORY_NOT_FOUND for a reader, and is not made', async () => {
    const directory = temporary();
    await expectFault('DIRECTORY_NOT_FOUND', { directory, readonly: true });
    expect(existsSync(directory)).toBe(false);
  });

  it('is DIRECTORY_NOT_FOUND for a reader when it is empty, and stays so', async () => {
    const empty = temporary();
    mkdirSync(empty);
    await expectFault('DIRECTORY_NOT_FOUND', { directory: empty, readonly: true });
    expect(readdirSync(empty)).toEqual([]);
  });

  it('is LOG_CORRUPT when its log is gone: a new swarm is never made in the place of an old one', async () => {
    const directory = await made();
    rmSync(join(directory, 'log'), { recursive: true });
    await expectFault('LOG_CORRUPT', { directory, readonly: true });
    await expectFault('LOG_CORRUPT', { directory });
  });

  it('is made when a crash came before its log was there', async () => {
    const directory = temporary();
    mkdirSync(directory);
    writeFileSync(
      join(directory, 'stigmergy.json'),
      '{"format":"stigmergy","layout":1,"ready":false}\n',
    );
    await expectFault('DIRECTORY_NOT_FOUND', { directory, readonly: true });
    const swarm = await openSwarm({ directory });
    await swarm.close();
  });

  it('is made for an owner, with those above it; an empty one is taken', async () => {
    const directory = join(temporary(), 'a', 'b');
    const swarm = await openSwarm({ directory });
    await swarm.close();
    expect(readdirSync(directory).toSorted()).toEqual(['log', 'owner.lock', 'stigmergy.json']);
  });

  it.each(['owner.lock', 'stigmergy.json.new'])(
    'is taken when a crash while it was made left only %s',
    async (left) => {
      const directory = temporary();
      mkdirSync(directory);
      writeFileSync(join(directory, left), '{"form');
      const swarm = await openSwarm({ directory });
      await swarm.close();
      expect(readdirSync(directory).toSorted()).toEqual(['log', 'owner.lock', 'stigmergy.json']);
    },
  );

  it.each(['x'.repeat(5_000), 'a\u0000b'])(
    'is refused with a code when it cannot be named',
    async (name) => {
      await expectFault('DIRECTORY_NOT_READABLE', { directory: join(temporary(), name) });
    },
  );

  it('is refused with a code when it is a link to itself', async () => {
    const link = temporary();
    symlinkSync(link, link);
    await expectFault('DIRECTORY_NOT_READABLE', { directory: link });
  });
});

describe('a directory of somebody else', () => {
  it('is DIRECTORY_NOT_WRITABLE when it may only be read', async () => {
    const directory = await made();
    for (const path of [join(directory, 'log'), directory]) chmodSync(path, 0o555);
    for (const readonly of [false, true])
      await expectFaultForOthers('DIRECTORY_NOT_WRITABLE', { directory, readonly });
    for (const path of [join(directory, 'log'), directory]) chmodSync(path, 0o755);
  });

  it.skipIf(!isRoot)('is DIRECTORY_NOT_WRITABLE when only its log may not be written', async () => {
    const directory = await made();
    chmodSync(directory, 0o777);
    chmodSync(join(directory, 'owner.lock'), 0o666);
    chmodSync(join(directory, 'log'), 0o555);
    await expectFaultForOthers('DIRECTORY_NOT_WRITABLE', { directory });
  });

  it('is DIRECTORY_NOT_WRITABLE when it would have to be made where one may not', async () => {
    const above = temporary();
    mkdirSync(above);
    chmodSync(above, 0o555);
    await expectFaultForOthers('DIRECTORY_NOT_WRITABLE', { directory: join(above, 'swarm') });
    chmodSync(above, 0o755);
  });

  it('is DIRECTORY_NOT_READABLE when it may not even be looked into', async () => {
    const directory = await made();
    chmodSync(directory, 0o000);
    for (const readonly of [false, true])
      await expectFaultForOthers('DIRECTORY_NOT_READABLE', { directory, readonly });
    chmodSync(directory, 0o755);
  });
});

/** Whether a directory can be mounted a second time for reading only: root can, outside of most containers. */
function whyNoReadonlyMount(): string | undefined {
  const directory = temporaryMount();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', directory], {
      stdio: 'pipe',
    });
    execFileSync('umount', [directory]);
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n').at(-1)?.trim() ?? 'mount failed';
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function temporaryMount(): string {
  const directory = join(process.env['TMPDIR'] ?? '/tmp', `stigmergy-mount-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  return directory;
}

const reason = whyNoReadonlyMount();

describe(`a disk that is mounted for reading only${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  it.skipIf(reason !== undefined)('is DIRECTORY_NOT_WRITABLE, for root too', async () => {
    const directory = await made();
    execFileSync('mount', ['--bind', directory, directory]);
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', directory]);
      for (const readonly of [false, true])
        await expectFault('DIRECTORY_NOT_WRITABLE', { directory, readonly });
    } finally {
      execFileSync('umount', [directory]);
    }
  });
});

it('every code of these has a meaning in the table', () => {
  const codes: ErrorCode[] = ['NOT_A_SWARM', 'DIRECTORY_NOT_FOUND', 'DIRECTORY_NOT_READABLE', 'DIRECTORY_NOT_WRITABLE', 'FORMAT_UNSUPPORTED']; // prettier-ignore
  for (const code of codes) expect(ERRORS[code].meaning).toMatch(/\.$/);
});
