/**
 * Compound commands: what the parts come to is what they come to one by one, and when one is refused nothing has happened.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ViewAfter } from '../../src/actors/view-after.ts';
import { decide } from '../../src/actors/decide.ts';
import { permit } from '../../src/access/permit.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { OPERATOR, type AgentIdentity } from '../../src/events/identity.ts';
import type { StateView } from '../../src/events/view.ts';
import { PART_TYPES, type PartType } from '../../src/protocol/compound.ts';
import type { SwarmCommand } from '../../src/protocol/commands.ts';
import { Given } from '../support/given.ts';

const CONDUCTOR = { agentId: 'agent-lead', agentType: 'conductor', sessionId: 'lead' } as const;
const IDS = ['t1', 't2', 'n1', 'n2'];

/** Two sessions of one agent, tasks of all kinds, an offer, a subscription and a letter. */
function scene(): Given {
  const given = new Given({ limits: { tasksMax: 7, handoffsMax: 3 } });
  given.session('lead', 'conductor');
  const ant = given.session('ant', 'pulse', true, { capacity: 2 });
  given.ask('session.register', { agentId: ant.agentId, agentType: 'pulse', sessionId: 'ant-2' });
  given.session('bee');
  given.ask('task.create', { taskId: 't1', goal: 'g' });
  given.ask('task.create', { taskId: 't2', goal: 'g', priority: 'low' });
  given.ask('task.create', { taskId: 't3', goal: 'g', dependsOn: ['t2'] });
  given.ask('task.create', { taskId: 't4', goal: 'g', parentTaskId: 't1' });
  given.ask('task.claim', { taskId: 't4' }, ant);
  given.ask('task.claim', { taskId: 't2', start: true }, ant);
  given.ask(
    'handoff.request',
    { handoffId: 'h0', taskId: 't2', to: { agentType: 'pulse' }, reason: 'r' },
    ant,
  );
  given.ask('subscription.create', { name: 's', through: 2 }, ant);
  const error = { code: 'E', message: 'm' };
  const letter = { subscription: 's', eventSequence: 1, attempts: 1, error };
  given.ask('deadletter.add', letter, ant);
  given.ask('system.configure', { config: { features: { preemption: true } } });
  return given;
}

function identity(sessionId: string): AgentIdentity {
  if (sessionId === 'lead') return CONDUCTOR;
  const agentId = sessionId === 'ant-2' ? 'agent-ant' : `agent-${sessionId}`;
  return sessionId === 'operator' ? OPERATOR : { agentId, agentType: 'pulse', sessionId };
}

const part = fc
  .record({
    type: fc.constantFrom(...PART_TYPES),
    task: fc.constantFrom(...IDS, 't3', 't4'),
    other: fc.constantFrom(...IDS, 't3', 't4'),
    to: fc.constantFrom('ant', 'ant-2', 'bee', 'lead'),
    handoff: fc.constantFrom('h0', 'h1', 'h2'),
    n: fc.nat(9),
  })
  .map(({ type, task, other, to, handoff, n }) => ({
    type,
    payload: payloads(type, { task, other, to, handoff, n }),
  }));

function payloads(
  type: PartType,
  {
    task,
    other,
    to,
    handoff,
    n,
  }: { task: string; other: string; to: string; handoff: string; n: number },
): object {
  const error = { code: 'E', message: 'm' };
  const taskId = { taskId: task };
  const letter = { letterId: `s/${1 + (n % 3)}` };
  const path =
    n < 4
      ? `global.tasks["${task}"].metadata.a`
      : n < 7
        ? 'agents.pulse.ant.data.a'
        : 'global.health.issues';
  const newValue = n < 7 ? n : [`issue ${n}`];
  switch (type) {
    case 'event.emit':
      return { type: 'app.x', data: n };
    case 'state.update':
      return { path, newValue };
    case 'state.delete':
      return { path: 'agents.pulse.ant.data.a' };
    case 'state.batch':
      return { updates: [{ path, newValue }] };
    case 'task.create':
      return {
        ...taskId,
        goal: 'g',
        ...(n > 5 ? { parentTaskId: other } : n > 3 ? { dependsOn: [other] } : {}),
        priority: n % 2 ? 'critical' : 'low',
      };
    case 'task.assign':
      return { ...taskId, assignedTo: identity(to) };
    case 'task.progress':
      return { ...taskId, progress: n };
    case 'task.fail':
      return { ...taskId, error };
    case 'handoff.request':
      return {
        handoffId: handoff,
        ...taskId,
        to: { sessionId: to, agentId: identity(to).agentId, agentType: identity(to).agentType },
        reason: 'r',
      };
    case 'handoff.accept':
    case 'handoff.reject':
    case 'handoff.complete':
      return { handoffId: handoff };
    case 'subscription.advance':
      return { name: 's', through: n + 1 };
    case 'deadletter.add':
      return { subscription: 's', eventSequence: 1 + (n % 4), attempts: 1, error };
    case 'deadletter.resolve':
      return letter;
    case 'system.raise_alert':
      return { severity: 'low', summary: 's' };
    case 'system.note_maintenance':
      return { action: 'a' };
    case 'task.start':
    case 'task.complete':
    case 'task.cancel':
    case 'task.close':
    case 'task.requeue':
      return taskId;
  }
}

/** What chance alone rarely comes to. */
const STORIES = [
  [],
  [],
  [
    { type: 'handoff.accept', payload: { handoffId: 'h0' } },
    { type: 'handoff.complete', payload: { handoffId: 'h0' } },
  ],
  [
    { type: 'task.start', payload: { taskId: 't4' } },
    {
      type: 'handoff.request',
      payload: { handoffId: 'h1', taskId: 't4', to: { agentType: 'pulse' }, reason: 'r' },
    },
  ],
] as const;

/** What a decision can ask of a view. */
function shown(view: StateView): string {
  const tasks = [...IDS, 't3', 't4'].map((id) => [
    view.task(id) ?? null,
    view.openHandoffOf(id) ?? null,
    view.lastOffered(id) ?? 0,
    [...view.openSubtasks(id)].toSorted(),
    [...view.openDependents(id)].toSorted(),
  ]);
  const sessions = ['ant', 'ant-2', 'bee', 'lead'].map((id) => view.session(id) ?? null);
  const handoffs = ['h0', 'h1', 'h2'].map((id) => view.handoff(id) ?? null);
  const letters = [1, 2, 3, 4].map((n) => view.deadLetter(`s/${n}`) ?? null);
  const loads = ['agent-ant', 'agent-bee'].map((id) => view.load(id));
  const { sequence, swarm, counts } = view;
  const { tasks: taskCount, handoffs: handoffCount, subscriptions, deadLetters } = counts;
  const live = [...view.liveSessions()].map((session) => session.identity.sessionId);
  return canonicalJson([
    sequence,
    swarm ?? null,
    tasks,
    sessions,
    handoffs,
    letters,
    loads,
    live,
    view.subscription('s') ?? null,
    taskCount,
    handoffCount,
    subscriptions,
    deadLetters,
  ]);
}

describe('[I3] a compound command', () => {
  test('comes to what its parts come to one by one, or to nothing', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(
        fc.tuple(fc.constantFrom(...STORIES), fc.array(part, { minLength: 1, maxLength: 5 })),
        fc.constantFrom('ant', 'ant', 'ant-2', 'bee', 'lead', 'operator'),
        ([story, others], who) => {
          const commands = [...story, ...others];
          const [one, together] = [scene(), scene()];
          const facts: unknown[] = [];
          let refused: { readonly code: string; readonly part: number } | undefined;
          for (const [index, { type, payload }] of commands.entries()) {
            const outcome = one.when(type, payload, identity(who));
            if (outcome.ok) facts.push(...outcome.facts);
            else {
              refused = { code: outcome.code, part: index };
              break;
            }
            seen.set(type, (seen.get(type) ?? 0) + 1);
          }
          const outcome = together.when('compound.apply', { commands }, identity(who));
          if (refused === undefined) {
            expect(outcome).toEqual({ ok: true, facts });
            expect(shown(together.view)).toBe(shown(one.view));
          } else {
            expect(outcome).toMatchObject({
              ok: false,
              code: refused.code,
              details: { part: refused.part },
            });
          }
          together.checkReplay();
        },
      ),
      { seed: 5, numRuns: 700 },
    );
    expect(PART_TYPES.filter((type) => !seen.has(type))).toEqual([]);
  });

  test('shows each part what those before it left, in everything that a decision may ask', () => {
    const given = scene();
    const view = new ViewAfter(given.view);
    const ask = (type: PartType, payload: object, source: AgentIdentity) => {
      const command = {
        type,
        version: 1,
        payload,
        source,
        timeMs: given.nowMs,
      } as unknown as SwarmCommand;
      expect(permit(view, command)).toBeUndefined();
      const decided = decide(view, command);
      expect(decided.ok).toBe(true);
      view.follow(decided.facts);
      given.ask(type, payload, source);
      expect(shown(view)).toBe(shown(given.view));
    };
    ask(
      'task.create',
      { taskId: 'n1', goal: 'g', dependsOn: ['t1'], priority: 'normal' },
      CONDUCTOR,
    );
    ask('task.assign', { taskId: 't1', assignedTo: identity('ant') }, CONDUCTOR);
    ask('task.start', { taskId: 't1' }, identity('ant'));
    ask('task.cancel', { taskId: 't4' }, CONDUCTOR);
    ask('task.complete', { taskId: 't1' }, identity('ant'));
    ask('handoff.accept', { handoffId: 'h0' }, identity('ant-2'));
    ask('handoff.complete', { handoffId: 'h0' }, identity('ant-2'));
    ask(
      'deadletter.add',
      { subscription: 's', eventSequence: 2, attempts: 1, error: { code: 'E', message: 'm' } },
      identity('ant'),
    );
    ask('deadletter.resolve', { letterId: 's/2' }, identity('ant'));
  });
});

describe('[I10] a part', () => {
  test('is permitted on what the parts before it left', () => {
    const given = scene();
    // Who gave his task away in the part before is no holder any more.
    const commands = [
      { type: 'handoff.accept', payload: { handoffId: 'h0' } },
      { type: 'handoff.complete', payload: { handoffId: 'h0' } },
      { type: 'task.start', payload: { taskId: 't2' } },
    ] as const;
    const taken = given.when('compound.apply', { commands: [...commands] }, identity('bee'));
    expect(taken.ok && taken.facts.map(([type]) => type)).toEqual([
      'handoff.accepted',
      'handoff.completed',
      'task.requeued',
      'task.assigned',
      'task.started',
    ]);
    given.ask('task.create', { taskId: 'n1', goal: 'g' });
    const given2 = [
      { type: 'task.assign', payload: { taskId: 'n1', assignedTo: identity('bee') } },
      { type: 'task.start', payload: { taskId: 'n1' } },
    ] as const;
    const refused = given.when('compound.apply', { commands: [...given2] }, CONDUCTOR);
    expect(refused).toMatchObject({ ok: false, code: 'NOT_HOLDER', details: { part: 1 } });
  });

  test.each([
    ['lock.acquire', { resource: 'r', type: 'exclusive' }],
    ['session.stop', { sessionId: 'ant' }],
    ['compound.apply', { commands: [{ type: 'event.emit', payload: { type: 'app.x', data: 1 } }] }],
    ['system.initialize', {}],
    ['no.such', {}],
    ['__proto__', {}],
    ['constructor', {}],
  ])('cannot be %s', (type, payload) => {
    const outcome = scene().when('compound.apply', { commands: [{ type, payload }] }, CONDUCTOR);
    expect(outcome).toMatchObject({ ok: false, code: 'INVALID_INPUT', details: { part: 0, type } });
  });

  test('has the shape of its command', () => {
    const commands = [{ type: 'task.create', payload: { goal: 'g', more: 1 } }];
    const outcome = scene().when('compound.apply', { commands }, CONDUCTOR);
    expect(outcome).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
  });

  test('[I12] is one of at most compoundCommandsMax', () => {
    const given = new Given({ limits: { compoundCommandsMax: 2 } });
    const emit = { type: 'event.emit', payload: { type: 'app.x', data: 1 } };
    const limit = { limit: 'compoundCommandsMax', max: 2 };
    expect(given.when('compound.apply', { commands: [emit, emit] })).toMatchObject({ ok: true });
    expect(given.when('compound.apply', { commands: [emit, emit, emit] })).toMatchObject({
      ok: false,
      code: 'LIMIT_EXCEEDED',
      details: limit,
    });
  });
});
