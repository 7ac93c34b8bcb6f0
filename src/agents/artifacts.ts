/**
 * What a Dream Weaver made: the files of its directory that one phase created or changed, with their sizes and hashes.
 *
 * Files and directories whose name begins with a dot, `node_modules`, and links are nobody's artifacts and are not looked at.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '../core/clock.ts';
import type { Artifact } from '../events/state-schemas.ts';

/** The files of a directory, by their path, as they were at a look. */
export type FilesSeen = ReadonlyMap<string, FileSeen>;

interface FileSeen {
  /** Another one after every write, but for one that follows at once. */
  readonly stamp: string;
  /** Of a file that was written just before the look: the next write may leave the same stamp. */
  readonly sha256: string | undefined;
}

/** A file as it is now. */
export interface MadeFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** More files than a person's work has: a wrong directory. */
export const FILES_MAX = 10_000;
/** So many artifacts are kept, the newest; the state keeps no more by default (`artifactsMax`). */
const ARTIFACTS_MAX = 1_000;

/** File systems tell times apart that differ by some milliseconds; two seconds on the coarsest. */
const JUST_NOW_MS = 2_000;

/** The files below a directory. Throws when there are more than {@link FILES_MAX}. */
export async function filesIn(directory: string): Promise<FilesSeen> {
  const seen = new Map<string, FileSeen>();
  await collect(directory, seen);
  return seen;
}

async function collect(directory: string, seen: Map<string, FileSeen>): Promise<void> {
  for await (const entry of await opendir(directory)) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await collect(path, seen);
    const file = entry.isFile() ? await look(path) : undefined;
    if (file === undefined) continue;
    if (seen.size === FILES_MAX) throw new Error(`${directory}: more than ${FILES_MAX} files`);
    seen.set(path, file);
  }
}

async function look(path: string): Promise<FileSeen | undefined> {
  const found = await unlessGone(stat(path, { bigint: true }));
  if (found === undefined) return undefined;
  const { size, mtimeNs, ctimeNs, ctimeMs, ino } = found;
  const stamp = [ino, size, mtimeNs, ctimeNs].join(' ');
  // The time of the files is that of the machine, whatever clock the agent was given.
  const isNew = systemClock.wallMs() - Number(ctimeMs) < JUST_NOW_MS;
  return { stamp, sha256: isNew ? (await unlessGone(hashed(path)))?.sha256 : undefined };
}

/** The files that were written between two looks, in the order of their paths. */
export async function writtenSince(
  before: FilesSeen,
  after: FilesSeen,
): Promise<readonly MadeFile[]> {
  const made: MadeFile[] = [];
  for (const path of [...after.keys()].toSorted()) {
    const former = before.get(path);
    const isSameStamp = former?.stamp === after.get(path)?.stamp;
    if (isSameStamp && former?.sha256 === undefined) continue;
    const file = await unlessGone(hashed(path));
    if (file === undefined || (isSameStamp && file.sha256 === former?.sha256)) continue;
    made.push(file);
  }
  return made;
}

async function hashed(path: string): Promise<MadeFile> {
  const hash = createHash('sha256');
  let size = 0;
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      size += chunk.length;
      hash.update(chunk);
    }
  });
  return { path, size, sha256: hash.digest('hex') };
}

/** Somebody may take a file away while one looks. */
async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where in a dream something was made. */
export interface Making {
  readonly phase: string;
  readonly round: number;
  readonly at: string;
  /** Draws the id of a new artifact. */
  readonly drawId: () => string;
}

/**
 * The artifacts of a dream after a phase. What is there already under its path keeps its id and the time of its making; what was
 * written anew with the same content is not changed; what is no file any more goes.
 */
export function artifactsAfter(
  artifacts: readonly Artifact[],
  made: readonly MadeFile[],
  { files, phase, round, at, drawId }: Making & { readonly files: FilesSeen },
): readonly Artifact[] {
  const madeByPath = new Map(made.map((file) => [file.path, file]));
  const kept = artifacts
    .filter(({ path }) => files.has(path))
    .map((artifact) => {
      const file = madeByPath.get(artifact.path);
      madeByPath.delete(artifact.path);
      if (file === undefined || file.sha256 === artifact.metadata['sha256']) return artifact;
      const metadata = { ...artifact.metadata, sha256: file.sha256, phase, round, changedAt: at };
      return { ...artifact, size: file.size, metadata };
    });
  const fresh = [...madeByPath.values()].map(({ path, size, sha256 }): Artifact => {
    const metadata = { sha256, phase, round };
    return { id: drawId(), type: artifactTypeOf(path), path, size, createdAt: at, metadata };
  });
  return [...kept, ...fresh].slice(-ARTIFACTS_MAX);
}

const EXTENSIONS: Readonly<Record<Exclude<Artifact['type'], 'data'>, string>> = {
  document: '.md .markdown .txt .rst .adoc .tex .html .htm .pdf .doc .docx .odt .rtf',
  code: '.ts .tsx .mts .cts .js .jsx .mjs .cjs .py .rb .rs .go .java .kt .swift .c .h .cc .cpp .hpp .cs .php .sh .sql .css .scss .vue .svelte .lua .pl .r .scala .hs .ex .exs .clj .zig',
  diagram:
    '.svg .mmd .mermaid .puml .plantuml .dot .gv .drawio .excalidraw .png .jpg .jpeg .gif .webp',
};

const TYPE_BY_EXTENSION: ReadonlyMap<string, Artifact['type']> = new Map(
  (Object.entries(EXTENSIONS) as [Artifact['type'], string][]).flatMap(([type, list]) =>
    list.split(' ').map((extension) => [extension, type] as const),
  ),
);

/** The type of an artifact, by the extension of its file: `data` when that says nothing else. */
export function artifactTypeOf(path: string): Artifact['type'] {
  return TYPE_BY_EXTENSION.get(extname(path).toLowerCase()) ?? 'data';
}
