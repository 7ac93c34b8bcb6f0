/**
 * JSON values: copied and frozen where they come in, written canonically where they are compared.
 *
 * Keeps I11: what is not a JSON value, is too deep or too large, or carries a key that could reach a prototype, is refused
 * here and nowhere else.
 */
import stableStringify from 'fast-json-stable-stringify';
import { refuse, type Refusal } from './errors.ts';

/** A value that JSON can carry without loss; deeply frozen once it is inside. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** An object of JSON values. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** What a payload may weigh. */
export interface JsonBounds {
  readonly charsMax: number;
  readonly nodesMax: number;
  readonly depthMax: number;
}

/** Keys that reach a prototype in some way of assigning; refused at any depth. */
export function isForbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'prototype' || key === 'constructor';
}

/**
 * Copies a value and freezes the copy, so that nobody can change it between the fold and the sync.
 *
 * Keys whose value is `undefined` are dropped, as JSON does. Refuses with `INVALID_INPUT` or `PAYLOAD_TOO_LARGE`; the
 * details name the path inside the value.
 */
export function copyJson(
  value: unknown,
  bounds: JsonBounds,
): { readonly ok: true; readonly value: JsonValue } | Refusal {
  const copier = new Copier(bounds);
  try {
    return { ok: true, value: copier.copy(value, 0) };
  } catch (error) {
    // A getter or a proxy of the caller's threw: that is bad input too. What it threw may be as odd as it is.
    return copier.refusal ?? unreadableValue(error);
  }
}

/**
 * Freezes what is shown to somebody outside, at every depth: nobody changes the state by changing what he was shown.
 * Stops at what is frozen, which is frozen at every depth.
 */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const key of Object.keys(value)) frozen((value as Record<string, unknown>)[key]);
  return Object.freeze(value);
}

/** Refuses a value whose own code threw something while it was read. */
export function unreadableValue(thrown: unknown): Refusal {
  let cause: string;
  try {
    cause = String(thrown).slice(0, 200);
  } catch {
    cause = 'what it threw cannot be shown';
  }
  return refuse('INVALID_INPUT', 'A value could not be read while it was copied.', { cause });
}

class Copier {
  /** Why the value is refused. Throwing only ends the copy. */
  refusal: Refusal | undefined;
  readonly #bounds: JsonBounds;
  readonly #trail: (string | number)[] = [];
  #chars = 0;
  #nodes = 0;

  constructor(bounds: JsonBounds) {
    this.#bounds = bounds;
  }

  copy(value: unknown, depth: number): JsonValue {
    if (++this.#nodes > this.#bounds.nodesMax)
      throw this.#tooLarge('values', this.#bounds.nodesMax);
    switch (typeof value) {
      case 'string':
        this.#weigh(value);
        return value;
      case 'number':
        if (!Number.isFinite(value))
          throw this.#bad(`${value} is not a number that JSON can carry`);
        return value === 0 ? 0 : value; // JSON has no -0, so the log would give back another value
      case 'boolean':
        return value;
      case 'object':
        if (value === null) return null;
        if (depth >= this.#bounds.depthMax) throw this.#tooDeep(this.#bounds.depthMax);
        return Array.isArray(value) ? this.#list(value, depth) : this.#object(value, depth);
      case 'bigint':
      case 'function':
      case 'symbol':
      case 'undefined':
        throw this.#bad(`a ${typeof value} is not a JSON value`);
    }
  }

  #list(list: readonly unknown[], depth: number): readonly JsonValue[] {
    if (list.length > this.#bounds.nodesMax) throw this.#tooLarge('values', this.#bounds.nodesMax);
    const copy: JsonValue[] = [];
    for (let index = 0; index < list.length; index++) {
      this.#trail.push(index);
      copy.push(this.copy(list[index], depth + 1));
      this.#trail.pop();
    }
    return Object.freeze(copy);
  }

  #object(object: object, depth: number): JsonObject {
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) {
      throw this.#bad(`an instance of ${className(prototype)} is not a plain object`);
    }

    const copy: Record<string, JsonValue> = {};
    const source = object as Record<string, unknown>;
    for (const key of Object.keys(source)) {
      if (isForbiddenKey(key)) throw this.#bad(`the key ${key} is not allowed`);
      const value = source[key];
      if (value === undefined) continue;
      if (typeof value === 'function' && key === 'toJSON') throw this.#bad('toJSON is not allowed');
      this.#weigh(key);
      this.#trail.push(key);
      copy[key] = this.copy(value, depth + 1);
      this.#trail.pop();
    }
    return Object.freeze(copy);
  }

  #weigh(text: string): void {
    this.#chars += text.length;
    if (this.#chars > this.#bounds.charsMax)
      throw this.#tooLarge('characters', this.#bounds.charsMax);
  }

  #bad(reason: string): Error {
    const at = this.#trail.join('.').slice(0, 200);
    return this.#refuse(
      refuse('INVALID_INPUT', `${at === '' ? 'The value' : at}: ${reason}.`, { at, reason }),
    );
  }

  #tooLarge(unit: string, max: number): Error {
    return this.#beyond(unit, max, `has more than ${max} ${unit}`);
  }

  /** A cycle is found by its depth: looking for it in every value that has none would cost more. */
  #tooDeep(max: number): Error {
    return this.#beyond(
      'levels',
      max,
      `is nested more than ${max} levels deep, or contains itself`,
    );
  }

  #beyond(unit: string, max: number, how: string): Error {
    const details = { unit, max, at: this.#trail.slice(0, 8).join('.').slice(0, 200) };
    return this.#refuse(refuse('PAYLOAD_TOO_LARGE', `The payload ${how}.`, details));
  }

  #refuse(refusal: Refusal): Error {
    this.refusal = refusal;
    return new Error(refusal.message);
  }
}

function className(prototype: unknown): string {
  const constructor = (prototype as { constructor?: { name?: unknown } }).constructor;
  return typeof constructor?.name === 'string' ? constructor.name : 'a class';
}

/**
 * Writes a value as JSON with sorted keys, and Maps as sorted lists of entries: equal values give equal text (I1).
 * Costs about three times `JSON.stringify`; for hashes and comparisons, not for the log.
 */
export function canonicalJson(value: unknown): string {
  return stableStringify(withoutMaps(value));
}

function withoutMaps(value: unknown): unknown {
  if (value instanceof Map) {
    return [...value]
      .map(([key, item]): [string, unknown] => [String(key), withoutMaps(item)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
  if (Array.isArray(value)) return value.map(withoutMaps);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutMaps(item)]));
  }
  return value;
}
