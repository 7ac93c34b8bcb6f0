/**
 * The directory of a swarm, and who owns it.
 *
 *     .stigmergy/
 *       stigmergy.json   says that this is a swarm, and in which format
 *       owner.lock       held, by the operating system, as long as somebody has the swarm open
 *       log/             the LevelDB database
 *
 * Keeps I8: LevelDB's own lock is lost after a failed second open in the same process, or when anybody reads its LOCK file;
 * the one here is a lock on an open file, which the system drops with its process, however that ends.
 */
import { constants } from 'node:fs';
import {
  access,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { Fault } from '../core/errors.ts';

/** The version of the directory's layout. */
const LAYOUT_VERSION = 1;
const MARKER = 'stigmergy.json';
/** The marker while it is being written: what a crash leaves of it says nothing yet. */
const NEW_MARKER = `${MARKER}.new`;
const OWNER = 'owner.lock';

/** A directory that is ours until it is closed. */
export interface OwnedDirectory {
  readonly databasePath: string;
  /** Whether the database may have to be made: it never was whole. A database that was and is gone is never made anew. */
  readonly isNew: boolean;
  /** Notes that the database is there. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Takes a directory, making it when `create` says so.
 *
 * Throws `DIRECTORY_NOT_FOUND`, `DIRECTORY_NOT_WRITABLE`, `NOT_A_SWARM`, `FORMAT_UNSUPPORTED`, or `SWARM_HELD` with the
 * process that holds it.
 */
export async function ownDirectory(
  directory: string,
  { create }: { readonly create: boolean },
): Promise<OwnedDirectory> {
  const entries = await entriesOf(directory, create);
  if (!entries.includes(MARKER)) {
    const isForeign = entries.some((name) => name !== OWNER && name !== NEW_MARKER);
    if (isForeign) throw notASwarm(directory, 'it holds other files');
    if (!create) throw notFound(directory);
  }
  await access(directory, constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw notWritable(directory, cause);
  });
  const lock = await takeLock(directory);
  try {
    const isNew = entries.includes(MARKER) ? !(await readMarker(directory)).ready : true;
    if (isNew && !create) throw notFound(directory);
    if (isNew) await writeMarker(directory, { ready: false });
    return {
      databasePath: join(directory, 'log'),
      isNew,
      ready: () => writeMarker(directory, { ready: true }),
      close: () => lock.close(),
    };
  } catch (error) {
    await lock.close();
    throw error;
  }
}

async function entriesOf(directory: string, create: boolean): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    switch (codeOf(cause)) {
      case 'ENOENT':
        if (!create) throw notFound(directory);
        await mkdir(directory, { recursive: true }).catch((reason: unknown) => {
          throw notWritable(directory, reason);
        });
        return [];
      case 'ENOTDIR':
        throw notASwarm(directory, 'it is a file');
      default:
        throw notReadable(directory, cause);
    }
  }
}

async function readMarker(directory: string): Promise<{ readonly ready: boolean }> {
  const text = await readFile(join(directory, MARKER), 'utf8').catch((cause: unknown) => {
    throw notReadable(directory, cause);
  });
  const { layout, ready } = markerOf(text) ?? {};
  if (layout === undefined) throw notASwarm(directory, `its ${MARKER} is not one of ours`);
  if (layout !== LAYOUT_VERSION) {
    throw new Fault(
      'FORMAT_UNSUPPORTED',
      `${directory} has layout ${layout}; this program knows ${LAYOUT_VERSION}. Use a newer program.`,
      {
        details: { directory, layout },
      },
    );
  }
  return { ready: ready !== false };
}

function markerOf(text: string): { layout: number; ready: unknown } | undefined {
  try {
    const marker = JSON.parse(text) as {
      format?: unknown;
      layout?: unknown;
      ready?: unknown;
    } | null;
    return marker?.format === 'stigmergy' && typeof marker.layout === 'number'
      ? { layout: marker.layout, ready: marker.ready }
      : undefined;
  } catch {
    return undefined;
  }
}

async function writeMarker(directory: string, state: { readonly ready: boolean }): Promise<void> {
  const marker = JSON.stringify({ format: 'stigmergy', layout: LAYOUT_VERSION, ...state });
  const path = join(directory, NEW_MARKER);
  try {
    await writeFile(path, `${marker}\n`, { flush: true });
    await rename(path, join(directory, MARKER)); // whole or not at all, so that a crash leaves no half of it
  } catch (cause) {
    throw notWritable(directory, cause);
  }
}

async function takeLock(directory: string): Promise<FileHandle> {
  const path = join(directory, OWNER);
  const file = await open(path, 'a+').catch((cause: unknown) => {
    throw notWritable(directory, cause);
  });
  if (!tryLock(file.fd)) {
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    await file.close();
    const who = holder > 0 ? `process ${holder}` : 'another process';
    throw new Fault(
      'SWARM_HELD',
      `${directory} is open in ${who}. Wait until it ends, or work on a copy of the directory.`,
      {
        details: { directory, process: holder > 0 ? holder : null },
      },
    );
  }
  // The name of the holder is a courtesy: the lock holds without it, on a full disk for example.
  await file.truncate().catch(() => {});
  await file.write(`${process.pid}\n`).catch(() => {});
  return file;
}

/** Whether a path is a directory. */
export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function notFound(directory: string): Fault {
  return new Fault(
    'DIRECTORY_NOT_FOUND',
    `There is no swarm in ${directory}. Name the directory of one; opening it for writing makes one, as stig demo does.`,
    {
      details: { directory },
    },
  );
}

function notReadable(directory: string, cause: unknown): Fault {
  const details = { directory, reason: codeOf(cause) };
  return new Fault('DIRECTORY_NOT_READABLE', `${directory} cannot be read (${codeOf(cause)}).`, {
    details,
    cause,
  });
}

function notWritable(directory: string, cause: unknown): Fault {
  const details = { directory, reason: codeOf(cause) };
  return new Fault(
    'DIRECTORY_NOT_WRITABLE',
    `${directory} cannot be written to (${codeOf(cause)}).`,
    { details, cause },
  );
}

function notASwarm(directory: string, reason: string): Fault {
  return new Fault(
    'NOT_A_SWARM',
    `${directory} is not a swarm: ${reason}. Name the directory of a swarm, or an empty or new one to make one in.`,
    {
      details: { directory, reason },
    },
  );
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? error);
}
