/** Every link between the pages leads somewhere, and every file that they name exists. */
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
/** `src/core/json.ts`, `test/faults/`, or with the `src/` left out, as the pages name files. */
const NAMED = /(?<![\w./-])((?:[\w.-]+\/)+(?:[\w.-]+\.(?:ts|mjs|md))?)(?![\w/-])/g;
const FOLDERS = await readdir(join(ROOT, 'src'));

async function pagesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
}

const pages = ['README.md', ...(await pagesIn('docs')), ...(await pagesIn('examples'))];

describe.each(pages)('%s', (page) => {
  test('links to what is there', async () => {
    const text = await readFile(join(ROOT, page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link = '']) => link);
    const local = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(await missing(local.map((link) => join(dirname(page), link)))).toEqual([]);
  });

  test('names files that are there', async () => {
    const names = [...withoutCode(await readFile(join(ROOT, page), 'utf8')).matchAll(NAMED)];
    expect(await missing(names.flatMap(([, name = '']) => placeOf(name)))).toEqual([]);
  });
});

/** Code speaks of files of others; a diagram speaks of ours. */
function withoutCode(text: string): string {
  return text.replaceAll(/^```(?!mermaid).*?^```$/gms, '');
}

/** Where a named file must be, from the root; nothing for what is no file of this project. */
function placeOf(name: string): readonly string[] {
  const [first = ''] = name.split('/');
  if (['src', 'test', 'docs', 'bench', 'examples'].includes(first)) return [name];
  return FOLDERS.includes(first) ? [join('src', name)] : [];
}

async function missing(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    [...new Set(paths)].map(async (path) =>
      access(join(ROOT, path)).then(
        () => [],
        () => [relative('.', path)],
      ),
    ),
  );
  return found.flat();
}
