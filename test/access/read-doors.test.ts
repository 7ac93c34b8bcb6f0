/**
 * Every row × every role: when a role may not read a row, no door that reads shows it anything of that row, and all show the rest.
 *
 * The specification lets everybody read every row, so that with its matrix nothing that is there is ever left out. Here one
 * mark of it is taken away at a time.
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import { AccessRules } from '../../src/access/access-rules.ts';
import type { MatrixRow } from '../../src/access/matrix.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import { openSwarmOver } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Refused } from '../../src/core/errors.ts';
import type { AgentKind } from '../../src/events/identity.ts';
import { openMemoryEngine } from '../../src/storage/engine.ts';
import { specifiedColumns, specifiedRows } from '../support/specified-matrix.ts';

const ROLES = specifiedColumns as readonly AgentKind[];

/** The rows of the specification, and ours. */
const ROWS = [
  ...specifiedRows,
  ['agents.guardian.*', 'R', 'R', 'R', 'RW', 'RW¹'],
  ['events.*', 'R', 'R', 'R', 'R', 'R'],
] as unknown as readonly MatrixRow[];

/** A place of each row that is there, and whether a watch tells of it. */
const PLACES: Readonly<Record<string, { readonly path: string; readonly isTold: boolean }>> = {
  'global.config': { path: 'global.config.maxConcurrentAgents', isTold: true },
  'global.registry': { path: 'global.registry.newcomer', isTold: true },
  'global.tasks': { path: 'global.tasks.second', isTold: true },
  'global.metrics': { path: 'global.metrics.totalTasksCompleted', isTold: true },
  'global.health': { path: 'global.health.status', isTold: true },
  'agents.pulse.*': { path: 'agents.pulse.pulse.data.note', isTold: true },
  'agents.heartbeat.*': { path: 'agents.heartbeat.heartbeat.data.note', isTold: true },
  'agents.dream_weaver.*': { path: 'agents.dream_weaver.dream_weaver.data.note', isTold: true },
  'agents.conductor.*': { path: 'agents.conductor.conductor.data.note', isTold: true },
  'locks.*': { path: 'locks.locks.held.resource', isTold: true },
  'agents.guardian.*': { path: 'agents.guardian.guardian.data.note', isTold: true },
  'events.*': { path: 'events.events', isTold: false },
};

const rootOf = (row: string) => row.replace('.*', '');

/** Something happens in every row, at the places above. */
async function happens(swarm: Swarm): Promise<void> {
  const worker = swarm.session({ agentId: 'of-pulse', sessionId: 'pulse' });
  await swarm.register({ agentType: 'pulse', agentId: 'newcomer', sessionId: 'new' });
  await swarm.update({ path: 'global.config.maxConcurrentAgents', newValue: 99 });
  await swarm.update({ path: 'global.health.status', newValue: 'degraded' });
  for (const role of ROLES) {
    await swarm.update({ path: `agents.${role}.${role}.data.note`, newValue: 1 });
  }
  for (const taskId of ['first', 'second']) {
    await swarm.dispatch({ type: 'task.create', payload: { taskId, goal: 'g' } });
  }
  await worker.tasks.claim({ taskId: 'first' });
  await worker.tasks.start('first');
  await worker.tasks.complete('first');
  await worker.locks.acquire({ resource: 'r', type: 'exclusive', lockId: 'held' });
}

/** The paths that a watch tells, up to a last one. */
async function toldBy(watch: ReturnType<AgentSession['watch']>, last: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of watch) {
    paths.push(path);
    if (path === last) break;
  }
  return paths;
}

/** What `get` and `read` show at a path; the code where that is refused. */
function shown(path: string, session: AgentSession): readonly unknown[] {
  return [() => session.get(path), () => session.read(path)?.value].map((open) => {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return error.code;
    }
  });
}

/** The paths of all that a query finds. */
function pathsFound(session: AgentSession): readonly string[] {
  return session.query('**').map(({ path }) => path);
}

/** A swarm whose matrix has no mark for a role in a row: a session of that role, and one of another. */
async function closedTo(role: AgentKind, row: string) {
  const column = ROLES.indexOf(role) + 1;
  const rows = ROWS.map((one) =>
    one[0] === row ? (one.with(column, '–') as unknown as MatrixRow) : one,
  );
  const swarm = await openSwarmOver(await openMemoryEngine(), {}, new AccessRules(rows));
  onTestFinished(async () => swarm.close());
  for (const agentType of ROLES) {
    await swarm.register({ agentType, agentId: `of-${agentType}`, sessionId: agentType });
  }
  const sessionOf = (kind: AgentKind) => swarm.session({ agentId: `of-${kind}`, sessionId: kind });
  const seeing = sessionOf(role === 'pulse' ? 'heartbeat' : 'pulse');
  return { swarm, blind: sessionOf(role), seeing };
}

const CASES = ROWS.flatMap(([row]) => ROLES.map((role) => [row, role] as const));

test('every row has a place to look at', () => {
  expect(Object.keys(PLACES)).toEqual(ROWS.map(([row]) => row));
});

describe.each(CASES)('%s, closed to a %s', (row, role) => {
  const { path = '', isTold = false } = PLACES[row] ?? {};
  const root = rootOf(row);
  const isIn = (one: string) => one === root || one.startsWith(`${root}.`);

  test('get, read and query', async () => {
    const { swarm, blind, seeing } = await closedTo(role, row);
    await happens(swarm);
    const value = swarm.get(path);
    expect(value).toBeDefined();
    expect(shown(path, seeing)).toEqual([value, value]);
    for (const closed of [path, root]) {
      expect(shown(closed, blind)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    }
    expect(pathsFound(seeing)).toContain(path);
    expect(pathsFound(blind)).toEqual(pathsFound(seeing).filter((one) => !isIn(one)));
  });

  test('watch', async () => {
    const { swarm, blind, seeing } = await closedTo(role, row);
    const watches = [blind, seeing].map((session) => session.watch('**'));
    await happens(swarm);
    const kind = row === 'agents.conductor.*' ? 'pulse' : 'conductor';
    const last = `agents.${kind}.${kind}.data.last`;
    await swarm.update({ path: last, newValue: 1 });
    const told = await Promise.all(watches.map(async (watch) => toldBy(watch, last)));
    const [toBlind = [], toSeeing = []] = told;
    expect(toSeeing.includes(path)).toBe(isTold);
    expect(toBlind).toEqual(toSeeing.filter((one) => !isIn(one)));
  });
});

const INNER = CASES.filter(([row]) => rootOf(row).includes('.'));

test.each(INNER)('what is above %s is shown without it to a %s', async (row, role) => {
  const { swarm, blind, seeing } = await closedTo(role, row);
  await happens(swarm);
  const [above = '', key = ''] = rootOf(row).split('.');
  const keysShown = (session: AgentSession) => {
    const found = session.query(above).map(({ value }) => value);
    return [...shown(above, session), ...found].map((one) => Object.keys(Object(one)));
  };
  const all = Object.keys(Object(swarm.get(above)));
  expect(all).toContain(key);
  expect(keysShown(seeing)).toEqual([all, all, all]);
  const rest = all.filter((one) => one !== key);
  expect(keysShown(blind)).toEqual([rest, rest, rest]);
});
