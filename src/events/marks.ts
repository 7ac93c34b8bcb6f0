/**
 * The marks that direct writes leave on a record: which path was written at which sequence, and what went.
 *
 * A path's version never goes back. What is removed leaves a tombstone, so that "it never was there" (version 0) stays true
 * of nothing that once was. A record keeps a bounded number of marks: beyond it those of the busiest parent become one mark
 * of that parent, which can only make a version greater.
 */
import type { JsonObject, JsonValue } from '../core/json.ts';
import { formatPath, parsePath, type PathStep } from '../core/path.ts';
import { assert } from '../core/errors.ts';
import { isWithin, type Touch, type Touched } from './definition.ts';

/** A place that a write changed. */
export interface Change {
  readonly path: string;
  /** Something at this path, or below it, is there no more. */
  readonly gone?: true;
}

/** Keys that one write removed and that get a tombstone of their own; of more the path above them says so. */
const TOMBSTONES_MAX = 16;

/** What a write puts in the place of something: the whole of a replace, each leaf of a merge. */
export interface Leaf {
  readonly steps: readonly PathStep[];
  readonly before: JsonValue | undefined;
  /** Undefined when it is removed. */
  readonly after: JsonValue | undefined;
}

/** The leaves that merging writes; none when it writes nothing. */
export function leavesOfMerge(
  steps: readonly PathStep[],
  before: JsonValue | undefined,
  change: JsonValue,
): readonly Leaf[] {
  if (!isObject(before) || !isObject(change)) return [{ steps, before, after: change }];
  const leaves: Leaf[] = [];
  for (const [key, value] of Object.entries(change)) {
    const inside = Object.hasOwn(before, key) ? before[key] : undefined;
    for (const leaf of leavesOfMerge([...steps, key], inside, value)) leaves.push(leaf);
  }
  return leaves;
}

/** What several leaves change. */
export function allChangesOf(leaves: readonly Leaf[]): readonly Change[] {
  const [only] = leaves;
  return leaves.length === 1 && only !== undefined ? changesOf(only) : leaves.flatMap(changesOf);
}

/** What a leaf changes: the place itself, and what was below it and is no more. */
export function changesOf({ steps, before, after }: Leaf): readonly Change[] {
  const path = formatPath(steps);
  if (after === undefined) return [{ path, gone: true }];
  if (typeof before !== 'object' || before === null) return [{ path }]; // nothing was below it
  const gone: PathStep[][] = [];
  collectGone(before, after, [...steps], gone);
  if (gone.length > TOMBSTONES_MAX) return [{ path, gone: true }];
  return [{ path }, ...gone.map((lost) => ({ path: formatPath(lost), gone: true as const }))];
}

/** Marks the places that a write changed. `max` is the limit `touchedPathsMax`. */
export function stampChanges(
  touched: Touched,
  touch: Touch,
  changes: readonly Change[],
  max: number,
): Touched {
  let fields: Fields = touched.fields ?? NO_MARKS;
  for (const { path, gone } of changes) {
    fields =
      gone === true ? { ...fields, [path]: { ...touch, gone } } : stampPlace(fields, path, touch);
  }
  if (Object.keys(fields).length <= max) return { whole: touched.whole, fields };
  const marks = new Map(Object.entries(fields));
  while (marks.size > max && foldBusiest(marks));
  return { whole: touched.whole, fields: Object.fromEntries(marks) };
}

type Fields = Readonly<Record<string, Touch>>;

const NO_MARKS: Fields = Object.freeze({});

/** The version of a place where nothing is: that of the newest tombstone at or above it; 0 when nothing ever was there. */
export function tombstoneAt(touched: Touched, path: string): number {
  let newest = 0;
  for (const [marked, { sequence, gone }] of Object.entries(touched.fields ?? {})) {
    if (gone === true && sequence > newest && isWithin(path, marked)) newest = sequence;
  }
  return newest;
}

/** What was marked below is covered, but for tombstones: what went stays gone, unless this write brings it back. */
function stampPlace(fields: Fields, path: string, touch: Touch): Fields {
  const stamped: Record<string, Touch> = {};
  for (const marked of Object.keys(fields)) {
    const mark = fields[marked];
    if (mark !== undefined && (mark.gone === true || !isWithin(marked, path)))
      stamped[marked] = mark;
  }
  stamped[path] = fields[path]?.gone === true ? { ...touch, gone: true } : touch;
  return stamped;
}

/** Puts one mark in place of those below the parent that has the most; false when no two have the same parent. */
function foldBusiest(marks: Map<string, Touch>): boolean {
  const counts = new Map<string, number>();
  for (const path of marks.keys()) {
    const parent = parentOf(path);
    if (parent !== '') counts.set(parent, (counts.get(parent) ?? 0) + 1);
  }
  const [busiest] = [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (busiest === undefined) return false;
  const [parent] = busiest;
  let folded = marks.get(parent);
  for (const [path, touch] of marks) {
    if (!isWithin(path, parent)) continue;
    folded = folded === undefined ? touch : together(folded, touch);
    marks.delete(path);
  }
  if (folded !== undefined) marks.set(parent, folded);
  return true;
}

function together(one: Touch, other: Touch): Touch {
  const later = one.sequence >= other.sequence ? one : other;
  const hasLost = one.gone === true || other.gone === true;
  return hasLost ? { ...later, gone: true } : later;
}

function parentOf(path: string): string {
  const parsed = parsePath(path);
  assert(parsed.ok, 'a mark stands at a path that was read when it was written');
  return formatPath(parsed.steps.slice(0, -1));
}

/** The top-most places below `steps` where something was, and nothing is any more. */
function collectGone(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  steps: PathStep[],
  gone: PathStep[][],
): void {
  if (gone.length > TOMBSTONES_MAX || before === after) return;
  if (Array.isArray(before)) {
    const items: readonly JsonValue[] = Array.isArray(after) ? after : [];
    if (items.length < before.length) gone.push([...steps]); // a list that got shorter says so itself
    for (const [index, item] of items.entries()) {
      if (index < before.length) collectGone(before[index], item, [...steps, index], gone);
    }
    return;
  }
  if (!isObject(before)) return;
  const kept = isObject(after) ? after : {};
  for (const key of Object.keys(before)) {
    if (Object.hasOwn(kept, key)) collectGone(before[key], kept[key], [...steps, key], gone);
    else gone.push([...steps, key]);
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
