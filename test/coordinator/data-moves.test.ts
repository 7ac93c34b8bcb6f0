/** What may become of a dream's phase, of its context window and of an iteration's status, through every door of direct writes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { BatchEntry, StateUpdate } from '../../src/coordinator/state-writer.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Refused } from '../../src/core/errors.ts';
import { DREAM_MOVES, ITERATION_MOVES } from '../../src/events/data-moves.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { EventLog } from '../../src/events/log.ts';
import { verifyLog } from '../../src/history/verify.ts';
import { History } from '../../src/history/history.ts';
import { COMMANDS } from '../../src/protocol/commands.ts';
import { Given } from '../support/given.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { GatedDatabase } from '../support/swarm-over.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const DREAM = 'agents.dream_weaver.s1.data';
const PULSE = 'agents.pulse.s1.data';
const PHASES = ['planning', 'generating', 'refining', 'complete'] as const;
const STATUSES = ['pending', 'running', 'complete', 'failed'] as const;

interface Opened {
  readonly swarm: Swarm;
  readonly session: AgentSession;
}

async function opened(agentType: 'dream_weaver' | 'pulse'): Promise<Opened> {
  const { swarm } = await openTestSwarm();
  const session = await swarm.register({ agentType, agentId: 'one', sessionId: 's1' });
  return { swarm, session };
}

/** The way there by legal moves. */
const WAYS: Readonly<Record<(typeof PHASES)[number], readonly string[]>> = {
  planning: [],
  generating: ['generating'],
  refining: ['generating', 'refining'],
  complete: ['generating', 'refining', 'complete'],
};

async function dreaming(phase: (typeof PHASES)[number]): Promise<Opened> {
  const one = await opened('dream_weaver');
  await one.session.update({ path: `${DREAM}.dreamId`, newValue: 'd1' });
  for (const next of WAYS[phase]) {
    await one.session.update({ path: `${DREAM}.phase`, newValue: next });
  }
  return one;
}

/** Refused with a code and details, and nothing is recorded. */
async function expectRefused(
  { swarm }: Opened,
  write: () => Promise<unknown>,
  expected: { readonly code: string; readonly details: object },
): Promise<void> {
  const { sequence, stateHash } = swarm;
  const error: unknown = await write().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Refused);
  expect(error).toMatchObject(expected);
  expect([swarm.sequence, swarm.stateHash]).toEqual([sequence, stateHash]);
}

/** The ways to write some fields of the data of a dream: each is a door of its own. */
const DOORS: Readonly<Record<string, (one: Opened, data: object) => Promise<unknown>>> = {
  'a leaf': async ({ session }, data) =>
    session.updateAll(
      Object.entries(data).map(([field, newValue]) => ({ path: `${DREAM}.${field}`, newValue })),
    ),
  'a merge of the data': async ({ session }, newValue) =>
    session.update({ path: DREAM, newValue, merge: true }),
  'a replace of the data': async ({ session }, data) =>
    session.update({ path: DREAM, newValue: { ...(session.get(DREAM) as object), ...data } }),
  'a batch beside another write': async ({ session }, newValue) =>
    session.updateAll([
      { path: 'agents.dream_weaver.s1.progress.current', newValue: 5 },
      { path: DREAM, newValue, merge: true },
    ]),
  'a conflict that the later wins': async ({ session }, data) =>
    session.update({
      path: DREAM,
      newValue: { ...(session.get(DREAM) as object), ...data },
      expectedVersion: 0,
      onConflict: 'last-write-wins',
    }),
  'a conflict of merged objects': async ({ session }, newValue) =>
    session.update({ path: DREAM, newValue, expectedVersion: 0, onConflict: 'merge-objects' }),
  'the operator': async ({ swarm }, newValue) =>
    swarm.update({ path: DREAM, newValue, merge: true }),
};

const doors = Object.keys(DOORS);

async function through(door: string, one: Opened, data: object): Promise<unknown> {
  return DOORS[door]?.(one, data);
}

const pairs = PHASES.flatMap((from) => PHASES.map((to) => [from, to] as const));

const roomOf = (usedTokens: number, maxTokens: number) => ({
  contextWindow: { documents: ['a'], maxTokens, usedTokens },
});

describe.each(doors)('the phase of a dream, by %s', (door) => {
  test.each(pairs)('from %s to %s', async (from, to) => {
    const one = await dreaming(from);
    const legal = from === to || (DREAM_MOVES[from]?.includes(to) && from !== 'complete');
    if (legal) {
      await through(door, one, { phase: to });
      expect(one.session.get(`${DREAM}.phase`)).toBe(to);
      return;
    }
    await expectRefused(one, async () => through(door, one, { phase: to }), {
      code: 'ILLEGAL_TRANSITION',
      details: { path: `${DREAM}.phase`, from, to },
    });
  });

  test('a complete one begins again as another dream, and only so', async () => {
    const one = await dreaming('complete');
    const same = { phase: 'planning', dreamId: 'd1' };
    await expectRefused(one, async () => through(door, one, same), {
      code: 'ILLEGAL_TRANSITION',
      details: { path: `${DREAM}.phase`, from: 'complete', to: 'planning' },
    });
    await through(door, one, { phase: 'planning', dreamId: 'd2' });
    expect(one.session.get(DREAM)).toMatchObject({ phase: 'planning', dreamId: 'd2' });
  });

  test.each(['generating', 'refining', 'complete'] as const)(
    'another dream is not %s from the start',
    async (phase) => {
      const one = await dreaming(phase);
      await expectRefused(one, async () => through(door, one, { dreamId: 'd2' }), {
        code: 'ILLEGAL_TRANSITION',
        details: { path: `${DREAM}.dreamId`, from: 'd1', to: 'd2' },
      });
    },
  );

  test('the context window has room', async () => {
    const one = await dreaming('planning');
    await through(door, one, roomOf(9_999, 0)); // no budget
    await through(door, one, roomOf(10, 10));
    for (const [used, max] of [
      [11, 10],
      [10, 9],
    ] as const) {
      await expectRefused(one, async () => through(door, one, roomOf(used, max)), {
        code: 'INVALID_INPUT',
        details: { path: `${DREAM}.contextWindow.usedTokens`, to: used },
      });
    }
  });
});

describe('what is written of a dream in one commit', () => {
  test('is judged by what all of it leaves, in any order', async () => {
    const one = await dreaming('complete');
    const { session } = one;
    await session.updateAll([
      { path: `${DREAM}.phase`, newValue: 'planning' },
      { path: `${DREAM}.contextWindow.usedTokens`, newValue: 50 },
      { path: `${DREAM}.dreamId`, newValue: 'd2' },
      { path: `${DREAM}.contextWindow.maxTokens`, newValue: 100 },
    ]);
    const tooMuch: BatchEntry[] = [
      { path: `${DREAM}.contextWindow.maxTokens`, newValue: 40 },
      { path: `${DREAM}.prompt`, newValue: 'p' },
    ];
    await expectRefused(one, async () => session.updateAll(tooMuch), {
      code: 'INVALID_INPUT',
      details: { reason: expect.stringContaining('maxTokens') as unknown },
    });
    expect(session.get(`${DREAM}.prompt`)).toBe('');
  });

  test('other fields are not held up by it', async () => {
    const { session } = await dreaming('complete');
    const newValue = { quality: { coherence: 1 }, prompt: 'p', mine: [1] };
    expect(await session.update({ path: DREAM, newValue, merge: true })).toMatchObject({
      success: true,
    });
  });

  test('neither the phase nor the budget can be taken away', async () => {
    const one = await dreaming('refining');
    for (const path of ['phase', 'dreamId', 'contextWindow', 'contextWindow.usedTokens']) {
      const details = { path: `${DREAM}.${path}` };
      const removal = async () => one.session.delete(details);
      await expectRefused(one, removal, { code: 'INVALID_INPUT', details });
      const batch = async () => one.session.updateAll([{ ...details, delete: true }]);
      await expectRefused(one, batch, { code: 'INVALID_INPUT', details });
    }
  });

  test('validateUpdate says the same before', async () => {
    const { swarm, session } = await dreaming('complete');
    const ask = (path: string, value: unknown) =>
      swarm.access.validateUpdate(session.identity, `${DREAM}.${path}`, undefined, value);
    expect(ask('phase', 'planning')).toMatchObject({ allowed: false });
    expect(ask('phase', 'complete')).toEqual({ allowed: true });
    expect(ask('contextWindow', { documents: [], maxTokens: 1, usedTokens: 2 })).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('maxTokens') as unknown,
    });
  });

  test('a data field of another kind that is called phase is free', async () => {
    const { session } = await opened('pulse');
    for (const newValue of ['complete', 'planning']) {
      await session.update({ path: `${PULSE}.phase`, newValue });
    }
    expect(session.get(`${PULSE}.phase`)).toBe('planning');
  });
});

const iteration = (number: number, status: string) => ({
  number,
  status,
  signal: 'UNKNOWN',
  summary: '',
  commitHash: null,
  startedAt: NOW,
  completedAt: null,
  durationSeconds: null,
  filesModified: [],
});

/** The ways to write the status of the second of two iterations. */
const REWRITES: Readonly<Record<string, (status: string) => StateUpdate>> = {
  'its status': (status) => ({ path: `${PULSE}.iterations[1].status`, newValue: status }),
  'it in its place': (status) => ({
    path: `${PULSE}.iterations[1]`,
    newValue: iteration(2, status),
  }),
  'it in its place, with another number': (status) => ({
    path: `${PULSE}.iterations[1]`,
    newValue: iteration(7, status),
  }),
  'a merge into it': (status) => ({
    path: `${PULSE}.iterations[1]`,
    newValue: { status, summary: 's' },
    merge: true,
  }),
  'the list': (status) => ({
    path: `${PULSE}.iterations`,
    newValue: [iteration(1, 'complete'), iteration(2, status)],
  }),
  'the list without the first': (status) => ({
    path: `${PULSE}.iterations`,
    newValue: [iteration(2, status)],
  }),
  'the data, merged': (status) => ({
    path: PULSE,
    newValue: { iterations: [iteration(1, 'complete'), iteration(2, status)] },
    merge: true,
  }),
};

const rewrites = Object.keys(REWRITES).flatMap((door) =>
  STATUSES.flatMap((from) => STATUSES.map((to) => [door, from, to] as const)),
);

describe('the status of an iteration', () => {
  test.each(rewrites)('by %s: from %s to %s', async (door, from, to) => {
    const one = await opened('pulse');
    const { session } = one;
    await session.append(`${PULSE}.iterations`, iteration(1, 'complete'));
    await session.append(`${PULSE}.iterations`, iteration(2, from));
    const update = REWRITES[door]?.(to) ?? { path: '', newValue: null };
    if (from === to || ITERATION_MOVES[from]?.includes(to)) {
      expect(await session.update(update)).toMatchObject({ success: true });
      return;
    }
    const expected = { code: 'ILLEGAL_TRANSITION', details: { from, to } };
    await expectRefused(one, async () => session.update(update), expected);
    await expectRefused(one, async () => session.updateAll([update]), expected);
  });

  test('a replace of all data, and a conflict of lists, are seen through', async () => {
    const one = await opened('pulse');
    const { session } = one;
    await session.append(`${PULSE}.iterations`, iteration(1, 'failed'));
    const back = [iteration(1, 'pending')];
    const expected = { code: 'ILLEGAL_TRANSITION', details: { from: 'failed', to: 'pending' } };
    const whole = { ...(session.get(PULSE) as object), iterations: back };
    await expectRefused(
      one,
      async () => session.update({ path: PULSE, newValue: whole }),
      expected,
    );
    const union = {
      path: `${PULSE}.iterations`,
      newValue: back,
      expectedVersion: 0,
      onConflict: 'merge-arrays',
    } as const;
    await expectRefused(one, async () => session.update(union), expected);
  });

  test('a new one begins with any, and what was taken away is forgotten', async () => {
    const { session } = await opened('pulse');
    for (const [index, status] of STATUSES.entries()) {
      await session.append(`${PULSE}.iterations`, iteration(index, status));
    }
    await session.delete({ path: `${PULSE}.iterations[2]` });
    await session.append(`${PULSE}.iterations`, iteration(2, 'pending'));
    expect(session.get(`${PULSE}.iterations[3].status`)).toBe('pending');
  });
});

const budget = fc.record({
  documents: fc.constant([]),
  maxTokens: fc.constantFrom(0, 5),
  usedTokens: fc.constantFrom(0, 5, 6),
});
const rarely = <Value>(arbitrary: fc.Arbitrary<Value>) =>
  fc.option(arbitrary, { freq: 4, nil: undefined });

/** Mostly a phase; what is undefined is not written. */
const doing = fc.record({
  door: fc.constantFrom(...doors),
  phase: fc.constantFrom(...PHASES, undefined),
  dreamId: rarely(fc.constantFrom('d1', 'd2', null)),
  contextWindow: rarely(budget),
});

test('random sequences of writes walk legal moves only, and replay to the same state', async () => {
  let moves = 0;
  let refusals = 0;
  const sequences = fc.array(doing, { minLength: 20, maxLength: 40, size: 'max' });
  const property = fc.asyncProperty(sequences, async (steps) => {
    const one = await openTestSwarm();
    const { swarm } = one;
    const session = await swarm.register({
      agentType: 'dream_weaver',
      agentId: 'one',
      sessionId: 's1',
    });
    for (const { door, ...fields } of steps) {
      const said = Object.entries(fields).filter(([, value]) => value !== undefined);
      if (said.length === 0) continue;
      const data = Object.fromEntries(said);
      const before = session.get(DREAM) as DreamData;
      const { sequence } = swarm;
      const error: unknown = await through(door, { swarm, session }, data).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const after = session.get(DREAM) as DreamData;
      if (error === undefined) {
        checkStep(before, after);
        if (before.phase !== after.phase) moves += 1;
        continue;
      }
      refusals += 1;
      expect(error).toBeInstanceOf(Refused);
      expect(['ILLEGAL_TRANSITION', 'INVALID_INPUT']).toContain((error as Refused).code);
      expect([after, swarm.sequence]).toEqual([before, sequence]);
    }
    await one.close(); // and compares with the log
  });
  await fc.assert(property, { seed: 20, numRuns: 60 });
  expect(moves).toBeGreaterThan(200);
  expect(refusals).toBeGreaterThan(500);
}, 60_000);

interface DreamData {
  readonly phase: string;
  readonly dreamId: string | null;
  readonly contextWindow: { readonly maxTokens: number; readonly usedTokens: number };
}

/** The rules once more, said in another way. */
function checkStep(before: DreamData, after: DreamData): void {
  const way = `${before.phase} ${after.phase}`;
  if (before.phase !== after.phase) {
    expect([
      'planning generating',
      'generating refining',
      'refining generating',
      'refining complete',
      'complete planning',
    ]).toContain(way);
  }
  if (way === 'complete planning' || before.dreamId !== after.dreamId) {
    expect(before.dreamId).not.toBe(after.dreamId);
    expect(after.phase).toBe('planning');
  }
  const { maxTokens, usedTokens } = after.contextWindow;
  if (maxTokens > 0) expect(usedTokens).toBeLessThanOrEqual(maxTokens);
}

describe('[I6] what was recorded before there were these rules', () => {
  test('is not decided again, and what is recorded now is', async () => {
    expect(COMMANDS['state.update']).toMatchObject({ version: 3, rulesSince: 3 });
    expect(COMMANDS['state.batch']).toMatchObject({ version: 2, rulesSince: 2 });
    expect(COMMANDS['state.delete']).toMatchObject({ version: 1, rulesSince: 1 });
    const one = await openTestSwarm();
    const session = await one.swarm.register({ agentType: 'dream_weaver', agentId: 'one' });
    const path = `agents.dream_weaver.${session.identity.sessionId}.data.phase`;
    await session.update({ path, newValue: 'generating' });
    await session.updateAll([{ path, newValue: 'refining' }]);
    await one.close();
    const history = await History.open(one.directory);
    expect(await history.verify()).toMatchObject({ ok: true, earlierRules: 0 });
    await history.close();
  });

  test('is folded as it stands, and what is beside it can be written', async () => {
    const given = new Given();
    const source = given.session('s1', 'dream_weaver');
    const former = (path: string, newValue: unknown): Commit => {
      const command = { type: 'state.update', version: 2, payload: { path, newValue } };
      const at = { timeMs: given.nowMs, source };
      const payload = { path, newValue };
      const fact = { type: 'state.updated', payload, sequence: given.view.sequence + 1, ...at };
      return { command: { ...command, ...at }, facts: [fact] };
    };
    for (const [path, newValue] of [
      [`${DREAM}.phase`, 'complete'], // from planning
      [`${DREAM}.contextWindow`, { documents: [], maxTokens: 5, usedTokens: 9 }],
    ] as const) {
      const commit = former(path, newValue);
      given.view.apply(commit);
      given.commits.push(commit);
    }
    given.ask('state.update', { path: `${DREAM}.prompt`, newValue: 'p' }, source);
    const documents = { path: `${DREAM}.contextWindow.documents`, newValue: ['b'] };
    given.ask('state.update', documents, source);
    given.checkReplay();
    const database = new GatedDatabase();
    await database.open();
    const log = await EventLog.own(database);
    for (const commit of given.commits) {
      await new Promise((resolve, reject) => {
        log.offer(commit, { resolve, reject, value: undefined });
      });
    }
    expect(await verifyLog(log)).toMatchObject({ ok: true, earlierRules: 2 });
    await database.close();
  });
});
