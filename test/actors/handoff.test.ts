import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COORDINATOR, type AgentIdentity } from '../../src/events/identity.ts';
import type { Addressee } from '../../src/events/handoff.ts';
import { Given, typesOf } from '../support/given.ts';

let given: Given;
let ant: AgentIdentity;
let bee: AgentIdentity;
let cat: AgentIdentity;

beforeEach(() => {
  given = new Given({ limits: { handoffsMax: 2 } });
  ant = given.session('ant');
  bee = given.session('bee');
  cat = given.session('cat', 'dream_weaver');
  given.ask('task.create', { taskId: 't1', goal: 'g', priority: 'high' });
  given.ask('task.claim', { taskId: 't1', start: true }, ant);
});

afterEach(() => given.checkReplay());

const H1 = { handoffId: 'h1' };
const OWL = { agentId: 'agent-owl' };
const TO_PULSES = { agentType: 'pulse' } as const;

function anOffer(to: Addressee = TO_PULSES): void {
  given.ask('handoff.request', { ...H1, taskId: 't1', to, reason: 'too big', timeout: 1_000 }, ant);
}

describe('handoff.request', () => {
  test('is refused to the session itself: nobody could accept it', () => {
    const offer = { taskId: 't1', to: ant, reason: 'r' };
    expect(typesOf(given.when('handoff.request', offer, ant))).toBe('INVALID_INPUT');
  });

  test.each<[string, Addressee]>([
    ['a session', { agentId: 'agent-owl', agentType: 'guardian', sessionId: 'owl' }],
    ['a session that is said to be another', { ...OWL, agentType: 'pulse', sessionId: 'owl' }],
    ['a session to come', { ...OWL, agentType: 'guardian', sessionId: 'owl-2' }],
    ['an agent', OWL],
    ['the kind', { agentType: 'guardian' }],
  ])('[I10] is refused to a Guardian, which could not accept it: %s', (_name, to) => {
    given.session('owl', 'guardian');
    expect(given.when('handoff.request', { taskId: 't1', to, reason: 'r' }, ant)).toMatchObject({
      code: 'FORBIDDEN',
      details: { to },
    });
  });

  test('offers a task with its priority and the default time', () => {
    const outcome = given.when(
      'handoff.request',
      { taskId: 't1', to: bee, reason: 'r', context: { line: 3 } },
      ant,
    );
    expect(outcome).toEqual({
      ok: true,
      facts: [
        [
          'handoff.requested',
          {
            handoffId: 'id-1',
            taskId: 't1',
            to: bee,
            reason: 'r',
            context: { line: 3 },
            priority: 'high',
            timeout: 300_000,
            assignment: expect.any(Number) as number,
          },
        ],
      ],
    });
    expect(given.view.handoff('id-1')).toMatchObject({ status: 'requested', from: ant });
  });

  test('[I10] is refused for a task that the session does not hold or that is not there, and beyond handoffsMax', () => {
    const offer = { taskId: 't1', to: TO_PULSES, reason: 'r' };
    expect(given.when('handoff.request', offer, bee)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: ant },
    });
    expect(typesOf(given.when('handoff.request', { ...offer, taskId: 'none' }, ant))).toBe(
      'NOT_FOUND',
    );
    expect(typesOf(given.when('handoff.request', offer))).toBe('FORBIDDEN');
    anOffer();
    expect(given.when('handoff.request', offer, ant)).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      details: { handoffId: 'h1' },
    });
    given.ask('task.create', { taskId: 't9', goal: 'g' }, ant);
    given.ask('task.claim', { taskId: 't9' }, ant);
    const other = { ...offer, taskId: 't9' };
    expect(typesOf(given.when('handoff.request', { ...other, ...H1 }, ant))).toBe('ALREADY_EXISTS');
    given.ask('handoff.request', other, ant);
    expect(given.when('handoff.request', offer, ant)).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'handoffsMax' },
    });
  });
});

describe('handoff.accept', () => {
  test.each<[string, Addressee]>([
    ['a session', { agentId: 'agent-bee', agentType: 'pulse', sessionId: 'bee' }],
    ['an agent', { agentId: 'agent-bee' }],
    ['a kind', TO_PULSES],
  ])('is for whom it is offered to: %s', (_name, to) => {
    anOffer(to);
    expect(typesOf(given.when('handoff.accept', H1, cat))).toBe('FORBIDDEN');
    expect(given.when('handoff.accept', H1, bee)).toEqual({
      ok: true,
      facts: [['handoff.accepted', { ...H1, taskId: 't1', by: bee }]],
    });
    expect(given.view.task('t1')?.assignedTo).toEqual(ant); // it moves on completion only
  });

  test('has one winner, and is refused when there is none to accept', () => {
    anOffer();
    given.ask('handoff.accept', H1, bee);
    const dog = given.session('dog');
    expect(typesOf(given.when('handoff.accept', H1, dog))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('handoff.accept', { handoffId: 'none' }, dog))).toBe('NOT_FOUND');
  });
});

describe('handoff.reject', () => {
  test('is for the addressee, and for the requester who takes it back', () => {
    anOffer(bee);
    expect(typesOf(given.when('handoff.reject', H1, cat))).toBe('FORBIDDEN');
    expect(given.when('handoff.reject', { ...H1, reason: 'busy' }, bee)).toEqual({
      ok: true,
      facts: [['handoff.rejected', { ...H1, reason: 'busy', taskId: 't1' }]],
    });
    given.ask('handoff.request', { handoffId: 'h2', taskId: 't1', to: bee, reason: 'r' }, ant);
    expect(typesOf(given.when('handoff.reject', { handoffId: 'h2' }, ant))).toEqual([
      'handoff.rejected',
    ]);
  });

  test('is refused after the end', () => {
    anOffer(bee);
    given.ask('handoff.reject', H1, bee);
    for (const type of ['handoff.accept', 'handoff.reject'] as const) {
      expect(typesOf(given.when(type, H1, bee))).toBe('ILLEGAL_TRANSITION');
    }
    expect(typesOf(given.when('handoff.complete', H1, bee))).toBe('NOT_HOLDER');
  });
});

describe('handoff.complete', () => {
  test('moves the task in one commit: the old holder can do nothing with it from here on', () => {
    anOffer();
    given.ask('handoff.accept', H1, bee);
    const outcome = given.when('handoff.complete', H1, bee);
    expect(typesOf(outcome)).toEqual(['handoff.completed', 'task.requeued', 'task.assigned']);
    expect(given.view.task('t1')).toMatchObject({ status: 'pending', assignedTo: bee });
    expect(given.view.session('ant')).toMatchObject({ status: 'idle', taskIds: [] });
    expect(given.view.session('bee')?.taskIds).toEqual(['t1']);
    expect(given.view.metrics.handoffs).toBe(1);
    expect(typesOf(given.when('task.complete', { taskId: 't1' }, ant))).toBe('NOT_HOLDER');
  });

  test('[I10] is refused to others, before it was accepted, and when the task has left the requester', () => {
    anOffer();
    expect(typesOf(given.when('handoff.complete', H1, bee))).toBe('NOT_HOLDER');
    given.ask('handoff.accept', H1, bee);
    expect(typesOf(given.when('handoff.complete', H1, ant))).toBe('NOT_HOLDER');
    expect(typesOf(given.when('handoff.complete', { handoffId: 'none' }, bee))).toBe('NOT_FOUND');
    given.ask('task.requeue', { taskId: 't1' });
    expect(given.when('handoff.complete', H1, bee)).toMatchObject({
      code: 'NOT_HOLDER',
      details: { holder: null },
    });
  });

  test('[I3] is refused whole when the new holder can take no task', () => {
    anOffer();
    given.ask('handoff.accept', H1, bee);
    given.ask('session.pause', { sessionId: 'bee' }, bee);
    const outcome = given.when('handoff.complete', H1, bee);
    expect(outcome).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      details: { kind: 'session', id: 'bee' },
    });
    expect(given.view.handoff('h1')?.status).toBe('accepted');
    expect(given.view.task('t1')).toMatchObject({ status: 'running', assignedTo: ant });
  });
});

describe('handoff.expire', () => {
  test.each([
    ['requested', false],
    ['accepted', true],
  ])('[I9] ends one that is %s at its time and not before', (_name, accepted) => {
    anOffer();
    if (accepted) given.ask('handoff.accept', H1, bee);
    given.nowMs += 999;
    expect(typesOf(given.when('handoff.expire', H1, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    given.nowMs += 1;
    expect(typesOf(given.when('handoff.expire', H1, ant))).toBe('FORBIDDEN');
    expect(typesOf(given.when('handoff.expire', H1, COORDINATOR))).toEqual(['handoff.expired']);
    expect(typesOf(given.when('handoff.expire', H1, COORDINATOR))).toBe('ILLEGAL_TRANSITION');
    expect(typesOf(given.when('handoff.expire', { handoffId: 'none' }, COORDINATOR))).toBe(
      'NOT_FOUND',
    );
    expect(given.view.task('t1')?.assignedTo).toEqual(ant);
  });
});
