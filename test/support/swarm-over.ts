/** Opens a swarm over a database that a test made, so that the test can hold or break what is written. */
import { MemoryLevel } from 'memory-level';
import type { OpenOptions } from '../../src/coordinator/open-options.ts';
import { openSwarmOver as openOver } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';

/** A database in memory whose block writes can be held up, failed and counted. */
export class GatedDatabase extends MemoryLevel<string, Buffer> {
  /** How many blocks were written. */
  blocks = 0;
  /** Set to make the next block writes fail. */
  failure: Error | undefined;
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;

  constructor() {
    super({ keyEncoding: 'utf8', valueEncoding: 'buffer', storeEncoding: 'buffer' });
  }

  /** Holds every block write from now on until {@link release}. */
  hold(): void {
    const gate = { open: () => {} };
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    this.#gate = { opened, open: () => gate.open() };
  }

  release(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  // abstract-level calls this for every `batch`; the log writes its blocks with nothing else.
  async _batch(operations: unknown, options: unknown): Promise<void> {
    await this.#gate?.opened;
    if (this.failure !== undefined) throw this.failure;
    this.blocks += 1;
    const inherited = MemoryLevel.prototype as unknown as {
      _batch(this: unknown, operations: unknown, options: unknown): Promise<void>;
    };
    await inherited._batch.call(this, operations, options);
  }
}

/** Opens a swarm over a database, as `openSwarm` does over a directory; closing the swarm leaves the database open. */
export async function openSwarmOver(
  database: GatedDatabase,
  options: OpenOptions = {},
): Promise<Swarm> {
  await database.open();
  return openOver({ database, close: async () => {} }, options);
}

/** Whether a promise has no outcome yet, after everybody else had some turns. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const settled = (): void => {
    pending = false;
  };
  promise.then(settled, settled);
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  return pending;
}
