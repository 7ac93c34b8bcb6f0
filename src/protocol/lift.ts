/** Recorded commands of earlier versions, lifted to today's before they are decided again (I6). */
import { Fault } from '../core/errors.ts';
import type { RecordedCommand } from '../events/envelope.ts';
import { upcast, type Versioned } from '../events/upcasters.ts';
import { COMMANDS, type SwarmCommand } from './commands.ts';
import type { CommandPart } from './compound.ts';

/** Lifts a recorded command. Throws `FORMAT_UNSUPPORTED`, with its sequence, when its type or version is unknown. */
export function liftCommand(
  command: RecordedCommand,
  sequence: number,
  definitions: Readonly<Record<string, Versioned>> = COMMANDS,
): SwarmCommand {
  const { type, version } = command;
  const definition = Object.hasOwn(definitions, type) ? definitions[type] : undefined;
  if (definition === undefined) {
    throw new Fault(
      'FORMAT_UNSUPPORTED',
      `The command at sequence ${sequence} has the type ${type}, which this program does not know. Use a newer program.`,
      { details: { sequence, type } },
    );
  }
  const written = command.payload as Readonly<Record<string, unknown>>;
  const payload = upcast(type, definition, { version, payload: written, sequence });
  const lifted = type === 'compound.apply' ? liftParts(command, sequence, definitions) : payload;
  return { ...command, version: definition.version, payload: lifted } as unknown as SwarmCommand;
}

function liftParts(
  command: RecordedCommand,
  sequence: number,
  definitions: Readonly<Record<string, Versioned>>,
): { readonly commands: readonly CommandPart[] } {
  const { commands } = command.payload as { readonly commands: readonly CommandPart[] };
  const lifted = commands.map(({ type, version = 1, payload }) =>
    liftCommand({ ...command, type, version, payload }, sequence, definitions),
  );
  return { commands: lifted as unknown as readonly CommandPart[] };
}
