// What happens when the holder of a lock is too slow: the lock ends, and the late holder can do no harm.
//
//   npm run build && node examples/02-fencing-and-expiry.mjs
import { setTimeout as sleep } from 'node:timers/promises';
import { openSwarm, Refused } from 'stigmergy';

/** A file that is guarded by fencing tokens: it takes no write with a smaller token than it has seen. */
const file = {
  token: 0,
  write(text, { fencingToken }) {
    if (fencingToken < this.token) return console.log(`refused: ${text}`);
    this.token = fencingToken;
    console.log(`written: ${text}`);
  },
};

// Without a directory the swarm is in memory: good for trying things out.
const swarm = await openSwarm();
const slow = await swarm.register({ agentType: 'pulse', agentId: 'slow' });
const next = await swarm.register({ agentType: 'pulse', agentId: 'next' });

const query = { resource: 'report.md', type: 'exclusive', ttl: 100 };
const first = await slow.locks.acquire(query);

// The second agent waits in the queue of the resource, for five seconds at most.
const waiting = next.locks.acquire({ ...query, ttl: 30_000, timeout: 5_000 });

// The first agent is stuck for longer than its lease: a slow network, a long garbage collection.
// Its lock expires, which is an event like any other, and the one who waits is let in.
await sleep(200);
const second = await waiting;
console.log(`expired, and granted to: ${second.holder.agentId}`);

// Every grant has a greater token than the one before, so whatever the lock protects can tell them apart.
console.log(`tokens grow: ${second.fencingToken > first.fencingToken}`);
file.write('by the second', second);

// The first agent wakes up and believes that it still holds the lock. The file knows better ...
file.write('by the first', first);

// ... and so does the swarm: what is no longer held cannot be released or renewed.
for (const ask of ['release', 'renew']) {
  await slow.locks[ask](first.id).catch((error) => {
    if (!(error instanceof Refused)) throw error;
    console.log(`${ask} refused: ${error.code}`);
  });
}
await next.locks.release(second.id);
console.log(`held at the end: ${Object.keys(swarm.state.locks.locks).length}`);
await swarm.close();
