// Who may write what is enforced: a denied write changes nothing, says why, and is on record.
//
//   npm run build && node examples/06-denied-write.mjs
import { openSwarm, Refused } from 'stigmergy';

const swarm = await openSwarm({ config: { audit: { denials: true } } });
const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', sessionId: 'ant-1' });
const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee', sessionId: 'bee-1' });
const owl = await swarm.register({ agentType: 'guardian', agentId: 'owl' });

/** Writes, and says what came of it. */
async function write(session, path, newValue) {
  const { agentId } = session.identity;
  try {
    await session.update({ path, newValue });
    console.log(`${agentId}: wrote ${path}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`${agentId}: ${error.code} ${path}`);
  }
}

// Its own session is an agent's to write; that of another one is not, nor is the configuration.
await write(ant, 'agents.pulse.ant-1.data.goal', 'count the leaves');
await write(bee, 'agents.pulse.ant-1.data.goal', 'sleep');
await write(ant, 'global.config.maxConcurrentAgents', 1);

// Health is for Guardians. And what an actor owns nobody writes: there is a command for it.
await write(ant, 'global.health.status', 'healthy');
await write(owl, 'global.health.status', 'degraded');
await write(ant, 'agents.pulse.ant-1.status', 'idle');

// One can ask before.
const { identity } = ant;
console.log('may read:', swarm.access.canAccess(identity, 'agents.pulse.bee-1', 'read'));
console.log('may write:', swarm.access.getAccessiblePaths(identity, 'write').join(' '));

// Nothing of what was denied has happened, and the log knows who tried.
console.log('goal:', swarm.get('agents.pulse.ant-1.data.goal'));
for (const { type, source, payload } of swarm.state.events.events) {
  if (type === 'access.denied') console.log('denied:', source.agentId, payload.subject);
}
console.log('denials:', swarm.access.denials.total);
await swarm.close();
