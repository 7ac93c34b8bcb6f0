// The first swarm: two agents, a task, a lock, and a log that gives the same state again.
//
//   npm run build && node examples/01-first-swarm.mjs
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSwarm } from 'stigmergy';

// A swarm lives in a directory of its own. Opening it makes it.
const directory = await mkdtemp(join(tmpdir(), 'first-swarm-'));
const swarm = await openSwarm({ directory });

// An agent takes part through a session. A Conductor hands out work, a Pulse does it.
const conductor = await swarm.register({ agentType: 'conductor', agentId: 'conductor' });
const pulse = await swarm.register({ agentType: 'pulse', agentId: 'pulse-1' });

// A task waits until somebody claims it. When two claim it, one gets it and the other is told so.
const { id } = await conductor.tasks.create({ goal: 'index src/parser.ts', priority: 'high' });
const task = await pulse.tasks.claim({ start: true });
console.log(`claimed: ${task.goal}, now ${task.status}`);

// A lock keeps others off a resource. It is a lease: it ends by itself if it is not renewed.
const lock = await pulse.locks.acquire({
  resource: 'src/parser.ts',
  type: 'exclusive',
  ttl: 30_000,
});
console.log(`locked: ${lock.resource}`);

await pulse.tasks.progress(id, 50, 'parsed');
await pulse.tasks.complete(id, { functions: 12 });
await pulse.locks.release(lock.id);

// Whatever was awaited is on disk by now. The whole state can be read at any time.
const { metrics } = swarm.state.global;
console.log(`completed: ${metrics.totalTasksCompleted}`);
const live = { sequence: swarm.sequence, stateHash: swarm.stateHash };
await swarm.close();

// The log is the only truth: looking at it again gives the same state, to the last byte.
const again = await openSwarm({ directory, readonly: true });
console.log(`result: ${JSON.stringify(again.get(`global.tasks["${id}"].result`))}`);
console.log(`events: ${again.sequence}`);
console.log(
  `same state: ${again.sequence === live.sequence && again.stateHash === live.stateHash}`,
);
await again.close();
await rm(directory, { recursive: true });
