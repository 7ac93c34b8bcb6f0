/**
 * The syntax tree of a source, and a walk over it: the one place that knows the parser.
 *
 * No text makes this throw: what cannot be parsed has an empty tree and errors. Deep nesting ends
 * the whole process inside the native parser (oxc issue 24375), which no `try` catches, so text that
 * nests too deeply is never given to it. Not here: what the tree means (source-structure.ts).
 */

import { parseSync, visitorKeys, type Comment, type Node, type ParserOptions } from 'oxc-parser';

/** What a source is written in, by the ending of its path. */
export type SourceLanguage = 'typescript' | 'tsx' | 'javascript' | 'jsx';

/** A parsed source. Offsets are UTF-16 indexes into the text. */
export interface SyntaxTree {
  /** Empty when a syntax error made the parser give up; what it read until then is in the rest. */
  readonly statements: readonly Node[];
  readonly comments: readonly Comment[];
  /** The specifiers of static imports and of re-exports. */
  readonly staticImports: readonly string[];
  /** The names of ECMAScript exports: `default` for the default one, `*` for all of a module. */
  readonly staticExports: readonly string[];
  readonly errorCount: number;
}

/** Brackets inside one another. The parser ends the process at about 1,500 in a 4 MiB stack. */
const BRACKET_DEPTH_MAX = 1_000;
/** Prefixes, `?:`, `=>`, … in one line, with no comma, semicolon or brace between; fatal at 3,000. */
const CHAIN_LENGTH_MAX = 2_000;
/** `else if` in one file; fatal at 3,000 in one chain. */
const ELSE_IF_MAX = 2_000;

const NESTING =
  /[()[\]{},;\r\n?=!~:*<+-]|\b(?:if|for|while|with|do|new|typeof|void|delete|await|yield|keyof)\b/g;

const UNPARSED: SyntaxTree = {
  statements: [],
  comments: [],
  staticImports: [],
  staticExports: [],
  errorCount: 1,
};

/** Says what a source is written in; a path with an unknown ending counts as JavaScript. */
export function languageOf(path: string): SourceLanguage {
  if (/\.[cm]?ts$/.test(path)) return 'typescript';
  if (path.endsWith('.tsx')) return 'tsx';
  return path.endsWith('.jsx') ? 'jsx' : 'javascript';
}

/** Parses a source in the dialect that its path asks for; JavaScript may hold JSX. */
export function parseTree(path: string, text: string): SyntaxTree {
  if (nestsTooDeep(text)) return UNPARSED;
  const [sourceType, otherwise] = sourceTypesOf(path);
  const tree = parseAs(path, text, sourceType);
  if (tree.errorCount === 0 || otherwise === undefined) return tree;
  const other = parseAs(path, text, otherwise);
  return other.errorCount < tree.errorCount ? other : tree;
}

/**
 * Calls `visit` for every node in the order of the text, with its parent and what the parent's
 * visit returned; the roots get `initial`. It keeps its own stack, so no depth is too much for it.
 */
export function walkTree<Inherited>(
  roots: readonly Node[],
  initial: Inherited,
  visit: (node: Node, parent: Node | undefined, inherited: Inherited) => Inherited,
): void {
  type Step = { node: Node; parent: Node | undefined; inherited: Inherited };
  const steps: Step[] = [];
  const push = (nodes: readonly Node[], parent: Node | undefined, inherited: Inherited): void => {
    for (const node of nodes.toReversed()) steps.push({ node, parent, inherited });
  };
  push(roots, undefined, initial);
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    push(childrenOf(step.node), step.node, visit(step.node, step.parent, step.inherited));
  }
}

function childrenOf(node: Node): Node[] {
  const keys = visitorKeys[node.type] ?? [];
  return keys.flatMap((key): unknown => Reflect.get(node, key)).filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}

type SourceType = NonNullable<ParserOptions['sourceType']>;

function sourceTypesOf(path: string): readonly [SourceType, SourceType?] {
  if (/\.m[jt]s$/.test(path)) return ['module'];
  if (/\.c[jt]s$/.test(path)) return ['commonjs'];
  // The nearest package.json would tell. Only CommonJS may return or name something `await`.
  return ['unambiguous', 'commonjs'];
}

function parseAs(path: string, text: string, sourceType: SourceType): SyntaxTree {
  const language = languageOf(path);
  const lang = language === 'typescript' ? 'ts' : language === 'tsx' ? 'tsx' : 'jsx';
  try {
    const { program, module, comments, errors } = parseSync(path, text, {
      lang,
      sourceType,
      preserveParens: false,
    });
    const entries = module.staticExports.flatMap((statement) => statement.entries);
    const reExported = entries.flatMap(({ moduleRequest }) => moduleRequest ?? []);
    return {
      statements: program.body,
      comments: comments.filter(({ start }) => !text.startsWith('#!', start)),
      staticImports: [...module.staticImports.map((one) => one.moduleRequest), ...reExported]
        .toSorted((a, b) => a.start - b.start)
        .map(({ value }) => value),
      staticExports: entries.map(({ exportName }) => {
        return exportName.name ?? (exportName.start === null ? '*' : 'default');
      }),
      errorCount: errors.length,
    };
  } catch {
    return UNPARSED;
  }
}

/**
 * Reads brackets and operators without knowing strings or comments, so it may refuse an odd text
 * that would have parsed. It does not see chains over many lines, which nobody writes thousands deep.
 */
function nestsTooDeep(text: string): boolean {
  let depth = 0;
  let chain = 0;
  for (const [token] of text.matchAll(NESTING)) {
    if ('([{'.includes(token)) depth += 1;
    else if (')]}'.includes(token)) depth = Math.max(0, depth - 1);
    else if (!',;\r\n'.includes(token)) chain += 1;
    if ('{},;\r\n'.includes(token)) chain = 0;
    if (depth > BRACKET_DEPTH_MAX || chain > CHAIN_LENGTH_MAX) return true;
  }
  return (text.match(/\belse\s+if\b/g)?.length ?? 0) > ELSE_IF_MAX;
}
