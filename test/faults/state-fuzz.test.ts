/**
 * [I11] Hostile paths and values through the doors of direct writes: no prototype is reached, a refusal appends nothing and
 * leaves the state as it was, and what is written is what a replay gives.
 */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { ERRORS, Refused } from '../../src/core/errors.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const RUNS = 1_400;
const FORBIDDEN = ['__proto__', 'constructor', 'prototype'];

/** What every object and list inherits, before anything was tried. */
const inherited = [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
  Reflect.ownKeys(prototype),
);

afterEach(() => {
  const now = [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
    Reflect.ownKeys(prototype),
  );
  expect(now).toEqual(inherited);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

const levelName = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b', 'list', 'iterations', 'goal', 'data', 'progress'),
  },
  { weight: 2, arbitrary: fc.constantFrom(...FORBIDDEN, 'toString', 'hasOwnProperty', 'length') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
);

/** A step as it may be written: plain, quoted, quoted with escapes, an index, a wildcard. */
const step = fc.oneof(
  { weight: 5, arbitrary: levelName.map((text) => `.${text}`) },
  { weight: 2, arbitrary: levelName.map((text) => `[${JSON.stringify(text)}]`) },
  {
    weight: 1,
    arbitrary: levelName.map((text) => {
      const codes = text.split('').map((one) => one.charCodeAt(0).toString(16).padStart(4, '0'));
      return `["${codes.map((code) => `\\u${code}`).join('')}"]`;
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom('[0]', '[1]', '[999999999]', '[-1]', '[1e3]', '[01]') },
  { weight: 1, arbitrary: fc.constantFrom('.*', '.**', '..', '[', '["', '.\u0000', '[""]') },
);

const path = fc
  .tuple(
    fc.constantFrom(
      ...Array.from({ length: 8 }, () => 'agents.pulse.s1.data'),
      ...Array.from({ length: 4 }, () => 'agents.pulse.s1.data.a'),
      'agents.pulse.s1',
      'agents["pulse"]["s1"].data',
      'agents.pulse.s2.data',
      'agents.conductor.c.data',
      'global.config',
      'global.health',
      'global.tasks.t.metadata',
      'global',
      'locks',
      '',
    ),
    fc.array(step, { maxLength: 4 }),
  )
  .map(([base, steps]) => base + steps.join(''));

/** JSON, and what only looks like it. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 3, arbitrary: fc.constantFrom<unknown>(1, 'x', null, [], {}, { a: 1 }, [1, 2]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...FORBIDDEN), fc.jsonValue({ maxDepth: 1 }))
      .map(([key, inside]): unknown =>
        JSON.parse(`{"a":{${JSON.stringify(key)}:${JSON.stringify(inside)}}}`),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom<() => unknown>(
        () => JSON.parse('{"__proto__":{"polluted":1}}') as unknown,
        () => ({ constructor: { prototype: { polluted: 1 } } }),
        () => Object.create({ polluted: 1 }) as unknown,
        () =>
          new Proxy(
            {},
            {
              ownKeys: () => {
                throw new Error('no');
              },
            },
          ),
        () => ({
          get a() {
            throw new Error('never');
          },
        }),
        () => ({ toJSON: () => ({ __proto__: { polluted: 1 } }) }),
        () => {
          const loop: Record<string, unknown> = {};
          loop['self'] = loop;
          return loop;
        },
        () => JSON.parse('['.repeat(60) + ']'.repeat(60)) as unknown,
        () => Object.assign([], { 3: 'sparse' }),
        () => new Map([['a', 1]]),
        () => new Date(0),
        () => Number.NaN,
        () => -0,
        () => 10n,
        () => () => 1,
        () => Symbol('s'),
        () => undefined,
        () => 'x'.repeat(70_000),
        () => '\ud800',
      )
      .map((make) => make()),
  },
);

const write = fc.record({ path, newValue: value, merge: fc.boolean() });
const version = fc.constantFrom<number>(0, 1, -1, 1.5, 2 ** 53, Number.NaN);

type Door = (session: AgentSession, input: never) => Promise<unknown>;

/** Asks, and sees that a refusal is one of the table and changed nothing. Returns whether it was granted. */
async function ask(swarm: Swarm, session: AgentSession, door: Door, input: unknown) {
  const before = { sequence: swarm.sequence, hash: swarm.stateHash };
  const thrown: unknown = await door(session, input as never).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown === undefined) return swarm.sequence > before.sequence;
  expect(thrown).toBeInstanceOf(Refused);
  const { code } = thrown as Refused;
  expect(Object.keys(ERRORS)).toContain(code);
  expect(['INTERNAL', 'HALTED', 'CLOSED']).not.toContain(code);
  expect({ sequence: swarm.sequence, hash: swarm.stateHash }).toEqual(before);
  return false;
}

const DOORS: Readonly<Record<string, readonly [Door, fc.Arbitrary<unknown>]>> = {
  updates: [(session, input) => session.update(input), write],
  'versioned updates': [
    (session, input) => session.update(input),
    fc.record({
      path,
      newValue: value,
      expectedVersion: version,
      onConflict: fc.constantFrom('merge-objects', 'merge-arrays', 'last-write-wins', '__proto__'),
    }),
  ],
  appends: [
    (session, { path: place, newValue }: { path: string; newValue: unknown }) =>
      session.append(place, newValue),
    write,
  ],
  deletes: [
    (session, input: { path: string; newValue?: unknown }) =>
      'newValue' in input
        ? session.update(input as { path: string; newValue: unknown })
        : session.delete(input),
    fc.oneof(fc.record({ path }), write),
  ],
  batches: [
    (session, input) => session.updateAll(input),
    fc.array(fc.oneof(write, fc.record({ path, delete: fc.constant(true) })), { maxLength: 4 }),
  ],
};

test.each(Object.entries(DOORS))('[I11] %s', async (_name, [door, inputs]) => {
  const opened = await openTestSwarm();
  const { swarm } = opened;
  const pulse = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1' });
  const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss', sessionId: 'c' });
  await swarm.dispatch({ type: 'task.create', payload: { taskId: 't', goal: 'g' } });
  for (const key of ['list', 'a']) {
    await pulse.update({ path: `agents.pulse.s1.data.${key}`, newValue: key === 'a' ? {} : [1] });
  }
  let granted = 0;
  const property = fc.asyncProperty(inputs, fc.boolean(), async (input, isBoss) => {
    if (await ask(swarm, isBoss ? boss : pulse, door, input)) granted += 1;
  });
  await fc.assert(property, { seed: 11, numRuns: RUNS, endOnFailure: true });
  expect(granted).toBeGreaterThan(RUNS / 100);
  expect(granted).toBeLessThan(RUNS);
  await opened.reopen(); // and the state is that of the log
});

test('[I11] paths that are asked for: a value, nothing, or a refusal with a code', async () => {
  const { swarm } = await openTestSwarm();
  const session = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 's1' });
  const property = fc.property(path, (text) => {
    for (const read of [
      () => session.get(text),
      () => session.read(text)?.value,
      () => session.query(text),
    ]) {
      try {
        const found: unknown = read();
        expect(typeof found).not.toBe('function');
      } catch (error) {
        expect(error).toBeInstanceOf(Refused);
        expect(['INVALID_PATH', 'FORBIDDEN', 'LIMIT_EXCEEDED']).toContain((error as Refused).code);
      }
    }
  });
  fc.assert(property, { seed: 12, numRuns: RUNS });
});
