/** Subtasks and dependencies: what may be made, what keeps a task from its end, and what ends with it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COORDINATOR, type AgentIdentity } from '../../src/events/identity.ts';
import type { PayloadOf } from '../../src/protocol/commands.ts';
import { Given, typesOf, type Outcome } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;

beforeEach(() => {
  given = new Given({ limits: { taskDependenciesMax: 3, commitFactsMax: 2 } });
  ant = given.session('ant');
});

afterEach(() => given.checkReplay());

function aTask(taskId: string, more: Partial<PayloadOf<'task.create'>> = {}): void {
  given.ask('task.create', { taskId, goal: 'g', ...more });
}

function create(dependsOn: string[], parentTaskId?: string): Outcome {
  return given.when('task.create', {
    taskId: 'new',
    goal: 'g',
    dependsOn,
    ...(parentTaskId === undefined ? {} : { parentTaskId }),
  });
}

const statusOf = (...ids: string[]) => ids.map((id) => given.view.task(id)?.status);

describe('a new task', () => {
  test('depends on tasks that exist, each named once, and on no more than taskDependenciesMax', () => {
    for (const id of ['a', 'b', 'c', 'd']) aTask(id);
    expect(create(['a', 'none'])).toMatchObject({ code: 'NOT_FOUND', details: { taskId: 'none' } });
    expect(typesOf(create(['a', 'a']))).toBe('INVALID_INPUT');
    expect(create(['a', 'b', 'c', 'd'])).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'taskDependenciesMax', max: 3 },
    });
    expect(typesOf(create(['a', 'b', 'c']))).toEqual(['task.created']);
  });

  test('that depends on a complete task waits for nothing; on a failed or cancelled one it is refused', () => {
    for (const id of ['done', 'failed', 'cancelled']) aTask(id);
    given.ask('task.close', { taskId: 'done' });
    given.ask('task.cancel', { taskId: 'cancelled' });
    given.ask('task.claim', { taskId: 'failed', start: true }, ant);
    given.ask('task.fail', { taskId: 'failed', error: { code: 'E', message: 'm' } }, ant);
    aTask('t1', { dependsOn: ['done'] });
    expect(given.when('task.claim', { taskId: 't1' }, ant).ok).toBe(true);
    for (const id of ['failed', 'cancelled']) {
      expect(given.when('task.create', { goal: 'g', dependsOn: [id] })).toMatchObject({
        code: 'TASK_BLOCKED',
        details: { waitsFor: [id], status: id },
      });
    }
  });

  test('is no subtask of a task that has ended', () => {
    aTask('parent');
    given.ask('task.close', { taskId: 'parent' });
    expect(given.when('task.create', { goal: 'g', parentTaskId: 'parent' })).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      details: { taskId: 'parent', status: 'complete' },
    });
  });

  test('does not wait for its own parent, and is told the way round', () => {
    aTask('root');
    aTask('parent', { parentTaskId: 'root' });
    aTask('other');
    aTask('waits', { dependsOn: ['root'] });
    aTask('holds');
    aTask('held', { parentTaskId: 'holds', dependsOn: ['waits'] });
    expect(create(['parent'], 'parent')).toMatchObject({
      code: 'DEPENDENCY_CYCLE',
      details: { cycle: ['new', 'parent'] },
    });
    expect(create(['other', 'holds'], 'parent')).toMatchObject({
      code: 'DEPENDENCY_CYCLE',
      details: { cycle: ['new', 'holds', 'held', 'waits', 'root', 'parent'], length: 6 },
    });
    expect(typesOf(create(['other'], 'parent'))).toEqual(['task.created']);
  });

  test('may wait for a sister, for an uncle, and for what has ended', () => {
    aTask('root');
    aTask('uncle', { parentTaskId: 'root' });
    aTask('parent', { parentTaskId: 'root' });
    aTask('sister', { parentTaskId: 'parent' });
    aTask('waits', { dependsOn: ['parent'] });
    given.ask('task.cancel', { taskId: 'waits' });
    const dependsOn = ['sister', 'uncle'];
    expect(given.when('task.create', { goal: 'g', parentTaskId: 'parent', dependsOn }).ok).toBe(
      true,
    );
  });
});

describe('a task with open subtasks', () => {
  beforeEach(() => {
    aTask('parent');
    given.ask('task.claim', { taskId: 'parent', start: true }, ant);
    aTask('sub-1', { parentTaskId: 'parent' });
    aTask('sub-2', { parentTaskId: 'parent' });
  });

  test('[I10] cannot be completed or closed before they have ended, however they end', () => {
    const blocked = { code: 'TASK_BLOCKED', details: { openSubtasks: ['sub-1', 'sub-2'] } };
    expect(given.when('task.complete', { taskId: 'parent' }, ant)).toMatchObject(blocked);
    expect(given.when('task.close', { taskId: 'parent' })).toMatchObject(blocked);
    given.ask('task.claim', { taskId: 'sub-1', start: true }, ant);
    given.ask('task.fail', { taskId: 'sub-1', error: { code: 'E', message: 'm' } }, ant);
    expect(statusOf('parent')).toEqual(['running']); // what a subtask fails at is the parent's to judge
    given.ask('task.cancel', { taskId: 'sub-2' });
    expect(given.when('task.complete', { taskId: 'parent' }, ant).ok).toBe(true);
  });

  test.each(['cancelled', 'failed'] as const)('takes them with it when it is %s', (status) => {
    const error = { code: 'E', message: 'm' };
    if (status === 'failed') given.ask('task.fail', { taskId: 'parent', error }, ant);
    else given.ask('task.cancel', { taskId: 'parent' });
    expect(given.when('task.cascade', { taskId: 'parent' }, COORDINATOR)).toEqual({
      ok: true,
      facts: ['sub-1', 'sub-2'].map((taskId) => [
        'task.cancelled',
        { taskId, reason: `parent_${status}` },
      ]),
    });
    expect(given.view.deadlines.all().filter(({ kind }) => kind === 'cascade')).toEqual([]);
  });
});

describe('task.cascade', () => {
  test('[I12] goes on commit after commit, and from each cancelled task to what follows it', () => {
    aTask('a');
    for (const id of ['b1', 'b2', 'b3']) aTask(id, { dependsOn: ['a'] });
    aTask('both', { dependsOn: ['a'], parentTaskId: 'b1' });
    aTask('after', { dependsOn: ['b2'] });
    given.ask('task.claim', { taskId: 'a', start: true }, ant);
    given.ask('task.assign', { taskId: 'b3', assignedTo: ant });
    given.ask('task.cancel', { taskId: 'a' });
    const rounds: unknown[] = [];
    for (
      let due = given.view.deadlines.next();
      due?.kind === 'cascade';
      due = given.view.deadlines.next()
    ) {
      rounds.push([due.id, typesOf(given.when('task.cascade', { taskId: due.id }, COORDINATOR))]);
    }
    const two = ['task.cancelled', 'task.cancelled'];
    expect(rounds).toEqual([
      ['a', two],
      ['a', two],
      ['b2', ['task.cancelled']],
    ]);
    expect(statusOf('b1', 'b2', 'b3', 'both', 'after')).toEqual(Array(5).fill('cancelled'));
    expect(given.view.session('ant')).toMatchObject({ status: 'idle', taskIds: [] });
  });

  test('is refused when the task has not failed, and to everybody else', () => {
    aTask('a');
    expect(typesOf(given.when('task.cascade', { taskId: 'a' }, COORDINATOR))).toBe(
      'ILLEGAL_TRANSITION',
    );
    given.ask('task.close', { taskId: 'a' });
    expect(typesOf(given.when('task.cascade', { taskId: 'a' }, COORDINATOR))).toBe(
      'ILLEGAL_TRANSITION',
    );
    expect(typesOf(given.when('task.cascade', { taskId: 'a' }))).toBe('FORBIDDEN');
    expect(typesOf(given.when('task.cascade', { taskId: 'none' }, COORDINATOR))).toBe('NOT_FOUND');
  });
});
