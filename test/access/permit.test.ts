import { describe, expect, test } from 'vitest';
import { permit } from '../../src/access/permit.ts';
import type { AgentIdentity } from '../../src/events/identity.ts';
import { issue, readRequest } from '../../src/protocol/receive.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { countedIds } from '../../src/testing/index.ts';
import { Given } from '../support/given.ts';

/** The code with which somebody is refused; undefined when he may ask. */
function refusalOf(given: Given, type: string, payload: object, source: AgentIdentity) {
  const read = readRequest({ type, payload }, { ids: countedIds(), limits: DEFAULT_LIMITS });
  if (!read.ok) return read.code;
  return permit(given.view, issue(read.request, { source, timeMs: given.nowMs }))?.code;
}

describe('[I10] who asks', () => {
  test('is who was registered with that session, in every part of the identity', () => {
    const given = new Given();
    const ant = given.session('ant');
    given.session('boss', 'conductor');
    const pause = (source: AgentIdentity) =>
      refusalOf(given, 'session.pause', { sessionId: 'boss' }, source);
    expect(pause(ant)).toBe('FORBIDDEN');
    expect(pause({ ...ant, agentType: 'conductor' })).toBe('UNKNOWN_SESSION');
    expect(pause({ ...ant, agentId: 'agent-boss' })).toBe('UNKNOWN_SESSION');
    expect(pause({ ...ant, sessionId: 'none' })).toBe('UNKNOWN_SESSION');
  });

  test('may not be the operator for what the coordinator does by itself', () => {
    const given = new Given();
    given.session('ant');
    const operator: AgentIdentity = {
      agentId: 'operator',
      agentType: 'system',
      sessionId: 'operator',
    };
    for (const [type, payload] of [
      ['session.expire', { sessionId: 'ant' }],
      ['session.sweep', { sessionId: 'ant' }],
      ['system.stall', { gapMs: 1 }],
      ['system.resume', { epoch: 2, gapMs: 1 }],
    ] as const) {
      expect(refusalOf(given, type, payload, operator)).toBe('FORBIDDEN');
    }
  });

  test('writes its own session, or what its role may', () => {
    const given = new Given();
    const ant = given.session('ant');
    const guard = given.session('guard', 'guardian');
    const boss = given.session('boss', 'conductor');
    given.session('bee');
    const writes = (source: AgentIdentity, path: string) =>
      refusalOf(given, 'state.update', { path, newValue: 1 }, source) ?? 'may';
    expect(writes(ant, 'agents.pulse.ant.data.x')).toBe('may');
    expect(writes(ant, 'agents.pulse.bee.data.x')).toBe('FORBIDDEN');
    expect(writes(ant, 'global.health')).toBe('FORBIDDEN');
    expect(writes(ant, 'global.config')).toBe('FORBIDDEN');
    expect(writes(guard, 'global.health')).toBe('may');
    expect(writes(guard, 'global.config')).toBe('FORBIDDEN');
    expect(writes(boss, 'agents.pulse.bee.data.x')).toBe('may');
    expect(writes(boss, 'global.config.defaultPriority')).toBe('may');
  });
});
