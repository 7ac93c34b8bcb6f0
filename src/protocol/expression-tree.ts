/**
 * Reads the text of an expression (Common Expression Language, CEL) and says whether a rule may hold it.
 *
 * Everything that can be seen without a value is seen here, once, when a rule is written: its size, the names it uses, that it
 * can give a boolean, and at most one loop over a list. Not here: what it costs on a value (expression-cost.ts).
 */
import { parse } from '@bufbuild/cel';
import { refuse, type Refusal } from '../core/errors.ts';
import { childrenOf, type Comprehension, type Expr } from './expression-nodes.ts';
import { readPattern } from './expression-pattern.ts';

/** What an expression may be (I12). */
export const EXPRESSION_LIMITS = {
  /** Characters: more is a program, and the parser takes a millisecond for so many. */
  charsMax: 1_024,
  /** Opening brackets, in texts too: the parser takes seconds for a thousand of them. */
  bracketsMax: 64,
  /** Nodes of the parsed tree, macros written out. */
  nodesMax: 128,
  /** Levels of the parsed tree. */
  depthMax: 32,
  /** Macros that go through a list: `all`, `exists`, `exists_one`, `map`, `filter`. Two would multiply. */
  comprehensionsMax: 1,
} as const;

/** What an expression may speak of. */
export const EXPRESSION_VARIABLES = ['task', 'loads'] as const;

/** What gives a boolean. */
// prettier-ignore
const TESTS: ReadonlySet<string> = new Set([
  '!_', '_&&_', '_||_', '_==_', '_!=_', '_<_', '_<=_', '_>_', '_>=_', '@in',
  '@not_strictly_false', 'contains', 'startsWith', 'endsWith', 'matches', 'bool',
]);
const CONDITIONAL = '_?_:_';
const INDEX = '_[_]';
// prettier-ignore
const OTHERS: ReadonlySet<string> = new Set([
  '_+_', '_-_', '_*_', '_/_', '_%_', '-_', CONDITIONAL, INDEX,
  'size', 'int', 'double', 'string',
]);

/** An expression that may be kept. */
export interface ExpressionTree {
  readonly ok: true;
  readonly root: Expr;
  readonly comprehensions: readonly Comprehension[];
}

/** Reads an expression. Refuses with `INVALID_INPUT`, the `reason` and its `position`: characters from the beginning. */
export function readExpression(text: string): ExpressionTree | Refusal {
  const { charsMax, bracketsMax } = EXPRESSION_LIMITS;
  if (text.length > charsMax) return bad(`it has more than ${charsMax} characters`, charsMax);
  const bracket = [...text.matchAll(/[([{]/g)][bracketsMax];
  if (bracket !== undefined) {
    return bad(`it has more than ${bracketsMax} opening brackets`, bracket.index);
  }
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(text);
  } catch (error) {
    return bad(...faultOf(error));
  }
  const { expr: root, sourceInfo } = parsed;
  if (root === undefined) return bad('it is empty', 0);
  const reader = new Reader();
  const fault = reader.read(root);
  if (fault !== undefined) {
    return bad(fault.reason, sourceInfo?.positions[String(fault.id)] ?? 0);
  }
  if (!mayBeBoolean(root)) return bad('it gives no boolean', 0);
  return { ok: true, root, comprehensions: reader.comprehensions };
}

interface Fault {
  readonly id: bigint;
  readonly reason: string;
}

class Reader {
  readonly comprehensions: Comprehension[] = [];
  #nodes = 0;

  /** The first thing that is wrong with a tree. */
  read(root: Expr): Fault | undefined {
    return this.#visit(root, { names: new Set(EXPRESSION_VARIABLES), depth: 1 });
  }

  #visit(expr: Expr, scope: Scope): Fault | undefined {
    const { nodesMax, depthMax } = EXPRESSION_LIMITS;
    const { id } = expr;
    this.#nodes += 1;
    if (this.#nodes > nodesMax) return { id, reason: `it has more than ${nodesMax} parts` };
    if (scope.depth > depthMax) {
      return { id, reason: `it is nested more than ${depthMax} levels deep` };
    }
    const reason = this.#wrongWith(expr, scope.names);
    if (reason !== undefined) return { id, reason };
    for (const [child, names] of childrenOf(expr, scope.names)) {
      const fault = this.#visit(child, { names, depth: scope.depth + 1 });
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #wrongWith({ exprKind }: Expr, names: ReadonlySet<string>): string | undefined {
    switch (exprKind.case) {
      case 'identExpr': {
        const { name } = exprKind.value;
        return names.has(name)
          ? undefined
          : `there is no variable ${name}, only ${EXPRESSION_VARIABLES.join(' and ')}`;
      }
      case 'callExpr':
        return wrongCall(exprKind.value);
      case 'structExpr':
        return exprKind.value.messageName === ''
          ? undefined
          : `there is no type ${exprKind.value.messageName}`;
      case 'comprehensionExpr': {
        this.comprehensions.push(exprKind.value);
        const { comprehensionsMax } = EXPRESSION_LIMITS;
        return this.comprehensions.length > comprehensionsMax
          ? 'it goes through more than one list (all, exists, exists_one, map, filter)'
          : undefined;
      }
      case 'constExpr':
      case 'selectExpr':
      case 'listExpr':
        return undefined;
      case undefined:
        return 'a part of it is missing';
    }
  }
}

interface Scope {
  readonly names: ReadonlySet<string>;
  readonly depth: number;
}

type Call = Extract<Expr['exprKind'], { readonly case: 'callExpr' }>['value'];

function wrongCall({ function: name, args: [pattern] }: Call): string | undefined {
  if (!TESTS.has(name) && !OTHERS.has(name)) return `there is no function ${name}`;
  if (name !== 'matches' || pattern === undefined) return undefined;
  const { exprKind } = pattern;
  const constant = exprKind.case === 'constExpr' ? exprKind.value.constantKind : undefined;
  if (constant?.case !== 'stringValue') return 'the pattern of matches() is no text in quotes';
  const read = readPattern(constant.value);
  return read.ok ? undefined : read.reason;
}

/** False for what gives something else whatever the values are. */
function mayBeBoolean({ exprKind }: Expr): boolean {
  switch (exprKind.case) {
    case 'constExpr':
      return exprKind.value.constantKind.case === 'boolValue';
    case 'callExpr': {
      const { function: name, args } = exprKind.value;
      if (name === CONDITIONAL) return args.slice(1).some(mayBeBoolean);
      return name === INDEX || TESTS.has(name);
    }
    case 'selectExpr':
      return true;
    case 'comprehensionExpr': {
      const { accuInit, result } = exprKind.value;
      return (
        result?.exprKind.case === 'callExpr' || // exists_one compares what it counted
        (accuInit !== undefined && mayBeBoolean(accuInit))
      );
    }
    case 'identExpr':
    case 'listExpr':
    case 'structExpr':
    case undefined:
      return false;
  }
}

/** What the parser could not read, and where. */
function faultOf(error: unknown): [reason: string, position: number] {
  const { rawMessage, message = '', location } = error as Partial<ParseFault>;
  const reason =
    location === undefined ? `it cannot be read: ${message}` : `it cannot be read: ${rawMessage}`;
  return [reason.slice(0, REASON_CHARS_MAX), location?.start.offset ?? 0];
}

/** What the parser throws, and does not export. */
interface ParseFault {
  readonly message: string;
  readonly rawMessage: string;
  readonly location: { readonly start: { readonly offset: number } };
}

/** What the parser expects instead can be a long list. */
const REASON_CHARS_MAX = 200;

function bad(reason: string, position: number): Refusal {
  return refuse('INVALID_INPUT', `The expression cannot be used: ${reason}.`, { reason, position });
}
