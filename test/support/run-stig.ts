/** Runs `stig` as its users do: the built program, in a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** The built program. */
export const PROGRAM = join(import.meta.dirname, '../../dist/src/cli/main.js');

/** What a run came to. */
export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

/** Runs it with some words, in a folder, on the swarm of a directory. */
export async function runStig(
  words: readonly string[],
  { cwd, swarm }: { readonly cwd?: string; readonly swarm: string },
): Promise<Ran> {
  const env = { ...process.env, STIGMERGY_DIR: swarm, NO_COLOR: '1' };
  const options = cwd === undefined ? { env } : { cwd, env };
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...words], options, (error, out, complaint) => {
      const status = typeof error?.code === 'number' ? error.code : 0;
      resolve({ status, out, error: complaint });
    });
  });
}
