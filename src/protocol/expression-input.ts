/**
 * What an expression is evaluated over: a copy of plain JSON, as Maps and frozen lists.
 *
 * A Map has the keys that were put in and no prototype behind them: whatever name an expression asks for, it finds own JSON or
 * nothing. Made once for all expressions that are tried on the same values.
 */
import type { JsonValue } from '../core/json.ts';
import type { EXPRESSION_VARIABLES } from './expression-tree.ts';

/** What is looked at (I12). */
export const INPUT_LIMITS = {
  /** Values (objects, lists, texts, numbers) of all variables together: they are copied. */
  valuesMax: 10_000,
  /** Keys of one object: CEL goes through all of them for a number that is no key. */
  keysMax: 256,
  /** Levels. */
  depthMax: 64,
} as const;

/** A value as CEL takes it: null, true, 1, 'a', a list, a map. */
export type CelInput =
  null | boolean | number | string | readonly CelInput[] | ReadonlyMap<string, CelInput>;

/** The variables of an expression with their values. */
export interface ExpressionInput {
  readonly ok: true;
  readonly variables: Readonly<Record<string, CelInput>>;
}

/** Copies the values of the variables; says why when they are too much. */
export function toExpressionInput(
  values: Readonly<Record<(typeof EXPRESSION_VARIABLES)[number], JsonValue>>,
): ExpressionInput | { readonly ok: false; readonly reason: string } {
  const copier = new Copier();
  const variables = Object.create(null) as Record<string, CelInput>;
  try {
    for (const [name, value] of Object.entries(values)) variables[name] = copier.copy(value, 1);
  } catch (error) {
    if (error instanceof TooMuch) return { ok: false, reason: error.message };
    throw error;
  }
  return { ok: true, variables: Object.freeze(variables) };
}

class TooMuch extends Error {}

class Copier {
  #values = 0;

  copy(value: JsonValue, depth: number): CelInput {
    const { valuesMax, keysMax, depthMax } = INPUT_LIMITS;
    this.#values += 1;
    if (this.#values > valuesMax) throw new TooMuch(`the task has more than ${valuesMax} values`);
    if (typeof value !== 'object' || value === null) return value;
    if (depth > depthMax) throw new TooMuch(`the task has more than ${depthMax} levels`);
    if (isList(value)) return Object.freeze(value.map((item) => this.copy(item, depth + 1)));
    const entries = Object.entries(value);
    if (entries.length > keysMax) throw new TooMuch(`an object has more than ${keysMax} keys`);
    return Object.freeze(
      new Map(entries.map(([key, item]) => [key, this.copy(item, depth + 1)] as const)),
    );
  }
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
