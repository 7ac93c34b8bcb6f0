/**
 * What a Conductor decided, as one command and one record, and how both happen.
 *
 * The record is for whoever asks why (specification, `ConductorDecision`): it is read back from the log, and nothing is evaluated
 * again for it.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { Refusal } from '../core/errors.ts';
import type { ConductorDecision } from '../events/state-schemas.ts';
import type { CommandInput } from '../protocol/commands.ts';
import type { Candidate } from './conductor-candidates.ts';
import { conductorPath } from './load-reader.ts';
import type { Routed } from './routing.ts';

/** A decision, and what it asks of the swarm. */
export interface Decided {
  readonly command: CommandInput;
  readonly decision: ConductorDecision;
}

/** What a decision is marked with. */
export interface Mark {
  readonly id: string;
  readonly timestamp: string;
}

/** The decision about a candidate; undefined when it is left as it is. */
export function decisionOf(
  { task, from, trouble }: Candidate,
  routed: Routed,
  mark: Mark,
): Decided | undefined {
  if (routed.type === 'wait') return undefined;
  const { input, output, reason } = routed;
  const taskId = task.id;
  if (routed.type === 'reject') {
    if (from !== undefined) return undefined; // somebody was given it before there was such a rule
    return {
      command: { type: 'task.cancel', payload: { taskId, reason } },
      decision: { ...mark, type: 'reject', input, output, reason },
    };
  }
  const command = { type: 'task.assign', payload: { taskId, assignedTo: routed.to } } as const;
  if (from === undefined) {
    return { command, decision: { ...mark, type: routed.type, input, output, reason } };
  }
  const how = trouble === 'error' ? 'in error' : trouble;
  const why = `${from.identity.agentId} has it and is ${how}; ${reason}`;
  const held = { ...input, from: from.identity, trouble };
  const type = routed.type === 'preempt' ? 'preempt' : 'handoff';
  return { command, decision: { ...mark, type, input: held, output, reason: why } };
}

/** Has a decision happen: the command and its record are one compound command, so neither is there without the other. */
export async function carryOut(
  session: AgentSession,
  { command, decision }: Decided,
): Promise<Refusal | undefined> {
  const path = conductorPath(session, 'decisions');
  const record = { type: 'state.update', payload: { path, newValue: decision, append: true } };
  const commands = [command, record];
  const result = await session.dispatch({ type: 'compound.apply', payload: { commands } });
  return result.ok ? undefined : result;
}
