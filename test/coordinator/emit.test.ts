/** `emit` (specification, "Event Bus API"): decided at once, through the actor that a fact belongs to. */
import { describe, expect, test } from 'vitest';
import { CATALOG, type KernelEventType } from '../../src/events/catalog.ts';
import { EMITTED } from '../../src/protocol/emitted.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { codeOf } from '../support/refusal-code.ts';

describe('an event of an application', () => {
  test.each([
    'text',
    7,
    null,
    false,
    [1, [2]],
    { deep: { er: 'x' } },
    { __proto__: null, a: 1 },
    { type: 'app.other', data: 2 },
  ])('shows what was given: %o', async (payload) => {
    const { swarm } = await openTestSwarm();
    const id = swarm.events.emit({ type: 'app.said', payload });
    await swarm.durable();
    const [event] = swarm.events.query({ types: ['app.said'] });
    expect(event).toMatchObject({ id, type: 'app.said', source: { sessionId: 'operator' } });
    expect(event?.payload).toEqual(payload);
    expect(swarm.state.events.byType.get('app.said')).toEqual([id]);
  });

  test.each([
    ['app', 'INVALID_INPUT'],
    ['app.', 'INVALID_INPUT'],
    ['app..x', 'INVALID_INPUT'],
    ['app.white space', 'INVALID_INPUT'],
    ['application.x', 'INVALID_INPUT'],
    ['toString', 'INVALID_INPUT'],
    ['__proto__', 'INVALID_INPUT'],
    [`app${'.x'.repeat(9)}`, 'INVALID_INPUT'],
    [`app.${'x'.repeat(65)}`, 'INVALID_INPUT'],
    ['app.A-b_9.c', 'granted'],
  ])('of the type %s: %s', async (type, code) => {
    const { swarm } = await openTestSwarm();
    const { sequence } = swarm;
    expect(codeOf(() => swarm.events.emit({ type, payload: 1 }))).toBe(code);
    expect(swarm.sequence).toBe(code === 'granted' ? sequence + 1 : sequence);
  });

  test('[I11] holds JSON only, within the limits', async () => {
    const { swarm } = await openTestSwarm({ limits: { payloadCharsMax: 4_000 } });
    const { sequence } = swarm;
    const emit = (payload: unknown) => codeOf(() => swarm.events.emit({ type: 'app.x', payload }));
    const circle: { of?: unknown } = {};
    circle.of = circle;
    expect(emit(undefined)).toBe('INVALID_INPUT');
    expect(emit(() => 1)).toBe('INVALID_INPUT');
    expect(emit(Number.NaN)).toBe('INVALID_INPUT');
    expect(emit(circle)).toBe('PAYLOAD_TOO_LARGE');
    expect(emit('x'.repeat(5_000))).toBe('PAYLOAD_TOO_LARGE');
    expect(swarm.sequence).toBe(sequence);
  });

  test('carries what ties it to others, and its source is the handle', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const metadata = { correlationId: 'c', causationId: 'e', trace: { traceparent } };
    ant.events.emit({ type: 'app.x', payload: 1, metadata });
    const [event] = swarm.events.query({ types: ['app.x'] });
    expect(event).toMatchObject({ source: ant.identity, metadata });
  });
});

describe('who is the source', () => {
  test('a session speaks for itself only; the operator for every session that there is', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const said = { type: 'app.x', payload: 1 };
    expect(codeOf(() => ant.events.emit({ ...said, source: ant.identity }))).toBe('granted');
    expect(codeOf(() => ant.events.emit({ ...said, source: bee.identity }))).toBe('FORBIDDEN');
    expect(codeOf(() => swarm.events.emit({ ...said, source: bee.identity }))).toBe('granted');
    const nobody = { ...bee.identity, agentId: 'nobody' };
    expect(codeOf(() => swarm.events.emit({ ...said, source: nobody }))).toBe('FORBIDDEN');
    const coordinator = {
      agentId: 'coordinator',
      agentType: 'system',
      sessionId: 'coordinator',
    } as const;
    expect(codeOf(() => swarm.events.emit({ ...said, source: coordinator }))).toBe('FORBIDDEN');
    expect(swarm.events.query({ types: ['app.x'] }).map(({ source }) => source.agentId)).toEqual([
      'ant',
      'bee',
    ]);
  });
});

describe('a lifecycle fact', () => {
  test('goes through its actor: the state follows, and the id is that of the event', async () => {
    const { swarm } = await openTestSwarm();
    const lead = await swarm.register({ agentType: 'conductor', agentId: 'lead' });
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    lead.events.emit({ type: 'task.created', payload: { taskId: 't', goal: 'g' } });
    lead.events.emit({ type: 'task.assigned', payload: { taskId: 't', assignedTo: ant.identity } });
    const id = ant.events.emit({ type: 'task.started', payload: { taskId: 't' } });
    expect(swarm.get('global.tasks.t.status')).toBe('running');
    expect(swarm.events.query({ types: ['task.started'] }).map((event) => event.id)).toEqual([id]);
    ant.events.emit({ type: 'task.completed', payload: { taskId: 't', result: 1 } });
    expect(swarm.get('global.tasks.t.status')).toBe('complete');
    const place = `agents.pulse["${ant.identity.sessionId}"].data.x`;
    ant.events.emit({ type: 'state.updated', payload: { path: place, newValue: 1 } });
    expect(ant.get(place)).toBe(1);
  });

  test('is refused when it is illegal, at once, and leaves the state as it was', async () => {
    const { swarm } = await openTestSwarm();
    const [ant, bee] = [
      await swarm.register({ agentType: 'pulse', agentId: 'ant' }),
      await swarm.register({ agentType: 'pulse', agentId: 'bee' }),
    ];
    ant.events.emit({ type: 'task.created', payload: { taskId: 't', goal: 'g' } });
    await ant.tasks.claim({ taskId: 't' });
    const { sequence } = swarm;
    const emit = (type: string, payload: object, by = ant) =>
      codeOf(() => by.events.emit({ type, payload }));
    expect(emit('task.completed', { taskId: 't' })).toBe('ILLEGAL_TRANSITION');
    expect(emit('task.started', { taskId: 't' }, bee)).toBe('NOT_HOLDER');
    expect(emit('task.started', { taskId: 'none' })).toBe('NOT_FOUND');
    expect(emit('task.started', { task: 't' })).toBe('INVALID_INPUT');
    expect(emit('system.config_changed', { config: { defaultPriority: 'low' } })).toBe('FORBIDDEN');
    expect(emit('state.updated', { path: 'global.tasks.t.status', newValue: 'complete' })).toBe(
      'FORBIDDEN',
    );
    expect(emit('agent.stopped', { sessionId: bee.identity.sessionId })).toBe('FORBIDDEN');
    expect(swarm.sequence).toBe(sequence);
  });

  test('that a lock is acquired is said when it is, and nobody begins to wait', async () => {
    const { swarm } = await openTestSwarm();
    const [ant, bee] = [
      await swarm.register({ agentType: 'pulse', agentId: 'ant' }),
      await swarm.register({ agentType: 'pulse', agentId: 'bee' }),
    ];
    const payload = { resource: 'r', type: 'exclusive' };
    ant.events.emit({ type: 'lock.acquired', payload });
    expect(codeOf(() => bee.events.emit({ type: 'lock.acquired', payload }))).toBe('LOCK_HELD');
    const [lock] = swarm.locks.getLocks('r');
    // The event of the acquisition can be given as it was told: what follows is left out.
    ant.events.emit({ type: 'lock.released', payload: { lockId: lock?.id, resource: 'r' } });
    expect(swarm.locks.getLocks('r')).toEqual([]);
  });

  test('what is so already has not happened', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const path = `agents.pulse["${ant.identity.sessionId}"].data.x`;
    expect(codeOf(() => ant.events.emit({ type: 'state.deleted', payload: { path } }))).toBe(
      'ILLEGAL_TRANSITION',
    );
  });

  test('every type is one that somebody can emit, or one that the coordinator records', async () => {
    const { swarm } = await openTestSwarm();
    for (const type of Object.keys(CATALOG) as KernelEventType[]) {
      const code = codeOf(() => swarm.events.emit({ type, payload: null }));
      expect([type, code]).toEqual([type, type in EMITTED ? 'INVALID_INPUT' : 'FORBIDDEN']);
    }
  });
});

test('[I7] nobody emits into a swarm that is closed', async () => {
  const home = await openTestSwarm();
  const { swarm } = home;
  await home.close();
  expect(codeOf(() => swarm.events.emit({ type: 'app.x', payload: 1 }))).toBe('CLOSED');
});
