import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentIdentity } from '../../src/events/identity.ts';
import { Given, typesOf } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;
let bee: AgentIdentity;
let conductor: AgentIdentity;
let guardian: AgentIdentity;

beforeEach(() => {
  given = new Given({ limits: { tasksMax: 3 } });
  ant = given.session('ant');
  bee = given.session('bee');
  conductor = given.session('con', 'conductor');
  guardian = given.session('gua', 'guardian');
});

afterEach(() => given.checkReplay());

const TASK = { taskId: 't1' };

function aTask(): void {
  given.ask('task.create', { taskId: 't1', goal: 'count lines' }, ant);
}

function anAssignedTask(): void {
  aTask();
  given.ask('task.claim', TASK, ant);
}

function aRunningTask(): void {
  aTask();
  given.ask('task.claim', { ...TASK, start: true }, ant);
}

describe('task.create', () => {
  test('makes a pending task with the default priority of the configuration', () => {
    const outcome = given.when('task.create', { goal: 'count lines' }, ant);
    expect(outcome).toEqual({
      ok: true,
      facts: [['task.created', { taskId: 'id-1', goal: 'count lines', priority: 'normal' }]],
    });
    expect(given.view.task('id-1')).toMatchObject({
      status: 'pending',
      assignedTo: null,
      progress: 0,
    });
  });

  test('keeps the parent and the metadata', () => {
    aTask();
    given.ask(
      'task.create',
      { taskId: 't2', goal: 'g', parentTaskId: 't1', metadata: { a: 1 }, priority: 'high' },
      ant,
    );
    expect(given.view.task('t2')).toMatchObject({
      parentTaskId: 't1',
      metadata: { a: 1 },
      priority: 'high',
    });
  });

  test('is refused for a parent that does not exist, a taken id, a Guardian, and beyond tasksMax', () => {
    const orphan = given.when('task.create', { goal: 'g', parentTaskId: 'nobody' }, ant);
    expect(orphan).toMatchObject({ code: 'NOT_FOUND', details: { taskId: 'nobody' } });
    aTask();
    expect(typesOf(given.when('task.create', { ...TASK, goal: 'g' }, ant))).toBe('ALREADY_EXISTS');
    expect(typesOf(given.when('task.create', { goal: 'g' }, guardian))).toBe('FORBIDDEN');
    given.ask('task.create', { goal: 'g' }, ant);
    given.ask('task.create', { goal: 'g' });
    const full = given.when('task.create', { goal: 'g' }, ant);
    expect(full).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: 'tasksMax', max: 3 } });
  });
});

describe('task.claim', () => {
  test('takes the most urgent task, and of equals the oldest', () => {
    given.ask('task.create', { taskId: 'old', goal: 'g' });
    given.ask('task.create', { taskId: 'new', goal: 'g' });
    given.ask('task.create', { taskId: 'urgent', goal: 'g', priority: 'critical' });
    const taken = [1, 2, 3].map(() => {
      const outcome = given.when('task.claim', {}, ant);
      return outcome.ok ? outcome.facts[0]?.[1] : outcome.code;
    });
    expect(taken).toEqual([
      { taskId: 'urgent', assignedTo: ant },
      { taskId: 'old', assignedTo: ant },
      { taskId: 'new', assignedTo: ant },
    ]);
  });

  test('assigns and starts in one commit', () => {
    aTask();
    const outcome = given.when('task.claim', { ...TASK, start: true }, ant);
    expect(typesOf(outcome)).toEqual(['task.assigned', 'task.started']);
    expect(given.view.session('ant')).toMatchObject({
      status: 'busy',
      taskIds: ['t1'],
      runningIds: ['t1'],
    });
  });

  test('has one winner; the other is told who and since when', () => {
    given.nowMs = 5_000;
    anAssignedTask();
    given.nowMs = 9_000;
    const outcome = given.when('task.claim', TASK, bee);
    expect(outcome).toMatchObject({
      code: 'TASK_TAKEN',
      details: { taskId: 't1', assignedTo: ant, sinceMs: 5_000 },
    });
  });

  test('is refused when nothing waits, the task is not there, and for a session that takes none', () => {
    expect(typesOf(given.when('task.claim', {}, ant))).toBe('NOTHING_TO_CLAIM');
    expect(typesOf(given.when('task.claim', TASK, ant))).toBe('NOT_FOUND');
    aTask();
    expect(typesOf(given.when('task.claim', {}, guardian))).toBe('FORBIDDEN');
    expect(typesOf(given.when('task.claim', {}))).toBe('FORBIDDEN');
    given.ask('session.pause', { sessionId: 'ant' }, ant);
    const paused = given.when('task.claim', {}, ant);
    expect(paused).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      details: { kind: 'session', state: 'paused' },
    });
    given.ask('session.drain', { sessionId: 'bee' }, bee);
    expect(typesOf(given.when('task.claim', {}, bee))).toBe('ILLEGAL_TRANSITION');
  });

  test('of a task that ended is refused', () => {
    aTask();
    given.ask('task.cancel', TASK);
    expect(typesOf(given.when('task.claim', TASK, ant))).toBe('ILLEGAL_TRANSITION');
  });
});

describe('task.assign', () => {
  test('gives a task to a session, and moves it from another that has not started it', () => {
    aTask();
    expect(typesOf(given.when('task.assign', { ...TASK, assignedTo: ant }, conductor))).toEqual([
      'task.assigned',
    ]);
    expect(typesOf(given.when('task.assign', { ...TASK, assignedTo: bee }))).toEqual([
      'task.assigned',
    ]);
    expect(given.view.session('ant')?.taskIds).toEqual([]);
    expect(given.view.session('bee')?.taskIds).toEqual(['t1']);
  });

  test('is refused to a worker, for an unknown or disguised session, and when the task runs', () => {
    aRunningTask();
    expect(typesOf(given.when('task.assign', { ...TASK, assignedTo: bee }, ant))).toBe('FORBIDDEN');
    const nobody = { ...bee, sessionId: 'nobody' };
    expect(typesOf(given.when('task.assign', { ...TASK, assignedTo: nobody }))).toBe('NOT_FOUND');
    const disguised = { ...bee, agentType: 'conductor' } as const;
    expect(typesOf(given.when('task.assign', { ...TASK, assignedTo: disguised }))).toBe(
      'NOT_FOUND',
    );
    expect(typesOf(given.when('task.assign', { ...TASK, assignedTo: bee }))).toBe(
      'ILLEGAL_TRANSITION',
    );
    expect(typesOf(given.when('task.assign', { taskId: 'none', assignedTo: bee }))).toBe(
      'NOT_FOUND',
    );
  });

  test('is refused for a session that ended', () => {
    aTask();
    given.ask('session.stop', { sessionId: 'bee' });
    const outcome = given.when('task.assign', { ...TASK, assignedTo: bee });
    expect(outcome).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      details: { kind: 'session', state: 'offline' },
    });
  });
});

describe('task.start', () => {
  test('runs an assigned task and makes its session busy', () => {
    anAssignedTask();
    given.nowMs = 7_000;
    expect(typesOf(given.when('task.start', TASK, ant))).toEqual(['task.started']);
    expect(given.view.task('t1')).toMatchObject({
      status: 'running',
      startedAtMs: 7_000,
      attempts: 1,
    });
    expect(given.view.session('ant')?.status).toBe('busy');
  });

  test('[I10] is refused to a session that does not hold it, when nobody does, and twice', () => {
    aTask();
    const unheld = given.when('task.start', TASK, ant);
    expect(unheld).toMatchObject({ code: 'NOT_HOLDER', details: { holder: null } });
    given.ask('task.claim', TASK, ant);
    expect(given.when('task.start', TASK, bee)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: ant },
    });
    given.ask('task.start', TASK, ant);
    expect(typesOf(given.when('task.start', TASK, ant))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.start', { taskId: 'none' }, ant))).toBe('NOT_FOUND');
  });

  test('is granted to a draining session and refused to a paused one', () => {
    anAssignedTask();
    given.ask('session.pause', { sessionId: 'ant' }, ant);
    expect(typesOf(given.when('task.start', TASK, ant))).toBe('ILLEGAL_TRANSITION');
    given.ask('session.drain', { sessionId: 'ant' }, ant);
    expect(typesOf(given.when('task.start', TASK, ant))).toEqual(['task.started']);
    expect(given.view.session('ant')).toMatchObject({ status: 'draining', runningIds: ['t1'] });
  });
});

describe('task.progress', () => {
  test('keeps what the holder says', () => {
    aRunningTask();
    expect(
      typesOf(given.when('task.progress', { ...TASK, progress: 40, message: 'm' }, ant)),
    ).toEqual(['task.progress']);
    expect(given.view.task('t1')).toMatchObject({ progress: 40, message: 'm' });
  });

  test('[I10] is refused to others, out of bounds, and before the start', () => {
    anAssignedTask();
    expect(typesOf(given.when('task.progress', { ...TASK, progress: 1 }, ant))).toBe(
      'ILLEGAL_TRANSITION',
    );
    given.ask('task.start', TASK, ant);
    expect(typesOf(given.when('task.progress', { ...TASK, progress: 1 }, bee))).toBe('NOT_HOLDER');
    expect(typesOf(given.when('task.progress', { ...TASK, progress: 101 }, ant))).toBe(
      'INVALID_INPUT',
    );
    expect(typesOf(given.when('task.progress', { ...TASK, progress: Number.NaN }, ant))).toBe(
      'INVALID_INPUT',
    );
    expect(typesOf(given.when('task.progress', { taskId: 'none', progress: 1 }, ant))).toBe(
      'NOT_FOUND',
    );
  });
});

describe('task.complete and task.fail', () => {
  test('end a task, count it, and set its session free', () => {
    aRunningTask();
    given.nowMs = 3_500;
    expect(typesOf(given.when('task.complete', { ...TASK, result: { lines: 7 } }, ant))).toEqual([
      'task.completed',
    ]);
    expect(given.view.task('t1')).toMatchObject({
      status: 'complete',
      progress: 100,
      result: { lines: 7 },
      completedAtMs: 3_500,
    });
    expect(given.view.session('ant')).toMatchObject({
      status: 'idle',
      taskIds: [],
      runningIds: [],
    });
    expect(given.view.metrics).toMatchObject({ tasksCompleted: 1, durationMsSum: 2_500 });
    given.ask('task.create', { taskId: 't2', goal: 'g' });
    given.ask('task.claim', { taskId: 't2', start: true }, bee);
    const error = { code: 'E_PARSE', message: 'no' };
    expect(typesOf(given.when('task.fail', { taskId: 't2', error }, bee))).toEqual(['task.failed']);
    expect(given.view.task('t2')).toMatchObject({ status: 'failed', error });
    expect(given.view.metrics.tasksFailed).toBe(1);
  });

  test('a session that runs another task stays busy', () => {
    aRunningTask();
    given.ask('task.create', { taskId: 't2', goal: 'g' });
    given.ask('task.claim', { taskId: 't2', start: true }, ant);
    given.ask('task.complete', TASK, ant);
    expect(given.view.session('ant')).toMatchObject({ status: 'busy', runningIds: ['t2'] });
  });

  test('[I10] are refused to others, before the start, and after the end', () => {
    anAssignedTask();
    const error = { code: 'E', message: 'm' };
    expect(typesOf(given.when('task.complete', TASK, ant))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.fail', { ...TASK, error }, ant))).toBe('ILLEGAL_TRANSITION');
    given.ask('task.start', TASK, ant);
    expect(typesOf(given.when('task.complete', TASK, bee))).toBe('NOT_HOLDER');
    expect(typesOf(given.when('task.fail', { ...TASK, error }, bee))).toBe('NOT_HOLDER');
    expect(typesOf(given.when('task.complete', TASK))).toBe('FORBIDDEN');
    given.ask('task.complete', TASK, ant);
    expect(typesOf(given.when('task.complete', TASK, ant))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.fail', { ...TASK, error }, ant))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.complete', { taskId: 'none' }, ant))).toBe('NOT_FOUND');
    expect(typesOf(given.when('task.fail', { taskId: 'none', error }, ant))).toBe('NOT_FOUND');
  });

  test('[I10] a session whose task was given to another can no longer complete it', () => {
    aRunningTask();
    given.ask('task.requeue', TASK, conductor);
    given.ask('task.claim', { ...TASK, start: true }, bee);
    expect(given.when('task.complete', TASK, ant)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: bee },
    });
    expect(given.view.task('t1')?.status).toBe('running');
  });
});

describe('task.cancel', () => {
  test('ends a task of its holder, of a Conductor, of the operator', () => {
    aRunningTask();
    expect(typesOf(given.when('task.cancel', { ...TASK, reason: 'r' }, ant))).toEqual([
      'task.cancelled',
    ]);
    expect(given.view.task('t1')).toMatchObject({ status: 'cancelled', assignedTo: null });
    expect(given.view.session('ant')?.status).toBe('idle');
    given.ask('task.create', { taskId: 't2', goal: 'g' });
    expect(typesOf(given.when('task.cancel', { taskId: 't2' }, conductor))).toEqual([
      'task.cancelled',
    ]);
    given.ask('task.create', { taskId: 't3', goal: 'g' });
    expect(typesOf(given.when('task.cancel', { taskId: 't3' }))).toEqual(['task.cancelled']);
  });

  test('[I10] is refused to a session that does not hold it, and after the end', () => {
    aTask();
    expect(typesOf(given.when('task.cancel', TASK, ant))).toBe('NOT_HOLDER');
    given.ask('task.cancel', TASK);
    expect(typesOf(given.when('task.cancel', TASK))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.cancel', { taskId: 'none' }))).toBe('NOT_FOUND');
  });
});

describe('task.close', () => {
  test('ends a task as complete though the closer does not hold it, and is counted apart', () => {
    aRunningTask();
    const closed = { ...TASK, result: { lines: 7 }, reason: 'done by hand' };
    expect(given.when('task.close', closed, conductor)).toEqual({
      ok: true,
      facts: [['task.closed', closed]],
    });
    expect(given.view.task('t1')).toMatchObject({
      status: 'complete',
      progress: 100,
      result: { lines: 7 },
      assignedTo: ant,
    });
    expect(given.view.session('ant')).toMatchObject({ status: 'idle', taskIds: [] });
    given.ask('task.create', { taskId: 't2', goal: 'g' });
    expect(typesOf(given.when('task.close', { taskId: 't2' }))).toEqual(['task.closed']);
    given.ask('task.create', { taskId: 't3', goal: 'g' });
    given.ask('task.claim', { taskId: 't3' }, bee);
    given.ask('task.close', { taskId: 't3' });
    expect(given.view.session('bee')?.taskIds).toEqual([]);
    expect(given.view.metrics).toMatchObject({ tasksClosed: 3, tasksCompleted: 0 });
  });

  test('is refused to a worker, also to the holder, and after the end', () => {
    aRunningTask();
    expect(typesOf(given.when('task.close', TASK, ant))).toBe('FORBIDDEN');
    expect(typesOf(given.when('task.close', TASK, guardian))).toBe('FORBIDDEN');
    given.ask('task.complete', TASK, ant);
    expect(typesOf(given.when('task.close', TASK))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.close', { taskId: 'none' }))).toBe('NOT_FOUND');
  });
});

describe('task.requeue', () => {
  test('puts a task back, at the place of its age', () => {
    aRunningTask();
    given.ask('task.create', { taskId: 't2', goal: 'g' });
    expect(given.when('task.requeue', { ...TASK, reason: 'r' }, conductor)).toEqual({
      ok: true,
      facts: [['task.requeued', { taskId: 't1', reason: 'r', from: ant }]],
    });
    expect(given.view.task('t1')).toMatchObject({
      status: 'pending',
      assignedTo: null,
      startedAtMs: null,
      attempts: 1,
    });
    expect([...given.view.claimable()].map(({ id }) => id)).toEqual(['t1', 't2']);
  });

  test('is refused to a worker, for a task of nobody, and after the end', () => {
    aTask();
    expect(typesOf(given.when('task.requeue', TASK, ant))).toBe('FORBIDDEN');
    expect(typesOf(given.when('task.requeue', TASK))).toBe('ILLEGAL_TRANSITION');
    given.ask('task.claim', { ...TASK, start: true }, ant);
    given.ask('task.complete', TASK, ant);
    expect(typesOf(given.when('task.requeue', TASK))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.requeue', { taskId: 'none' }))).toBe('NOT_FOUND');
  });
});
