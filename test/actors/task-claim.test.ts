/** Who gets which task: capabilities, dependencies, pauses, losses and capacity, for the best one and for a named one. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COORDINATOR, type AgentIdentity } from '../../src/events/identity.ts';
import type { PayloadOf } from '../../src/protocol/commands.ts';
import { Given, typesOf, type Outcome } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;
let bee: AgentIdentity;

beforeEach(() => {
  given = new Given({ limits: { tasksPerSessionMax: 3, lostPreferenceMs: 1_000 } });
  ant = given.session('ant');
  bee = given.session('bee', 'pulse', true, { capabilities: ['ts', 'sql'] });
});

afterEach(() => given.checkReplay());

function aTask(taskId: string, more: Partial<PayloadOf<'task.create'>> = {}): void {
  given.ask('task.create', { taskId, goal: 'g', ...more });
}

/** The task that a claim got, or the code of its refusal. */
function taken(outcome: Outcome): unknown {
  if (!outcome.ok) return outcome.code;
  return (outcome.facts[0]?.[1] as { taskId?: string } | undefined)?.taskId;
}

describe('capabilities', () => {
  test('a session gets the most urgent and oldest of the tasks that it is able to do', () => {
    aTask('plain');
    aTask('both', { requires: ['sql', 'ts'], priority: 'high' });
    aTask('ts', { requires: ['ts'], priority: 'high' });
    aTask('rust', { requires: ['rust'], priority: 'critical' });
    aTask('late', { priority: 'high' });
    const claims = [bee, ant, bee, ant, ant, bee].map((who) =>
      taken(given.when('task.claim', {}, who)),
    );
    expect(claims).toEqual(['both', 'late', 'ts', 'plain', 'NOTHING_TO_CLAIM', 'NOTHING_TO_CLAIM']);
  });

  test('a named task that it is not able to do is refused, and says what is missing', () => {
    aTask('t1', { requires: ['ts', 'rust'] });
    expect(given.when('task.claim', { taskId: 't1' }, bee)).toMatchObject({
      code: 'FORBIDDEN',
      details: { taskId: 't1', missing: ['rust'] },
    });
    expect(given.when('task.assign', { taskId: 't1', assignedTo: ant })).toMatchObject({
      code: 'FORBIDDEN',
      details: { missing: ['ts', 'rust'] },
    });
  });
});

test('[I10] a Guardian is assigned no task: it could neither start nor end it', () => {
  const owl = given.session('owl', 'guardian');
  aTask('t1');
  expect(given.when('task.assign', { taskId: 't1', assignedTo: owl })).toMatchObject({
    code: 'FORBIDDEN',
    details: { taskId: 't1', agentId: 'agent-owl', agentType: 'guardian' },
  });
  expect(typesOf(given.when('task.claim', { taskId: 't1' }, owl))).toBe('FORBIDDEN');
});

describe('dependencies', () => {
  test('a task is claimable when the last task that it depends on is complete', () => {
    aTask('a');
    aTask('b');
    aTask('after', { dependsOn: ['a', 'b'], priority: 'critical' });
    expect(given.when('task.claim', { taskId: 'after' }, ant)).toMatchObject({
      code: 'TASK_BLOCKED',
      details: { waitsFor: ['a', 'b'] },
    });
    expect(taken(given.when('task.claim', { start: true }, ant))).toBe('a');
    given.ask('task.complete', { taskId: 'a' }, ant);
    expect(given.when('task.claim', { taskId: 'after' }, ant)).toMatchObject({
      details: { waitsFor: ['b'] },
    });
    expect(taken(given.when('task.claim', { start: true }, ant))).toBe('b');
    given.ask('task.complete', { taskId: 'b' }, ant);
    expect(taken(given.when('task.claim', {}, ant))).toBe('after');
  });

  test('a blocked task can be assigned, and is started only when it is free', () => {
    aTask('a');
    aTask('after', { dependsOn: ['a'] });
    given.ask('task.assign', { taskId: 'after', assignedTo: ant });
    expect(given.when('task.start', { taskId: 'after' }, ant)).toMatchObject({
      code: 'TASK_BLOCKED',
      details: { waitsFor: ['a'] },
    });
    expect(typesOf(given.when('task.claim', { taskId: 'after', start: true }, ant))).toBe(
      'TASK_BLOCKED',
    );
    given.ask('task.close', { taskId: 'a' });
    expect(typesOf(given.when('task.start', { taskId: 'after' }, ant))).toEqual(['task.started']);
  });
});

describe('a task that a session lost', () => {
  test('[I10] is not given to it again while another session can take it', () => {
    aTask('t1');
    given.ask('task.claim', { taskId: 't1', start: true }, ant);
    given.ask('task.requeue', { taskId: 't1' });
    expect(typesOf(given.when('task.claim', { taskId: 't1' }, ant))).toBe('TASK_LOST');
    expect(typesOf(given.when('task.claim', {}, ant))).toBe('NOTHING_TO_CLAIM');
    aTask('t2');
    expect(taken(given.when('task.claim', {}, ant))).toBe('t2');
    expect(taken(given.when('task.claim', {}, bee))).toBe('t1');
    given.ask('task.requeue', { taskId: 't1' });
    expect(taken(given.when('task.claim', {}, ant))).toBe('t1'); // bee lost it last
  });

  test.each<[string, () => void]>([
    ['is paused', () => given.ask('session.pause', { sessionId: 'bee' }, bee)],
    ['has ended', () => given.ask('session.stop', { sessionId: 'bee' }, bee)],
    [
      'has no room',
      () => {
        given.session('bee-2', 'pulse', true, { agentId: bee.agentId, capacity: 1 });
        aTask('other');
        given.ask('task.claim', { taskId: 'other' }, bee);
      },
    ],
  ])('is given to it again when the only other session %s', (_name, happens) => {
    aTask('t1');
    given.ask('task.claim', { taskId: 't1' }, ant);
    given.ask('task.requeue', { taskId: 't1' });
    happens();
    expect(taken(given.when('task.claim', {}, ant))).toBe('t1');
  });

  test.each(['conductor', 'heartbeat', 'guardian'] as const)(
    'is given to it again when the only other session is a %s, which does other work',
    (kind) => {
      given.ask('session.stop', { sessionId: 'bee' }, bee);
      given.session('other', kind);
      aTask('t1');
      given.ask('task.claim', { taskId: 't1' }, ant);
      given.ask('task.requeue', { taskId: 't1' });
      expect(taken(given.when('task.claim', {}, ant))).toBe('t1');
    },
  );

  test.each([
    ['heartbeat', 'heartbeat'],
    ['heartbeat', 'pulse'],
    ['conductor', 'conductor'],
    ['pulse', 'dream_weaver'],
  ] as const)('[I10] by a %s is left to a %s: it works on tasks too', (kind, otherKind) => {
    for (const who of [ant, bee]) given.ask('session.stop', { sessionId: who.sessionId }, who);
    const loser = given.session('loser', kind);
    const other = given.session('other', otherKind);
    aTask('t1');
    given.ask('task.claim', { taskId: 't1' }, loser);
    given.ask('task.requeue', { taskId: 't1' });
    expect(taken(given.when('task.claim', {}, loser))).toBe('NOTHING_TO_CLAIM');
    expect(taken(given.when('task.claim', {}, other))).toBe('t1');
  });

  test.each<[string, { taskId?: string }, string]>([
    ['a claim of the best', {}, 'NOTHING_TO_CLAIM'],
    ['a claim by its name', { taskId: 't1' }, 'TASK_LOST'],
  ])('[I12] is left to others for lostPreferenceMs and no longer: %s', (_name, claim, code) => {
    aTask('t1');
    given.ask('task.claim', { taskId: 't1' }, ant);
    given.nowMs += 5_000; // how long it had it does not count
    given.ask('task.requeue', { taskId: 't1' });
    given.ask('state.update', { path: 'global.tasks.t1.metadata.seen', newValue: true });
    given.nowMs += 999;
    expect(taken(given.when('task.claim', claim, ant))).toBe(code);
    given.nowMs += 1;
    expect(taken(given.when('task.claim', claim, ant))).toBe('t1');
  });

  test('[I12] is left to others from the end of its pause on, and the refusal says until when', () => {
    aTask('t1', { retry: { maxAttempts: 2, backoffMs: 5_000 } });
    given.ask('task.claim', { taskId: 't1', start: true }, ant);
    given.ask('task.fail', { taskId: 't1', error: { code: 'E', message: 'm' } }, ant);
    given.nowMs += 5_000;
    expect(given.when('task.claim', { taskId: 't1' }, ant)).toMatchObject({
      code: 'TASK_LOST',
      details: { taskId: 't1', until: new Date(given.nowMs + 1_000).toISOString() },
    });
    given.nowMs += 1_000;
    expect(taken(given.when('task.claim', {}, ant))).toBe('t1');
  });

  test('[I12] of two, that which was lost long ago is given to it, and the other one is not', () => {
    for (const taskId of ['t1', 't2']) {
      aTask(taskId);
      given.ask('task.claim', { taskId }, ant);
    }
    given.ask('task.requeue', { taskId: 't2' });
    given.nowMs += 1_000;
    given.ask('task.requeue', { taskId: 't1' });
    expect(taken(given.when('task.claim', {}, ant))).toBe('t2');
  });

  test('is given to it again when the only other session is not able to do it', () => {
    const cat = given.session('cat', 'pulse', true, { capabilities: ['rust'] });
    aTask('t1', { requires: ['rust'] });
    given.ask('task.claim', { taskId: 't1' }, cat);
    given.ask('task.requeue', { taskId: 't1' });
    expect(taken(given.when('task.claim', {}, cat))).toBe('t1');
  });

  test('may be assigned to it by a Conductor', () => {
    aTask('t1');
    given.ask('task.claim', { taskId: 't1' }, ant);
    given.ask('task.requeue', { taskId: 't1' });
    expect(given.when('task.assign', { taskId: 't1', assignedTo: ant }).ok).toBe(true);
  });

  test('[I12] so many losers are known, the newest last', () => {
    aTask('t1');
    const losers = Array.from({ length: 9 }, (_, index) => given.session(`s${index}`));
    for (const who of [...losers, losers[3] ?? ant]) {
      given.ask('task.assign', { taskId: 't1', assignedTo: who });
      given.ask('task.requeue', { taskId: 't1' });
    }
    expect(given.view.task('t1')?.lostBy).toEqual(['s1', 's2', 's4', 's5', 's6', 's7', 's8', 's3']);
  });
});

describe('capacity', () => {
  beforeEach(() => {
    for (const taskId of ['t1', 't2', 't3', 't4', 't5']) aTask(taskId);
  });

  test('is that of the agent: the tasks of all its live sessions count', () => {
    const cat = given.session('cat', 'pulse', true, { capacity: 2 });
    const second = given.session('cat-2', 'pulse', true, { agentId: cat.agentId });
    given.ask('task.claim', {}, cat);
    given.ask('task.claim', {}, second);
    const full = { code: 'AT_CAPACITY', details: { assigned: 2, capacity: 2 } };
    expect(given.when('task.claim', {}, cat)).toMatchObject(full);
    expect(given.when('task.claim', { taskId: 't4' }, second)).toMatchObject(full);
    given.ask('session.stop', { sessionId: 'cat-2' });
    expect(taken(given.when('task.claim', {}, cat))).toBe('t3');
    given.ask('session.sweep', { sessionId: 'cat-2' }, COORDINATOR);
    expect(given.view.load('agent-cat')).toEqual({ assigned: 2, running: 0 });
  });

  test('a Conductor queues beyond it, up to tasksPerSessionMax; as many run as it says', () => {
    const cat = given.session('cat', 'pulse', true, { capacity: 1 });
    for (const taskId of ['t1', 't2', 't3']) {
      given.ask('task.assign', { taskId, assignedTo: cat });
    }
    expect(given.when('task.assign', { taskId: 't4', assignedTo: cat })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'tasksPerSessionMax', max: 3 },
    });
    expect(given.when('task.assign', { taskId: 't3', assignedTo: cat }).ok).toBe(true); // has it
    given.ask('task.start', { taskId: 't1' }, cat);
    expect(given.when('task.start', { taskId: 't2' }, cat)).toMatchObject({
      code: 'AT_CAPACITY',
      details: { running: 1, capacity: 1 },
    });
    given.ask('task.complete', { taskId: 't1' }, cat);
    expect(given.when('task.start', { taskId: 't2' }, cat).ok).toBe(true);
  });

  test('that nobody declared is none but tasksPerSessionMax, and shown as the greatest', () => {
    for (let count = 0; count < 3; count++) given.ask('task.claim', { start: true }, ant);
    expect(given.when('task.claim', {}, ant)).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'tasksPerSessionMax' },
    });
    expect(given.view.agent('agent-ant')?.capacity).toBeNull();
  });

  test('keeps from accepting a handoff, too', () => {
    const cat = given.session('cat', 'pulse', true, { capacity: 1 });
    given.ask('task.claim', {}, cat);
    given.ask('task.claim', { taskId: 't2' }, ant);
    const offer = { handoffId: 'h1', taskId: 't2', to: cat, reason: 'r' };
    given.ask('handoff.request', offer, ant);
    expect(typesOf(given.when('handoff.accept', { handoffId: 'h1' }, cat))).toBe('AT_CAPACITY');
    given.ask('task.requeue', { taskId: 't1' });
    given.ask('handoff.accept', { handoffId: 'h1' }, cat);
    given.ask('task.assign', { taskId: 't1', assignedTo: cat });
    expect(typesOf(given.when('handoff.complete', { handoffId: 'h1' }, cat))).toBe('AT_CAPACITY');
    given.ask('task.requeue', { taskId: 't1' });
    expect(given.when('handoff.complete', { handoffId: 'h1' }, cat).ok).toBe(true);
  });
});
