import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { parsePath } from '../../src/core/path.ts';
import {
  COORDINATOR,
  PRIORITIES,
  type AgentIdentity,
  type Priority,
} from '../../src/events/identity.ts';
import type { Deadline } from '../../src/events/view.ts';
import type { TaskRecord } from '../../src/events/task.ts';
import { Claimable } from '../../src/projections/claimable.ts';
import { Deadlines } from '../../src/projections/deadlines.ts';
import { toSwarmState, valueAtPath } from '../../src/projections/swarm-state.ts';
import { versionedAtPath } from '../../src/projections/versions.ts';
import { Given } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;
let bee: AgentIdentity;

beforeEach(() => {
  given = new Given({
    limits: { historyEventsMax: 5, historyRetentionMs: 10_000, heartbeatTimeoutMs: 60_000 },
  });
  ant = given.session('ant');
  bee = given.session('bee');
});

afterEach(() => given.checkReplay());

function at(path: string): unknown {
  const parsed = parsePath(path);
  return parsed.ok ? valueAtPath(given.view, parsed.steps) : parsed.code;
}

function versionAt(path: string): number | undefined {
  const parsed = parsePath(path);
  return parsed.ok ? versionedAtPath(given.view, parsed.steps)?.version : undefined;
}

describe('claimable tasks', () => {
  test('come in the order of urgency and age, also those that came back', () => {
    const create = (taskId: string, priority: Priority) =>
      given.ask('task.create', { taskId, goal: 'g', priority });
    create('n1', 'normal');
    create('n2', 'normal');
    create('low', 'low');
    create('n3', 'normal');
    for (const taskId of ['n2', 'n1']) given.ask('task.claim', { taskId }, ant);
    create('urgent', 'critical');
    for (const taskId of ['n2', 'n1']) given.ask('task.requeue', { taskId });
    expect([...given.view.claimable()].map(({ id }) => id)).toEqual([
      'urgent',
      'n1',
      'n2',
      'n3',
      'low',
    ]);
  });

  test('the index agrees with sorting, whatever comes, goes and comes back (seed 42)', () => {
    const step = fc.record({ task: fc.nat(9), priority: fc.constantFrom(...PRIORITIES) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = new Claimable();
        const tasks = new Map<number, TaskRecord>();
        for (const { task, priority } of steps) {
          const before = tasks.get(task);
          const fresh = {
            id: `t${task}`,
            status: 'pending',
            priority,
            assignedTo: null,
            touched: { whole: { sequence: tasks.size + 1 } },
          } as TaskRecord;
          const after: TaskRecord =
            before === undefined
              ? fresh
              : { ...before, assignedTo: before.assignedTo === null ? COORDINATOR : null };
          index.follow(before, after);
          tasks.set(task, after);
        }
        const expected = [...tasks.values()]
          .filter(({ assignedTo }) => assignedTo === null)
          .toSorted(
            (a, b) =>
              PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) ||
              a.touched.whole.sequence - b.touched.whole.sequence,
          );
        expect([...index.ids()]).toEqual(expected.map(({ id }) => id));
      }),
      { seed: 42, numRuns: 300 },
    );
  });
});

const sessionDeadline = (id: string, atMs: number): Deadline => ({ kind: 'session', id, atMs });

describe('deadlines', () => {
  test('give the earliest at its present time, and forget what is gone', () => {
    const now = new Map([
      ['a', 10],
      ['b', 20],
      ['c', 30],
    ]);
    const deadlines = new Deadlines(({ id }) => now.get(id));
    for (const [id, atMs] of now) deadlines.note(sessionDeadline(id, atMs));
    now.set('a', 40); // a sign of life
    now.delete('b');
    expect(deadlines.earliestMs).toBe(10); // a lower bound
    expect(deadlines.next()).toEqual(sessionDeadline('c', 30));
    now.delete('c');
    expect(deadlines.next()).toEqual(sessionDeadline('a', 40));
    expect(deadlines.all()).toEqual([sessionDeadline('a', 40)]);
    now.delete('a');
    expect(deadlines.next()).toBeUndefined();
    expect(deadlines.earliestMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('agree with sorting, however they move, as long as moves to earlier are noted (seed 42)', () => {
    const step = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      atMs: fc.option(fc.nat(50)),
      look: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const now = new Map<string, number>();
        const deadlines = new Deadlines(({ id }) => now.get(id));
        for (const { id, atMs, look } of steps) {
          if (atMs === null) now.delete(id);
          else {
            now.set(id, atMs);
            deadlines.note(sessionDeadline(id, atMs));
          }
          const sorted = [...now].map(([one, time]) => sessionDeadline(one, time));
          sorted.sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
          expect(deadlines.all()).toEqual(sorted);
          if (look) expect(deadlines.next()).toEqual(sorted[0]);
        }
      }),
      { seed: 42, numRuns: 500 },
    );
  });
});

const types = () => toSwarmState(given.view).events.events.map(({ type }) => type);

describe('the event history', () => {
  test('holds the newest events, and none older than its retention', () => {
    for (let count = 0; count < 7; count++) given.ask('task.create', { goal: 'g' });
    expect(types()).toEqual(Array.from({ length: 5 }, () => 'task.created'));
    given.nowMs += 10_001;
    given.ask('task.create', { goal: 'g' });
    expect(types()).toEqual(['task.created']);
  });

  test('leaves heartbeats out, and lets go of old events when one comes', () => {
    given.nowMs += 20_000;
    given.ask('session.heartbeat', { sessionId: 'ant' }, ant);
    expect(types()).toEqual([]);
  });

  test('indexes what it holds by type, source and correlation', () => {
    given.ask('task.create', { taskId: 't1', goal: 'g' }, ant);
    given.ask('task.claim', { taskId: 't1', start: true }, bee);
    const { events, byType, bySource, byCorrelation } = toSwarmState(given.view).events;
    const [assigned, started] = events.slice(-2);
    expect(byType.get('task.started')).toEqual([started?.id]);
    expect(bySource.get('agent-bee')).toEqual([assigned?.id, started?.id]);
    expect(byCorrelation.get(assigned?.id ?? '')).toEqual([assigned?.id, started?.id]);
    expect(toSwarmState(given.view).events.byType).toBe(byType); // made once
  });
});

describe('metrics', () => {
  test('count what ended, and the mean time from start to completion', () => {
    const metrics = () => toSwarmState(given.view).global.metrics;
    expect(metrics()).toMatchObject({ totalTasksCompleted: 0, averageTaskDuration: 0 });
    for (const [taskId, durationMs] of [
      ['t1', 100],
      ['t2', 300],
    ] as const) {
      given.ask('task.create', { taskId, goal: 'g' });
      given.ask('task.claim', { taskId, start: true }, ant);
      given.nowMs += durationMs;
      given.ask('task.complete', { taskId }, ant);
    }
    given.ask('task.create', { taskId: 't3', goal: 'g' });
    given.ask('task.claim', { taskId: 't3', start: true }, ant);
    given.ask('task.fail', { taskId: 't3', error: { code: 'E', message: 'm' } }, ant);
    expect(metrics()).toEqual({
      totalTasksCompleted: 2,
      totalTasksFailed: 1,
      totalHandoffs: 0,
      averageTaskDuration: 200,
      lastUpdated: new Date(given.nowMs).toISOString(),
    });
  });
});

describe('signs of life', () => {
  test('every command of a session is one; what others do to it is none', () => {
    given.nowMs = 5_000;
    given.ask('task.create', { taskId: 't1', goal: 'g' }, ant);
    expect(given.view.lastActivity('ant')?.timeMs).toBe(5_000);
    given.nowMs = 6_000;
    given.ask('task.assign', { taskId: 't1', assignedTo: ant });
    expect(given.view.lastActivity('ant')?.timeMs).toBe(5_000);
    expect(given.view.sessionDeadlineMs('ant')).toBe(65_000);
  });

  test('[I9] a gap moves the deadline of every living session, in error too, and of no other', () => {
    given.ask('session.fail', { sessionId: 'bee', code: 'E', message: 'm' }, bee);
    const cat = given.session('cat');
    given.ask('session.stop', { sessionId: 'cat' }, cat);
    const before = ['ant', 'bee', 'cat'].map((id) => given.view.sessionDeadlineMs(id));
    expect(before).toEqual([61_000, 1_000 + DEFAULT_LIMITS.graceMs, undefined]);
    for (const type of ['system.stall', 'system.resume'] as const) {
      given.ask(
        type,
        type === 'system.stall' ? { gapMs: 500 } : { gapMs: 500, epoch: 2 },
        COORDINATOR,
      );
    }
    const after = ['ant', 'bee', 'cat'].map((id) => given.view.sessionDeadlineMs(id));
    expect(after).toEqual([62_000, 2_000 + DEFAULT_LIMITS.graceMs, undefined]);
  });
});

describe('SwarmState', () => {
  test('shows tasks where the specification has them: of the swarm, and resolved in their session', () => {
    for (const taskId of ['t1', 't2', 't3']) {
      given.ask('task.create', { taskId, goal: 'g' });
      given.ask('task.claim', { taskId, start: taskId === 't2' }, ant);
    }
    const state = toSwarmState(given.view);
    const session = state.agents['pulse']?.['ant'];
    expect(session?.currentTask).toBe(session?.currentTask);
    expect(session).toMatchObject({ status: 'busy', currentTask: { id: 't2' } });
    expect(session?.taskQueue.map(({ id }) => id)).toEqual(['t1', 't3']);
    expect(state.global.tasks['t2']).toEqual(session?.currentTask);
    expect(state.global.registry['agent-ant']).toMatchObject({
      sessions: ['ant'],
      health: 'healthy',
    });
  });

  test('a path leads to the same value as the whole state', () => {
    given.ask('task.create', { taskId: 't1', goal: 'g', metadata: { list: [{ deep: 1 }] } });
    given.ask('lock.acquire', { lockId: 'l1', resource: 'a.ts', type: 'exclusive' }, ant);
    given.ask('lock.acquire', { lockId: 'l2', resource: 'a.ts', type: 'exclusive' }, bee);
    const state = toSwarmState(given.view);
    expect(at('global.tasks.t1')).toEqual(state.global.tasks['t1']);
    expect(at('global.tasks.t1.metadata.list[0].deep')).toBe(1);
    expect(at('agents.pulse.ant.status')).toBe('idle');
    expect(at('agents.pulse')).toEqual(state.agents['pulse']);
    expect(at('locks.locks.l1')).toEqual(state.locks.locks['l1']);
    expect(at('locks.l1.holder.id')).toBe('agent-ant');
    expect(at('locks.waitQueue["a.ts"][0].requester.sessionId')).toBe('bee');
    expect(at('global.config.maxConcurrentAgents')).toBe(1_000);
    for (const nowhere of [
      'global.tasks.none',
      'agents.pulse.none.status',
      'agents.guardian.ant',
      'nowhere',
      'global.tasks.t1.metadata.list[1]',
      'global.tasks.t1.goal.length',
    ]) {
      expect(at(nowhere), nowhere).toBeUndefined();
    }
    expect(at('global.__proto__')).toBe('INVALID_PATH');
  });

  test('the version of a path is the greatest of what was written at it, above it or below it', () => {
    given.ask('task.create', { taskId: 't1', goal: 'g' });
    const created = given.view.sequence;
    given.ask('task.claim', { taskId: 't1' }, ant);
    const assigned = given.view.sequence;
    expect(versionAt('global.tasks.t1.goal')).toBe(created);
    expect(versionAt('global.tasks.t1.assignedTo.agentId')).toBe(assigned);
    expect(versionAt('global.tasks.t1')).toBe(assigned);
    expect(versionAt('agents.pulse.ant.taskQueue')).toBe(assigned);
    given.ask('state.update', { path: 'agents.pulse.ant.data.a.b', newValue: 1 }, ant);
    const written = given.view.sequence;
    expect(versionAt('agents.pulse.ant.data')).toBe(written);
    expect(versionAt('agents.pulse.ant.a.b')).toBe(written); // short for data.a.b
    given.ask('state.update', { path: 'agents.pulse.ant.data.c', newValue: 1 }, ant);
    expect(versionAt('agents.pulse.ant.data.a.b')).toBe(written);
    const newValue = { ...(at('agents.pulse.ant.data') as object), a: { b: 2 } };
    given.ask('state.update', { path: 'agents.pulse.ant.data', newValue }, ant);
    expect(versionAt('agents.pulse.ant.data.a.b')).toBe(given.view.sequence);
  });

  test('ids and resources may look like anything', () => {
    given.ask(
      'lock.acquire',
      { lockId: 'hasOwnProperty', resource: 'toString', type: 'shared' },
      ant,
    );
    given.ask('task.create', { taskId: 'valueOf', goal: 'g' });
    const state = toSwarmState(given.view);
    expect(Object.keys(state.locks.locks)).toEqual(['hasOwnProperty']);
    expect(at('global.tasks.toString')).toBeUndefined();
    expect(at('global.tasks.valueOf.goal')).toBe('g');
  });
});
