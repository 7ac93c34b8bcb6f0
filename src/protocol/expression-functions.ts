/**
 * The functions of expressions, and what each use of them costs.
 *
 * Every evaluation has a number of steps. A function pays before it works, by the size of what it is given; a loop pays for all
 * of its turns before the first. Who cannot pay ends the whole evaluation. So the time of an evaluation has a bound, whatever
 * the values are, and the same values always end it at the same place.
 */
import {
  CelScalar,
  celEnv,
  celFunc,
  celMethod,
  isCelList,
  isCelMap,
  plan,
  type CelFunc,
  type CelResult,
  type CelValue,
} from '@bufbuild/cel';
import { readPattern } from './expression-pattern.ts';
import type { ExpressionInput } from './expression-input.ts';
import { nodesPerElement, type Comprehension, type Expr } from './expression-nodes.ts';
import type { ExpressionTree } from './expression-tree.ts';

/** What an evaluation may take (I12). */
export const EVALUATION_LIMITS = {
  /** Steps: a node that is visited in a loop, or 64 characters that are looked at. Half a microsecond each, at worst two. */
  stepsMax: 10_000,
  /** Elements of a list, or keys of an object, through which an expression goes. */
  elementsMax: 1_000,
} as const;

const CHARS_A_STEP = 64;
/** Characters times instructions of a pattern that are a step. */
const MATCHES_A_STEP = 16;
/** `size` of a text counts code points, and conversions read digit by digit. */
const COUNTED_CHARS_A_STEP = 8;

/** Ends an evaluation. */
class TooCostly extends Error {}

/** The steps that are left. Evaluations are synchronous and call nobody back, so that one meter serves them all. */
class Meter {
  #left = 0;

  begin(): void {
    this.#left = EVALUATION_LIMITS.stepsMax;
  }

  get left(): number {
    return this.#left;
  }

  pay(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) {
      throw new TooCostly(`it takes more than ${EVALUATION_LIMITS.stepsMax} steps`);
    }
  }
}

const METER = new Meter();

type Values = readonly (CelValue | undefined)[];

const flat: (values: Values) => number = () => 1;

/** What a use of a function costs; for a method its target stands first. */
const COSTS: Readonly<Record<string, (values: Values) => number>> = {
  '!_': flat,
  '-_': flat,
  '_-_': flat,
  '_*_': flat,
  '_/_': flat,
  '_%_': flat,
  '_+_': (values) => sum(values, lengthOf),
  '_==_': (values) => sum(values, weightOf),
  '_!=_': (values) => sum(values, weightOf),
  '_<_': (values) => sum(values, lengthOf),
  '_<=_': (values) => sum(values, lengthOf),
  '_>_': (values) => sum(values, lengthOf),
  '_>=_': (values) => sum(values, lengthOf),
  '@in': (values) => sum(values, weightOf),
  contains: ([text, part]) => 1 + (chars(text) * chars(part)) / CHARS_A_STEP,
  startsWith: (values) => sum(values, lengthOf),
  endsWith: (values) => sum(values, lengthOf),
  matches: ([text, pattern]) => 1 + (chars(text) * sizeOf(pattern)) / MATCHES_A_STEP,
  size: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  int: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  double: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  string: ([value]) => 1 + chars(value) / COUNTED_CHARS_A_STEP,
  bool: flat,
};

function chars(value: CelValue | undefined): number {
  return typeof value === 'string' ? value.length : 0;
}

function sizeOf(pattern: CelValue | undefined): number {
  const read = typeof pattern === 'string' ? readPattern(pattern) : undefined;
  return read?.ok === true ? read.size : 0;
}

function sum(values: Values, steps: (value: CelValue | undefined) => number): number {
  return values.reduce<number>((all, value) => all + steps(value), 0);
}

/** Of a list its own length: it is copied, and not what is in it. */
function lengthOf(value: CelValue | undefined): number {
  return 1 + (isCelList(value) ? value.size : chars(value) / CHARS_A_STEP);
}

/** Of all that is in it; pays for looking as it goes, since that takes as long as what follows. */
function weightOf(value: CelValue | undefined): number {
  const own = 1 + chars(value) / CHARS_A_STEP;
  if (!isCelList(value) && !isCelMap(value)) return own;
  METER.pay(value.size);
  return [...value.values()].reduce<number>((all, item) => all + weightOf(item), own);
}

/** A function that does something else before. */
function before(func: CelFunc, first: (values: Values) => void): CelFunc {
  const call = (
    id: number,
    target: CelValue | undefined,
    args: CelValue[],
  ): CelResult | undefined => {
    first(target === undefined ? args : [target, ...args]);
    return func.call(id, target, args);
  };
  return Object.assign(Object.create(func) as CelFunc, { call });
}

/** All forms of a function are asked in their order for one use of it, so the first one pays. */
function paid(funcs: Iterable<CelFunc>): CelFunc[] {
  const names = new Set<string>();
  return [...funcs].map((func) => {
    const cost = COSTS[func.name];
    if (cost === undefined || names.has(func.name)) return func;
    names.add(func.name);
    return before(func, (values) => METER.pay(cost(values)));
  });
}

const { BOOL, DYN, INT, STRING } = CelScalar;

const matches = celMethod('matches', STRING, [STRING], BOOL, function (text) {
  const pattern = readPattern(text);
  if (!pattern.ok) throw new Error(pattern.reason);
  return pattern.isIn(this);
});

/** No name that an expression can hold. */
const ENTER = '@enter';

/** What stands around the list of a loop: the list, and what each of its elements costs. */
const enter = before(
  celFunc(ENTER, [DYN, INT], DYN, (list) => list),
  ([list, each]) => {
    if (!isCelList(list) && !isCelMap(list)) return; // the loop says what is wrong
    const { elementsMax } = EVALUATION_LIMITS;
    if (list.size > elementsMax) {
      throw new TooCostly(`it goes through more than ${elementsMax} elements`);
    }
    METER.pay(list.size * Number(each));
  },
);

const ENVIRONMENT = celEnv({ funcs: [...paid(celEnv({ funcs: [matches] }).funcs), enter] });

/** Makes an expression ready to be evaluated again and again; each evaluation begins with all of its steps. */
export function planExpression({
  root,
  comprehensions,
}: ExpressionTree): (input: ExpressionInput) => CelResult {
  for (const loop of comprehensions) payFor(loop);
  const run = plan(ENVIRONMENT, root);
  return ({ variables }) => {
    METER.begin();
    return withoutStacks(() => run(variables as Parameters<typeof run>[0]));
  };
}

/** Nobody reads the stack of an error in an expression, and writing it is most of the time that such an error takes. */
function withoutStacks<T>(evaluate: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return evaluate();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Has a loop pay before it begins: puts what is asked around its list. */
function payFor(loop: Comprehension): void {
  if (loop.iterRange === undefined) return;
  const each = BigInt(nodesPerElement(loop));
  const constantKind = { case: 'int64Value', value: each } as const;
  const price = node({
    case: 'constExpr',
    value: { $typeName: 'cel.expr.Constant', constantKind },
  });
  const args = [loop.iterRange, price];
  loop.iterRange = node({
    case: 'callExpr',
    value: { $typeName: 'cel.expr.Expr.Call', function: ENTER, args },
  });
}

function node(exprKind: Expr['exprKind']): Expr {
  return { $typeName: 'cel.expr.Expr', id: 0n, exprKind };
}
