/**
 * Query: every place of the state that a pattern matches, with its value and version.
 *
 * The state is walked as a tree whose branches are made when the pattern leads into them: `agents.*.*.status` asks every session
 * for one field, and makes no session. The order is that in which the state holds things: of registration, of creation, of keys.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { formatPath, type PathStep } from '../core/path.ts';
import {
  advance,
  isThrough,
  leadsOn,
  namedNext,
  startOf,
  type Pattern,
  type Positions,
} from '../core/pattern.ts';
import { patternInFull } from '../events/full-path.ts';
import { rootOf, type Branch } from './branches.ts';
import type { Projector } from './projector.ts';
import { versionedAs, type VersionedState } from './versions.ts';

/** A place that a pattern matches: its path in full, and what stands there. */
export interface QueryMatch<T = unknown> extends VersionedState<T> {
  readonly path: string;
}

/** What bounds a query. */
export interface QueryBounds {
  /** Whether who asks may read a place; the steps are in full. */
  readonly canRead: (steps: readonly PathStep[]) => boolean;
  /** What of a value who asks may see; all of it when absent. */
  readonly show?: (steps: readonly PathStep[], value: unknown) => unknown;
  /** The most matches. */
  readonly max: number;
}

/** Finds what a pattern matches; refuses with `LIMIT_EXCEEDED` when that is more than the bound. The root has no path. */
export function queryAt(
  projector: Projector,
  pattern: Pattern,
  { canRead, show = (_steps, value) => value, max }: QueryBounds,
): { readonly ok: true; readonly matches: readonly QueryMatch[] } | Refusal {
  const matches: QueryMatch[] = [];
  const full = patternInFull(pattern);
  for (const { steps, value } of placesBelow(rootOf(projector), [], full, startOf(full))) {
    if (!canRead(steps)) continue;
    if (matches.length === max) return tooMany(max);
    matches.push({ path: formatPath(steps), ...versionedAs(projector, steps, show(steps, value)) });
  }
  return { ok: true, matches };
}

interface Found {
  readonly steps: readonly PathStep[];
  readonly value: unknown;
}

/** The places below a branch that a pattern matches, each before what is in it. */
function* placesBelow(
  branch: Branch,
  steps: readonly PathStep[],
  pattern: Pattern,
  positions: Positions,
): Generator<Found> {
  for (const step of namedNext(pattern, positions) ?? branch.steps()) {
    const next = advance(pattern, positions, step);
    const child = next.length === 0 ? undefined : branch.child(step);
    if (child === undefined) continue;
    const path = [...steps, branch.isList ? step : String(step)];
    if (isThrough(pattern, next)) yield { steps: path, value: child.value() };
    if (leadsOn(pattern, next)) yield* placesBelow(child, path, pattern, next);
  }
}

function tooMany(max: number): Refusal {
  return refuse(
    'LIMIT_EXCEEDED',
    `The pattern matches more than ${max} places (queryMatchesMax). Ask for a part of them.`,
    { limit: 'queryMatchesMax', max },
  );
}
