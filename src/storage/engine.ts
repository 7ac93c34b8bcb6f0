/** The databases that a swarm can stand on, each an `abstract-level` database of text keys and bytes. */
import type { AbstractLevel } from 'abstract-level';
import { Level } from 'level';
import { MemoryLevel } from 'memory-level';
import { Fault } from '../core/errors.ts';
import { ownDirectory, type OwnedDirectory } from './directory.ts';

/** A database as the log uses it. */
export type Database = AbstractLevel<string | Buffer | Uint8Array, string, Buffer>;

/** An open database; closing it gives back what it stands on. */
export interface Engine {
  readonly database: Database;
  close(): Promise<void>;
}

const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const;

/** Opens a LevelDB database in a directory of its own. Throws the faults of {@link ownDirectory}, and `LOG_CORRUPT`. */
export async function openLevelEngine(
  directory: string,
  options: { readonly create: boolean },
): Promise<Engine> {
  const owned = await ownDirectory(directory, options);
  try {
    const database = new Level<string, Buffer>(owned.databasePath, {
      ...ENCODINGS,
      createIfMissing: owned.isNew,
      writeBufferSize: 16 * 1024 * 1024, // fewer stalls of writers behind compactions than with 4 MB
    });
    await database.open();
    if (owned.isNew) await owned.ready();
    return closing(database, owned);
  } catch (cause) {
    await owned.close();
    throw openingFault(directory, cause);
  }
}

/** Makes a database in memory: nothing of it outlives its process. */
export async function openMemoryEngine(): Promise<Engine> {
  const database = new MemoryLevel<string, Buffer>({ ...ENCODINGS, storeEncoding: 'buffer' });
  await database.open();
  return { database, close: () => database.close() };
}

function closing(database: Database, owned: OwnedDirectory): Engine {
  return {
    database,
    async close() {
      try {
        await database.close();
      } finally {
        await owned.close();
      }
    },
  };
}

/** What LevelDB says when the log may be sound and the disk does not let it write. */
const CANNOT_WRITE =
  /No space left|File too large|quota|Read-only|Permission denied|Operation not permitted|Too many open files/i;

function openingFault(directory: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const cause = (error as { cause?: { code?: unknown; message?: unknown } } | null)?.cause;
  const reason = String(cause?.message ?? error);
  const details = { directory, reason };
  if (cause?.code === 'LEVEL_LOCKED') {
    return new Fault('SWARM_HELD', `${directory} is open in another process.`, {
      details,
      cause: error,
    });
  }
  if (cause?.code === 'LEVEL_IO_ERROR' && CANNOT_WRITE.test(reason)) {
    return new Fault('DIRECTORY_NOT_WRITABLE', `${directory} cannot be written to (${reason}).`, {
      details,
      cause: error,
    });
  }
  if (/does not exist/.test(reason)) {
    return new Fault('LOG_CORRUPT', `The log in ${directory} is gone. Restore it from a copy.`, {
      details,
      cause: error,
    });
  }
  return new Fault(
    'LOG_CORRUPT',
    `The database in ${directory} cannot be opened: ${reason}. Restore it from a copy.`,
    { details, cause: error },
  );
}
