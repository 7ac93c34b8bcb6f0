/** An event touches exactly the fields that its fold wrote, and the catalogue says which. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../src/core/json.ts';
import { definitionOf, type SwarmFact } from '../../src/events/catalog.ts';
import { versionOf, type Touched } from '../../src/events/definition.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { EventLog } from '../../src/events/log.ts';
import { Projector } from '../../src/projections/projector.ts';
import { toSwarmState, type AgentState } from '../../src/projections/swarm-state.ts';
import { countedIds } from '../../src/testing/index.ts';
import { commitsOf, LIFE_LIMITS, lifeOf, live } from '../support/random-life.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

/** A thing that the state shows, with the versions of its fields. */
interface Shown {
  readonly kind: 'task' | 'session' | 'lock' | 'agent';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly touched: Touched;
}

/** Which definitions speak for which things: a fact about a task also changes sessions, whose versions it stamps itself. */
const DECLARES: Readonly<Record<Shown['kind'], RegExp>> = {
  task: /^task\./,
  session: /^agent\.(?!health_changed)/,
  lock: /^lock\./,
  agent: /^agent\.health_changed$/,
};

test('[I1] every field that a fact changes is one that its definition says it writes, and has its version', async () => {
  const changedBy = new Map<string, Set<string>>();
  const property = fc.asyncProperty(lifeOf(80), async (operations) => {
    const database = new GatedDatabase();
    const ids = countedIds();
    const { swarm } = await live(operations, (clock) =>
      openSwarmOver(database, { clock, ids, limits: LIFE_LIMITS }),
    );
    await swarm.close();
    for (const { fact, fields, kind } of changes(await commitsOf(EventLog.read(database)))) {
      const seen = changedBy.get(fact.type) ?? new Set();
      changedBy.set(fact.type, seen);
      for (const field of fields) seen.add(`${kind}.${field}`);
    }
    await database.close();
  });
  await fc.assert(property, { seed: 42, numRuns: 60 });
  expect(changedBy.size).toBeGreaterThan(20);
});

/** Folds facts one by one, and checks what each changed. */
function* changes(commits: readonly Commit[]) {
  const projector = new Projector();
  let before = new Map<string, Shown>();
  for (const commit of commits) {
    for (const fact of commit.facts as readonly SwarmFact[]) {
      projector.apply({ command: commit.command, facts: [fact] });
      const after = shownIn(projector);
      for (const [id, { kind, fields, touched }] of after) {
        const changed = changedFields(before.get(id)?.fields, fields);
        if (changed.length === 0) continue;
        check(fact, { id, kind, changed, touched });
        yield { fact, kind, fields: changed };
      }
      before = after;
    }
  }
}

function check(
  fact: SwarmFact,
  thing: { id: string; kind: Shown['kind']; changed: readonly string[]; touched: Touched },
): void {
  const name = `${fact.type} changed ${thing.id}: ${thing.changed.join(', ')}`;
  const { writes } = definitionOf(fact.type) ?? { writes: [] };
  if (DECLARES[thing.kind].test(fact.type) && writes !== null) {
    expect(writes, name).toEqual(expect.arrayContaining([...thing.changed]));
  }
  for (const field of thing.changed) {
    expect(versionOf(thing.touched, field).sequence, `${name}; the version of ${field}`).toBe(
      fact.sequence,
    );
  }
}

function changedFields(
  before: Readonly<Record<string, unknown>> | undefined,
  after: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.keys({ ...before, ...after }).filter(
    (field) => canonicalJson(before?.[field] ?? null) !== canonicalJson(after[field] ?? null),
  );
}

/** Everything that has versions of its own; sessions by the ids of their tasks, which are things of their own. */
function shownIn(projector: Projector): Map<string, Shown> {
  const { global, agents, locks } = toSwarmState(projector);
  const found = new Map<string, Shown>();
  for (const [id, { touched }] of projector.tasks) {
    // Until when a task may run follows from its start and the configuration: nobody writes it.
    const { deadline: _deadline, ...fields } = { ...global.tasks[id] };
    found.set(`task ${id}`, { kind: 'task', fields, touched });
  }
  for (const [id, { touched, identity }] of projector.sessions) {
    const session = agents[identity.agentType]?.[id];
    if (session !== undefined) {
      found.set(`session ${id}`, { kind: 'session', fields: withoutTasks(session), touched });
    }
  }
  for (const { holders } of projector.locks.byResource.values()) {
    for (const { id, touched } of holders) {
      found.set(`lock ${id}`, { kind: 'lock', fields: { ...locks.locks[id] }, touched });
    }
  }
  for (const [id, { touched }] of projector.agents) {
    const { lastSeenAt: _lastSeenAt, ...fields } = global.registry[id] ?? {};
    found.set(`agent ${id}`, { kind: 'agent', fields, touched });
  }
  return found;
}

function withoutTasks({
  lastActivityAt: _lastActivityAt,
  ...session
}: AgentState): Readonly<Record<string, unknown>> {
  const { currentTask, taskQueue } = session;
  // What is derived for Conductors nobody writes.
  const {
    activeSessions: _activeSessions,
    pendingHandoffs: _pendingHandoffs,
    agentLoads: _agentLoads,
    ...data
  } = session.data;
  return {
    ...session,
    data,
    currentTask: currentTask?.id ?? null,
    taskQueue: taskQueue.map(({ id }) => id),
  };
}
