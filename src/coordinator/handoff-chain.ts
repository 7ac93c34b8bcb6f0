/** The chain of a handoff: each step names the one before it as its cause, and all carry the correlation of the request. */
import { versionOf } from '../events/definition.ts';
import { eventId } from '../events/envelope.ts';
import type { Projector } from '../projections/projector.ts';
import type { SwarmCommand } from '../protocol/commands.ts';

/** What ties a command to the events that led to it. */
export interface Chain {
  readonly causationId?: string;
  readonly correlationId?: string;
}

/** The chain of a handoff, up to its newest event. */
export function handoffChain({ swarm, handoffs }: Projector, handoffId: string): Chain {
  const handoff = handoffs.get(handoffId);
  if (swarm === undefined || handoff === undefined) return {};
  const { touched } = handoff;
  return {
    causationId: eventId(swarm.swarmId, versionOf(touched, 'status').sequence),
    correlationId: eventId(swarm.swarmId, touched.whole.sequence),
  };
}

/** A command about a handoff with its chain, as far as its caller did not say otherwise. */
export function chained(projector: Projector, command: SwarmCommand): SwarmCommand {
  if (
    command.type !== 'handoff.accept' &&
    command.type !== 'handoff.reject' &&
    command.type !== 'handoff.complete'
  ) {
    return command;
  }
  const { causationId, correlationId } = handoffChain(projector, command.payload.handoffId);
  return {
    ...command,
    causationId: command.causationId ?? causationId,
    correlationId: command.correlationId ?? correlationId,
  };
}
