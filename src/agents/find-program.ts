/** Whether a program can be started, asked before anything depends on it. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { refuse, Refused } from '../core/errors.ts';

/**
 * Makes sure that a program is where its path leads from a directory, or in the PATH.
 * @throws {Refused} `INVALID_INPUT`
 */
export async function findProgram(
  program: string,
  { cwd, path = process.env['PATH'] }: { readonly cwd: string; readonly path?: string | undefined },
): Promise<void> {
  if (process.platform === 'win32') return; // it knows more ways than these
  const isPath = program.includes('/');
  const folders = isPath ? [''] : (path ?? '').split(delimiter);
  for (const folder of folders) {
    if (await isExecutable(resolve(cwd, folder, program))) return;
  }
  const where = isPath ? `from ${cwd}` : 'in the PATH';
  const message = `There is no program ${JSON.stringify(program)} ${where} that can be started.`;
  throw new Refused(refuse('INVALID_INPUT', message, { program, cwd }));
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
