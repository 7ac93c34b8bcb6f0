/**
 * Walks every edge of a machine's adjacency map, from its initial record, by the facts that a test lists.
 *
 * States are told apart by their value and their record without times, tokens, ids and marks of writing. So the walk ends as
 * long as the list of facts bounds the counters of a record.
 */
import { adjacencyMapToArray, getAdjacencyMap } from '@xstate/graph';
import type { ActorLogic, AnyStateMachine, EventObject, Snapshot } from 'xstate';

/** What is walked. */
export interface WalkOptions<Record, Fact extends EventObject> {
  readonly record: Record;
  /** The facts to try in the state of a record, complete with payload, sequence, time and source. */
  readonly factsOf: (record: Record) => readonly Fact[];
}

/** A transition that was taken. */
export interface WalkEdge<Record, Fact> {
  readonly from: string;
  readonly fact: Fact;
  readonly to: string;
  readonly before: Record;
  readonly after: Record;
  /** The declared transition, as {@link Walk.neverTaken} would name it. */
  readonly transition: string;
}

/** What a walk saw. */
export interface Walk<Record, Fact> {
  /** Every state, serialized. */
  readonly states: readonly string[];
  readonly edges: readonly WalkEdge<Record, Fact>[];
  /** Declared transitions that no listed fact ever took. */
  readonly neverTaken: readonly string[];
}

type Walked<Record> = Snapshot<unknown> & {
  readonly value: unknown;
  readonly context: { readonly record: Record };
};

interface Declared {
  readonly eventType: string;
  readonly source: { readonly key: string };
  readonly target?: readonly { readonly key: string }[] | undefined;
  readonly guard?: unknown;
}

/**
 * Walks a machine whose context is `{ record }` and whose events are facts.
 *
 * @example
 * const walk = walkMachine(taskMachine, { record, factsOf: (task) => [started(task), completed(task)] });
 * for (const transition of walk.neverTaken) console.log(transition); // declared, and never taken by these facts
 */
export function walkMachine<Record, Fact extends EventObject>(
  machine: AnyStateMachine,
  { record, factsOf }: WalkOptions<Record, Fact>,
): Walk<Record, Fact> {
  const logic = machine as unknown as ActorLogic<Walked<Record>, Fact, { record: Record }>;
  const map = getAdjacencyMap<Walked<Record>, Fact, { record: Record }>(logic, {
    input: { record },
    events: (snapshot) => factsOf(snapshot.context.record),
    serializeState: ({ value, context }) => JSON.stringify([value, recordShape(context.record)]),
    serializeEvent: (fact) => JSON.stringify(fact),
  });
  const edges: WalkEdge<Record, Fact>[] = [];
  const untaken = new Map(declaredTransitions(machine).map((one) => [one, nameOf(one)]));
  for (const { state, event: fact, nextState: next } of adjacencyMapToArray(map)) {
    const [taken] = machine.getTransitionData(state as never, fact) as unknown as Declared[];
    if (taken === undefined) continue; // not legal here
    untaken.delete(taken);
    edges.push({
      from: String(state.value),
      fact,
      to: String(next.value),
      before: state.context.record,
      after: next.context.record,
      transition: nameOf(taken),
    });
  }
  return { states: Object.keys(map), edges, neverTaken: [...untaken.values()] };
}

function declaredTransitions(machine: AnyStateMachine): Declared[] {
  const nodes = [machine.root, ...Object.values(machine.root.states)];
  return nodes.flatMap(
    ({ transitions }) => [...transitions.values()].flat() as unknown as Declared[],
  );
}

function nameOf({ source, eventType, target, guard }: Declared): string {
  const to = target?.map(({ key }) => key).join(', ') ?? source.key;
  const when = guard === undefined ? '' : ` [${describeGuard(guard)}]`;
  return `${source.key} --${eventType}${when}--> ${to}`;
}

function describeGuard(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  return typeof guard === 'function' ? guard.name : String((guard as { type?: unknown }).type);
}

/** Times, tokens, ids and marks of writing: what makes every moment of a record another one. */
const PASSING = /^(id|key|sequence|touched|fencingToken|endedBy)$|(Id|AtMs|timestampMs)$/;

/** A record without what passes; a list of ids counts by its length. */
function recordShape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(recordShape);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !PASSING.test(key));
  return Object.fromEntries(
    kept.map(([key, item]) => [
      key,
      key.endsWith('Ids') && Array.isArray(item) ? item.length : recordShape(item),
    ]),
  );
}
