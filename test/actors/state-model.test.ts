/**
 * Versions of free paths against a model that forgets nothing: "the greatest of what was written at a path, above it or below
 * it", looked up in the list of all writes.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { parsePath } from '../../src/core/path.ts';
import { versionedAtPath } from '../../src/projections/versions.ts';
import { Given } from '../support/given.ts';

const BASE = 'agents.guardian.s.data';

type Keys = readonly string[];

/** What was written where: every write that was made, in order. */
class Model {
  readonly #writes: { readonly keys: Keys; readonly sequence: number }[] = [];
  /** Every place where something was at any time. */
  readonly #everThere = new Set<string>();
  readonly #everRemoved: Keys[] = [];
  document: JsonValue = {};

  version(keys: Keys): number {
    const related = this.#writes.filter(({ keys: other }) => isRelated(keys, other));
    return Math.max(0, ...related.map(({ sequence }) => sequence));
  }

  wasThere(keys: Keys): boolean {
    return this.#everThere.has(keys.join('.'));
  }

  /** Whether something at or above was taken away: then nothing is promised of what never was below it. */
  wasRemovedAbove(keys: Keys): boolean {
    return this.#everRemoved.some((removed) => isPrefix(removed, keys));
  }

  write(keys: Keys, value: JsonValue | undefined, isMerge: boolean, sequence: number): void {
    const before = placesOf(this.document);
    const leaves = isMerge && value !== undefined ? leavesOf(at(this.document, keys), value) : [[]];
    for (const leaf of leaves) this.#writes.push({ keys: [...keys, ...leaf], sequence });
    const merged = isMerge ? mergedWith(at(this.document, keys), value ?? null) : value;
    this.document = put(this.document, keys, merged);
    const after = new Set(placesOf(this.document).map((place) => place.join('.')));
    for (const place of after) this.#everThere.add(place);
    for (const place of before) if (!after.has(place.join('.'))) this.#everRemoved.push(place);
  }
}

function isPrefix(short: Keys, long: Keys): boolean {
  return short.length <= long.length && short.every((key, index) => key === long[index]);
}

function isRelated(one: Keys, other: Keys): boolean {
  return isPrefix(one, other) || isPrefix(other, one);
}

function isObject(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function at(value: JsonValue | undefined, [key, ...rest]: Keys): JsonValue | undefined {
  if (key === undefined) return value;
  return isObject(value) && Object.hasOwn(value, key) ? at(value[key], rest) : undefined;
}

function put(value: JsonValue, [key, ...rest]: Keys, leaf: JsonValue | undefined): JsonValue {
  if (key === undefined) return leaf ?? null;
  const object = isObject(value) ? value : {};
  if (rest.length === 0 && leaf === undefined) {
    return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
  }
  return { ...object, [key]: put(object[key] ?? {}, rest, leaf) };
}

function mergedWith(before: JsonValue | undefined, change: JsonValue): JsonValue {
  if (!isObject(before) || !isObject(change)) return change;
  const entries = Object.entries(change).map(([key, value]) => [
    key,
    mergedWith(before[key], value),
  ]);
  return { ...before, ...(Object.fromEntries(entries) as object) };
}

function leavesOf(before: JsonValue | undefined, change: JsonValue): Keys[] {
  if (!isObject(before) || !isObject(change)) return [[]];
  return Object.entries(change).flatMap(([key, value]) =>
    leavesOf(before[key], value).map((leaf) => [key, ...leaf]),
  );
}

function placesOf(value: JsonValue, above: Keys = []): Keys[] {
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inside]) => {
    const place = [...above, key];
    return [place, ...placesOf(inside, place)];
  });
}

const key = fc.constantFrom('a', 'b', 'c');
const keys = fc.array(key, { minLength: 1, maxLength: 3 });
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.nat(3) as fc.Arbitrary<JsonValue>,
    fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const operation = fc.record({
  do: fc.constantFrom('replace', 'replace', 'merge', 'delete', 'create'),
  keys,
  value,
});

/** Every place of up to three levels. */
const PLACES: readonly Keys[] = ['a', 'b', 'c'].flatMap((one) => [
  [one],
  ...['a', 'b', 'c'].flatMap((two) => [
    [one, two],
    ...['a', 'b', 'c'].map((end) => [one, two, end]),
  ]),
]);

function pathOf(place: Keys): string {
  return [BASE, ...place].join('.');
}

/** Lives through the operations on both, and compares after each. */
function compare(
  operations: readonly { do: string; keys: Keys; value: JsonValue }[],
  touchedPathsMax: number,
): number {
  const isExact = touchedPathsMax > 64;
  const given = new Given({ limits: { touchedPathsMax } });
  const source = given.session('s', 'guardian');
  const model = new Model();
  let written = 0;
  for (const one of operations) {
    const path = pathOf(one.keys);
    const isCreate = one.do === 'create';
    const isThere = at(model.document, one.keys) !== undefined;
    if (isCreate && isThere) continue;
    const outcome =
      one.do === 'delete'
        ? given.when('state.delete', { path }, source)
        : given.when(
            'state.update',
            {
              path,
              newValue: one.value,
              ...(one.do === 'merge' && { merge: true }),
              ...(isCreate && { expectedVersion: 0 }),
            },
            source,
          );
    if (isCreate && model.wasThere(one.keys))
      expect(outcome).toMatchObject({ code: 'VERSION_CONFLICT' });
    if (isCreate && isExact && !model.wasRemovedAbove(one.keys) && !model.wasThere(one.keys)) {
      expect(outcome.ok || outcome.code).not.toBe('VERSION_CONFLICT');
    }
    if (outcome.ok && outcome.facts.length > 0) {
      const next = one.do === 'delete' ? undefined : one.value;
      model.write(one.keys, next, one.do === 'merge', given.view.sequence);
      written += 1;
    }
    const parsed = parsePath(BASE);
    const shown = parsed.ok ? versionedAtPath(given.view, parsed.steps)?.value : undefined;
    expect(shown).toEqual(model.document);
    for (const place of PLACES) {
      const steps = parsePath(pathOf(place));
      const read = steps.ok ? versionedAtPath(given.view, steps.steps) : undefined;
      if (read === undefined) continue;
      // Beyond the limit marks are folded into those above, which can only make a version greater.
      if (isExact) expect(read.version, pathOf(place)).toBe(model.version(place));
      else expect(read.version, pathOf(place)).toBeGreaterThanOrEqual(model.version(place));
    }
  }
  return written;
}

test.each([
  ['is that of the model', 1_000],
  ['is never less than that of the model, when few marks are kept', 4],
])('the version of every place after every write %s', (_name, touchedPathsMax) => {
  let written = 0;
  const property = fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
    written += compare(operations, touchedPathsMax);
  });
  fc.assert(property, { seed: 7, numRuns: 1_000 });
  expect(written).toBeGreaterThan(3_000);
});
