/**
 * The sections that a report can have: what each needs, and how it is written.
 *
 * Pure. A table ends after its first rows and says how many it leaves out. Not here: which sections
 * a report gets, and whether they are sound (report.ts).
 */

import {
  importedModules,
  linkedFiles,
  type FileLinks,
  type ImportedModule,
} from './import-graph.ts';
import { count, fileSpan, graphLabel, plainText, plural, table } from './markdown.ts';
import type { SourceAnalysis } from './source-analysis.ts';

/** What all sections are written from. */
export interface SourceFacts {
  /** In code-unit order of path. */
  readonly analyses: readonly SourceAnalysis[];
  readonly modules: readonly ImportedModule[];
  readonly links: readonly FileLinks[];
}

/** One kind of section. */
export interface Section {
  readonly heading: string;
  /** With fewer things than this there is nothing worth showing. */
  readonly needs: number;
  /** How many things the facts have for it, and what they are. */
  readonly material: (facts: SourceFacts) => { readonly amount: number; readonly of: string };
  readonly write: (facts: SourceFacts) => string;
}

/** Files of at most this many lines may go without a comment. */
export const SHORT_FILE_LINES = 50;
const ROWS_MAX = 10;
const GRAPH_NODES_MAX = 20;
const NAMES_MAX = 3;

/** Works out once what the sections share. The order of `analyses` does not matter. */
export function factsOf(analyses: readonly SourceAnalysis[]): SourceFacts {
  const sorted = analyses.toSorted((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
  const modules = importedModules(sorted);
  return { analyses: sorted, modules, links: linkedFiles(modules) };
}

/** The share of a file's lines that hold a comment, from 0 to 1. */
export function commentShare({ commentLines, lines }: SourceAnalysis): number {
  return lines === 0 ? 0 : commentLines / lines;
}

/** Files that are long enough to need comments. */
export function longFiles({ analyses }: SourceFacts): SourceAnalysis[] {
  return analyses.filter(({ lines }) => lines > SHORT_FILE_LINES);
}

const overview: Section = {
  heading: 'Overview',
  needs: 1,
  material: ({ analyses }) => ({ amount: analyses.length, of: 'analysed files' }),
  write: ({ analyses }) => {
    const languages = [...new Set(analyses.map(({ language }) => language))].toSorted();
    const rows = languages.map((name) => {
      const own = analyses.filter(({ language }) => language === name);
      return [name, ...totals(own)];
    });
    if (rows.length > 1) rows.push(['all', ...totals(analyses)]);
    return table(['Language'], ['Files', 'Lines', 'Code', 'Comment', 'Functions', 'TODO'], rows);
  },
};

const largestFiles: Section = {
  heading: 'Largest files',
  needs: 2,
  material: ({ analyses }) => ({ amount: analyses.length, of: 'analysed files' }),
  write: ({ analyses }) => {
    const ranked = analyses.toSorted((a, b) => b.lines - a.lines);
    return topTable(ranked, ['File'], ['Lines', 'Functions', 'Deepest nesting', 'TODO'], (one) => {
      const numbers = [one.lines, one.functions, one.maxNesting, one.todoCount];
      return [fileSpan(one.path), ...numbers.map(count)];
    });
  },
};

const mostImported: Section = {
  heading: 'Most imported modules',
  needs: 1,
  material: ({ modules }) => ({ amount: modules.length, of: 'imported modules' }),
  write: ({ modules }) => {
    return topTable(modules, ['Module', 'Imported by'], ['Importers'], (module) => {
      const { importers } = module;
      const rest = importers.length > NAMES_MAX ? [`${importers.length - NAMES_MAX} more`] : [];
      const names = [...importers.slice(0, NAMES_MAX).map(fileSpan), ...rest];
      return [moduleName(module), names.join(', '), count(importers.length)];
    });
  },
};

const longestFunctions: Section = {
  heading: 'Longest functions',
  needs: 1,
  material: ({ analyses }) => ({
    amount: functionsOf(analyses).length,
    of: 'files with functions',
  }),
  write: ({ analyses }) => {
    const ranked = functionsOf(analyses).toSorted((a, b) => b.lines - a.lines);
    const text = topTable(ranked, ['Function', 'File'], ['Line', 'Lines'], (one) => {
      return [plainText(one.name), fileSpan(one.path), count(one.line), count(one.lines)];
    });
    return `The longest function of each file.\n\n${text}`;
  },
};

const leastCommented: Section = {
  heading: 'Least commented files',
  needs: 1,
  material: (facts) => ({
    amount: longFiles(facts).length,
    of: `files of more than ${SHORT_FILE_LINES} lines`,
  }),
  write: (facts) => {
    const ranked = longFiles(facts).toSorted((a, b) => commentShare(a) - commentShare(b));
    const text = topTable(ranked, ['File'], ['Lines', 'Comment lines', 'Share'], (one) => {
      const share = `${(commentShare(one) * 100).toFixed(1)} %`;
      return [fileSpan(one.path), count(one.lines), count(one.commentLines), share];
    });
    return `Files of more than ${SHORT_FILE_LINES} lines.\n\n${text}`;
  },
};

const importGraph: Section = {
  heading: 'Import hubs',
  needs: 1,
  material: ({ links }) => ({ amount: links.length, of: 'files that import or are imported' }),
  write: ({ links }) => {
    const hubs = topTable(links, ['File'], ['Imports', 'Imported by'], (one) => {
      return [fileSpan(one.path), count(one.imports.length), count(one.importers.length)];
    });
    const drawn = links.slice(0, GRAPH_NODES_MAX);
    const idByPath = new Map(drawn.map(({ path }, index) => [path, `file${index}`]));
    const nodes = Array.from(idByPath, ([path, id]) => `  ${id}${graphLabel(path)}`);
    const edges = drawn.flatMap(({ path, imports }) => {
      const targets = imports.flatMap((target) => idByPath.get(target) ?? []);
      return targets.map((target) => `  ${idByPath.get(path)} --> ${target}`);
    });
    const said = `The ${drawn.length} most connected of ${plural(links.length, 'connected file')}`;
    const graph = ['```mermaid', 'graph LR', ...nodes, ...edges, '```'].join('\n');
    return `${hubs}\n\n${said}; an arrow points to what is imported.\n\n${graph}`;
  },
};

const parseErrors: Section = {
  heading: 'Files with parse errors',
  needs: 1,
  material: ({ analyses }) => ({
    amount: unparsed(analyses).length,
    of: 'files with parse errors',
  }),
  write: ({ analyses }) => {
    const ranked = unparsed(analyses).toSorted((a, b) => b.parseErrors - a.parseErrors);
    return topTable(ranked, ['File'], ['Errors'], (one) => {
      return [fileSpan(one.path), count(one.parseErrors)];
    });
  },
};

/** Every kind of section, in the order in which a report has them. */
export const SECTIONS = {
  overview,
  'largest-files': largestFiles,
  'most-imported': mostImported,
  'longest-functions': longestFunctions,
  'least-commented': leastCommented,
  'import-graph': importGraph,
  'parse-errors': parseErrors,
} as const satisfies Record<string, Section>;

function totals(analyses: readonly SourceAnalysis[]): string[] {
  const sum = (of: (one: SourceAnalysis) => number): number => {
    return analyses.reduce((total, one) => total + of(one), 0);
  };
  return [
    analyses.length,
    sum(({ lines }) => lines),
    sum(({ codeLines }) => codeLines),
    sum(({ commentLines }) => commentLines),
    sum(({ functions }) => functions),
    sum(({ todoCount }) => todoCount),
  ].map(count);
}

function functionsOf(
  analyses: readonly SourceAnalysis[],
): { path: string; name: string; line: number; lines: number }[] {
  return analyses.flatMap(({ path, longestFunction }) => {
    return longestFunction === null ? [] : [{ path, ...longestFunction }];
  });
}

function unparsed(analyses: readonly SourceAnalysis[]): SourceAnalysis[] {
  return analyses.filter((one) => one.parseErrors > 0);
}

function moduleName({ name, kind }: ImportedModule): string {
  if (kind === 'file') return fileSpan(name);
  return kind === 'package' ? plainText(name) : `${plainText(name)} (not analysed)`;
}

/** A table of the first items, texts before numbers, and how many more there are. */
function topTable<Item>(
  items: readonly Item[],
  texts: readonly string[],
  numbers: readonly string[],
  cells: (item: Item) => string[],
): string {
  const left = items.length - ROWS_MAX;
  const rows = table(texts, numbers, items.slice(0, ROWS_MAX).map(cells));
  return left > 0 ? `${rows}\n\n${count(left)} more are left out.` : rows;
}
