/** Memory: what 100,000 pending tasks take on the heap, with no live actor; measured in a process of its own. */
import { execFile } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inDirectory } from '../harness.ts';
import type { Work } from '../work.ts';

const TASKS = 100_000;

/** The work. It has no floor, and needs no rounds: a heap is not noisy. */
export const memory: Work = {
  work: 'memory',
  summary: `heap for ${TASKS.toLocaleString('en')} pending tasks with no live actor`,
  variants: [
    {
      variant: `${TASKS.toLocaleString('en')} pending tasks`,
      unit: 'MB',
      goal: { of: 'value', bound: 'at most', minimum: 75, aim: 50 },
      async measure({ directory, signal, onProgress }) {
        const bytes = await inDirectory(`${directory}/memory-`, (path) =>
          heapOfTasks(path, signal),
        );
        onProgress(1);
        return { value: bytes / 1e6, floor: null, ratio: null, p50Ms: null, p99Ms: null };
      },
    },
  ],
};

async function heapOfTasks(directory: string, signal: AbortSignal | undefined): Promise<number> {
  const program = new URL(`../memory-child${extname(import.meta.url)}`, import.meta.url);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', fileURLToPath(program), directory, String(TASKS)],
    { signal },
  );
  return Number(stdout);
}
