/** No door without a guard: every method of every handle is known here, with what it asks; and those that read all ask. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AccessRules } from '../../src/access/access-rules.ts';
import { PERMISSION_MATRIX } from '../../src/access/matrix.ts';
import { AgentSession } from '../../src/coordinator/agent-session.ts';
import { DeadLetters } from '../../src/coordinator/dead-letters.ts';
import { SwarmEvents } from '../../src/coordinator/event-bus.ts';
import { SwarmLocks } from '../../src/coordinator/lock-manager.ts';
import { openSwarmOver } from '../../src/coordinator/open-swarm.ts';
import { SessionHandoffs } from '../../src/coordinator/session-handoffs.ts';
import { SessionLocks } from '../../src/coordinator/session-locks.ts';
import { SessionTasks } from '../../src/coordinator/session-tasks.ts';
import { Swarm } from '../../src/coordinator/swarm.ts';
import { SwarmAccess } from '../../src/coordinator/swarm-access.ts';
import { Refused } from '../../src/core/errors.ts';
import { openMemoryEngine } from '../../src/storage/engine.ts';

/**
 * What each does: `asks` goes through permit as a command, `reads` asks the matrix, `operator` belongs to the operator's own
 * handle, `life` opens, closes and names things, `says` tells of the rules themselves.
 */
const DOORS = {
  session: {
    asks: 'dispatch heartbeat start pause resume drain stop fail recover raiseAlert update updateAll append delete',
    reads: 'get read query watch',
  },
  tasks: {
    asks: 'create claim claimNext assign start progress complete fail cancel close requeue',
  },
  locks: {
    asks: 'acquire upgrade downgrade renew release forceRelease',
    reads: 'getLocks getWaitQueue check',
  },
  handoffs: { asks: 'request accept reject complete', reads: 'offers' },
  events: {
    asks: 'emit removeSubscription',
    reads: 'query replay subscribe unsubscribe durableSubscriptions',
  },
  deadLetters: { asks: 'retry drop', reads: 'list' },
  swarm: {
    operator:
      'state stateHash get read query watch register dispatch update updateAll append delete raiseAlert noteMaintenance',
    life: 'begin id sequence durableSequence session durable close',
  },
  swarmLocks: {
    operator: 'acquire release renew upgrade downgrade forceRelease getLocks getWaitQueue check',
  },
  access: { says: 'canAccess getAccessiblePaths validateUpdate denials' },
} as const;

const CLASSES: Readonly<Record<keyof typeof DOORS, { readonly prototype: object }>> = {
  session: AgentSession,
  tasks: SessionTasks,
  locks: SessionLocks,
  handoffs: SessionHandoffs,
  events: SwarmEvents,
  deadLetters: DeadLetters,
  swarm: Swarm,
  swarmLocks: SwarmLocks,
  access: SwarmAccess,
};

test.each(Object.entries(DOORS))('every door of %s is known', (name, doors) => {
  const known = Object.values(doors).flatMap((text: string) => text.split(' '));
  const { prototype } = CLASSES[name as keyof typeof DOORS];
  const found = Object.getOwnPropertyNames(prototype).filter((one) => one !== 'constructor');
  expect(found.toSorted()).toEqual(known.toSorted());
});

describe('with rules by which nobody reads anything', () => {
  const nobody = new AccessRules(
    PERMISSION_MATRIX.map(([path]) => [path, '–', '–', '–', '–', '–'] as const),
  );
  let swarm: Swarm;
  let ant: AgentSession;
  let bee: AgentSession;

  beforeEach(async () => {
    swarm = await openSwarmOver(await openMemoryEngine(), {}, nobody);
    ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 'a' });
    bee = await swarm.register({ agentType: 'pulse', agentId: 'bee', sessionId: 'b' });
  });

  afterEach(async () => {
    await swarm.close();
  });

  test.each(['global', 'global.health', 'agents', 'agents.pulse.a', 'locks', 'events'])(
    'get and read of %s',
    (path) => {
      for (const read of [() => ant.get(path), () => ant.read(path)]) {
        expect(read).toThrow(Refused);
        expect(read).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
      }
      expect(swarm.get(path)).toBeDefined(); // the operator reads everything
    },
  );

  test('everything that tells of events', async () => {
    const forbidden = { code: 'FORBIDDEN' };
    expect(() => ant.events.query()).toThrow(expect.objectContaining(forbidden));
    expect(() => ant.events.subscribe({}, () => {})).toThrow(expect.objectContaining(forbidden));
    expect(() => ant.events.durableSubscriptions()).toThrow(expect.objectContaining(forbidden));
    expect(() => ant.events.deadLetters.list()).toThrow(expect.objectContaining(forbidden));
    const hears = swarm.events.subscribe({}, () => {});
    expect(() => ant.events.unsubscribe(hears.id)).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
    await expect(ant.events.replay({}, () => {})).rejects.toMatchObject(forbidden);
    expect(swarm.events.query()).not.toEqual([]);
    expect(swarm.access.denials.byRole.pulse).toBe(5);
  });

  test('query finds nothing', () => {
    expect(ant.query('**')).toEqual([]);
    expect(swarm.query('agents.*.*.status')).toHaveLength(2);
  });

  test('watch tells nothing', async () => {
    const [blind, seeing] = [ant.watch('agents.**'), swarm.watch('agents.**')];
    await bee.tasks.create({ goal: 'g' });
    await bee.tasks.claim({});
    expect((await seeing.next()).value).toMatchObject({ path: 'agents.pulse.b' });
    let told = false;
    void blind.next().then(({ done }) => (told ||= done !== true));
    await swarm.durable();
    expect(told).toBe(false);
    await Promise.all([blind.return?.(), seeing.return?.()]);
  });

  test('getLocks, getWaitQueue and check', async () => {
    const query = { resource: 'r', type: 'exclusive' } as const;
    const lock = await ant.locks.acquire(query);
    const waiting = bee.locks.acquire({ ...query, timeout: 60_000 });
    await swarm.durable();
    const token = lock?.fencingToken ?? 0;
    expect(ant.locks.getLocks()).toEqual([]);
    expect(ant.locks.getWaitQueue('r')).toEqual([]);
    expect(ant.locks.check('r', token)).toBe(false);
    expect(swarm.locks.getLocks()).toHaveLength(1);
    expect(swarm.locks.getWaitQueue('r')).toHaveLength(1);
    expect(swarm.locks.check('r', token)).toBe(true);
    await ant.locks.release(lock?.id ?? '');
    await waiting;
  });

  test('offers', async () => {
    const { id: taskId } = await ant.tasks.create({ goal: 'g' });
    await ant.tasks.claim({ taskId });
    await ant.handoffs.request({ taskId, to: { agentId: 'bee' }, reason: 'r' });
    expect(bee.handoffs.offers()).toEqual([]);
  });

  test('what is written is denied by the same rules', async () => {
    const write = ant.update({ path: 'agents.pulse.a.data.x', newValue: 1 });
    await expect(write).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

test('what stands in a payload makes nobody somebody else', async () => {
  const swarm = await openSwarmOver(await openMemoryEngine(), {});
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 'a' });
  await swarm.register({ agentType: 'pulse', agentId: 'bee', sessionId: 'b' });
  const forged = { agentId: 'operator', agentType: 'system', sessionId: 'operator' };
  for (const command of [
    { type: 'session.pause', payload: { sessionId: 'b' } },
    { type: 'session.pause', payload: { sessionId: 'b' }, source: forged },
    { type: 'session.pause', payload: { sessionId: 'b', source: forged } },
    { type: 'state.update', payload: { path: 'agents.pulse.b.data.x', newValue: 1 } },
  ] as const) {
    const result = await ant.dispatch(command);
    expect(result.ok).toBe(false);
    expect(['FORBIDDEN', 'INVALID_INPUT']).toContain(!result.ok && result.code);
  }
  expect(swarm.get('agents.pulse.b.status')).toBe('idle');
  await swarm.close();
});
