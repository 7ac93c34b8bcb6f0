/** What our log takes on disk. */
import { blockKey } from '../src/events/log.ts';
import { openLevelEngine } from '../src/storage/engine.ts';

/** The bytes of the blocks after a sequence at which a block ended. */
export async function storedBytesAfter(directory: string, sequence: number): Promise<number> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    let bytes = 0;
    const range = { gt: blockKey(sequence), lte: blockKey(Number.MAX_SAFE_INTEGER) };
    for await (const block of engine.database.values(range)) bytes += block.byteLength;
    return bytes;
  } finally {
    await engine.close();
  }
}
