/** The nodes of a parsed expression: what each is made of, which names are known there, and how many there are. */
import type { parse } from '@bufbuild/cel';

/** A node of a parsed expression. */
export type Expr = NonNullable<ReturnType<typeof parse>['expr']>;
/** A loop over a list. */
export type Comprehension = Extract<
  Expr['exprKind'],
  { readonly case: 'comprehensionExpr' }
>['value'];

/** A node below another one. */
export type Child = readonly [child: Expr, names: ReadonlySet<string>];

/** What a node is made of, with the names that are known there. */
export function childrenOf({ exprKind }: Expr, names: ReadonlySet<string>): readonly Child[] {
  const here = (...children: readonly (Expr | undefined)[]): Child[] =>
    children.flatMap((child) => (child === undefined ? [] : [[child, names]]));
  switch (exprKind.case) {
    case 'callExpr':
      return here(exprKind.value.target, ...exprKind.value.args);
    case 'selectExpr':
      return here(exprKind.value.operand);
    case 'listExpr':
      return here(...exprKind.value.elements);
    case 'structExpr':
      return exprKind.value.entries.flatMap(({ keyKind, value }) =>
        here(keyKind.case === 'mapKey' ? keyKind.value : undefined, value),
      );
    case 'comprehensionExpr': {
      const loop = exprKind.value;
      const inside = new Set([...names, loop.accuVar, loop.iterVar]);
      const body = [loop.loopCondition, loop.loopStep, loop.result];
      return [
        ...here(loop.iterRange, loop.accuInit),
        ...body.flatMap((child): Child[] => (child === undefined ? [] : [[child, inside]])),
      ];
    }
    case 'constExpr':
    case 'identExpr':
    case undefined:
      return [];
  }
}

/** How many nodes are visited for each element of a list. */
export function nodesPerElement({ loopCondition, loopStep }: Comprehension): number {
  return countNodes(loopCondition) + countNodes(loopStep);
}

function countNodes(expr: Expr | undefined): number {
  if (expr === undefined) return 0;
  return childrenOf(expr, new Set()).reduce((sum, [child]) => sum + countNodes(child), 1);
}
