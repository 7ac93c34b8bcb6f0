/** Conflicts that are resolved inside the coordinator, in one commit. */
import { describe, expect, test } from 'vitest';
import type { StateUpdate, UpdateResult } from '../../src/coordinator/state-writer.ts';
import { openTestSwarm, eventTypes } from '../support/open-test-swarm.ts';

type Resolution = Pick<StateUpdate, 'onConflict' | 'priority' | 'merge' | 'append'>;

/** Two write to one place: the second has read what was there before the first wrote. */
async function writeBoth(
  values: readonly [before: unknown, first: unknown, second: unknown],
  how: Resolution,
  firstPriority?: StateUpdate['priority'],
) {
  const opened = await openTestSwarm();
  const { swarm } = opened;
  const anna = await swarm.register({ agentType: 'conductor', agentId: 'anna' });
  const bert = await swarm.register({ agentType: 'conductor', agentId: 'bert' });
  const path = `agents.conductor.${anna.identity.sessionId}.data.plan`;
  const [before, first, second] = values;
  await anna.update({ path, newValue: before });
  const expectedVersion = swarm.read(path)?.version ?? 0;
  const weight = firstPriority === undefined ? {} : { priority: firstPriority };
  await anna.update({ path, newValue: first, expectedVersion, ...weight });
  const sequence = swarm.sequence;
  const result = await bert.update({ path, newValue: second, expectedVersion, ...how });
  return { opened, swarm, path, bert, result, sequence, value: swarm.get(path) };
}

function succeeded({ result, sequence }: { result: UpdateResult; sequence: number }): void {
  expect(result).toMatchObject({ success: true, newVersion: sequence + 1 });
}

describe('onConflict', () => {
  test.each([
    ['last-write-wins', { merge: true }],
    ['higher-priority-wins', { merge: true, priority: 'critical' }],
    ['merge-objects', {}],
    ['merge-objects', { merge: true }],
  ] as const)(
    '%s, asked with %j: the log holds what was asked, not the whole',
    async (name, how) => {
      const before = { a: 1, untouched: { b: 1 } };
      const outcome = await writeBoth([before, { ...before, a: 2 }, { a: 3 }], {
        onConflict: name,
        ...how,
      });
      succeeded(outcome);
      const { swarm, path, value } = outcome;
      expect(value).toEqual({ a: 3, untouched: { b: 1 } });
      expect(swarm.events.query({ types: ['state.updated'] }).at(-1)?.payload).toMatchObject({
        newValue: { a: 3 },
        merge: true,
        resolved: name,
      });
      expect(swarm.read(`${path}.untouched`)?.version).toBeLessThan(swarm.sequence);
    },
  );

  test('absent: the outcome says what is there, and nothing is written', async () => {
    const { result, value, swarm, sequence } = await writeBoth([1, 2, 3], {});
    expect(result).toEqual({
      success: false,
      conflict: { currentVersion: sequence, currentValue: 2 },
    });
    expect(value).toBe(2);
    expect(swarm.sequence).toBe(sequence);
  });

  test('last-write-wins: the second', async () => {
    const outcome = await writeBoth([1, 2, 3], { onConflict: 'last-write-wins' });
    succeeded(outcome);
    expect(outcome.result.resolved).toBe('last-write-wins');
    expect(outcome.value).toBe(3);
  });

  test('first-write-wins: what is there stays, and the second is told', async () => {
    const { result, value, swarm, sequence } = await writeBoth([1, 2, 3], {
      onConflict: 'first-write-wins',
    });
    expect(result).toEqual({
      success: false,
      conflict: { currentVersion: sequence, currentValue: 2 },
    });
    expect([value, swarm.sequence]).toEqual([2, sequence]);
  });

  test('merge-objects: both', async () => {
    const outcome = await writeBoth([{ a: 1 }, { a: 1, b: { c: 2 } }, { b: { d: 3 } }], {
      onConflict: 'merge-objects',
    });
    succeeded(outcome);
    expect(outcome.value).toEqual({ a: 1, b: { c: 2, d: 3 } });
  });

  test('merge-arrays: the elements of both, once', async () => {
    const outcome = await writeBoth([['a'], ['a', 'b'], ['a', 'c']], {
      onConflict: 'merge-arrays',
    });
    succeeded(outcome);
    expect(outcome.value).toEqual(['a', 'b', 'c']);
  });

  test('higher-priority-wins: the greater of the two priorities, in either order', async () => {
    const how = { onConflict: 'higher-priority-wins' } as const;
    const lower = await writeBoth([1, 2, 3], { ...how, priority: 'low' }, 'high');
    expect(lower.result).toMatchObject({ success: false });
    expect(lower.value).toBe(2);
    const higher = await writeBoth([1, 2, 3], { ...how, priority: 'critical' }, 'high');
    succeeded(higher);
    expect(higher.value).toBe(3);
    const usual = await writeBoth([1, 2, 3], how, 'low'); // the second has config.defaultPriority, normal
    expect(usual.value).toBe(3);
  });

  test('is one commit, which verifies, and which a reopened swarm shows', async () => {
    const { opened, swarm, path, sequence, value } = await writeBoth(
      [{ a: 1 }, { b: 2 }, { c: 3 }],
      {
        onConflict: 'merge-objects',
      },
    );
    expect(eventTypes(swarm, sequence)).toEqual(['state.updated']);
    const again = await opened.reopen();
    expect(again.get(path)).toEqual(value);
    const resolved = (await opened.commits()).filter(
      ({ command }) => command.type === 'state.update',
    );
    expect(resolved.at(-1)?.facts[0]?.payload).toMatchObject({
      newValue: { c: 3 },
      merge: true,
      resolved: 'merge-objects',
    });
  });

  test('a merge that conflicts is merged into what is there', async () => {
    const outcome = await writeBoth([{ a: 1 }, { a: 2, b: 2 }, { a: 3 }], {
      onConflict: 'last-write-wins',
      merge: true,
    });
    succeeded(outcome);
    expect(outcome.value).toEqual({ a: 3, b: 2 });
  });

  test('[I11] of values that the strategy cannot resolve is refused, and nothing is written', async () => {
    const { swarm, path, bert } = await writeBoth([1, 2, 3], {});
    const { sequence } = swarm;
    const update = { path, newValue: {}, expectedVersion: 1, onConflict: 'merge-objects' } as const;
    await expect(bert.update(update)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(swarm.sequence).toBe(sequence);
  });

  test('of what was deleted meanwhile writes the new value, unless the first write wins', async () => {
    const { swarm, path, bert } = await writeBoth([1, 2, 3], {});
    await swarm.delete({ path });
    const write = { path, newValue: 4, expectedVersion: 1 };
    expect(await bert.update({ ...write, onConflict: 'first-write-wins' })).toMatchObject({
      success: false,
    });
    expect(await bert.update({ ...write, onConflict: 'merge-objects' })).toMatchObject({
      success: true,
    });
    expect(swarm.get(path)).toBe(4);
  });
});

describe('config.conflicts', () => {
  test('resolves what names no strategy, by the most specific pattern', async () => {
    const { swarm } = await openTestSwarm({
      config: { conflicts: { '**': 'first-write-wins', 'agents.*.*.data.notes': 'merge-arrays' } },
    });
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const write = async (field: string, newValue: unknown): Promise<UpdateResult> => {
      const path = `agents.pulse.${ant.identity.sessionId}.data.${field}`;
      return ant.update({ path, newValue, expectedVersion: 0 });
    };
    await write('notes', ['a']);
    expect(await write('notes', ['b'])).toMatchObject({ success: true, resolved: 'merge-arrays' });
    expect(swarm.query('agents.pulse.*.notes')).toMatchObject([{ value: ['a', 'b'] }]);
    await write('other', 1);
    expect(await write('other', 2)).toMatchObject({ success: false });
    expect(swarm.conflicts.resolve('agents.pulse.x.notes', updates([1], [2]))).toEqual([1, 2]);
    expect(swarm.conflicts.resolve('global.health', updates(1, 2))).toBe(1);
  });

  test('[I11] a pattern that is none, and a strategy that is not known, are refused', async () => {
    const { swarm } = await openTestSwarm();
    for (const newValue of [{ 'agents..x': 'merge-arrays' }, { '**': 'best' }]) {
      await expect(
        swarm.update({ path: 'global.config.conflicts', newValue }),
      ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    }
    expect(swarm.sequence).toBe(1);
  });
});

describe('swarm.conflicts', () => {
  test('resolves any number of updates as it resolves pairs', async () => {
    const { swarm } = await openTestSwarm();
    const resolve = (
      strategy: Parameters<typeof swarm.conflicts.resolve>[2],
      ...values: unknown[]
    ) => swarm.conflicts.resolve('global.health', updates(...values), strategy);
    expect(resolve('merge-arrays', [1], [2], [1, 3])).toEqual([1, 2, 3]);
    expect(resolve('merge-objects', { a: 1 }, { b: { c: 1 } }, { b: { d: 2 } })).toEqual({
      a: 1,
      b: { c: 1, d: 2 },
    });
    expect(resolve('first-write-wins', 1, 2, 3)).toBe(1);
    expect(resolve(undefined, 1, 2, 3)).toBe(3);
    const weighed = [
      { path: 'p', newValue: 'low', priority: 'low' },
      { path: 'p', newValue: 'high', priority: 'high' },
      { path: 'p', newValue: 'usual' },
    ] as const;
    expect(swarm.conflicts.resolve('global.health', weighed, 'higher-priority-wins')).toBe('high');
    const { strategies } = swarm.conflicts;
    expect(strategies['higher-priority-wins']({ value: 1, priority: 'low' }, { value: 2, priority: 'high' })).toBe(2); // prettier-ignore
    expect(strategies['merge-arrays']([1], [1, 2])).toEqual([1, 2]);
    expect(strategies['merge-objects']({ a: 1 }, { b: 2 })).toEqual({ a: 1, b: 2 });
  });

  test('[I11] refuses nothing to resolve, an unknown strategy, and keys that reach a prototype', async () => {
    const { swarm } = await openTestSwarm();
    const hostile = JSON.parse('{"__proto__": {"polluted": true}}') as object;
    expect(() => swarm.conflicts.resolve('global.health', [])).toThrow(/no update/);
    expect(() => swarm.conflicts.resolve('global..x', updates(1))).toThrow(/not a state path/);
    expect(() => swarm.conflicts.resolve('a', updates(1), 'constructor' as never)).toThrow(
      /no strategy/,
    );
    expect(() => swarm.conflicts.strategies['merge-objects']({}, hostile)).toThrow(/__proto__/);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

function updates(...values: readonly unknown[]): readonly StateUpdate[] {
  return values.map((newValue) => ({ path: 'p', newValue }));
}
