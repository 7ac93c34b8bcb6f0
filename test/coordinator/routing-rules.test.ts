/** The expressions of routing rules are checked when a rule is written, in every form that a direct write has. */
import { describe, expect, test, vi } from 'vitest';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { StateUpdate } from '../../src/coordinator/state-writer.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Refused } from '../../src/core/errors.ts';
import { openTestSwarm, type TestSwarm } from '../support/open-test-swarm.ts';

/** How often an expression was read. */
const calls = vi.hoisted(() => ({ count: 0 }));

vi.mock('../../src/protocol/expression.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../src/protocol/expression.ts')>();
  return {
    ...real,
    checkExpression(text: string) {
      calls.count += 1;
      return real.checkExpression(text);
    },
  };
});

const DATA = 'agents.conductor.c.data';
const GOOD = 'task.priority == "high"';
const BAD = 'task.priority = "high"';

function rule(custom: string | undefined, id = 'r') {
  const condition = custom === undefined ? {} : { custom };
  return { id, condition, target: 'pulse', weight: 1, enabled: true };
}

async function opened(): Promise<{ opener: TestSwarm; swarm: Swarm; conductor: AgentSession }> {
  const opener = await openTestSwarm();
  const { swarm } = opener;
  const conductor = await swarm.register({
    agentType: 'conductor',
    agentId: 'carl',
    sessionId: 'c',
  });
  const newValue = [rule(GOOD, 'first'), rule(undefined, 'second')];
  await conductor.update({ path: `${DATA}.routingTable`, newValue });
  return { opener, swarm, conductor };
}

/** Every form in which an expression gets into a rule, with the place that a refusal names inside the value. */
const FORMS: Readonly<
  Record<string, readonly [write: (custom: string) => StateUpdate, at: string]>
> = {
  'the expression itself': [
    (newValue) => ({ path: `${DATA}.routingTable[0].condition.custom`, newValue }),
    '',
  ],
  'a short path': [
    (newValue) => ({ path: 'agents.conductor.c.routingTable[1].condition.custom', newValue }),
    '',
  ],
  'a path with quoted keys': [
    (newValue) => ({
      path: 'agents["conductor"]["c"].data["routingTable"][0]["condition"].custom',
      newValue,
    }),
    '',
  ],
  'a condition': [
    (custom) => ({ path: `${DATA}.routingTable[1].condition`, newValue: { custom } }),
    'custom',
  ],
  'a condition, merged': [
    (custom) => ({ path: `${DATA}.routingTable[1].condition`, newValue: { custom }, merge: true }),
    'custom',
  ],
  'a rule': [
    (custom) => ({ path: `${DATA}.routingTable[1]`, newValue: rule(custom) }),
    'condition.custom',
  ],
  'a rule at the end': [
    (custom) => ({ path: `${DATA}.routingTable[2]`, newValue: rule(custom) }),
    'condition.custom',
  ],
  'a rule, appended': [
    (custom) => ({ path: `${DATA}.routingTable`, newValue: rule(custom), append: true }),
    'condition.custom',
  ],
  'a table': [
    (custom) => ({ path: `${DATA}.routingTable`, newValue: [rule(GOOD, 'a'), rule(custom)] }),
    '[1].condition.custom',
  ],
  'the data': [
    (custom) => ({ path: DATA, newValue: { routingTable: [rule(custom)], decisions: [] } }),
    'routingTable[0].condition.custom',
  ],
  'the data, merged': [
    (custom) => ({ path: DATA, newValue: { routingTable: [rule(custom)] }, merge: true }),
    'routingTable[0].condition.custom',
  ],
  'what resolves a conflict': [
    (custom) => ({
      path: `${DATA}.routingTable`,
      newValue: [rule(custom)],
      expectedVersion: 1,
      onConflict: 'merge-arrays',
    }),
    '[0].condition.custom',
  ],
};

const cases = Object.entries(FORMS);

describe.each(cases)('%s', (_form, [write, at]) => {
  test('with an expression that can be used', async () => {
    const { conductor } = await opened();
    expect(await conductor.update(write(GOOD))).toMatchObject({ success: true });
  });

  test.each([
    ['a Conductor', false],
    ['the operator', true],
  ])('with one that cannot, by %s', async (_who, isOperator) => {
    const { swarm, conductor } = await opened();
    const before = { sequence: swarm.sequence, hash: swarm.stateHash };
    const refused: unknown = await (isOperator ? swarm : conductor)
      .update(write(BAD))
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refused);
    const { code, details } = refused as Refused;
    expect(code).toBe('INVALID_INPUT');
    expect(details).toMatchObject({ path: write(BAD).path, at, position: 14 });
    expect(details['reason']).toContain('cannot be read');
    expect({ sequence: swarm.sequence, hash: swarm.stateHash }).toEqual(before);
  });

  test('with one that cannot, beside others in a batch', async () => {
    const { swarm, conductor } = await opened();
    const { onConflict: _not, ...entry } = write(BAD);
    const before = swarm.stateHash;
    await expect(
      conductor.updateAll([{ path: 'global.health.issues', newValue: ['x'] }, entry]),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { path: entry.path, at } });
    expect(swarm.stateHash).toBe(before);
  });

  test('is what swarm.access says before', async () => {
    const { swarm, conductor } = await opened();
    const { path, newValue, append, merge, onConflict } = write(BAD);
    if (append === true || merge === true || onConflict !== undefined) return; // it is not told of these
    const { identity } = conductor;
    expect(swarm.access.validateUpdate(identity, path, undefined, newValue)).toEqual({
      allowed: false,
      reason: expect.stringContaining('the expression cannot be used'),
    });
    const good = write(GOOD).newValue;
    expect(swarm.access.validateUpdate(identity, path, undefined, good)).toEqual({ allowed: true });
  });
});

describe('what is no rule', () => {
  test.each<[string, unknown]>([
    [`${DATA}.note`, { routingTable: [rule(BAD)] }],
    [`${DATA}.custom`, BAD],
    ['agents.pulse.p.data.routingTable', [rule(BAD)]],
    ['agents.pulse.p.data.conductor', { data: { routingTable: [rule(BAD)] } }],
  ])('%s is written as it is', async (path, newValue) => {
    const { swarm } = await opened();
    await swarm.register({ agentType: 'pulse', agentId: 'p', sessionId: 'p' });
    expect(await swarm.update({ path, newValue })).toMatchObject({ success: true });
  });

  test('a session is registered without rules', async () => {
    const { swarm } = await opened();
    const data = { routingTable: [rule(BAD)] };
    const agent = { agentType: 'conductor', agentId: 'other' };
    const result = await swarm.dispatch({ type: 'session.register', payload: { ...agent, data } });
    expect(result).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
  });
});

test('who may not write it is told that first', async () => {
  const { swarm } = await opened();
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
  await expect(
    ant.update({ path: `${DATA}.routingTable[0].condition.custom`, newValue: BAD }),
  ).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('the expressions of one command are bounded', async () => {
  const { conductor } = await opened();
  const custom = `${GOOD}${' '.repeat(1_000)}`;
  const rules = Array.from({ length: 40 }, (_, number) => rule(custom, `r${number}`));
  const path = `${DATA}.routingTable`;
  await expect(conductor.update({ path, newValue: rules })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    details: { path, reason: expect.stringContaining('one command') },
  });
  expect(await conductor.update({ path, newValue: rules.slice(0, 30) })).toMatchObject({
    success: true,
  });
});

test('[I6] a log with rules is replayed without reading an expression', async () => {
  const { opener, conductor } = await opened();
  await conductor.append(`${DATA}.routingTable`, rule(GOOD, 'third'));
  const before = calls.count;
  expect(before).toBeGreaterThan(0);
  const swarm = await opener.reopen(); // compares what was shown with what the log gives
  expect(swarm.get(`${DATA}.routingTable`)).toHaveLength(3);
  expect(calls.count).toBe(before);
});
