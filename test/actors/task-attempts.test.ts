/** Attempts: how long one may last, how many there are, when the next begins, and what becomes of one that was lost. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COORDINATOR, type AgentIdentity } from '../../src/events/identity.ts';
import { DEFAULT_CONFIG } from '../../src/events/system.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { TaskRetry } from '../../src/events/task-policy.ts';
import { Given, typesOf } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;
let bee: AgentIdentity;
let cat: AgentIdentity;

beforeEach(() => {
  const config = { timeouts: { ...DEFAULT_CONFIG.timeouts, taskDefault: 5_000 } };
  given = new Given({ config, limits: { taskBackoffMsMax: 1_000, taskAttemptsMax: 2 } });
  ant = given.session('ant');
  bee = given.session('bee');
});

afterEach(() => given.checkReplay());

const TASK = { taskId: 't1' };
const ERROR = { code: 'E', message: 'm' };

function aRunningTask(more: { timeout?: number; retry?: TaskRetry } = {}): void {
  given.ask('task.create', { ...TASK, goal: 'g', ...more });
  given.ask('task.claim', { ...TASK, start: true }, ant);
}

function taskDeadlines(): readonly number[] {
  return given.view.deadlines.all().flatMap(({ kind, atMs }) => (kind === 'task' ? [atMs] : []));
}

describe('the time of a task', () => {
  test('[I9] is that of the configuration, its own, or none; it fails at its end and not before', () => {
    aRunningTask();
    expect(taskDeadlines()).toEqual([given.nowMs + 5_000]);
    given.nowMs += 4_999;
    expect(typesOf(given.when('task.expire', TASK, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    given.nowMs += 1;
    expect(typesOf(given.when('task.expire', TASK, bee))).toBe('FORBIDDEN');
    expect(given.when('task.expire', TASK, COORDINATOR)).toMatchObject({
      facts: [['task.failed', { ...TASK, error: { code: 'TASK_TIMEOUT' } }]],
    });
    expect(typesOf(given.when('task.expire', TASK, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('task.expire', { taskId: 'none' }, COORDINATOR))).toBe('NOT_FOUND');
    expect(taskDeadlines()).toEqual([]);
  });

  test('of its own goes before that of the configuration, and 0 is none', () => {
    aRunningTask({ timeout: 700 });
    given.ask('task.create', { taskId: 't2', goal: 'g', timeout: 0 });
    given.ask('task.claim', { taskId: 't2', start: true }, bee);
    expect(taskDeadlines()).toEqual([given.nowMs + 700]);
    given.nowMs += 86_400_000;
    expect(typesOf(given.when('task.expire', { taskId: 't2' }, COORDINATOR))).toBe(
      'ILLEGAL_TRANSITION',
    );
  });

  test('[I9] follows another configuration from then on', () => {
    aRunningTask();
    given.ask('state.update', { path: 'global.config.timeouts.taskDefault', newValue: 900 });
    expect(taskDeadlines()).toEqual([given.nowMs + 900]);
    given.ask('state.update', { path: 'global.config.timeouts.taskDefault', newValue: 9_000 });
    expect(taskDeadlines()).toEqual([given.nowMs + 9_000]);
  });

  test('begins anew with each attempt', () => {
    aRunningTask({ retry: { maxAttempts: 2 } });
    given.nowMs += 5_000;
    expect(given.when('task.expire', TASK, COORDINATOR)).toEqual({
      ok: true,
      facts: [['task.requeued', { ...TASK, reason: 'timeout', from: ant }]],
    });
    expect(taskDeadlines()).toEqual([]);
    given.ask('task.claim', { ...TASK, start: true }, bee);
    expect(taskDeadlines()).toEqual([given.nowMs + 5_000]);
    given.nowMs += 5_000;
    expect(typesOf(given.when('task.expire', TASK, COORDINATOR))).toEqual(['task.failed']);
  });
});

describe('task.fail with attempts left', () => {
  test('puts the task back, with its progress, and lets it rest longer each time', () => {
    aRunningTask({ retry: { maxAttempts: 5, backoffMs: 100, factor: 3 } });
    const pauses: number[] = [];
    for (const who of [ant, bee, ant, bee]) {
      if (given.view.task('t1')?.assignedTo === null) {
        given.ask('task.claim', { ...TASK, start: true }, who);
      }
      given.ask('task.progress', { ...TASK, progress: 40, message: 'm' }, who);
      const outcome = given.when('task.fail', { ...TASK, error: ERROR }, who);
      expect(outcome).toMatchObject({
        facts: [['task.requeued', { reason: 'retry', from: who, error: ERROR }]],
      });
      const notBeforeMs = given.view.task('t1')?.notBeforeMs ?? 0;
      pauses.push(notBeforeMs - given.nowMs);
      given.nowMs = notBeforeMs;
    }
    expect(pauses).toEqual([100, 300, 900, 1_000]);
    expect(given.view.task('t1')).toMatchObject({ status: 'pending', progress: 40, error: null });
    given.ask('task.claim', { ...TASK, start: true }, ant);
    expect(typesOf(given.when('task.fail', { ...TASK, error: ERROR }, ant))).toEqual([
      'task.failed',
    ]);
    expect(given.view.task('t1')).toMatchObject({ attempts: 5, error: ERROR });
  });

  test('[I10] nobody gets it before its pause is over, and the next one waits for nobody', () => {
    aRunningTask({ retry: { maxAttempts: 2, backoffMs: 500 } });
    given.ask('task.fail', { ...TASK, error: ERROR }, ant);
    expect(given.when('task.claim', TASK, bee)).toMatchObject({
      code: 'TASK_BLOCKED',
      details: { notBefore: new Date(given.nowMs + 500).toISOString() },
    });
    expect(typesOf(given.when('task.claim', {}, bee))).toBe('NOTHING_TO_CLAIM');
    given.ask('task.assign', { ...TASK, assignedTo: bee });
    expect(typesOf(given.when('task.start', TASK, bee))).toBe('TASK_BLOCKED');
    given.nowMs += 500;
    expect(typesOf(given.when('task.start', TASK, bee))).toEqual(['task.started']);
  });

  test.each<[string, () => void]>([
    ['its holder is lost', () => void lose(bee)],
    ['it is taken from its holder', () => given.ask('task.requeue', TASK)],
    [
      'it is handed over',
      () => {
        given.ask('handoff.request', { handoffId: 'h1', ...TASK, to: cat, reason: 'r' }, bee);
        given.ask('handoff.accept', { handoffId: 'h1' }, cat);
        given.ask('handoff.complete', { handoffId: 'h1' }, cat);
      },
    ],
  ])('[I10] keeps its pause when it was not started again, and %s', (_name, happens) => {
    cat = given.session('cat');
    aRunningTask({ retry: { maxAttempts: 2, backoffMs: 500 } });
    given.ask('task.fail', { ...TASK, error: ERROR }, ant);
    given.ask('task.assign', { ...TASK, assignedTo: bee });
    happens();
    const claim = { ...TASK, start: true };
    expect(given.when('task.claim', claim, cat)).toMatchObject({
      code: 'TASK_BLOCKED',
      details: { notBefore: new Date(given.nowMs + 500).toISOString() },
    });
    given.nowMs += 500;
    expect(given.when('task.claim', claim, cat).ok).toBe(true);
  });

  test('has no pause left once the attempt after it began', () => {
    aRunningTask({ retry: { maxAttempts: 3, backoffMs: 500 } });
    given.ask('task.fail', { ...TASK, error: ERROR }, ant);
    given.nowMs += 500;
    given.ask('task.claim', { ...TASK, start: true }, bee);
    given.ask('task.requeue', TASK);
    expect(given.view.task('t1')?.notBeforeMs).toBeNull();
  });

  test('of a task that was not started is refused, and one without a policy fails at once', () => {
    given.ask('task.create', { ...TASK, goal: 'g', retry: { maxAttempts: 3 } });
    given.ask('task.claim', TASK, ant);
    expect(typesOf(given.when('task.fail', { ...TASK, error: ERROR }, ant))).toBe(
      'ILLEGAL_TRANSITION',
    );
    given.ask('task.create', { taskId: 't2', goal: 'g' });
    given.ask('task.claim', { taskId: 't2', start: true }, ant);
    expect(typesOf(given.when('task.fail', { taskId: 't2', error: ERROR }, ant))).toEqual([
      'task.failed',
    ]);
  });
});

function lose(who: AgentIdentity): unknown {
  given.ask('session.stop', { sessionId: who.sessionId });
  const outcome = given.when('session.sweep', { sessionId: who.sessionId }, COORDINATOR);
  return outcome.ok ? outcome.facts[0] : outcome;
}

describe('a task whose session is lost', () => {
  test('waits again, also when it is tried once only: nothing says that it failed', () => {
    aRunningTask();
    expect(lose(ant)).toEqual(['task.requeued', { ...TASK, reason: 'session_offline', from: ant }]);
  });

  test('fails when its policy says so', () => {
    aRunningTask({ retry: { maxAttempts: 3, onLost: 'fail' } });
    expect(lose(ant)).toMatchObject(['task.failed', { error: { code: 'SESSION_LOST' } }]);
  });

  test('waits again when it was not started, whatever its policy says', () => {
    given.ask('task.create', { ...TASK, goal: 'g', retry: { maxAttempts: 1, onLost: 'fail' } });
    given.ask('task.claim', TASK, ant);
    expect(lose(ant)).toMatchObject(['task.requeued', {}]);
  });

  test('[I12] fails when all its attempts were lost: those of its policy, or taskAttemptsMax', () => {
    aRunningTask();
    lose(ant);
    given.ask('task.claim', { ...TASK, start: true }, bee);
    expect(lose(bee)).toMatchObject(['task.failed', { error: { code: 'ATTEMPTS_EXHAUSTED' } }]);
    cat = given.session('cat');
    given.ask('task.create', { taskId: 't2', goal: 'g', retry: { maxAttempts: 1 } });
    given.ask('task.claim', { taskId: 't2', start: true }, cat);
    expect(lose(cat)).toMatchObject(['task.failed', { error: { code: 'ATTEMPTS_EXHAUSTED' } }]);
  });
});

function late(by: AgentIdentity): readonly unknown[] {
  return [['task.late_completion', { ...TASK, by, result: 7 }]];
}

describe('a completion that comes too late', () => {
  test('[I10] after the task timed out, failed for good or went to another, is refused and recorded', () => {
    aRunningTask({ retry: { maxAttempts: 2 } });
    given.nowMs += 5_000;
    given.ask('task.expire', TASK, COORDINATOR);
    expect(given.when('task.complete', { ...TASK, result: 7 }, ant)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: null },
      recorded: late(ant),
    });
    given.ask('task.claim', { ...TASK, start: true }, bee);
    expect(given.when('task.complete', { ...TASK, result: 7 }, ant)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: bee },
      recorded: late(ant),
    });
    given.nowMs += 5_000;
    given.ask('task.expire', TASK, COORDINATOR);
    for (const who of [ant, bee]) {
      expect(given.when('task.complete', { ...TASK, result: 7 }, who)).toMatchObject({
        code: 'NOT_HOLDER',
        recorded: late(who),
      });
    }
    expect(given.view.task('t1')).toMatchObject({ status: 'failed', result: null });
  });

  test('[I10] of a session that has ended, before and after its sweep', () => {
    aRunningTask();
    given.ask('session.stop', { sessionId: 'ant' });
    const refused = { code: 'SESSION_OFFLINE', recorded: late(ant) };
    expect(given.when('task.complete', { ...TASK, result: 7 }, ant)).toMatchObject(refused);
    given.ask('session.sweep', { sessionId: 'ant' }, COORDINATOR);
    expect(given.when('task.complete', { ...TASK, result: 7 }, ant)).toMatchObject(refused);
    expect(typesOf(given.when('task.progress', { ...TASK, progress: 1 }, ant))).toBe(
      'SESSION_OFFLINE',
    );
  });

  test('[I10] of a task that somebody else closed or cancelled', () => {
    aRunningTask();
    given.ask('task.close', { ...TASK, result: 1 });
    expect(given.when('task.complete', { ...TASK, result: 7 }, ant)).toMatchObject({
      code: 'NOT_HOLDER',
      recorded: late(ant),
    });
    expect(given.view.task('t1')?.result).toBe(1);
  });

  test('[I10] of a task that was assigned to another session before it was started', () => {
    given.ask('task.create', { ...TASK, goal: 'g' });
    given.ask('task.claim', TASK, ant);
    given.ask('task.assign', { ...TASK, assignedTo: ant }); // has it already, and loses nothing
    expect(given.view.task('t1')?.lostBy).toEqual([]);
    given.ask('task.assign', { ...TASK, assignedTo: bee });
    expect(given.when('task.complete', { ...TASK, result: 7 }, ant)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: bee },
      recorded: late(ant),
    });
    given.ask('task.assign', { ...TASK, assignedTo: ant });
    expect(given.view.task('t1')?.lostBy).toEqual(['ant', 'bee']);
    given.ask('task.start', TASK, ant);
    expect(typesOf(given.when('task.complete', TASK, ant))).toEqual(['task.completed']);
  });

  test('changes nothing for what depends on the task: it is claimable once', () => {
    aRunningTask();
    given.ask('task.create', { taskId: 'after', goal: 'g', dependsOn: ['t1'] });
    given.ask('task.close', TASK);
    expect(given.when('task.complete', TASK, ant)).toHaveProperty('recorded');
    expect([...given.view.claimable()].map(({ id }) => id)).toEqual(['after']);
    given.ask('task.claim', { taskId: 'after' }, bee);
    expect([...given.view.claimable()]).toEqual([]);
  });

  test('is none of a session that never held it, or that ended it itself', () => {
    aRunningTask();
    const stranger = given.when('task.complete', TASK, bee);
    expect(stranger).toMatchObject({ code: 'NOT_HOLDER' });
    expect(stranger).not.toHaveProperty('recorded');
    given.ask('session.stop', { sessionId: 'bee' });
    expect(given.when('task.complete', TASK, bee)).not.toHaveProperty('recorded');
    given.ask('task.complete', TASK, ant);
    const again = given.when('task.complete', TASK, ant);
    expect(again).toMatchObject({ code: 'ILLEGAL_TRANSITION' });
    expect(again).not.toHaveProperty('recorded');
    given.ask('session.stop', { sessionId: 'ant' });
    const ended = given.when('task.complete', TASK, ant);
    expect(ended).toMatchObject({ code: 'SESSION_OFFLINE' });
    expect(ended).not.toHaveProperty('recorded');
  });

  test('[I12] is recorded so often in a minute and no more', () => {
    aRunningTask();
    given.ask('task.requeue', TASK);
    const max = DEFAULT_LIMITS.recordedRefusalsPerMinuteMax;
    const recorded = Array.from({ length: max + 2 }, () => {
      const outcome = given.when('task.complete', TASK, ant);
      return !outcome.ok && outcome.recorded !== undefined;
    });
    expect(recorded.filter(Boolean)).toHaveLength(max);
    expect(recorded.at(-1)).toBe(false);
  });
});
