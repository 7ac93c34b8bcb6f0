/** What the Heartbeat of the demonstration checks beside what `runHeartbeat` brings along, and what it may not do. */
import type { Check } from '../../agents/check.ts';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { Swarm } from '../../coordinator/swarm.ts';
import { Refused } from '../../core/errors.ts';

/** More than ten blocks of the log. */
const WAITING_MAX = 10_000;

/** The check of the demonstration's own: whether the disk keeps up with the log. */
export function logCheck(swarm: Swarm): Check {
  return {
    type: 'log',
    measure() {
      const waiting = swarm.sequence - swarm.durableSequence;
      if (waiting <= WAITING_MAX) return [];
      const summary = `more than ${WAITING_MAX} events wait for the disk`;
      return [{ priority: 'high', summary, details: { waiting, sequence: swarm.sequence } }];
    },
  };
}

/** Whoever measures may not say how the swarm is: that is for Guardians. It tries, once. */
export async function overreach(session: AgentSession): Promise<void> {
  try {
    await session.update({ path: 'global.health.status', newValue: 'healthy' });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}
