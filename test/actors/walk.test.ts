import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { handoffMachine } from '../../src/actors/handoff.ts';
import { lockMachine } from '../../src/actors/lock.ts';
import { isCompatible } from '../../src/actors/lock-rules.ts';
import { sessionMachine } from '../../src/actors/session.ts';
import { taskMachine } from '../../src/actors/task.ts';
import type { SwarmFact } from '../../src/events/catalog.ts';
import { evolveHandoff, stateOfHandoff } from '../../src/events/handoff.ts';
import type { HandoffFact, HandoffRecord } from '../../src/events/handoff.ts';
import type { AgentIdentity } from '../../src/events/identity.ts';
import { evolveLock, freeResource, stateOfLock, LOCK_TYPES } from '../../src/events/lock.ts';
import type { LockFact, LockRecord } from '../../src/events/lock.ts';
import { evolveSession, stateOfSession } from '../../src/events/session.ts';
import type { SessionFact, SessionRecord } from '../../src/events/session.ts';
import { evolveTask, stateOfTask } from '../../src/events/task.ts';
import type { TaskFact, TaskRecord } from '../../src/events/task.ts';
import { walkMachine } from '../../src/testing/index.ts';

const ME: AgentIdentity = { agentId: 'ant', agentType: 'pulse', sessionId: 's1' };
const OTHER: AgentIdentity = { agentId: 'bee', agentType: 'pulse', sessionId: 's2' };

/** A fact at a place of its own; what is walked does not depend on where. */
function at<Fact extends SwarmFact>(type: Fact['type'], payload: unknown, sequence = 2): Fact {
  return { type, payload, sequence, timeMs: 1_000 * sequence, source: ME } as Fact;
}

/** Walks a machine, prints what it saw, and compares every edge with the fold. */
function walk<Record, Fact extends SwarmFact>(
  name: string,
  machine: AnyStateMachine,
  {
    record,
    factsOf,
    evolve,
    stateOf,
  }: {
    readonly record: Record;
    readonly factsOf: (record: Record) => readonly Fact[];
    readonly evolve: (record: Record, fact: Fact) => Record;
    readonly stateOf: (record: Record) => string;
  },
): void {
  const walked = walkMachine<Record, Fact>(machine, { record, factsOf });
  process.stdout.write(
    `walk ${name}: ${walked.states.length} states, ${walked.edges.length} edges\n`,
  );
  for (const { before, after, from, to, fact, transition } of walked.edges) {
    const folded = evolve(before, fact);
    expect(after, transition).toEqual(folded);
    expect(from, transition).toBe(stateOf(before));
    expect(to, transition).toBe(stateOf(folded));
  }
  expect(walked.edges.length).toBeGreaterThan(0);
  expect(walked.neverTaken).toEqual([]);
}

function taskFacts({ assignedTo, attempts }: TaskRecord): readonly TaskFact[] {
  const about = { taskId: 't1' };
  return [
    at('task.assigned', { ...about, assignedTo: ME }),
    at('task.progress', { ...about, progress: 50, message: 'half' }),
    at('task.completed', { ...about, result: { lines: 3 } }),
    at('task.failed', { ...about, error: { code: 'BROKEN', message: 'it broke' } }),
    at('task.cancelled', { ...about, reason: 'not wanted' }),
    at('task.closed', { ...about, result: { lines: 3 } }),
    at('task.requeued', { ...about, reason: 'again', from: assignedTo ?? OTHER }),
    at('task.preempted', { ...about, from: assignedTo ?? OTHER, forTaskId: 't2' }),
    at('task.late_completion', { ...about, by: OTHER }),
    ...(attempts < 2 ? [at<TaskFact>('task.started', about)] : []),
  ];
}

function sessionFacts(record: SessionRecord): readonly (SessionFact | TaskFact)[] {
  const { taskIds, runningIds, errorCount } = record;
  const me = { sessionId: 's1' };
  const free = ['t1', 't2'].filter((id) => !taskIds.includes(id));
  return [
    at('agent.started', me),
    at('agent.heartbeat', me),
    at('agent.paused', me),
    at('agent.resumed', me),
    at('agent.draining', me),
    at('agent.recovered', me),
    at('agent.stalled', { ...me, taskIds: runningIds, sinceMs: 1_000 }),
    at('agent.stopped', { ...me, reason: 'done' }),
    ...(errorCount < 2
      ? [at<SessionFact>('agent.errored', { ...me, code: 'E', message: 'm' })]
      : []),
    ...free.slice(0, 1).map((taskId) => at<TaskFact>('task.assigned', { taskId, assignedTo: ME })),
    ...taskIds.flatMap((taskId) => [
      at<TaskFact>('task.cancelled', { taskId }),
      at<TaskFact>('task.closed', { taskId }),
      at<TaskFact>('task.requeued', { taskId, from: ME }),
      ...(runningIds.includes(taskId)
        ? [
            at<TaskFact>('task.completed', { taskId }),
            at<TaskFact>('task.preempted', { taskId, from: ME, forTaskId: 't3' }),
            at<TaskFact>('task.failed', { taskId, error: { code: 'E', message: 'm' } }),
          ]
        : [
            at<TaskFact>('task.started', { taskId }),
            at<TaskFact>('task.assigned', { taskId, assignedTo: OTHER }), // one that runs is requeued first
          ]),
    ]),
  ];
}

function lockFacts({ holders, queue, upgrade }: LockRecord): readonly LockFact[] {
  const resource = 'r';
  const used = new Set([...holders, ...queue].map(({ id }) => id));
  const fresh = ['l1', 'l2', 'l3'].find((id) => !used.has(id));
  const ttl = 1_000;
  const asks = { resource, ttl, timeout: 1_000, priority: 'normal' };
  return [
    ...LOCK_TYPES.flatMap((type) =>
      fresh === undefined
        ? []
        : [
            at<LockFact>('lock.acquired', { lockId: fresh, resource, type, ttl, holder: ME }),
            at<LockFact>('lock.requested', { lockId: fresh, type, ...asks }),
          ],
    ),
    ...queue.flatMap(({ id, type, requester }) => [
      at<LockFact>('lock.acquired', { lockId: id, resource, type, ttl, holder: requester }),
      at<LockFact>('lock.abandoned', { lockId: id, resource, reason: 'timeout' }),
      at<LockFact>('lock.contention', { lockId: id, resource, holders: [], ahead: 0 }),
    ]),
    ...holders.flatMap(({ id: lockId, renewCount }) => [
      at<LockFact>('lock.released', { lockId, resource }),
      at<LockFact>('lock.expired', { lockId, resource }),
      at<LockFact>('lock.downgraded', { lockId, resource }),
      ...(['exclusive', 'upgradeable'] as const).flatMap((to) => [
        at<LockFact>('lock.upgraded', { lockId, resource, to }),
        at<LockFact>('lock.upgrade_requested', { ...asks, lockId, to }),
      ]),
      ...(renewCount < 1 ? [at<LockFact>('lock.renewed', { lockId, resource, ttl })] : []),
    ]),
    ...(upgrade === null
      ? []
      : [at<LockFact>('lock.abandoned', { lockId: upgrade.lockId, resource, reason: 'aborted' })]),
  ];
}

const about = { handoffId: 'h1', taskId: 't1' };
const HANDOFF_FACTS: readonly HandoffFact[] = [
  at('handoff.accepted', { ...about, by: OTHER }),
  at('handoff.rejected', { ...about, reason: 'busy' }),
  at('handoff.completed', about),
  at('handoff.expired', about),
];

describe('the adjacency walk takes every declared transition and agrees with the fold', () => {
  test('of a task', () => {
    const created = at<TaskFact>(
      'task.created',
      { taskId: 't1', goal: 'g', priority: 'normal' },
      1,
    );
    const record = evolveTask(undefined, created);
    walk('task', taskMachine, {
      record,
      factsOf: taskFacts,
      evolve: evolveTask,
      stateOf: stateOfTask,
    });
  });

  test('of a session', () => {
    const registered = at<SessionFact>('agent.registered', ME, 1);
    const record = evolveSession(undefined, registered);
    walk<SessionRecord, SessionFact | TaskFact>('session', sessionMachine, {
      record,
      factsOf: sessionFacts,
      evolve: evolveSession,
      stateOf: stateOfSession,
    });
  });

  test('of a resource', () => {
    const record = freeResource('r');
    walk('lock', lockMachine, {
      record,
      factsOf: lockFacts,
      evolve: evolveLock,
      stateOf: stateOfLock,
    });
  });

  test('of a handoff', () => {
    const payload = {
      ...about,
      to: { agentType: 'pulse' },
      reason: 'r',
      priority: 'normal',
      timeout: 1_000,
    };
    const requested = at<HandoffFact>('handoff.requested', payload, 1);
    walk<HandoffRecord, HandoffFact>('handoff', handoffMachine, {
      record: evolveHandoff(undefined, requested),
      factsOf: () => HANDOFF_FACTS,
      evolve: evolveHandoff,
      stateOf: stateOfHandoff,
    });
  });
});

test('no walk of a resource reaches two holders that exclude each other', () => {
  const { edges } = walkMachine<LockRecord, LockFact>(lockMachine, {
    record: freeResource('r'),
    factsOf: lockFacts,
  });
  for (const { after, transition } of edges) {
    for (const hold of after.holders) {
      const others = after.holders.filter(({ id }) => id !== hold.id);
      expect(isCompatible(hold.type, others), transition).toBe(true);
    }
  }
});

test('a transition that no listed fact takes is named', () => {
  const { neverTaken } = walkMachine<HandoffRecord, HandoffFact>(handoffMachine, {
    record: evolveHandoff(
      undefined,
      at<HandoffFact>(
        'handoff.requested',
        { ...about, to: OTHER, reason: 'r', priority: 'low', timeout: 1 },
        1,
      ),
    ),
    factsOf: () => HANDOFF_FACTS.filter(({ type }) => type !== 'handoff.expired'),
  });
  expect(neverTaken).toEqual([
    'requested --handoff.expired--> expired',
    'accepted --handoff.expired--> expired',
  ]);
});
