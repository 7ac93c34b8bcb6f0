import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSourceFiles } from '../../../src/cli/demo/source-files.ts';

describe('findSourceFiles', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'source-files-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function write(...files: string[]): Promise<void> {
    for (const file of files) {
      await mkdir(path.dirname(path.join(directory, file)), { recursive: true });
      await writeFile(path.join(directory, file), 'export {};\n');
    }
  }

  async function found(max = 100): Promise<readonly string[]> {
    const list = await findSourceFiles(directory, { max });
    if (!list.ok) throw new Error(list.code);
    return list.files;
  }

  it('finds every kind of source and nothing else', async () => {
    const sources = ['a.ts', 'b.tsx', 'c.mts', 'd.cts', 'e.js', 'f.jsx', 'g.mjs', 'h.cjs'];
    await write(...sources, 'a.d.ts', 'b.d.mts', 'c.d.cts', 'd.json', 'e.ts.txt', 'ts', 'f.mjsx');
    expect(await found()).toEqual(sources);
  });

  it('sorts whole paths by code unit, relative and with slashes', async () => {
    await write('b.ts', 'a/z.ts', 'a.ts', 'a-b.ts', 'B.ts', 'é.ts', 'a/b/c.ts');
    const sorted = ['B.ts', 'a-b.ts', 'a.ts', 'a/b/c.ts', 'a/z.ts', 'b.ts', 'é.ts'];
    expect(await found()).toEqual(sorted);
  });

  it('skips what was installed, built or hidden, at any depth, but not what is named alike', async () => {
    const skipped = ['node_modules', 'dist', 'build', 'coverage', '.hidden'];
    await write(...skipped.map((name) => `${name}/a.ts`));
    await write(...skipped.map((name) => `deep/er/${name}/a.ts`));
    await write('builder/a.ts', 'dist.ts', '.config.js');
    expect(await found()).toEqual(['.config.js', 'builder/a.ts', 'dist.ts']);
  });

  it('walks the directory it is asked for, whatever its name', async () => {
    await write('node_modules/a.ts');
    const list = await findSourceFiles(path.join(directory, 'node_modules'), { max: 10 });
    expect(list).toEqual({ ok: true, files: ['a.ts'], leftOut: 0 });
  });

  it('keeps a file of 1 MiB and leaves out a larger one', async () => {
    await writeFile(path.join(directory, 'fits.js'), ' '.repeat(1024 * 1024));
    await writeFile(path.join(directory, 'large.js'), ' '.repeat(1024 * 1024 + 1));
    expect(await found()).toEqual(['fits.js']);
  });

  it('follows no symbolic link: no loop, no way out, no file twice', async () => {
    await write('inside/src/a.ts', 'outside/b.ts');
    const inside = path.join(directory, 'inside');
    await symlink(inside, path.join(inside, 'src', 'loop'));
    await symlink('.', path.join(inside, 'self'));
    await symlink(path.join(directory, 'outside'), path.join(inside, 'out'));
    await symlink(path.join(directory, 'outside', 'b.ts'), path.join(inside, 'out.ts'));
    await symlink('src/a.ts', path.join(inside, 'twice.ts'));
    await symlink('nowhere', path.join(inside, 'broken.ts'));
    const list = await findSourceFiles(inside, { max: 10 });
    expect(list).toEqual({ ok: true, files: ['src/a.ts'], leftOut: 0 });
  });

  it('takes a link to a directory as that directory', async () => {
    await write('real/a.ts');
    await symlink('real', path.join(directory, 'link'));
    const list = await findSourceFiles(path.join(directory, 'link'), { max: 10 });
    expect(list).toEqual({ ok: true, files: ['a.ts'], leftOut: 0 });
  });

  it('takes no folder for a file, whatever its name', async () => {
    await write('folder.ts/a.ts');
    expect(await found()).toEqual(['folder.ts/a.ts']);
  });

  it('gives the first by path, and says how many more there are', async () => {
    await write('c.ts', 'a.ts', 'b.ts');
    const list = await findSourceFiles(directory, { max: 2 });
    expect(list).toEqual({ ok: true, files: ['a.ts', 'b.ts'], leftOut: 1 });
    expect(await findSourceFiles(directory, { max: 3 })).toMatchObject({ leftOut: 0 });
  });

  it.each([0, -1, 1.5, Number.NaN])(
    'takes a maximum of %d as a mistake of the caller',
    async (max) => {
      await expect(findSourceFiles(directory, { max })).rejects.toThrow(TypeError);
    },
  );

  it('refuses a directory that is not there, and a file', async () => {
    await write('a.ts');
    for (const [name, cause] of [
      ['nowhere', 'ENOENT'],
      ['a.ts', 'ENOTDIR'],
      ['a.ts/b', 'ENOTDIR'],
    ] as const) {
      const asked = path.join(directory, name);
      const list = await findSourceFiles(asked, { max: 10 });
      const details = { directory: asked, cause };
      expect(list).toMatchObject({ ok: false, code: 'DIRECTORY_NOT_FOUND', details });
    }
  });

  it('refuses a directory that cannot be read', async () => {
    // Links that never end, and a name that no system allows: neither depends on who runs this.
    await symlink('loop', path.join(directory, 'loop'));
    for (const name of ['loop', 'nul\0']) {
      const list = await findSourceFiles(path.join(directory, name), { max: 10 });
      expect(list).toMatchObject({ ok: false, code: 'DIRECTORY_NOT_READABLE' });
    }
  });

  it('refuses a directory without sources', async () => {
    await write('readme.md', 'dist/a.js');
    const list = await findSourceFiles(directory, { max: 10 });
    expect(list).toMatchObject({ ok: false, code: 'NO_SOURCES', details: { directory } });
  });
});
