/**
 * How long the lists of the free state may be.
 *
 * A list that is a log keeps its newest elements: what falls out stays in the log of the swarm. Every other list refuses to
 * grow beyond its limit, since dropping a rule or an issue would change what the rest means.
 */
import type { Limits } from '../core/limits.ts';
import type { JsonValue } from '../core/json.ts';
import type { PathStep } from '../core/path.ts';

/** The limit of one list. */
export interface ListLimit {
  readonly name: keyof Limits;
  /** Keeps the newest elements instead of refusing. */
  readonly isWindow: boolean;
}

const OTHER: ListLimit = { name: 'listLengthMax', isWindow: false };

/** The lists of the specification, by their place: the type of agent, and `data` or `health`. An index stands as `[]`. */
export const LISTS: Readonly<Record<string, ListLimit>> = {
  'pulse.data.iterations': { name: 'iterationsMax', isWindow: true },
  'pulse.data.iterations.[].filesModified': { name: 'filesModifiedMax', isWindow: false },
  'pulse.data.commitHashes': { name: 'commitHashesMax', isWindow: true },
  'pulse.data.filesModified': { name: 'filesModifiedMax', isWindow: true },
  'pulse.data.progressLog': { name: 'progressLogMax', isWindow: true },
  'heartbeat.data.checks': { name: 'checksMax', isWindow: true },
  'heartbeat.data.findings': { name: 'findingsMax', isWindow: true },
  'heartbeat.data.pendingNotifications': { name: 'pendingNotificationsMax', isWindow: true },
  'heartbeat.data.targets.custom': { name: 'customTargetsMax', isWindow: false },
  'dream_weaver.data.artifacts': { name: 'artifactsMax', isWindow: true },
  'dream_weaver.data.contextWindow.documents': { name: 'documentsMax', isWindow: false },
  'conductor.data.decisions': { name: 'decisionsMax', isWindow: true },
  'conductor.data.routingTable': { name: 'routingRulesMax', isWindow: false },
  'health.issues': { name: 'healthIssuesMax', isWindow: false },
};

/** The limit of the list at a place inside a record; `kind` is the type of the session's agent, if it is in one. */
export function listLimitAt(kind: string | undefined, steps: readonly PathStep[]): ListLimit {
  const place = steps.map((step) => (typeof step === 'number' ? '[]' : step)).join('.');
  const name = kind === undefined ? place : `${kind}.${place}`;
  return Object.hasOwn(LISTS, name) ? (LISTS[name] ?? OTHER) : OTHER;
}

/** The limit of the first list of a value that is longer than it may be; undefined when none is. */
export function longList(
  kind: string | undefined,
  steps: readonly PathStep[],
  value: JsonValue,
  limits: Limits,
): keyof Limits | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const isList = Array.isArray(value);
  if (isList) {
    const { name } = listLimitAt(kind, steps);
    if (value.length > limits[name]) return name;
  }
  for (const [key, item] of Object.entries(value) as [string, JsonValue][]) {
    if (typeof item !== 'object' || item === null) continue;
    const found = longList(kind, [...steps, isList ? Number(key) : key], item, limits);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** How many elements the list keeps to which a path leads; undefined when it is no window, or the path no element. */
export function windowAt(
  kind: string | undefined,
  steps: readonly PathStep[],
  limits: Limits,
): number | undefined {
  if (typeof steps.at(-1) !== 'number') return undefined;
  const { name, isWindow } = listLimitAt(kind, steps.slice(0, -1));
  return isWindow ? limits[name] : undefined;
}
