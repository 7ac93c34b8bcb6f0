/** `swarm.access.validateUpdate` says before a write what the write then comes to: allowed, denied, or owned by an actor. */
import { expect, test } from 'vitest';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Refused } from '../../src/core/errors.ts';
import type { AgentKind } from '../../src/events/identity.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

/** Who writes what where, and what it comes to. The session `pulse` is one of two pulses; `lock` is its own. */
const WRITES: readonly (readonly [AgentKind, string, unknown, string])[] = [
  ['pulse', 'agents.pulse.pulse.data.note', { any: 'thing' }, 'allowed'],
  ['pulse', 'agents.pulse.pulse.note', 1, 'allowed'], // short for data.note
  ['pulse', 'agents.pulse.pulse.progress.message', 'm', 'allowed'],
  ['guardian', 'global.health.status', 'degraded', 'allowed'],
  ['guardian', 'agents.guardian.guardian.data.note', 1, 'allowed'],
  ['conductor', 'global.config.maxConcurrentAgents', 5, 'allowed'],
  ['conductor', 'global.tasks.t.metadata', { note: 1 }, 'allowed'],
  ['conductor', 'agents.pulse.pulse.data.note', 1, 'allowed'],

  ['pulse', 'agents.pulse.other.data.note', 1, 'FORBIDDEN'],
  ['pulse', 'agents.pulse.nobody.data.note', 1, 'FORBIDDEN'],
  ['pulse', 'agents.guardian.guardian.data.note', 1, 'FORBIDDEN'],
  ['pulse', 'global.health.status', 'healthy', 'FORBIDDEN'],
  ['pulse', 'global.tasks.t.metadata', {}, 'FORBIDDEN'],
  ['guardian', 'global.config.maxConcurrentAgents', 5, 'FORBIDDEN'],
  ['heartbeat', 'agents.pulse.pulse.data.note', 1, 'FORBIDDEN'],
  ['heartbeat', 'locks.locks.lock.metadata', {}, 'FORBIDDEN'],
  ['dream_weaver', 'events.events', [], 'FORBIDDEN'],
  ['conductor', 'events.events', [], 'FORBIDDEN'],
  ['conductor', 'global', {}, 'FORBIDDEN'],
  ['conductor', 'agents.pulse', {}, 'FORBIDDEN'],
  ['conductor', 'nowhere', 1, 'FORBIDDEN'],

  ['pulse', 'agents.pulse.pulse.status', 'idle', 'ACTOR_OWNED_PATH'],
  ['pulse', 'agents.pulse.pulse.currentTask', null, 'ACTOR_OWNED_PATH'],
  ['pulse', 'agents.pulse.pulse.errors.count', 0, 'ACTOR_OWNED_PATH'],
  ['pulse', 'locks.lock.holder.id', 'me', 'ACTOR_OWNED_PATH'],
  ['conductor', 'global.registry.x', {}, 'ACTOR_OWNED_PATH'],
  ['conductor', 'global.tasks.t.status', 'complete', 'ACTOR_OWNED_PATH'],
  ['conductor', 'global.metrics.totalHandoffs', 9, 'ACTOR_OWNED_PATH'],
  ['conductor', 'locks.waitQueue.r', [], 'ACTOR_OWNED_PATH'],

  ['pulse', 'agents.pulse.*.data.note', 1, 'INVALID_PATH'],
  ['pulse', 'agents..pulse', 1, 'INVALID_PATH'],
  ['pulse', 'agents.pulse.pulse.data.__proto__', 1, 'INVALID_PATH'],
  ['pulse', '', 1, 'INVALID_INPUT'],
];

async function opened() {
  const one = await openTestSwarm();
  const { swarm } = one;
  for (const agentType of [
    'pulse',
    'heartbeat',
    'dream_weaver',
    'conductor',
    'guardian',
  ] as const) {
    await swarm.register({ agentType, agentId: `of-${agentType}`, sessionId: agentType });
  }
  await swarm.register({ agentType: 'pulse', agentId: 'of-other', sessionId: 'other' });
  await swarm.dispatch({ type: 'task.create', payload: { taskId: 't', goal: 'g' } });
  const pulse = sessionOf(swarm, 'pulse');
  await pulse.locks.acquire({ resource: 'r', type: 'exclusive', lockId: 'lock' });
  return one;
}

function sessionOf(swarm: Swarm, sessionId: AgentKind): AgentSession {
  return swarm.session({ agentId: `of-${sessionId}`, sessionId });
}

async function codeOf(writing: Promise<{ readonly success: boolean }>): Promise<string> {
  try {
    return (await writing).success ? 'allowed' : 'conflict';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return error.code;
  }
}

test('what it allows is written, and what it does not is refused, with a reason', async () => {
  const { swarm } = await opened();
  for (const [kind, path, newValue, outcome] of WRITES) {
    const session = sessionOf(swarm, kind);
    const said = swarm.access.validateUpdate(session.identity, path, undefined, newValue);
    expect([kind, path, said.allowed]).toEqual([kind, path, outcome === 'allowed']);
    expect([path, said.reason === undefined]).toEqual([path, said.allowed]);
    expect([path, Object.hasOwn(said, 'sanitizedValue')]).toEqual([path, false]);
    const code = await codeOf(session.update({ path, newValue }));
    expect([kind, path, code]).toEqual([kind, path, outcome]);
  }
});

test('it asks only: nothing is written, recorded or counted as a denial', async () => {
  const { swarm } = await opened();
  await swarm.update({ path: 'global.config.audit', newValue: { denials: true } });
  const { sequence, stateHash } = swarm;
  for (const [kind, path, newValue] of WRITES) {
    const { identity } = sessionOf(swarm, kind);
    swarm.access.validateUpdate(identity, path, undefined, newValue);
    swarm.access.canAccess(identity, path, 'write');
    swarm.access.getAccessiblePaths(identity, 'write');
  }
  expect([swarm.sequence, swarm.stateHash]).toEqual([sequence, stateHash]);
  expect(swarm.access.denials.total).toBe(0);
});

test('what the caller says stands there makes no difference', async () => {
  const { swarm } = await opened();
  for (const [kind, path, newValue, outcome] of WRITES) {
    const { identity } = sessionOf(swarm, kind);
    for (const old of [null, newValue, { status: 'idle' }]) {
      const { allowed } = swarm.access.validateUpdate(identity, path, old, newValue);
      expect([path, allowed]).toEqual([path, outcome === 'allowed']);
    }
  }
});

test('whoever is not registered as he says may write nothing; the operator what no actor owns', async () => {
  const { swarm } = await opened();
  const path = 'agents.pulse.pulse.data.note';
  const { identity } = sessionOf(swarm, 'pulse');
  const ask = (one: object, at = path) =>
    swarm.access.validateUpdate({ ...identity, ...one }, at, undefined, 1).allowed;
  expect(ask({})).toBe(true);
  expect(ask({ agentId: 'somebody' })).toBe(false);
  expect(ask({ sessionId: 'other' })).toBe(false);
  expect(ask({ agentType: 'guardian' })).toBe(false);
  expect(ask({ agentType: 'system' })).toBe(false);
  const operator = { agentId: 'operator', agentType: 'system', sessionId: 'operator' };
  expect(ask(operator)).toBe(true);
  expect(ask(operator, 'agents.pulse.pulse.status')).toBe(false);
});

test('after the swarm is closed nothing is said any more', async () => {
  const one = await opened();
  const { swarm } = one;
  const { identity } = sessionOf(swarm, 'pulse');
  await one.close();
  for (const ask of [
    () => swarm.access.validateUpdate(identity, 'global.config', 0, 0),
    () => swarm.access.canAccess(identity, 'global.config', 'read'),
    () => swarm.access.getAccessiblePaths(identity, 'read'),
  ]) {
    expect(ask).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  }
});
