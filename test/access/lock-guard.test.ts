/** Locks inside the swarm are enforced: on parts of the state, and by the tokens that commands show. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { DEFAULT_CONFIG } from '../../src/events/system.ts';
import type { CommandLabels } from '../../src/protocol/commands.ts';
import { LockParty } from '../support/lock-party.ts';
import { typesOf, type Outcome } from '../support/given.ts';

let party: LockParty;
beforeEach(() => {
  party = new LockParty('ab');
});
afterEach(() => party.given.checkReplay());

/** The session writes a note into its own data. */
function writes(name: string, path = 'data.note', labels: CommandLabels = {}): Outcome {
  const update = { path: `agents.pulse.${name}.${path}`, newValue: 'x' };
  return party.given.when('state.update', update, party.who(name), labels);
}

describe('[I10] a lock on a part of the state', () => {
  test('keeps others from writing at it, below it and above it, and nobody else', () => {
    const data = 'state/agents/pulse/b/data';
    party.asks('a', `${data}/note/**`);
    expect(writes('b')).toMatchObject({
      code: 'PATH_LOCKED',
      details: { resource: `${data}/note/**`, lockId: `a:${data}/note/**`, holder: party.who('a') },
    });
    expect(typesOf(writes('b', 'data.note.deep'))).toBe('PATH_LOCKED');
    const all = { path: 'agents.pulse.b.data', newValue: {} };
    expect(typesOf(party.given.when('state.update', all, party.who('b')))).toBe('PATH_LOCKED');
    expect(typesOf(writes('b', 'data.other'))).toEqual(['state.created']);
    party.releases('a', `${data}/note/**`);
    expect(typesOf(writes('b'))).toEqual(['state.created']);
  });

  test('of one place, without its subtree, keeps what is below it too', () => {
    party.asks('a', 'state/agents/pulse/b/data');
    expect(typesOf(writes('b', 'data.note.deep'))).toBe('PATH_LOCKED');
  });

  test('keeps others from a path that is abbreviated as from the same path in full', () => {
    party.asks('a', 'state/agents/pulse/b/data/**');
    expect(typesOf(writes('b', 'note'))).toBe('PATH_LOCKED');
    expect(typesOf(writes('b', 'note.deep'))).toBe('PATH_LOCKED');
    const quoted = { path: 'agents.pulse.b["a note"]', newValue: 'x' };
    expect(typesOf(party.given.when('state.update', quoted, party.who('b')))).toBe('PATH_LOCKED');
    expect(typesOf(writes('b', 'resources'))).toBe('INVALID_INPUT'); // not below data, so not locked
    const lock = 'a:state/agents/pulse/b/data/**';
    party.asks('b', 'state/locks/locks/**');
    for (const path of [`locks["${lock}"].holder.id`, `locks.locks["${lock}"].holder.agentId`]) {
      const update = { path, newValue: 'x' };
      expect(typesOf(party.given.when('state.update', update)), path).toBe('PATH_LOCKED');
    }
  });

  test.each([
    ['state/agents/pulse/b/note', 'state/agents/pulse/b/data/note'],
    ['state/agents/pulse/b/note/**', 'state/agents/pulse/b/data/note/**'],
    ['state/locks/l1', 'state/locks/locks/l1'],
    ['state/locks/l1/holder/id', 'state/locks/locks/l1/holder/agentId'],
    ['state/global/tasks/a~b', 'state/global/tasks/a~0b'],
  ])('has one name: %s is refused, which is %s', (abbreviated, full) => {
    expect(party.asks('a', abbreviated)).toMatchObject({
      code: 'INVALID_INPUT',
      details: {
        issues: [
          {
            at: 'resource',
            message: expect.stringMatching(`${JSON.stringify(full).replaceAll('*', '\\*')}$`),
          },
        ],
      },
    });
    expect(typesOf(party.asks('a', full))).toEqual(['lock.acquired']);
  });

  test('does not keep its holder, and a shared or upgradeable one keeps nobody', () => {
    party.asks('b', 'state/agents/pulse/b/**');
    expect(typesOf(writes('b'))).toEqual(['state.created']);
    party.downgrades('b', 'state/agents/pulse/b/**');
    party.asks('a', 'state/agents/pulse/b/**', 'upgradeable');
    expect(typesOf(writes('b'))).toEqual(['state.updated']);
  });

  test('keeps others from the commands about what it names, and the operator too', () => {
    party.given.ask('task.create', { taskId: 't', goal: 'g' });
    party.asks('a', 'state/global/tasks/t/**');
    const claim = { taskId: 't' };
    expect(typesOf(party.given.when('task.claim', claim, party.who('b')))).toBe('PATH_LOCKED');
    expect(typesOf(party.given.when('task.cancel', claim))).toBe('PATH_LOCKED');
    expect(typesOf(party.given.when('task.claim', claim, party.who('a')))).toEqual([
      'task.assigned',
    ]);
    party.asks('a', 'state/agents/**');
    expect(typesOf(party.given.when('session.stop', { sessionId: 'b' }, party.who('b')))).toBe(
      'PATH_LOCKED',
    );
  });

  test('keeps the operator from setting another configuration, and nobody from joining', () => {
    const settings = { config: DEFAULT_CONFIG, limits: DEFAULT_LIMITS };
    party.asks('a', 'state/global/config/**');
    expect(party.given.when('system.configure', settings)).toMatchObject({
      code: 'PATH_LOCKED',
      details: { resource: 'state/global/config/**', holder: party.who('a') },
    });
    party.releases('a', 'state/global/config/**');
    party.asks('a', 'state/global/config/timeouts/lockDefault');
    expect(typesOf(party.given.when('system.configure', settings))).toBe('PATH_LOCKED');
    party.releases('a', 'state/global/config/timeouts/lockDefault');
    party.asks('a', 'state/global/health/**');
    expect(typesOf(party.given.when('system.configure', settings))).toEqual([
      'system.config_changed',
    ]);
    party.asks('a', 'state/**');
    expect(typesOf(party.given.when('system.configure', settings))).toBe('PATH_LOCKED');
    expect(party.given.session('c').sessionId).toBe('c');
  });

  test('keeps whoever claims the best task from those that are locked', () => {
    for (const taskId of ['t1', 't2']) party.given.ask('task.create', { taskId, goal: 'g' });
    party.asks('a', 'state/global/tasks/t1/**');
    expect(party.given.when('task.claim', {}, party.who('b'))).toMatchObject({
      facts: [['task.assigned', { taskId: 't2' }]],
    });
    expect(typesOf(party.given.when('task.claim', {}, party.who('b')))).toBe('NOTHING_TO_CLAIM');
  });

  test('keeps nobody from showing life, and not the coordinator from recording what is due', () => {
    party.asks('a', 'state/agents/**', 'exclusive', { ttl: 1_000 });
    party.asks('b', 'x', 'exclusive', { ttl: 500 });
    const beat = party.given.when('session.heartbeat', { sessionId: 'b' }, party.who('b'));
    expect(beat.ok).toBe(true);
    party.given.nowMs += 500;
    party.given.ask('lock.expire', { lockId: 'b:x' }, party.coordinator);
    expect(party.holders('x')).toBe('');
  });

  test('ends with its lease, also before that is recorded', () => {
    party.asks('a', 'state/agents/**', 'exclusive', { ttl: 1_000 });
    party.given.nowMs += 999;
    expect(typesOf(writes('b'))).toBe('PATH_LOCKED');
    party.given.nowMs += 1;
    expect(typesOf(writes('b'))).toEqual(['state.created']);
  });

  test('with a slash or a tilde in a key is written as in a JSON Pointer', () => {
    party.given.ask('task.create', { taskId: 'a/b~c', goal: 'g' });
    party.asks('a', 'state/global/tasks/a~1b~0c/**');
    const claim = { taskId: 'a/b~c' };
    expect(typesOf(party.given.when('task.claim', claim, party.who('b')))).toBe('PATH_LOCKED');
  });

  test('that is free again leaves no trace: names of other resources keep nobody', () => {
    party.asks('a', 'agents/pulse/b/**');
    expect(typesOf(writes('b'))).toEqual(['state.created']);
  });
});

describe('[I10] a command that shows a fencing token', () => {
  test('is carried out while its session holds that lock, and refused as STALE_TOKEN afterwards', () => {
    party.asks('a', 'report', 'exclusive', { ttl: 1_000 });
    const fencingToken = party.token('a', 'report');
    expect(typesOf(writes('a', 'data.note', { fencingToken }))).toEqual(['state.created']);
    party.given.nowMs += 1_000; // the lease is over, and nobody has recorded that yet
    expect(writes('a', 'data.note', { fencingToken })).toMatchObject({
      code: 'STALE_TOKEN',
      details: { fencingToken },
    });
  });

  test('is refused with the token of somebody else, of an upgraded lock, and with one that never was', () => {
    party.asks('a', 'report', 'shared');
    const first = party.token('a', 'report');
    expect(typesOf(writes('b', 'data.note', { fencingToken: first }))).toBe('STALE_TOKEN');
    party.upgrades('a', 'report');
    expect(typesOf(writes('a', 'data.note', { fencingToken: first }))).toBe('STALE_TOKEN');
    const second = party.token('a', 'report');
    expect(typesOf(writes('a', 'data.note', { fencingToken: second }))).toEqual(['state.created']);
    expect(typesOf(writes('a', 'data.note', { fencingToken: 9_999 }))).toBe('STALE_TOKEN');
    expect(typesOf(writes('a', 'data.note', { fencingToken: -1 }))).toBe('INVALID_INPUT');
  });
});
