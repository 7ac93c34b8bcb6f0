// A lock on a part of the state is enforced by the swarm itself: others cannot write there, and neither can a holder whose
// lease is over, however sure it is of itself.
//
//   npm run build && node examples/04-fenced-late-writer.mjs
import { setTimeout as sleep } from 'node:timers/promises';
import { openSwarm, Refused } from 'stigmergy';

const swarm = await openSwarm();
const slow = await swarm.register({ agentType: 'conductor', agentId: 'slow', sessionId: 'slow' });
const next = await swarm.register({ agentType: 'conductor', agentId: 'next', sessionId: 'next' });

/** Writes the plan; says what came of it. */
async function write(session, text, lock) {
  const update = { path: 'agents.conductor.slow.data.plan', newValue: text };
  try {
    await session.update(update, lock && { fencingToken: lock.fencingToken });
    console.log(`written: ${text}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`${error.code}: ${text}`);
  }
}

// The resource names the place in the state, with slashes; `/**` is all that is below it too.
const plan = { resource: 'state/agents/conductor/slow/data/plan/**', type: 'exclusive' };

// Both read the plan first. Shared locks may stand beside each other, so nobody waits.
const reading = await slow.locks.acquire({ ...plan, type: 'shared', ttl: 150 });
const other = await next.locks.acquire({ ...plan, type: 'shared' });

// To write, the first asks for more than it has: it waits until the other reader has left. The lock has a new token then.
const upgrade = slow.locks.upgrade(reading.id);
await next.locks.release(other.id);
const lock = await upgrade;
console.log(`${lock.type}, a new token: ${lock.fencingToken > reading.fencingToken}`);

await write(slow, 'the first plan', lock);
await write(next, 'a plan of somebody who holds nothing');

// Now the first is stuck for longer than its lease, and the next one in the queue gets the lock.
const waiting = next.locks.acquire({ ...plan, timeout: 5_000 });
await sleep(300);
const second = await waiting;
await write(next, 'the second plan', second);

// The first wakes up. It shows the token of its lock, and learns that it has lost it ...
await write(slow, 'a late plan, with its old token', lock);
// ... and leaving the token out does not help: the place belongs to somebody else.
await write(slow, 'a late plan, without a token');

// Guards outside of the swarm, of a file or a bucket, ask whether a token is current.
console.log(`current: ${swarm.locks.check(plan.resource, second.fencingToken)}`);
console.log(`late: ${swarm.locks.check(plan.resource, lock.fencingToken)}`);
console.log(`the plan: ${String(swarm.get('agents.conductor.slow.data.plan'))}`);
await swarm.close();
