/**
 * What the permission matrix says of a place of the state: the rows that a path or a pattern leads into, and their marks.
 *
 * Default deny: what leads into no row is nobody's but the operator's and the coordinator's. Paths and patterns are in full.
 */
import { ANY, ANY_DEPTH, formatPath, parsePattern, type PathStep } from '../core/path.ts';
import type { Pattern } from '../core/pattern.ts';
import { assert, unreachable } from '../core/errors.ts';
import { COORDINATOR, OPERATOR, type AgentIdentity } from '../events/identity.ts';
import { toWaitQueue } from '../events/lock-state.ts';
import type { StateView } from '../events/view.ts';
import { COLUMNS, OUR_ROWS, PERMISSION_MATRIX, type Mark, type MatrixRow } from './matrix.ts';

/** What is done to a place of the state. */
export type Operation = 'read' | 'write' | 'delete';

/** A row whose path was read. */
interface Row {
  readonly place: readonly PathStep[];
  /** Whether it is everything below the place, and not the place itself. */
  readonly isBelow: boolean;
  readonly marks: ReadonlyMap<string, Mark>;
}

/** How a pattern leads to a row: into it, to something above it, or into it for some of what it matches. */
type Reach = 'in' | 'above' | 'partly';

/** The rules that follow from some rows. */
export class AccessRules {
  readonly #rows: readonly Row[];

  constructor(rows: readonly MatrixRow[]) {
    this.#rows = rows.map(readRow);
  }

  /** Whether somebody may do something to every place that a pattern leads to; a path is a pattern of one place. */
  allow(view: StateView, agent: AgentIdentity, pattern: Pattern, operation: Operation): boolean {
    if (isSystem(agent)) return true;
    let isAbove = false;
    let isInside = false;
    for (const row of this.#rows) {
      const reach = reachOf(row, pattern);
      if (reach === undefined) continue;
      const mark = row.marks.get(agent.agentType) ?? '–';
      if (reach === 'above') {
        isAbove ||= mark !== '–';
        continue;
      }
      isInside = true;
      if (operation === 'read' ? mark === '–' : reach === 'partly') return false;
      if (operation !== 'read' && !mayWrite(view, agent, mark, pattern)) return false;
    }
    // What is above rows is shown without those that may not be read, and is nothing to write.
    return isInside || (isAbove && operation === 'read');
  }

  /** Whether steps lead to something above rows, which is shown without what may not be read in it. */
  isContainer(steps: readonly PathStep[]): boolean {
    return this.#rows.some((row) => reachOf(row, steps) === 'above');
  }

  /** The patterns of everything that somebody may do something to, in the order of the rows. */
  patterns(view: StateView, agent: AgentIdentity, operation: Operation): string[] {
    if (isSystem(agent)) return ['**'];
    return this.#rows.flatMap((row) => {
      const mark = row.marks.get(agent.agentType) ?? '–';
      if (mark === '–') return [];
      if (mark === 'RW' || operation === 'read') return patternsOf(row);
      if (mark === 'RW¹') {
        const own = [...row.place, agent.sessionId];
        return isOwnSession(view, agent, own) ? [`${formatPath(own)}.**`] : [];
      }
      return mark === 'RW²' ? ownLocks(view, agent).map((path) => `${path}.**`) : [];
    });
  }
}

/** The matrix of the specification and our rows. */
export const ACCESS_RULES = new AccessRules([...PERMISSION_MATRIX, ...OUR_ROWS]);

function readRow([path, ...marks]: MatrixRow): Row {
  const parsed = parsePattern(path);
  assert(parsed.ok, 'the paths of the matrix are paths');
  const isBelow = parsed.segments.at(-1) === ANY;
  const place = parsed.segments.filter((segment) => typeof segment !== 'symbol');
  return { place, isBelow, marks: new Map(COLUMNS.map((role, at) => [role, marks[at] ?? '–'])) };
}

function reachOf({ place, isBelow }: Row, pattern: Pattern): Reach | undefined {
  for (let at = 0; at < place.length; at++) {
    const step = place[at];
    const segment = pattern[at];
    if (segment === undefined) return 'above';
    if (segment === ANY_DEPTH) return 'partly';
    if (segment !== ANY && segment !== step) return undefined;
  }
  if (isBelow && pattern.length === place.length) return 'above';
  // `X.**` leads to X too, and a row `X.*` is only what is below it.
  const mayBeItself = pattern.slice(place.length).every((segment) => segment === ANY_DEPTH);
  return isBelow && mayBeItself ? 'partly' : 'in';
}

/** The operator and the coordinator, and nobody who calls himself so. */
function isSystem(agent: AgentIdentity): boolean {
  return agent.agentType === 'system' && (isSame(agent, OPERATOR) || isSame(agent, COORDINATOR));
}

function isSame(one: AgentIdentity, other: AgentIdentity): boolean {
  return one.agentId === other.agentId && one.sessionId === other.sessionId;
}

function mayWrite(view: StateView, agent: AgentIdentity, mark: Mark, pattern: Pattern): boolean {
  switch (mark) {
    case 'RW':
      return true;
    case 'RW¹':
      return isOwnSession(view, agent, pattern);
    case 'RW²':
      return isOwnLock(view, agent, pattern);
    case 'R':
    case '–':
      return false;
    default:
      return unreachable(mark);
  }
}

/** Footnote 1: the session of the identity, registered as such, and under its own kind. */
function isOwnSession(view: StateView, agent: AgentIdentity, [, kind, id]: Pattern): boolean {
  const { agentType, sessionId } = agent;
  if (kind !== agentType || typeof id === 'symbol' || String(id) !== sessionId) return false;
  return isRegistered(view, agent);
}

/** Footnote 2: a lock that it holds or waits for, or its own request in a queue. */
function isOwnLock(view: StateView, agent: AgentIdentity, pattern: Pattern): boolean {
  const [, section, id, index] = pattern;
  if (id === undefined || typeof id === 'symbol' || !isRegistered(view, agent)) return false;
  const { sessionId } = agent;
  if (section === 'locks') {
    const record = view.resource(view.resourceOf(String(id)) ?? '');
    const hold = record?.holders.find((one) => one.id === String(id));
    const wait = record?.queue.find((one) => one.id === String(id));
    return (hold?.holder ?? wait?.requester)?.sessionId === sessionId;
  }
  const record = section === 'waitQueue' ? view.resource(String(id)) : undefined;
  if (record === undefined || typeof index !== 'number') return false;
  return toWaitQueue(record)[index]?.requester.sessionId === sessionId;
}

function isRegistered(view: StateView, { agentId, agentType, sessionId }: AgentIdentity): boolean {
  const registered = view.session(sessionId)?.identity;
  return registered?.agentId === agentId && registered.agentType === agentType;
}

function patternsOf({ place, isBelow }: Row): string[] {
  const path = formatPath(place);
  // `locks.*` is every lock, and the queues are beside them.
  if (path === 'locks') return ['locks.locks.**', 'locks.waitQueue.**'];
  return [isBelow ? `${path}.*.**` : `${path}.**`];
}

/** The paths of the locks that a session holds or waits for, and of its requests. */
function ownLocks(view: StateView, agent: AgentIdentity): string[] {
  if (!isRegistered(view, agent)) return [];
  const { sessionId } = agent;
  const { locks, waits, upgrades } = view.holdings(sessionId);
  const ids = [...locks.map(({ hold }) => hold.id), ...waits.map(({ wait }) => wait.id)];
  const resources = new Set([...waits, ...upgrades].map(({ resource }) => resource));
  const requests = [...resources].flatMap((resource) => {
    const record = view.resource(resource);
    const queue = record === undefined ? [] : toWaitQueue(record);
    return queue.flatMap(({ requester }, index) =>
      requester.sessionId === sessionId ? [['locks', 'waitQueue', resource, index]] : [],
    );
  });
  return [...ids.map((id) => ['locks', 'locks', id]), ...requests].map(formatPath);
}
