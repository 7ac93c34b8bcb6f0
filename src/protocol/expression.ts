/**
 * Expressions of routing rules (specification, `RoutingRule.condition.custom`): the Common Expression Language (CEL).
 *
 * An expression is checked when its rule is written and evaluated where a Conductor routes, never where a command is decided or
 * replayed (I6). Evaluating is pure, reaches nothing but the values that it is given, and ends within a bounded number of
 * steps. `docs/agents.md` describes the language for users.
 */
import { isCelError } from '@bufbuild/cel';
import type { Refusal } from '../core/errors.ts';
import { planExpression } from './expression-functions.ts';
import type { ExpressionInput } from './expression-input.ts';
import { readExpression } from './expression-tree.ts';

/** What an evaluation came to: whether it holds, or why nobody can say. */
export type Verdict =
  { readonly ok: true; readonly holds: boolean } | { readonly ok: false; readonly reason: string };

/** An expression that was checked. */
export interface Expression {
  readonly ok: true;
  readonly text: string;
  /** Evaluates it. What gives no boolean, fails, or takes too much gives the reason. Never throws. */
  evaluate(input: ExpressionInput): Verdict;
}

/** Undefined when a rule may hold an expression; else `INVALID_INPUT` with its `reason` and `position`. */
export function checkExpression(text: string): Refusal | undefined {
  const compiled = compileExpression(text);
  return compiled.ok ? undefined : compiled;
}

/** Expressions that were compiled lately: a table is tried for every task. Only a memory of what compiling gives. */
const lately = new Map<string, Expression>();
const LATELY_MAX = 2_048;

/** Checks an expression, and makes it ready. Refuses as {@link checkExpression}. */
export function compileExpression(text: string): Expression | Refusal {
  const known = lately.get(text);
  if (known !== undefined) return known;
  const tree = readExpression(text);
  if (!tree.ok) return tree;
  const run = planExpression(tree);
  const expression: Expression = {
    ok: true,
    text,
    evaluate(input) {
      const value = run(input);
      if (typeof value === 'boolean') return { ok: true, holds: value };
      const reason = isCelError(value) ? value.message : 'it gives no boolean';
      return { ok: false, reason: reason.slice(0, REASON_CHARS_MAX) };
    },
  };
  if (lately.size >= LATELY_MAX) lately.clear();
  lately.set(text, expression);
  return expression;
}

/** What a function says of a value may hold the value. */
const REASON_CHARS_MAX = 200;
