/** The Guardian of the demonstration: watches the sessions, and writes the health of the swarm when it changes. */
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { SwarmHealth } from '../../events/system.ts';
import type { SwarmState } from '../../projections/swarm-state.ts';
import { pause, type Workplace } from './workplace.ts';

const INTERVAL_MS = 100;

/** Watches until the work is over; tells what it saw change. */
export async function runGuardian(
  { swarm, over }: Workplace,
  tell: (health: Pick<SwarmHealth, 'status' | 'issues'>) => void,
): Promise<void> {
  const session = await swarm.register({ agentType: 'guardian', agentId: 'guardian' });
  while (!over.aborted) {
    await watch(session, tell);
    await session.heartbeat();
    await pause(INTERVAL_MS, over);
  }
  await watch(session, tell);
  await session.stop('the work is over');
}

async function watch(
  session: AgentSession,
  tell: (health: Pick<SwarmHealth, 'status' | 'issues'>) => void,
): Promise<void> {
  const found = healthOf(session.get('agents') as SwarmState['agents']);
  const known = session.get('global.health') as SwarmHealth;
  if (found.status === known.status && found.issues.join() === known.issues.join()) return;
  await session.update({
    path: 'global.health',
    newValue: { ...found, lastCheck: new Date().toISOString() },
  });
  tell(found);
}

/** A silent session is an issue; one that was given up is history, since its work was given to others. */
function healthOf(agents: SwarmState['agents']): Pick<SwarmHealth, 'status' | 'issues'> {
  const sessions = Object.values(agents).flatMap((ofType) => Object.values(ofType));
  const issues = sessions
    .filter(({ status }) => status === 'error')
    .map(({ agentId, errors }) => `${agentId}: ${errors.last?.message ?? 'in error'}`);
  return { status: issues.length === 0 ? 'healthy' : 'degraded', issues };
}
