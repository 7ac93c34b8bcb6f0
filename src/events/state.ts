/**
 * Direct writes: the free parts of the state, which no actor owns (specification, "Optimistic Concurrency").
 *
 * A fact carries the change, not copies of whole documents. Which path a fact is about is read from its payload.
 */
import * as z from 'zod';
import { isForbiddenKey, type JsonObject, type JsonValue } from '../core/json.ts';
import type { PathStep } from '../core/path.ts';
import { specified, touchOf, type FactsOf, type Touched } from './definition.ts';
import { followSize, nodesOf } from './document-size.ts';
import { prioritySchema, textSchema } from './identity.ts';
import { strategySchema } from './strategies.ts';
import { allChangesOf, changesOf, leavesOfMerge, stampChanges, type Leaf } from './marks.ts';

const writeSchema = z.strictObject({
  path: z.string(),
  newValue: z.unknown(),
  merge: z.boolean().optional(),
  priority: prioritySchema.optional(),
  resolved: strategySchema.optional(),
  /** What was changed of the value that was asked for, so that it fits. */
  reason: textSchema.optional(),
});

/** What can happen to a free path. */
export const stateEvents = {
  'state.created': specified(
    'state.update and state.batch, of a path that had no value',
    [],
    writeSchema,
  ),
  'state.updated': specified(
    'state.update and state.batch, of a path that had a value',
    [],
    writeSchema,
  ),
  'state.deleted': specified(
    'state.delete and state.batch',
    [],
    z.strictObject({ path: z.string() }),
  ),
} as const;

/** A fact about a free path. */
export type StateFact = FactsOf<typeof stateEvents>;

/** The value at the end of some steps; undefined where there is none. Own keys only. */
export function valueAt(document: unknown, steps: readonly PathStep[]): unknown {
  let value = document;
  for (const step of steps) {
    value = childAt(value, step);
    if (value === undefined) return undefined;
  }
  return value;
}

/** The value one step further in; undefined where there is none. Own keys only. */
export function childAt(value: unknown, step: PathStep): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value) ? typeof step !== 'number' : !Object.hasOwn(value, step)) {
    return undefined;
  }
  return (value as Record<PathStep, unknown>)[step];
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
    value = childAt(value, step);
  }
  return true;
}

/**
 * A copy of a document with another value at the end of some steps; undefined takes away what is there. Nothing outside the
 * steps is copied.
 */
export function withValueAt(
  document: JsonValue | undefined,
  steps: readonly PathStep[],
  value: JsonValue | undefined,
): JsonValue {
  const step = steps[0];
  if (step === undefined) return value ?? null;
  const rest = steps.slice(1);
  const isLast = rest.length === 0;
  if (typeof step === 'number') {
    const list = Array.isArray(document) ? (document as readonly JsonValue[]) : [];
    if (isLast && value === undefined) return list.toSpliced(step, 1);
    const item = withValueAt(list[step], rest, value);
    return step < list.length ? list.with(step, item) : [...list, item];
  }
  const object = (document ?? {}) as JsonObject;
  if (isLast && value === undefined) {
    const { [step]: _gone, ...left } = object;
    return left;
  }
  const before = Object.hasOwn(object, step) ? object[step] : undefined;
  return { ...object, [step]: withValueAt(before, rest, value) };
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

/** A document with the marks of its record. */
export interface Marked {
  readonly document: JsonObject;
  readonly touched: Touched;
}

/** What bounds the fold of a direct write. */
export interface WriteBounds {
  /** The limit `touchedPathsMax`. */
  readonly paths: number;
  /** How many of its newest elements the list at the path above keeps; undefined for all. */
  readonly window?: number | undefined;
}

/** What a direct write makes of a document; `steps` lead to the written place inside it. */
export function evolveDocument(
  { document, touched }: Marked,
  fact: StateFact,
  steps: readonly PathStep[],
  { paths, window }: WriteBounds,
): Marked {
  const after = written(document, fact, steps, window);
  const oldest = fallsOut(document, steps, window);
  if (oldest !== undefined && fact.type !== 'state.deleted') {
    const value = fact.payload.newValue as JsonValue;
    followNodes(document, after, [{ steps, before: oldest, after: value }]);
    const list = steps.slice(0, -1);
    const changes = changesOf({ steps: list, before: undefined, after: undefined }); // every index means another element
    return { document: after, touched: stampChanges(touched, touchOf(fact), changes, paths) };
  }
  const leaves = leavesOf(document, fact, steps);
  followNodes(document, after, leaves);
  const touch = touchOf(fact);
  const priority = fact.type === 'state.deleted' ? undefined : fact.payload.priority;
  const marked = priority === undefined ? touch : { ...touch, priority };
  return {
    document: after,
    touched: stampChanges(touched, marked, allChangesOf(leaves), paths),
  };
}

/** A write, as far as it says what is put where: of a command, or of a fact. */
export type Write =
  | { readonly type: 'state.deleted' }
  | {
      readonly type: 'state.created' | 'state.updated';
      readonly payload: { readonly newValue?: unknown; readonly merge?: boolean | undefined };
    };

/** What a write makes of a document; `window` is how many of its newest elements the list at the path above keeps. */
export function written(
  document: JsonObject,
  write: Write,
  steps: readonly PathStep[],
  window?: number,
): JsonObject {
  if (write.type === 'state.deleted') return withValueAt(document, steps, undefined) as JsonObject;
  const value = write.payload.newValue as JsonValue;
  if (fallsOut(document, steps, window) !== undefined) {
    const list = steps.slice(0, -1);
    const [, ...kept] = valueAt(document, list) as readonly JsonValue[];
    return withValueAt(document, list, [...kept, value]) as JsonObject;
  }
  const isMerge = write.payload.merge === true;
  const before = isMerge ? (valueAt(document, steps) as JsonValue | undefined) : undefined;
  return withValueAt(document, steps, isMerge ? merged(before, value) : value) as JsonObject;
}

/** What a write puts where. */
export function leavesOf(
  document: JsonObject,
  write: Write,
  steps: readonly PathStep[],
): readonly Leaf[] {
  const before = valueAt(document, steps) as JsonValue | undefined;
  if (write.type === 'state.deleted') return [{ steps, before, after: undefined }];
  const value = write.payload.newValue as JsonValue;
  return write.payload.merge === true
    ? leavesOfMerge(steps, before, value)
    : [{ steps, before, after: value }];
}

/** The element that an append to a full window pushes out; undefined when nothing falls out. */
export function fallsOut(
  document: JsonObject,
  steps: readonly PathStep[],
  window: number | undefined,
): JsonValue | undefined {
  if (window === undefined) return undefined;
  const list = valueAt(document, steps.slice(0, -1));
  const isAppend = Array.isArray(list) && steps.at(-1) === list.length;
  return isAppend && list.length >= window ? (list as readonly JsonValue[])[0] : undefined;
}

/** The size of what was written is known: only the leaves were looked at. All of them stand in one field. */
function followNodes(before: JsonObject, after: JsonObject, leaves: readonly Leaf[]): void {
  const field = leaves[0]?.steps[0];
  if (typeof field !== 'string') return;
  followSize(before[field], after[field], growthBy(leaves));
}

/** How many values more there are after a write. */
export function growthBy(leaves: readonly Leaf[]): number {
  return leaves.reduce((sum, { before, after }) => sum + nodesOf(after) - nodesOf(before), 0);
}
