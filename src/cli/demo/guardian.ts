/**
 * The Guardians of the demonstration: two of them, since one may die, watch the sessions and the disk, and write the health of
 * the swarm when it changes.
 *
 * Neither waits for the other. Each says which version it has read, and when the other was quicker, the later finding stands.
 */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { SwarmHealth } from '../../events/system.ts';
import type { SwarmState } from '../../projections/swarm-state.ts';
import type { VersionedState } from '../../projections/versions.ts';
import { pause, type Workplace } from './workplace.ts';

const INTERVAL_MS = 100;
const DISK_FREE_MIN = 0.05;

/** What a Guardian finds. */
export type Finding = Pick<SwarmHealth, 'status' | 'issues'>;

/** Watches until the work is over; tells what it saw change. */
export async function runGuardian(
  workplace: Workplace,
  agentId: string,
  tell: (finding: Finding) => void,
): Promise<void> {
  const { swarm, over } = workplace;
  const session = await swarm.register({ agentType: 'guardian', agentId });
  while (!over.aborted) {
    await watch(session, workplace, tell);
    await session.heartbeat();
    await pause(INTERVAL_MS, over);
  }
  await watch(session, workplace, tell);
  await session.stop('the work is over');
}

async function watch(
  session: AgentSession,
  workplace: Workplace,
  tell: (finding: Finding) => void,
): Promise<void> {
  const path = 'global.health';
  const { value, version } = session.read(path) as VersionedState<SwarmHealth>;
  const silent = silentIn(session.get('agents') as SwarmState['agents']);
  const issues = [...silent, ...(await fullDisk(workplace))];
  if (issues.join() === value.issues.join()) return;
  const found: Finding = { status: issues.length === 0 ? 'healthy' : 'degraded', issues };
  const { resolved } = await session.update({
    path,
    newValue: { ...found, lastCheck: new Date().toISOString() },
    expectedVersion: version,
    onConflict: 'last-write-wins',
  });
  if (resolved === undefined) tell(found); // else the other has told it
}

/** A silent session is an issue; one that was given up is history, since its work was given to others. */
function silentIn(agents: SwarmState['agents']): readonly string[] {
  const sessions = Object.values(agents).flatMap((ofType) => Object.values(ofType));
  return sessions
    .filter(({ status }) => status === 'error')
    .map(({ agentId, errors }) => `${agentId}: ${errors.last?.message ?? 'in error'}`);
}

async function fullDisk({ reportPath }: Workplace): Promise<readonly string[]> {
  const { bavail, blocks } = await statfs(dirname(reportPath));
  return bavail / blocks < DISK_FREE_MIN ? ['the disk is nearly full'] : [];
}
