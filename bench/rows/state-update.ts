/** State updates: `session.update` of a field of the session's data, each awaited until it is durable. */
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { commitVariant, goal, SESSIONS_MAX, type Write } from '../commits.ts';
import { pulseOf, registerPulses } from '../pulses.ts';
import type { Work } from '../work.ts';

/** The work, with one variant per number of writers. */
export const stateUpdate: Work = {
  work: 'state-update',
  summary: 'durable writes of a field of session data, one at a time per writer',
  variants: [
    commitVariant(64, goal(0.4, 0.5), updates),
    commitVariant(1_024, goal(0.25, 0.4), updates),
  ],
};

async function updates(swarm: Swarm, inFlight: number): Promise<Write> {
  const sessions = await registerPulses(swarm, Math.min(inFlight, SESSIONS_MAX));
  const paths = sessions.map(
    ({ identity }) => `agents.pulse.${identity.sessionId}.data.currentIteration`,
  );
  return async (writer, turn) => {
    const path = paths[writer % paths.length] ?? '';
    const { success } = await pulseOf(sessions, writer).update({ path, newValue: turn });
    if (!success) throw new Error('nobody expects a version here');
  };
}
