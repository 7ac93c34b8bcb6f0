/** Footnote 2 of the permission matrix: which locks, and which requests in a queue, are a session's own. */
import { expect, test } from 'vitest';
import { openTestSwarm } from '../support/open-test-swarm.ts';

test('what it holds, what it waits for, and its own request in the queue', async () => {
  const { swarm } = await openTestSwarm();
  const [holder, first, second] = await Promise.all(
    ['a', 'b', 'c'].map(async (sessionId) =>
      swarm.register({ agentType: 'pulse', agentId: `ant-${sessionId}`, sessionId }),
    ),
  );
  if (!holder || !first || !second) throw new Error('three are registered');
  const query = { resource: 'r', type: 'exclusive' } as const;
  await holder.locks.acquire({ ...query, lockId: 'held' });
  const waiting = [
    first.locks.acquire({ ...query, lockId: 'wanted-b', timeout: 60_000 }),
    second.locks.acquire({ ...query, lockId: 'wanted-c', timeout: 60_000 }),
  ];
  await swarm.durable();

  const places = {
    a: ['locks.locks.held'],
    b: ['locks.locks["wanted-b"]', 'locks.waitQueue.r[0]'],
    c: ['locks.locks["wanted-c"]', 'locks.waitQueue.r[1]'],
    nobody: ['locks.waitQueue.r', 'locks.waitQueue.r[2]', 'locks.locks.none'],
  };
  const identities = { a: holder.identity, b: first.identity, c: second.identity };
  for (const [name, identity] of Object.entries(identities)) {
    for (const [owner, paths] of Object.entries(places)) {
      for (const path of paths) {
        for (const operation of ['write', 'delete'] as const) {
          const may = swarm.access.canAccess(identity, path, operation);
          expect([name, path, operation, may]).toEqual([name, path, operation, owner === name]);
        }
        expect(swarm.access.canAccess(identity, path, 'read')).toBe(true);
      }
    }
  }

  await holder.locks.release('held');
  await first.locks.release('wanted-b');
  await Promise.all(waiting);
  const { c } = identities;
  expect(swarm.access.canAccess(c, 'locks.waitQueue.r[0]', 'write')).toBe(false);
  expect(swarm.access.canAccess(c, 'locks.locks["wanted-c"]', 'write')).toBe(true);
});
