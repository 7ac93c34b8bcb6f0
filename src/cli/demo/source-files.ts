/**
 * The JavaScript and TypeScript sources below a directory, as a sorted list of paths.
 *
 * A symbolic link below the directory is never followed, so the walk stays inside, ends, and lists
 * no file twice; the directory itself may be a link. A folder that cannot be read, or that goes away
 * during the walk, counts as empty; only the directory itself must be readable. Not here: what is in
 * the files (source-analysis.ts).
 */

import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';

/** What {@link findSourceFiles} found, or the code that says why there is nothing. */
export type SourceFileList =
  | {
      readonly ok: true;
      /** Relative to the directory, with `/`, in code-unit order. */
      readonly files: readonly string[];
      /** How many more sources there are beyond `max`. */
      readonly leftOut: number;
    }
  | {
      readonly ok: false;
      readonly code: 'DIRECTORY_NOT_FOUND' | 'DIRECTORY_NOT_READABLE' | 'NO_SOURCES';
      readonly message: string;
      readonly details: { readonly directory: string; readonly cause?: string };
    };

/** Larger files are generated or bundled: they say nothing about who wrote them. */
const SOURCE_BYTES_MAX = 1024 * 1024;
const SOURCE = /\.[cm]?[jt]s$|\.[jt]sx$/;
const DECLARATIONS = /\.d\.[cm]?ts$/;
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', 'dist', 'build', 'coverage']);

/**
 * Finds the sources below `directory`: the first `max` by path, and the count of the rest.
 *
 * Skips declarations, `node_modules`, `dist`, `build`, `coverage`, hidden folders, files above
 * 1 MiB and symbolic links. Refuses with `DIRECTORY_NOT_FOUND` (nothing there, or no directory),
 * `DIRECTORY_NOT_READABLE` or `NO_SOURCES`.
 */
export async function findSourceFiles(
  directory: string,
  options: { readonly max: number },
): Promise<SourceFileList> {
  if (!Number.isInteger(options.max) || options.max < 1) {
    throw new TypeError(`max must be a whole number of at least 1, not ${options.max}`);
  }
  let found: readonly string[];
  try {
    const root = await realpath(directory);
    await readdir(root);
    found = (await walk(root)).toSorted();
  } catch (error) {
    return refusalFor(directory, error);
  }
  if (found.length === 0) {
    const message = `There are no JavaScript or TypeScript sources in ${directory}.`;
    return { ok: false, code: 'NO_SOURCES', message, details: { directory } };
  }
  const files = found.slice(0, options.max);
  return { ok: true, files, leftOut: found.length - files.length };
}

/** Walks with a list of folders yet to read, so that no depth of folders exhausts the stack. */
async function walk(directory: string): Promise<string[]> {
  const sources: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await entriesOf(path.join(directory, folder))) {
      const below = folder === '' ? entry.name : `${folder}/${entry.name}`;
      // A link is neither a directory nor a file here: this is what keeps the walk inside.
      if (entry.isDirectory() && isWalked(entry.name)) folders.push(below);
      if (entry.isFile() && isSource(entry.name) && (await isSmall(path.join(directory, below)))) {
        sources.push(below);
      }
    }
  }
  return sources;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function isWalked(folderName: string): boolean {
  return !folderName.startsWith('.') && !SKIPPED_FOLDERS.has(folderName);
}

function isSource(fileName: string): boolean {
  return SOURCE.test(fileName) && !DECLARATIONS.test(fileName);
}

async function isSmall(file: string): Promise<boolean> {
  try {
    return (await lstat(file)).size <= SOURCE_BYTES_MAX;
  } catch {
    return false;
  }
}

function refusalFor(directory: string, error: unknown): SourceFileList {
  const cause = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const details = { directory, cause };
  if (cause === 'ENOENT' || cause === 'ENOTDIR') {
    const message = `There is no directory at ${directory}.`;
    return { ok: false, code: 'DIRECTORY_NOT_FOUND', message, details };
  }
  const message = `The directory ${directory} cannot be read (${cause}).`;
  return { ok: false, code: 'DIRECTORY_NOT_READABLE', message, details };
}
