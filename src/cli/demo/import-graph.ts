/**
 * Who imports whom among the analysed files, and which packages they use.
 *
 * Pure; it guesses the file behind a relative specifier by its path alone, as bundlers do. Not here:
 * reading `package.json` or `tsconfig.json`, so an alias counts as a package.
 */

import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { SourceAnalysis } from './source-analysis.ts';

/** A module that at least one analysed file imports. */
export interface ImportedModule {
  /** A file's path, a package's name, or `node:` and a built-in's name. */
  readonly name: string;
  /** `missing` is a relative path that no analysed file has: left out, generated, or not code. */
  readonly kind: 'file' | 'package' | 'missing';
  /** The importing files, in order of path. */
  readonly importers: readonly string[];
}

/** How a file is connected to the other analysed files. */
export interface FileLinks {
  readonly path: string;
  readonly imports: readonly string[];
  readonly importers: readonly string[];
}

const ENDINGS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs'];

/** Lists every imported module: most importers first, then by name. A file's own import is none. */
export function importedModules(analyses: readonly SourceAnalysis[]): ImportedModule[] {
  const files = new Set(analyses.map(({ path }) => path));
  const moduleByName = new Map<string, { kind: ImportedModule['kind']; importers: Set<string> }>();
  for (const { path, imports } of analyses) {
    for (const specifier of imports) {
      const { name, kind } = resolve(path, specifier, files);
      if (name === path) continue;
      const known = moduleByName.get(name) ?? { kind, importers: new Set() };
      known.importers.add(path);
      moduleByName.set(name, known);
    }
  }
  return Array.from(moduleByName, ([name, { kind, importers }]) => {
    return { name, kind, importers: [...importers].toSorted() };
  }).toSorted((a, b) => b.importers.length - a.importers.length || (a.name < b.name ? -1 : 1));
}

/** Lists the files that import or are imported by another: most connections first, then by path. */
export function linkedFiles(modules: readonly ImportedModule[]): FileLinks[] {
  const linksByPath = new Map<string, { imports: string[]; importers: readonly string[] }>();
  const linksOf = (path: string): { imports: string[]; importers: readonly string[] } => {
    const links = linksByPath.get(path) ?? { imports: [], importers: [] };
    linksByPath.set(path, links);
    return links;
  };
  for (const { name, importers } of modules.filter(({ kind }) => kind === 'file')) {
    linksOf(name).importers = importers;
    for (const importer of importers) linksOf(importer).imports.push(name);
  }
  return Array.from(linksByPath, ([path, { imports, importers }]) => {
    return { path, imports: imports.toSorted(), importers };
  }).toSorted((a, b) => degree(b) - degree(a) || (a.path < b.path ? -1 : 1));
}

function degree({ imports, importers }: FileLinks): number {
  return imports.length + importers.length;
}

function resolve(
  from: string,
  specifier: string,
  files: ReadonlySet<string>,
): Pick<ImportedModule, 'name' | 'kind'> {
  if (!/^\.\.?(?:\/|$)/.test(specifier)) return { name: packageOf(specifier), kind: 'package' };
  const target = posix.join(posix.dirname(from), specifier).replace(/\/$/, '');
  const file = candidates(target).find((path) => files.has(path));
  return file === undefined ? { name: target, kind: 'missing' } : { name: file, kind: 'file' };
}

/** Where the file may be: as written, as TypeScript behind a `.js`, without its ending, an index. */
function candidates(target: string): string[] {
  const base = target.replace(/\.([cm]?)js(x?)$/, '.$1ts$2');
  const stem = target.replace(/\.jsx?$/, '.tsx');
  const endless = ENDINGS.flatMap((ending) => target + ending);
  const indexes = ENDINGS.map((ending) => posix.join(target, `index${ending}`));
  return [target, base, stem, ...endless, ...indexes];
}

function packageOf(specifier: string): string {
  if (isBuiltin(specifier)) return `node:${specifier.replace(/^node:/, '')}`;
  if (specifier.includes('://')) return specifier;
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') && second !== '' ? `${first}/${second}` : first || specifier;
}
