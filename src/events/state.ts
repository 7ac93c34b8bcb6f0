/**
 * Direct writes: the free parts of the state, which no actor owns (specification, "Optimistic Concurrency").
 *
 * A fact carries the change, not copies of whole documents. Which path a fact is about is read from its payload.
 */
import * as z from 'zod';
import { isForbiddenKey, type JsonObject, type JsonValue } from '../core/json.ts';
import type { PathStep } from '../core/path.ts';
import {
  specified,
  touchOf,
  isWithin,
  type FactsOf,
  type Touch,
  type Touched,
} from './definition.ts';

const written = { path: z.string(), newValue: z.unknown(), merge: z.boolean().optional() };

/** What can happen to a free path. */
export const stateEvents = {
  'state.created': specified(
    'state.update of a path that had no value',
    [],
    z.strictObject(written),
  ),
  'state.updated': specified(
    'state.update of a path that had a value',
    [],
    z.strictObject(written),
  ),
  'state.deleted': specified('planned', [], z.strictObject({ path: z.string() })),
} as const;

/** A fact about a free path. */
export type StateFact = FactsOf<typeof stateEvents>;

/** The value at the end of some steps; undefined where there is none. Own keys only. */
export function valueAt(document: unknown, steps: readonly PathStep[]): unknown {
  let value = document;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value) ? typeof step !== 'number' : !Object.hasOwn(value, step)) {
      return undefined;
    }
    value = (value as Record<PathStep, unknown>)[step];
  }
  return value;
}

/** Whether the steps could be written: every level above exists or can be made, and a list is only appended to or changed. */
export function canWrite(document: unknown, steps: readonly PathStep[]): boolean {
  let value = document;
  for (const step of steps) {
    if (value === undefined) {
      if (typeof step === 'number' && step !== 0) return false;
    } else if (Array.isArray(value)) {
      if (typeof step !== 'number' || step > value.length) return false;
    } else if (typeof value !== 'object' || value === null || typeof step === 'number') {
      return false;
    }
    value = value === undefined ? undefined : valueAt(value, [step]);
  }
  return true;
}

/** A copy of a document with another value at the end of some steps. Nothing outside the steps is copied. */
export function withValueAt(
  document: JsonValue | undefined,
  steps: readonly PathStep[],
  change: (before: JsonValue | undefined) => JsonValue,
): JsonValue {
  const [step, ...rest] = steps;
  if (step === undefined) return change(document);
  if (typeof step === 'number') {
    const list = Array.isArray(document) ? (document as readonly JsonValue[]) : [];
    const item = withValueAt(list[step], rest, change);
    return step < list.length ? list.with(step, item) : [...list, item];
  }
  const object = (document ?? {}) as JsonObject;
  const before = Object.hasOwn(object, step) ? object[step] : undefined;
  return { ...object, [step]: withValueAt(before, rest, change) };
}

/** Merges deeply, own keys only; anything but two objects is replaced. */
export function merged(before: JsonValue | undefined, change: JsonValue): JsonValue {
  if (!isObject(before) || !isObject(change)) return change;
  const result: Record<string, JsonValue> = { ...before };
  for (const [key, value] of Object.entries(change)) {
    if (!isForbiddenKey(key))
      result[key] = merged(Object.hasOwn(before, key) ? before[key] : undefined, value);
  }
  return result;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a direct write makes of a document. */
export function evolveDocument(
  document: JsonObject,
  fact: Exclude<StateFact, { type: 'state.deleted' }>,
  steps: readonly PathStep[],
): JsonObject {
  const value = fact.payload.newValue as JsonValue;
  const change = (before: JsonValue | undefined) =>
    fact.payload.merge === true ? merged(before, value) : value;
  return withValueAt(document, steps, change) as JsonObject;
}

/** How many paths of one record keep a version of their own; beyond that the field above them does. */
const TOUCHED_PATHS_MAX = 64;

/** Marks a written free path: what was kept below it is covered by it. */
export function stampPath(touched: Touched, fact: StateFact, path: string): Touched {
  const kept: Record<string, Touch> = {};
  for (const [other, touch] of Object.entries(touched.fields ?? {})) {
    if (!isWithin(other, path)) kept[other] = touch;
  }
  const tooMany = Object.keys(kept).length >= TOUCHED_PATHS_MAX;
  const field = /^[^.[]+/.exec(path)?.[0] ?? path;
  if (tooMany && field !== path) return stampPath(touched, fact, field);
  return { whole: touched.whole, fields: { ...kept, [path]: touchOf(fact) } };
}
