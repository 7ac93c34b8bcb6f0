/** A critical task takes the place of one of low priority, when the features say so and there is no other place. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { AgentIdentity, Priority } from '../../src/events/identity.ts';
import { DEFAULT_CONFIG } from '../../src/events/system.ts';
import { Given, typesOf } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;

function begin(preemption: boolean, capacity?: number): void {
  given = new Given({ config: { features: { ...DEFAULT_CONFIG.features, preemption } } });
  ant = given.session('ant', 'pulse', true, capacity === undefined ? {} : { capacity });
}

function aTask(taskId: string, priority: Priority = 'normal'): void {
  given.ask('task.create', { taskId, goal: 'g', priority });
}

/** The ant runs tasks of these priorities, named by them and their number, one a millisecond. */
function running(...priorities: readonly Priority[]): void {
  for (const [index, priority] of priorities.entries()) {
    const taskId = `${priority}-${index + 1}`;
    aTask(taskId, priority);
    given.nowMs += 1;
    given.ask('task.claim', { taskId, start: true }, ant);
  }
}

/** A session has a task to itself for a second. */
function locked(taskId: string, by: AgentIdentity): void {
  const resource = `state/global/tasks/${taskId}`;
  given.ask('lock.acquire', { resource, type: 'exclusive', ttl: 1_000 }, by);
}

function assigned(): unknown {
  return typesOf(given.when('task.assign', { taskId: 'now', assignedTo: ant }));
}

const CLAIM = { taskId: 'now', start: true };

beforeEach(() => begin(true));

describe('with features.preemption', () => {
  test('a claim puts down the youngest of low priority, and keeps its progress', () => {
    begin(true, 3);
    running('low', 'normal', 'low');
    given.ask('task.progress', { taskId: 'low-3', progress: 70 }, ant);
    aTask('now', 'critical');
    const taskId = 'low-3';
    expect(given.when('task.claim', { start: true }, ant)).toEqual({
      ok: true,
      facts: [
        ['task.preempted', { taskId, from: ant, forTaskId: 'now' }],
        ['task.assigned', { taskId: 'now', assignedTo: ant }],
        ['task.started', { taskId: 'now' }],
      ],
    });
    expect(given.view.task(taskId)).toMatchObject({
      status: 'pending',
      assignedTo: null,
      progress: 70,
      lostBy: ['ant'],
    });
    expect(given.view.session('ant')?.runningIds).toEqual(['low-1', 'normal-2', 'now']);
    given.checkReplay();
  });

  test('an assignment does so too; then the session starts it', () => {
    begin(true, 1);
    running('low');
    aTask('now', 'critical');
    const assignment = { taskId: 'now', assignedTo: ant };
    expect(typesOf(given.when('task.assign', assignment))).toEqual([
      'task.preempted',
      'task.assigned',
    ]);
    expect(given.view.session('ant')?.status).toBe('idle');
    expect(given.when('task.start', { taskId: 'now' }, ant).ok).toBe(true);
    given.checkReplay();
  });

  test('an agent that declared no capacity is taken to run one task at once', () => {
    running('low');
    aTask('now', 'critical');
    expect(typesOf(given.when('task.claim', CLAIM, ant))).toEqual([
      'task.preempted',
      'task.assigned',
      'task.started',
    ]);
  });

  test('nothing is put down when there is room, nothing of low priority, or nothing critical', () => {
    begin(true, 2);
    running('low');
    aTask('now', 'critical');
    expect(typesOf(given.when('task.claim', CLAIM, ant))).toEqual([
      'task.assigned',
      'task.started',
    ]);
    aTask('high', 'high');
    expect(typesOf(given.when('task.claim', { taskId: 'high' }, ant))).toBe('AT_CAPACITY');
    given.ask('task.complete', { taskId: 'low-1' }, ant);
    running('normal');
    aTask('then', 'critical');
    expect(typesOf(given.when('task.claim', { taskId: 'then' }, ant))).toBe('AT_CAPACITY');
    expect(typesOf(given.when('task.assign', { taskId: 'then', assignedTo: ant }))).toEqual([
      'task.assigned',
    ]);
    expect(typesOf(given.when('task.start', { taskId: 'then' }, ant))).toBe('AT_CAPACITY');
  });
});

describe('a critical task that the session could not start now puts nothing down', () => {
  test('[I10] since it depends on a task that is not complete', () => {
    running('low');
    aTask('before');
    given.ask('task.create', {
      taskId: 'now',
      goal: 'g',
      priority: 'critical',
      dependsOn: ['before'],
    });
    expect(typesOf(given.when('task.claim', CLAIM, ant))).toBe('TASK_BLOCKED');
    expect(assigned()).toEqual(['task.assigned']);
    expect(given.view.task('low-1')?.status).toBe('running');
  });

  test('[I10] before the time of its next attempt', () => {
    const retry = { maxAttempts: 2, backoffMs: 500 };
    given.ask('task.create', { taskId: 'now', goal: 'g', priority: 'critical', retry });
    given.ask('task.claim', CLAIM, ant);
    given.ask('task.fail', { taskId: 'now', error: { code: 'E', message: 'm' } }, ant);
    running('low');
    expect(typesOf(given.when('task.claim', CLAIM, ant))).toBe('TASK_BLOCKED');
    expect(assigned()).toEqual(['task.assigned']);
    given.ask('task.requeue', { taskId: 'now' });
    given.nowMs += 500;
    expect(assigned()).toEqual(['task.preempted', 'task.assigned']);
  });

  test('[I10] while another session has locked it', () => {
    running('low');
    aTask('now', 'critical');
    const queen = given.session('queen', 'conductor');
    locked('now', queen);
    const assignment = { taskId: 'now', assignedTo: ant };
    expect(typesOf(given.when('task.assign', assignment, queen))).toEqual(['task.assigned']);
  });

  test('since its agent runs more than it has come to take', () => {
    begin(true, 2);
    running('low', 'low');
    given.session('ant-2', 'pulse', true, { agentId: ant.agentId, capacity: 1 });
    aTask('now', 'critical');
    expect(typesOf(given.when('task.claim', CLAIM, ant))).toBe('AT_CAPACITY');
    expect(assigned()).toEqual(['task.assigned']);
  });
});

test('a critical task that was assigned while it was blocked takes its place when it is started', () => {
  begin(true, 1);
  running('low');
  aTask('before');
  const dependsOn = ['before'];
  given.ask('task.create', { taskId: 'now', goal: 'g', priority: 'critical', dependsOn });
  expect(assigned()).toEqual(['task.assigned']);
  given.ask('task.close', { taskId: 'before' });
  expect(typesOf(given.when('task.start', { taskId: 'now' }, ant))).toEqual([
    'task.preempted',
    'task.started',
  ]);
  expect(given.view.session('ant')).toMatchObject({ status: 'busy', runningIds: ['now'] });
  given.checkReplay();
});

describe('a task of low priority that is locked', () => {
  test('[I10] is not put down for others than the holder of the lock; another one is', () => {
    begin(true, 2);
    running('low', 'low');
    locked('low-2', given.session('bee'));
    aTask('now', 'critical');
    expect(given.when('task.claim', CLAIM, ant)).toMatchObject({
      facts: [
        ['task.preempted', { taskId: 'low-1' }],
        ['task.assigned', {}],
        ['task.started', {}],
      ],
    });
    aTask('then', 'critical');
    const assignment = { taskId: 'then', assignedTo: ant };
    expect(typesOf(given.when('task.claim', { taskId: 'then' }, ant))).toBe('AT_CAPACITY');
    expect(typesOf(given.when('task.assign', assignment))).toEqual(['task.assigned']);
  });

  test('[I10] is put down when the lease has run out', () => {
    running('low');
    locked('low-1', given.session('bee'));
    given.nowMs += 1_000;
    aTask('now', 'critical');
    expect(typesOf(given.when('task.claim', CLAIM, ant))).toContain('task.preempted');
  });

  test('[I10] by the session that runs it is put down for its own claim, and for nobody else', () => {
    running('low');
    locked('low-1', ant);
    aTask('now', 'critical');
    aTask('then', 'critical');
    const assignment = { taskId: 'then', assignedTo: ant };
    expect(typesOf(given.when('task.assign', assignment))).toEqual(['task.assigned']);
    expect(typesOf(given.when('task.claim', CLAIM, ant))).toContain('task.preempted');
  });
});

test('without the feature a critical task waits as others do', () => {
  begin(false, 1);
  running('low');
  aTask('now', 'critical');
  expect(typesOf(given.when('task.claim', CLAIM, ant))).toBe('AT_CAPACITY');
  expect(typesOf(given.when('task.assign', { taskId: 'now', assignedTo: ant }))).toEqual([
    'task.assigned',
  ]);
  expect(given.view.task('low-1')?.status).toBe('running');
});
