/**
 * How two values that were written to one path become one (specification, "Conflict Resolution").
 *
 * Pure, and the same in every replay: `decide` resolves by it. Values come in the order in which they were written.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../core/json.ts';
import { ANY, ANY_DEPTH, parsePattern, type PathSegment, type PathStep } from '../core/path.ts';
import { matches } from '../core/pattern.ts';
import { patternInFull } from './full-path.ts';
import { PRIORITIES, type Priority } from './identity.ts';
import { merged } from './state.ts';
import type { SwarmConfig } from './system.ts';
import type { ConflictStrategy } from './strategies.ts';

/** A value with the priority of whoever wrote it. */
export interface Weighed {
  readonly value: JsonValue;
  readonly priority: Priority;
}

/** One value out of two that were written one after the other. Refuses with `INVALID_INPUT` what a strategy cannot resolve. */
export function resolvePair(
  strategy: ConflictStrategy,
  first: Weighed,
  second: Weighed,
): ({ readonly ok: true } & Weighed) | Refusal {
  switch (strategy) {
    case 'last-write-wins':
      return { ok: true, ...second };
    case 'first-write-wins':
      return { ok: true, ...first };
    case 'higher-priority-wins':
      return { ok: true, ...higher(first, second) };
    case 'merge-objects':
      return isObject(first.value) && isObject(second.value)
        ? together(merged(first.value, second.value), first, second)
        : cannot(strategy, 'objects');
    case 'merge-arrays':
      return isList(first.value) && isList(second.value)
        ? together(union(first.value, second.value), first, second)
        : cannot(strategy, 'lists');
  }
}

/** The strategy that the configuration has for a path: that of the most specific pattern which matches; steps are in full. */
export function configuredStrategy(
  { conflicts }: Pick<SwarmConfig, 'conflicts'>,
  steps: readonly PathStep[],
): ConflictStrategy | undefined {
  let best: { readonly weight: readonly number[]; readonly strategy: ConflictStrategy } | undefined;
  for (const [text, strategy] of Object.entries(conflicts ?? {})) {
    const parsed = parsePattern(text);
    if (!parsed.ok || !matches(patternInFull(parsed.segments), steps)) continue;
    const weight = weightOf(parsed.segments);
    if (best === undefined || isGreater(weight, best.weight)) best = { weight, strategy };
  }
  return best?.strategy;
}

/** More named steps are more specific; of as many, fewer `**`, then fewer `*`. The first of two equal ones counts. */
function weightOf(segments: readonly PathSegment[]): readonly number[] {
  const deep = segments.filter((segment) => segment === ANY_DEPTH).length;
  const wild = segments.filter((segment) => segment === ANY).length;
  return [segments.length - deep - wild, -deep, -wild];
}

function isGreater(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at !== -1 && (one[at] ?? 0) > (other[at] ?? 0);
}

/** Of two of the same priority that whose canonical JSON is greater: so their order makes no difference. */
function higher(first: Weighed, second: Weighed): Weighed {
  const rank = PRIORITIES.indexOf(first.priority) - PRIORITIES.indexOf(second.priority);
  if (rank !== 0) return rank < 0 ? first : second;
  return canonicalJson(first.value) > canonicalJson(second.value) ? first : second;
}

/** Every element of both, in order; what is equal in canonical JSON stands once. */
function union(first: readonly JsonValue[], second: readonly JsonValue[]): readonly JsonValue[] {
  const byText = new Map<string, JsonValue>();
  for (const item of [...first, ...second]) {
    const text = canonicalJson(item);
    if (!byText.has(text)) byText.set(text, item);
  }
  return [...byText.values()];
}

function together(
  value: JsonValue,
  first: Weighed,
  second: Weighed,
): { readonly ok: true } & Weighed {
  return { ok: true, value, priority: higher(first, second).priority };
}

function cannot(strategy: ConflictStrategy, what: string): Refusal {
  return refuse('INVALID_INPUT', `${strategy} resolves two ${what}, and one of these is none.`, {
    strategy,
  });
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
