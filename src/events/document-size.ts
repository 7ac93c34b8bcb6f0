/**
 * How large the free part of a record is, known without walking it at every write.
 *
 * What was counted once is remembered beside the value, which is immutable; a write adds what it put there and takes off what it
 * took away. Only a memory of what counting gives: nothing here is state.
 */
import type { JsonValue } from '../core/json.ts';

const counted = new WeakMap<object, number>();

/** How many values (objects, lists, texts, numbers) a value holds, itself included; 0 for none. */
export function nodesOf(value: JsonValue | undefined): number {
  if (value === undefined) return 0;
  if (typeof value !== 'object' || value === null) return 1;
  const known = counted.get(value);
  if (known !== undefined) return known;
  const items: readonly JsonValue[] = Array.isArray(value) ? value : Object.values(value);
  return items.reduce<number>((sum, item) => sum + nodesOf(item), 1);
}

/** How many values a document holds; remembered. */
export function nodesOfDocument(document: JsonValue | undefined): number {
  const nodes = nodesOf(document);
  if (typeof document === 'object' && document !== null) counted.set(document, nodes);
  return nodes;
}

/** Remembers the size of a document that differs by so much from one whose size is known. */
export function followSize(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  difference: number,
): void {
  if (typeof before !== 'object' || before === null) return;
  const known = counted.get(before);
  if (known !== undefined && typeof after === 'object' && after !== null) {
    counted.set(after, known + difference);
  }
}

/** How deep a value is nested: 0 for a text or a number. */
export function depthOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  const items: readonly JsonValue[] = Array.isArray(value) ? value : Object.values(value);
  return 1 + items.reduce<number>((deepest, item) => Math.max(deepest, depthOf(item)), 0);
}
