/**
 * What one JavaScript or TypeScript source is made of, in numbers and names.
 *
 * Pure: the same path and text give the same analysis. No text makes it throw; a text with syntax
 * errors has them counted, and its lines, and what the parser still read of it. Not here: reading
 * files (source-files.ts), parsing (syntax-tree.ts), what the
 * tree shows (source-structure.ts).
 */

import type { Comment } from 'oxc-parser';
import { inspectStructure, type LongestFunction } from './source-structure.ts';
import { languageOf, parseTree, type SourceLanguage } from './syntax-tree.ts';

/** The analysis of one source. Plain JSON, so that it can travel in an event. */
export interface SourceAnalysis {
  readonly path: string;
  readonly language: SourceLanguage;
  /** Lines as an editor counts them, but a newline at the end opens no further line. */
  readonly lines: number;
  /** Lines that hold something besides comments; a line can be both code and comment. */
  readonly codeLines: number;
  /** Lines that hold a comment or a part of one. Blank lines are neither. */
  readonly commentLines: number;
  readonly commentCount: number;
  /** The module specifiers that are written out, each once, in the order of the text. */
  readonly imports: readonly string[];
  /** Each name once: `default` also for `module.exports =`, `*` for all exports of a module. */
  readonly exports: readonly string[];
  /** Functions, methods and arrows that have a body. */
  readonly functions: number;
  readonly longestFunction: LongestFunction | null;
  /** How deep control statements lie inside one another within one function; 0 with none. */
  readonly maxNesting: number;
  /** Marks of work left to do, TODO or FIXME, in comments. */
  readonly todoCount: number;
  readonly parseErrors: number;
}

/** Analyses a source; `path` only says which language it is. */
export function analyseSource(path: string, text: string): SourceAnalysis {
  const tree = parseTree(path, text);
  const found = inspectStructure(tree.statements, text);
  const todos = tree.comments.flatMap(({ value }) => value.match(/\b(?:TODO|FIXME)\b/g) ?? []);
  // With no statements the parser gave up, and only its own record of the modules is left.
  const imports = tree.statements.length === 0 ? tree.staticImports : found.imports;
  return {
    path,
    language: languageOf(path),
    ...countLines(text, tree.comments),
    commentCount: tree.comments.length,
    imports: [...new Set(imports)],
    exports: [...new Set([...tree.staticExports, ...found.commonJsExports])],
    functions: found.functions,
    longestFunction: found.longestFunction,
    maxNesting: found.maxNesting,
    todoCount: todos.length,
    parseErrors: tree.errorCount,
  };
}

function countLines(
  text: string,
  comments: readonly Comment[],
): Pick<SourceAnalysis, 'lines' | 'codeLines' | 'commentLines'> {
  let code = '';
  let notes = '';
  let end = 0;
  for (const comment of comments) {
    const before = text.slice(end, comment.start);
    const inside = text.slice(comment.start, comment.end);
    code += before + blank(inside);
    notes += blank(before) + inside;
    end = comment.end;
  }
  code += text.slice(end);
  const lines = splitLines(text);
  return {
    lines: lines.at(-1) === '' ? lines.length - 1 : lines.length,
    codeLines: splitLines(code).filter(hasInk).length,
    commentLines: splitLines(notes).filter(hasInk).length,
  };
}

/** Keeps the line breaks, so that both halves of the text have the lines of the whole. */
function blank(text: string): string {
  return text.replace(/[^\r\n]/g, ' ');
}

function splitLines(text: string): string[] {
  return text.split(/\r\n|\r|\n/);
}

function hasInk(line: string): boolean {
  return /\S/.test(line);
}
