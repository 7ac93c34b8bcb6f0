// Two writers, one value, no lock: each says which version it has read, and whoever comes second reads again.
//
//   npm run build && node examples/03-optimistic-update.mjs
import { openSwarm } from 'stigmergy';

const swarm = await openSwarm();
const anna = await swarm.register({ agentType: 'conductor', agentId: 'anna' });
const bert = await swarm.register({ agentType: 'conductor', agentId: 'bert' });

// Every session has a place for data of its own; a Conductor may also write to those of others.
const path = `agents.conductor["${anna.identity.sessionId}"].data.plan`;

// Version 0 means: only if nothing was ever there.
await anna.update({ path, newValue: { steps: [] }, expectedVersion: 0 });

/** Reads the plan and gives back what it would be with another step, and the version that it is based on. */
function withStep(session, step) {
  const { value, version } = session.read(path);
  return { newValue: { steps: [...value.steps, step] }, expectedVersion: version };
}

// Both read the same version, and both want to write.
const changes = [
  { session: anna, step: 'measure', change: withStep(anna, 'measure') },
  { session: bert, step: 'repair', change: withStep(bert, 'repair') },
];

for (const { session, step, change } of changes) {
  const { agentId } = session.identity;
  let result = await session.update({ path, ...change });
  console.log(`${agentId}: ${result.success ? 'written' : 'conflict'}`);

  // A conflict is an answer and not an error: it holds what is there now. Read again, decide again, write again.
  while (!result.success) {
    console.log(`${agentId}: finds ${JSON.stringify(result.conflict.currentValue)}`);
    result = await session.update({ path, ...withStep(session, step) });
    console.log(`${agentId}: ${result.success ? 'written' : 'conflict'} at the next try`);
  }
}

// Nothing was lost, and it is known who wrote last.
const { value, lastModifiedBy } = swarm.read(path);
console.log(`plan: ${JSON.stringify(value)}, last written by ${lastModifiedBy.agentId}`);

// Or a strategy resolves it inside the coordinator, in one commit: here both lists become one.
const steps = `${path}.steps`;
const { version: expectedVersion } = swarm.read(steps);
await anna.update({ path: steps, newValue: ['measure', 'paint'], expectedVersion });
const { resolved } = await bert.update({
  path: steps,
  newValue: ['measure', 'repair'],
  expectedVersion,
  onConflict: 'merge-arrays',
});
console.log(`resolved by ${resolved}: ${swarm.get(steps).join(', ')}`);
await swarm.close();
