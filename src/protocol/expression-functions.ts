/** The functions of expressions, each of which pays before it works (expression-cost.ts), and how an expression is made ready. */
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
import { COSTS, EVALUATION_LIMITS, METER, TooCostly, type Values } from './expression-cost.ts';
import type { ExpressionInput } from './expression-input.ts';
import { nodesPerElement, type Comprehension, type Expr } from './expression-nodes.ts';
import { readPattern } from './expression-pattern.ts';
import type { ExpressionTree } from './expression-tree.ts';

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
