/**
 * What the syntax tree of a source shows: modules, functions, nesting.
 *
 * Pure, and total: it takes every tree that the parser gives. Not here: parsing (syntax-tree.ts),
 * lines and comments (source-analysis.ts).
 */

import type { Node } from 'oxc-parser';
import { walkTree } from './syntax-tree.ts';

/** What the tree of one source shows; lists may repeat themselves. */
export interface SourceStructure {
  imports: string[];
  commonJsExports: string[];
  functions: number;
  longestFunction: LongestFunction | null;
  maxNesting: number;
}

/** The function with the most lines; the first of them in the text when several have as many. */
export interface LongestFunction {
  readonly name: string;
  /** The line it starts at, from 1. */
  readonly line: number;
  readonly lines: number;
}

const FUNCTIONS = new Set<Node['type']>([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
]);
const CONTROL = new Set<Node['type']>([
  'IfStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
  'SwitchStatement',
  'TryStatement',
  'WithStatement',
]);

/** Goes over the whole tree once. */
export function inspectStructure(statements: readonly Node[], text: string): SourceStructure {
  const found: SourceStructure = {
    imports: [],
    commonJsExports: [],
    functions: 0,
    longestFunction: null,
    maxNesting: 0,
  };
  const lineAt = lineFinder(text);
  walkTree(statements, 0, (node, parent, nesting) => {
    found.imports.push(...importOf(node));
    found.commonJsExports.push(...commonJsExportOf(node, text));
    if (FUNCTIONS.has(node.type)) {
      found.functions += 1;
      const line = lineAt(node.start);
      const lines = lineAt(node.end) - line + 1;
      if (lines > (found.longestFunction?.lines ?? 0)) {
        found.longestFunction = { name: nameOf(node, parent), line, lines };
      }
      return 0;
    }
    const isElseIf = parent?.type === 'IfStatement' && parent.alternate === node;
    const inside = CONTROL.has(node.type) && !(isElseIf && node.type === 'IfStatement');
    if (inside) found.maxNesting = Math.max(found.maxNesting, nesting + 1);
    return inside ? nesting + 1 : nesting;
  });
  return found;
}

/** Gives the line, from 1, of an offset. */
function lineFinder(text: string): (offset: number) => number {
  const starts = [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (m) => m.index + m[0].length)];
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

/** The specifier that a node imports from: none or one. */
function importOf(node: Node): string[] {
  if (
    node.type === 'ImportDeclaration' ||
    node.type === 'ExportNamedDeclaration' ||
    node.type === 'ExportAllDeclaration' ||
    node.type === 'ImportExpression' ||
    node.type === 'TSImportType'
  ) {
    return literalOf(node.source);
  }
  if (node.type === 'TSExternalModuleReference') return literalOf(node.expression);
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return [];
  return node.callee.name === 'require' ? literalOf(node.arguments[0]) : [];
}

function literalOf(node: Node | null | undefined): string[] {
  if (node?.type === 'Literal' && typeof node.value === 'string') return [node.value];
  if (node?.type !== 'TemplateLiteral' || node.expressions.length > 0) return [];
  return [node.quasis[0]?.value.cooked ?? ''];
}

function commonJsExportOf(node: Node, text: string): string[] {
  if (node.type !== 'AssignmentExpression' || node.left.type !== 'MemberExpression') return [];
  const target = text.slice(node.left.start, node.left.end);
  const [match, name] = /^(?:module\.exports|exports(?=\.))(?:\.([\w$]+))?$/.exec(target) ?? [];
  return match === undefined ? [] : [name ?? 'default'];
}

/** A function's own name, or that of what it is assigned to. */
function nameOf(node: Node, parent: Node | undefined): string {
  const name = textOf(ownName(node) ?? nameGivenBy(parent, node));
  return name ?? (parent?.type === 'ExportDefaultDeclaration' ? 'default' : '(anonymous)');
}

function ownName(node: Node): Node | null {
  return node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' ? node.id : null;
}

function nameGivenBy(parent: Node | undefined, node: Node): Node | null {
  if (parent === undefined) return null;
  if (parent.type === 'VariableDeclarator') return parent.id;
  if (parent.type === 'AssignmentExpression' || parent.type === 'AssignmentPattern') {
    if (parent.left.type !== 'MemberExpression') return parent.left;
    return parent.left.computed ? null : parent.left.property;
  }
  const isMember =
    parent.type === 'MethodDefinition' ||
    parent.type === 'PropertyDefinition' ||
    parent.type === 'AccessorProperty' ||
    parent.type === 'Property';
  return isMember && parent.value === node && !parent.computed ? parent.key : null;
}

function textOf(node: Node | null): string | null {
  if (node?.type === 'Identifier') return node.name;
  if (node?.type === 'PrivateIdentifier') return `#${node.name}`;
  return node?.type === 'Literal' ? String(node.value) : null;
}
