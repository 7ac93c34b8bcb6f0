/** The sessions that benchmarks work with. */
import type { AgentSession } from '../src/coordinator/agent-session.ts';
import type { Swarm } from '../src/coordinator/swarm.ts';

/** Registers so many pulses; what each of them does next is its sign of life. */
export async function registerPulses(swarm: Swarm, count: number): Promise<AgentSession[]> {
  const pulses: AgentSession[] = [];
  for (let number = 1; number <= count; number++) {
    pulses.push(await swarm.register({ agentType: 'pulse', agentId: `pulse-${number}` }));
  }
  return pulses;
}

/** The pulse of a writer; several writers share one when there are more of them. */
export function pulseOf(pulses: readonly AgentSession[], writer: number): AgentSession {
  const pulse = pulses[writer % pulses.length];
  if (pulse === undefined) throw new Error('there is at least one pulse');
  return pulse;
}
