/**
 * Which records of the state a commit may change, and what they show, for whoever watches.
 *
 * A record is what facts change as one: a part of `global`, an agent, a task, a session, a lock, a queue. What it shows before
 * and after the fold is compared (changes.ts), so naming one too many costs time and tells nothing.
 * Left out, since no fact writes them: the collections, `events`, and what follows from other records or from time: see `DERIVED`.
 */
import { ANY, parsePath, type PathStep } from '../core/path.ts';
import {
  advance,
  isThrough,
  namedNext,
  startOf,
  type Pattern,
  type Positions,
} from '../core/pattern.ts';
import { DERIVED_FOR_CONDUCTORS } from '../events/agent-data.ts';
import { isLockFact, isSessionFact, isStateFact, isTaskFact } from '../events/catalog.ts';
import type { SwarmFact } from '../events/catalog.ts';
import type { Commit } from '../events/envelope.ts';
import { inFull } from '../events/full-path.ts';
import { toTaskState } from '../events/task-state.ts';
import { lockAt, queueAt } from './branches.ts';
import type { Projector } from './projector.ts';
import {
  agentField,
  configOf,
  globalPart,
  sessionAt,
  toAgentState,
  toRegistration,
} from './swarm-state.ts';

/** A record of the state: the steps that lead to it. */
export type RecordPlace = readonly PathStep[];

/** The parts of `global` that are one record; little, and written by facts of many kinds. */
const PARTS: readonly RecordPlace[] = [
  ['global', 'config'],
  ['global', 'health'],
  ['global', 'metrics'],
];

/** Every shape that the place of a record has. */
const SHAPES: readonly (readonly (string | typeof ANY)[])[] = [
  ['global', 'config'],
  ['global', 'health'],
  ['global', 'metrics'],
  ['global', 'registry', ANY],
  ['global', 'tasks', ANY],
  ['agents', ANY, ANY],
  ['locks', 'locks', ANY],
  ['locks', 'waitQueue', ANY],
];

/** The records that a commit may change, each once, in the order of its facts. Asked before it is folded. */
export function recordsOf(projector: Projector, commit: Commit): readonly RecordPlace[] {
  const found = new Map<string, RecordPlace>();
  const add = (place: RecordPlace) => found.set(keyOf(place), place);
  for (const fact of commit.facts as readonly SwarmFact[]) {
    for (const place of recordsOfFact(projector, fact)) add(place);
  }
  for (const place of PARTS) add(place);
  return [...found.values()];
}

function recordsOfFact(projector: Projector, fact: SwarmFact): readonly RecordPlace[] {
  if (isTaskFact(fact)) {
    const { taskId } = fact.payload;
    const gains = fact.type === 'task.assigned' ? [fact.payload.assignedTo.sessionId] : [];
    return [['global', 'tasks', taskId], ...withHolder(projector, taskId, gains)];
  }
  if (isLockFact(fact)) {
    const { lockId, resource } = fact.payload;
    return [
      ['locks', 'locks', lockId],
      ['locks', 'waitQueue', resource],
    ];
  }
  if (isSessionFact(fact)) {
    if (fact.type === 'agent.health_changed') return [['global', 'registry', fact.payload.agentId]];
    if (fact.type !== 'agent.registered') return sessions(projector, [fact.payload.sessionId]);
    const { agentId, agentType, sessionId } = fact.payload;
    return [
      ['global', 'registry', agentId],
      ['agents', agentType, sessionId],
    ];
  }
  // Until when a task may run follows from the configuration, when it does not say itself.
  if (fact.type === 'system.config_changed') return runningTasks(projector);
  if (!isStateFact(fact)) return []; // what others change is a part of `global`
  const parsed = parsePath(fact.payload.path);
  const [root, section = '', id = ''] = parsed.ok ? inFull(parsed.steps) : [];
  if (root === 'agents') return sessions(projector, [String(id)]);
  if (section !== 'tasks') return [];
  return [['global', 'tasks', String(id)], ...withHolder(projector, String(id), [])];
}

function runningTasks(projector: Projector): readonly RecordPlace[] {
  return Array.from(projector.tasks.atHand())
    .filter(({ status }) => status === 'running')
    .flatMap(({ id }) => [['global', 'tasks', id], ...withHolder(projector, id, [])]);
}

/** A session shows the tasks that it holds, so what changes a task changes who has it and who gets it. */
function withHolder(
  projector: Projector,
  taskId: string,
  sessionIds: readonly string[],
): readonly RecordPlace[] {
  const holder = projector.tasks.get(taskId)?.assignedTo?.sessionId;
  return sessions(projector, holder === undefined ? sessionIds : [holder, ...sessionIds]);
}

function sessions(projector: Projector, ids: readonly string[]): readonly RecordPlace[] {
  return ids.flatMap((id) => {
    const session = projector.sessions.get(id);
    return session === undefined ? [] : [['agents', session.identity.agentType, id]];
  });
}

/** What of a record a pattern asks for: all of it, or some of its fields. */
export type Wanted = 'all' | ReadonlySet<PathStep>;

/** What of a record a pattern asks for that has come so far. */
export function wantedAt(pattern: Pattern, positions: Positions): Wanted {
  const named = namedNext(pattern, positions);
  return named === undefined || isThrough(pattern, positions) ? 'all' : new Set(named);
}

/** What a record shows; undefined when it is not there. Of a session, whose tasks cost time, only what is wanted. */
export function shownAt(projector: Projector, place: RecordPlace, wanted: Wanted): unknown {
  const [root, section, last = ''] = place;
  const id = String(last);
  if (root === 'agents') {
    const session = sessionAt(projector, section, id);
    if (session === undefined || wanted === 'all') {
      return session && toAgentState(projector, session);
    }
    return Object.fromEntries(
      [...wanted].map((field) => [field, agentField(projector, session, field)]),
    );
  }
  if (root === 'locks') {
    return section === 'locks' ? lockAt(projector, id) : queueAt(projector, id);
  }
  if (section === 'tasks') {
    const task = projector.tasks.get(id);
    return task && toTaskState(task, configOf(projector));
  }
  if (section === 'registry') {
    const agent = projector.agents.get(id);
    return agent && toRegistration(projector, agent);
  }
  return globalPart(projector, section as 'config' | 'health' | 'metrics');
}

/** What no fact writes, and no watch tells: signs of life, and what the coordinator derives for Conductors. */
const DERIVED = ['lastActivityAt', 'lastSeenAt'];

/** What a record shows, less what no fact writes. */
export function withoutDerived([root, section]: RecordPlace, shown: unknown): unknown {
  const isAgent = root === 'agents' || section === 'registry';
  if (!isAgent || typeof shown !== 'object' || shown === null) return shown;
  const own = less(shown, DERIVED);
  const data = section === 'conductor' ? own['data'] : undefined;
  if (typeof data === 'object' && data !== null) own['data'] = less(data, DERIVED_FOR_CONDUCTORS);
  return own;
}

function less(shown: object, fields: readonly string[]): Record<string, unknown> {
  const rest: Record<string, unknown> = { ...shown };
  for (const field of fields) delete rest[field];
  return rest;
}

/** The key of a record among others. */
export function keyOf(place: RecordPlace): string {
  return place.join('\0');
}

/** The key of the one record that a pattern names; undefined when it may lead to several. */
export function namedRecord(pattern: Pattern): string | undefined {
  const depth = PARTS.some((part) => part[0] === pattern[0] && part[1] === pattern[1]) ? 2 : 3;
  const place = pattern.slice(0, depth).filter((segment) => typeof segment !== 'symbol');
  return place.length === depth ? keyOf(place) : undefined;
}

/** Whether a pattern can match a record or something in one. */
export function leadsToRecord(pattern: Pattern): boolean {
  return SHAPES.some((shape) => {
    let positions = startOf(pattern);
    for (const step of shape) positions = advance(pattern, positions, step);
    return positions.length > 0;
  });
}
