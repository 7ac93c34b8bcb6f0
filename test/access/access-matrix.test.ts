/**
 * Every role × every class of paths × read, write and delete × what is its own and what is another's: what `canAccess` says, and
 * what the doors do. What is right is taken from the matrix as the specification prints it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Operation } from '../../src/access/access-rules.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Refused } from '../../src/core/errors.ts';
import type { AgentKind } from '../../src/events/identity.ts';
import { specifiedColumns, specifiedRows } from '../support/specified-matrix.ts';

const ROLES = specifiedColumns as readonly AgentKind[];
const OPERATIONS: readonly Operation[] = ['read', 'write', 'delete'];

/** Ours: what the specification has no row for. */
const OURS: readonly (readonly string[])[] = [
  ['agents.guardian.*', 'R', 'R', 'R', 'RW', 'RW¹'],
  ['events.*', 'R', 'R', 'R', 'R', 'R'],
  ['nowhere', '–', '–', '–', '–', '–'],
  ['global.secrets', '–', '–', '–', '–', '–'],
  ['agents.stranger.*', '–', '–', '–', '–', '–'],
];

let swarm: Swarm;
const sessions = new Map<string, AgentSession>();
const locks = new Map<string, string>();

beforeAll(async () => {
  swarm = await openSwarm();
  for (const agentType of ROLES) {
    for (const sessionId of [agentType, `${agentType}-other`]) {
      const session = await swarm.register({ agentType, agentId: `of-${sessionId}`, sessionId });
      sessions.set(sessionId, session);
      if (agentType === 'guardian') continue; // takes no locks
      const lock = await session.locks.acquire({ resource: `r-${sessionId}`, type: 'exclusive' });
      locks.set(sessionId, lock?.id ?? '');
    }
  }
  await swarm.dispatch({ type: 'task.create', payload: { taskId: 't', goal: 'g' } });
});

afterAll(async () => {
  await swarm.close();
});

interface Case {
  readonly role: AgentKind;
  readonly path: string;
  readonly isOwn: boolean;
  readonly mark: string;
}

/** A place of a row, as seen by a role; undefined when the role has none of its own there. */
function placeOf(row: string, role: AgentKind, isOwn: boolean): string | undefined {
  const [root, kind] = row.split('.');
  if (root === 'agents') {
    const own = isOwn ? (kind === role ? role : undefined) : `${kind}-other`;
    return own && `agents.${kind}.${own}.data.note`;
  }
  if (row === 'locks.*') {
    const id = locks.get(isOwn ? role : 'pulse-other');
    return id === undefined ? undefined : `locks.locks["${id}"].metadata`;
  }
  if (isOwn) return undefined;
  const inside: Readonly<Record<string, string>> = {
    'global.registry': '["of-pulse"].health',
    'global.tasks': '.t.metadata',
    'events.*': '',
  };
  return (row === 'events.*' ? 'events.events' : row) + (inside[row] ?? '');
}

function casesOf(): Case[] {
  return [...specifiedRows, ...OURS].flatMap(([row = '', ...marks]) =>
    ROLES.flatMap((role, column) =>
      [true, false].flatMap((isOwn) => {
        const path = placeOf(row, role, isOwn);
        if (path === undefined) return [];
        const paths = row.startsWith('agents.')
          ? [path, path.replace('data.note', 'status')]
          : [path];
        return paths.map((one) => ({ role, path: one, isOwn, mark: marks[column] ?? '' }));
      }),
    ),
  );
}

function isRight({ mark, isOwn }: Case, operation: Operation): boolean {
  if (operation === 'read') return mark !== '–';
  return mark === 'RW' || (mark.length > 2 && isOwn);
}

/** Whether an actor owns a place: who may write it is told of the command, and is not forbidden. */
function isOwned(path: string): boolean {
  return /^(?:global\.(?:registry|metrics)|locks)\b|\.status$/.test(path);
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'granted';
  } catch (error) {
    expect(error).toBeInstanceOf(Refused);
    return (error as Refused).code;
  }
}

/** What a handle can do to a path, by operation. */
const DOORS: Readonly<
  Record<Operation, readonly ((session: AgentSession | Swarm, path: string) => unknown)[]>
> = {
  read: [(session, path) => session.get(path), (session, path) => session.read(path)],
  write: [
    async (session, path) => session.update({ path, newValue: 1 }),
    async (session, path) => session.update({ path, newValue: {}, merge: true }),
    async (session, path) => session.append(path, 1),
    async (session, path) => session.updateAll([{ path, newValue: 1 }]),
  ],
  delete: [
    async (session, path) => session.delete({ path }),
    async (session, path) => session.updateAll([{ path, delete: true }]),
  ],
};

describe.each(OPERATIONS)('to %s', (operation) => {
  test('every path class is seen by every role, own and other, allowed and denied', async () => {
    const cases = casesOf();
    const seen = new Set<string>();
    for (const one of cases) {
      const { role, path, isOwn } = one;
      const session = sessions.get(role);
      if (session === undefined) throw new Error(`${role} is registered`);
      const allowed = isRight(one, operation);
      seen.add(`${role} ${isOwn} ${allowed}`);
      const says = `${role} ${operation} ${path}, ${isOwn ? 'its own' : 'not its own'}`;
      expect(swarm.access.canAccess(session.identity, path, operation), says).toBe(allowed);
      for (const door of DOORS[operation]) {
        const code = await codeOf(() => door(session, path));
        if (!allowed) expect(code, says).toBe('FORBIDDEN');
        else if (operation !== 'read' && isOwned(path)) expect(code, says).toBe('ACTOR_OWNED_PATH');
        else expect(['FORBIDDEN', 'ACTOR_OWNED_PATH'], says).not.toContain(code);
      }
    }
    expect(cases.length).toBeGreaterThan(80);
    if (operation === 'read') return;
    for (const role of ['pulse', 'heartbeat', 'dream_weaver', 'guardian']) {
      expect(seen).toContain(`${role} true true`);
      expect(seen).toContain(`${role} false false`);
    }
  });
});

test.each(OPERATIONS)('to %s is the right of the operator everywhere', async (operation) => {
  const operator = { agentId: 'operator', agentType: 'system', sessionId: 'operator' } as const;
  for (const { path } of casesOf()) {
    expect([path, swarm.access.canAccess(operator, path, operation)]).toEqual([path, true]);
    for (const door of DOORS[operation]) {
      expect([path, await codeOf(() => door(swarm, path))]).not.toEqual([path, 'FORBIDDEN']);
    }
  }
});

describe('what is above the rows', () => {
  test.each(['global', 'agents', 'agents.pulse', 'locks', 'locks.locks', 'events'])(
    '%s is read, without what may not be, and written by nobody',
    async (path) => {
      for (const session of sessions.values()) {
        expect(swarm.access.canAccess(session.identity, path, 'read')).toBe(true);
        expect(await codeOf(() => session.get(path))).toBe('granted');
        const isLocks = path === 'locks.locks' && session.identity.agentType === 'conductor';
        for (const operation of ['write', 'delete'] as const) {
          expect(swarm.access.canAccess(session.identity, path, operation)).toBe(isLocks);
        }
      }
    },
  );
});

function ask(role: string, path: string, operation: Operation): boolean {
  return swarm.access.canAccess(sessions.get(role)?.identity as never, path, operation);
}

test('a path with wildcards is allowed when every place that it leads to is', () => {
  expect(ask('pulse', 'agents.pulse.pulse.**', 'write')).toBe(true);
  expect(ask('pulse', 'agents.pulse.*.data', 'write')).toBe(false);
  expect(ask('pulse', 'agents.*.*.status', 'read')).toBe(true);
  expect(ask('pulse', '**', 'write')).toBe(false);
  expect(ask('conductor', 'agents.**', 'write')).toBe(false); // guardians and strangers are in it too
  expect(ask('conductor', 'agents.pulse.**', 'write')).toBe(false); // agents.pulse itself has no row
  expect(ask('conductor', 'agents.pulse.*', 'write')).toBe(true);
  expect(ask('pulse', 'a..b', 'read')).toBe(false);
});

test('what getAccessiblePaths gives is what canAccess allows', () => {
  for (const { identity } of sessions.values()) {
    for (const operation of OPERATIONS) {
      const patterns = swarm.access.getAccessiblePaths(identity, operation);
      for (const pattern of patterns) {
        expect([pattern, swarm.access.canAccess(identity, pattern, operation)]).toEqual([
          pattern,
          true,
        ]);
      }
    }
  }
});

describe('the identity', () => {
  test('that is not registered owns nothing, and reads what its role does', () => {
    const forged = { agentId: 'of-pulse', agentType: 'pulse', sessionId: 'none' } as const;
    const path = 'agents.pulse.none.data.x';
    expect(swarm.access.canAccess(forged, path, 'read')).toBe(true);
    expect(swarm.access.canAccess(forged, path, 'write')).toBe(false);
    const other = { ...forged, agentId: 'somebody', sessionId: 'pulse' };
    expect(swarm.access.canAccess(other, 'agents.pulse.pulse.data.x', 'write')).toBe(false);
  });

  test('`system` is the operator and the coordinator, and nobody who calls himself so', () => {
    const operator = { agentId: 'operator', agentType: 'system', sessionId: 'operator' } as const;
    expect(swarm.access.canAccess(operator, 'global.config', 'write')).toBe(true);
    expect(swarm.access.getAccessiblePaths(operator, 'delete')).toEqual(['**']);
    const forged = { ...operator, sessionId: 'me' };
    expect(swarm.access.canAccess(forged, 'global.config', 'write')).toBe(false);
    expect(swarm.access.canAccess(forged, 'global.config', 'read')).toBe(false);
  });
});
