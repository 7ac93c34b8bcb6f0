/**
 * The program that `rows/memory.ts` starts: `node --expose-gc memory-child.js DIRECTORY TASKS`.
 *
 * Opens a swarm, makes so many pending tasks, and prints by how many bytes the used heap grew, both times after a collection.
 * The swarm is closed before the second look, so that nothing of a block or a checkpoint under way is counted.
 */
import { openSwarm } from '../src/coordinator/open-swarm.ts';

const IN_FLIGHT = 1_024;

const [directory = '', count = ''] = process.argv.slice(2);
process.stdout.write(`${await heapGrowth(directory, Number(count))}\n`);

async function heapGrowth(path: string, tasks: number): Promise<number> {
  const swarm = await openSwarm({ directory: path });
  const pulse = await swarm.register({ agentType: 'pulse', agentId: 'pulse-1' });
  const before = usedHeap();
  let made = 0;
  async function write(): Promise<void> {
    while (made < tasks) {
      made += 1;
      await pulse.tasks.create({ goal: `index src/module-${made}.ts` });
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => write()));
  await swarm.close();
  const grown = usedHeap() - before;
  if (swarm.sequence < tasks) throw new Error('the state is still there to be measured');
  return grown;
}

function usedHeap(): number {
  if (globalThis.gc === undefined) throw new Error('start with --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
