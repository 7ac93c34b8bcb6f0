/**
 * Compound commands: several commands that are decided one after the other, and of which all happen or none.
 *
 * The commands in one are parts. Not every command can be one: locks have queues in which others wait, and what they grant is
 * not known to whoever writes the next part; a session's life is its own matter.
 */
import type { CommandType, SwarmCommand } from './commands.ts';

/** The commands that can be a part. */
export const PART_TYPES = [
  'event.emit',
  'state.update',
  'state.delete',
  'state.batch',
  'task.create',
  'task.assign',
  'task.start',
  'task.progress',
  'task.complete',
  'task.fail',
  'task.cancel',
  'task.close',
  'task.requeue',
  'handoff.request',
  'handoff.accept',
  'handoff.reject',
  'handoff.complete',
  'subscription.advance',
  'deadletter.add',
  'deadletter.resolve',
  'system.raise_alert',
  'system.note_maintenance',
] as const satisfies readonly CommandType[];

/** The type of a command that can be a part. */
export type PartType = (typeof PART_TYPES)[number];

/** A part as it is recorded. */
export interface CommandPart {
  readonly type: PartType;
  /** Its version; 1 when absent. */
  readonly version?: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

const PARTS: ReadonlySet<string> = new Set(PART_TYPES);

/** Whether a command of a type can be a part. */
export function isPartType(type: string): type is PartType {
  return PARTS.has(type);
}

/** The parts of a compound command as commands, each given by whoever gave the whole and when; none of another command. */
export function partsOf(command: SwarmCommand): readonly SwarmCommand[] {
  if (command.type !== 'compound.apply') return [];
  const { source, timeMs, correlationId, causationId, trace, fencingToken } = command;
  const labels = { source, timeMs, correlationId, causationId, trace, fencingToken };
  return (command.payload.commands as readonly CommandPart[]).map(
    ({ type, version = 1, payload }) =>
      ({ type, version, payload, ...labels }) as unknown as SwarmCommand,
  );
}
