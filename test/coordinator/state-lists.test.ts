/** Lists: appended to, logged by element, and bounded each by its limit (specification, "Agent-Specific State"). */
import { describe, expect, test } from 'vitest';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { AgentKind } from '../../src/events/identity.ts';
import { LISTS } from '../../src/events/list-limits.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const finding = { type: 't', priority: 'low', summary: 's' };

/** An element of each list of the specification, told from others by its number. */
const ELEMENTS: Readonly<Record<string, (number: number) => unknown>> = {
  'pulse.data.iterations': (number) => ({
    number,
    status: 'complete',
    signal: 'CONTINUE',
    summary: '',
    commitHash: null,
    startedAt: null,
    completedAt: null,
    durationSeconds: null,
    filesModified: [],
  }),
  'pulse.data.iterations.[].filesModified': String,
  'pulse.data.commitHashes': String,
  'pulse.data.filesModified': String,
  'pulse.data.progressLog': (number) => ({ timestamp: NOW, message: String(number) }),
  'heartbeat.data.checks': (number) => ({
    id: `c${number}`,
    type: 't',
    timestamp: NOW,
    duration: 0,
    status: 'success',
    findings: 0,
  }),
  'heartbeat.data.findings': (number) => ({
    ...finding,
    id: `f${number}`,
    details: {},
    notified: false,
    timestamp: NOW,
  }),
  'heartbeat.data.pendingNotifications': (number) => ({
    id: `n${number}`,
    findingId: 'f',
    priority: 'low',
    summary: 's',
    createdAt: NOW,
    deliveredAt: null,
  }),
  'heartbeat.data.targets.custom': String,
  'dream_weaver.data.artifacts': (number) => ({
    id: `a${number}`,
    type: 'data',
    path: 'p',
    size: 0,
    createdAt: NOW,
    metadata: {},
  }),
  'dream_weaver.data.contextWindow.documents': String,
  'conductor.data.decisions': (number) => ({
    id: `d${number}`,
    type: 'route',
    input: {},
    output: {},
    reason: 'r',
    timestamp: NOW,
  }),
  'conductor.data.routingTable': (number) => ({
    id: `r${number}`,
    condition: {},
    target: 'pulse',
    weight: 1,
    enabled: true,
  }),
  'health.issues': String,
};

async function withSession(place: string, limits: Partial<Limits>) {
  const one = await openTestSwarm({ limits });
  const [first = ''] = place.split('.');
  const agentType = (first === 'health' ? 'guardian' : first) as AgentKind;
  const session = await one.swarm.register({ agentType, agentId: 'one', sessionId: 's' });
  const inside = place.slice(first.length + 1).replace('.[]', '[0]');
  const path = first === 'health' ? `global.${place}` : `agents.${first}.s.${inside}`;
  if (inside.includes('[0]')) {
    await session.append('agents.pulse.s.data.iterations', iterationOf(0));
  }
  return { one, session, path };
}

const iterationOf = (number: number): unknown => ELEMENTS['pulse.data.iterations']?.(number);

test('the table has every list of the specification', () => {
  expect(Object.keys(ELEMENTS)).toEqual(Object.keys(LISTS));
});

describe.each(Object.entries(LISTS))('[I12] %s', (place, { name, isWindow }) => {
  const element = ELEMENTS[place] ?? String;
  const all = [0, 1, 2, 3, 4].map(element);

  async function append(session: AgentSession, path: string): Promise<number> {
    for (const [index, item] of all.entries()) {
      try {
        await session.append(path, item);
      } catch (error) {
        expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: name, max: 3 } });
        return index;
      }
    }
    return all.length;
  }

  test('keeps its newest elements, or refuses another', async () => {
    const { session, path } = await withSession(place, { [name]: 3 });
    const appended = await append(session, path);
    expect(appended).toBe(isWindow ? 5 : 3);
    expect(session.get(path)).toEqual(isWindow ? all.slice(2) : all.slice(0, 3));
  });

  test('keeps to it when a batch appends several', async () => {
    const { session, path } = await withSession(place, { [name]: 3 });
    await session.updateAll(
      all.slice(0, 3).map((newValue) => ({ path, newValue, append: true as const })),
    );
    const two = all.slice(3).map((newValue) => ({ path, newValue, append: true as const }));
    if (!isWindow) {
      await expect(session.updateAll(two)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
      return;
    }
    expect(await session.updateAll(two)).toMatchObject({ success: true });
    expect(session.get(path)).toEqual(all.slice(2));
  });

  test('is refused as a whole when it is longer', async () => {
    const { session, path } = await withSession(place, { [name]: 3 });
    const refused = { code: 'LIMIT_EXCEEDED', details: { limit: name } };
    await expect(session.update({ path, newValue: all })).rejects.toMatchObject(refused);
    expect(await session.update({ path, newValue: all.slice(0, 3) })).toMatchObject({
      success: true,
    });
  });
});

describe('appending', () => {
  const path = 'agents.pulse.s.data.commitHashes';

  test('is by path[length] as well, and leaves no gap', async () => {
    const { session } = await withSession('pulse.data.commitHashes', {});
    await session.update({ path: `${path}[0]`, newValue: 'a' });
    await session.append(path, 'b');
    await session.update({ path: `${path}[2]`, newValue: 'c' });
    await session.update({ path: `${path}[0]`, newValue: 'A' });
    expect(session.get(path)).toEqual(['A', 'b', 'c']);
    const gap = session.update({ path: `${path}[4]`, newValue: 'e' });
    await expect(gap).rejects.toMatchObject({ code: 'INVALID_PATH' });
    const noList = session.append('agents.pulse.s.data.goal', 'x');
    await expect(noList).rejects.toMatchObject({ code: 'INVALID_PATH' });
  });

  test('by several at once loses nothing, and makes a list where there is none', async () => {
    const { session } = await withSession('pulse.data.commitHashes', {});
    const own = 'agents.pulse.s.data.mine.list';
    await Promise.all([1, 2, 3].map(async (number) => session.append(own, number)));
    expect(session.get(own)).toEqual([1, 2, 3]);
  });

  test('is logged by element: what is there already is not written again', async () => {
    const { session, one } = await withSession('pulse.data.commitHashes', {});
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`.repeat(20));
    for (const text of texts) await session.append(path, text);
    const sizes = (await one.commits())
      .filter(({ command }) => command.type === 'state.update')
      .map(({ facts }) => JSON.stringify(facts[0]?.payload).length);
    expect(sizes).toHaveLength(50);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(30);
  });
});
