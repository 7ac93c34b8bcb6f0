/** `stig set` and `stig unset`: direct writes to the swarm of a directory, by the rules of every other write. */
import { text as textOf } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import type { StateUpdate, UpdateResult } from '../coordinator/state-writer.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import { refuse, Refused } from '../core/errors.ts';
import { CONFLICT_STRATEGIES } from '../events/strategies.ts';
import { command, wholeNumber, withOwnedSwarm, type CommonOptions } from './common.ts';
import { count, cut, harmless, print, printJson } from './output.ts';

interface WriteOptions extends CommonOptions {
  readonly expect?: number;
  readonly as?: string;
}

interface SetOptions extends WriteOptions, Pick<StateUpdate, 'onConflict'> {
  readonly merge?: true;
  readonly append?: true;
}

/** Makes `stig set`. */
export function setCommand(): Command {
  return writeCommand(
    'set',
    'Write a value to a path that no actor owns, under the rules of every write.',
  )
    .argument(
      '<path>',
      'a free path: of the configuration, the health, a session, the metadata of a task',
    )
    .argument('<json>', 'the value as JSON; - reads it from standard input')
    .option('--merge', 'merge an object deeply with what is there, instead of replacing it')
    .addOption(new Option('--append', 'add the value at the end of the list').conflicts('merge'))
    .addOption(
      new Option('--on-conflict <strategy>', 'resolve a conflict with --expect by this').choices([
        ...CONFLICT_STRATEGIES,
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ stig set global.config.defaultPriority '"high"'          a text is JSON in quotes
  $ stig set global.health '{"issues":["slow"]}' --merge     the other fields stay
  $ stig set global.health.status '"degraded"' --expect 41   only if nobody wrote it since version 41`,
    )
    .action(async (path: string, json: string, options: SetOptions) => {
      const { merge, append, onConflict, expect } = options;
      const newValue = parseValue(json === '-' ? await textOf(process.stdin) : json);
      const update = {
        path,
        newValue,
        ...(merge && { merge }),
        ...(append && { append }),
        ...(onConflict && { onConflict }),
        ...(expect !== undefined && { expectedVersion: expect }),
      };
      await write(path, options, (writer) => writer.update(update));
    });
}

/** Makes `stig unset`. */
export function unsetCommand(): Command {
  return writeCommand('unset', 'Take away what is at a path that no actor owns.')
    .argument('<path>', 'a free path')
    .addHelpText(
      'after',
      `
Examples:
  $ stig unset 'global.tasks["T1"].metadata.note'   what is not there is no error
  $ stig unset global.config.conflicts              back to no strategy`,
    )
    .action(async (path: string, options: WriteOptions) => {
      const { expect } = options;
      const removal = { path, ...(expect !== undefined && { expectedVersion: expect }) };
      await write(path, options, (writer) => writer.delete(removal));
    });
}

function writeCommand(name: string, description: string): Command {
  return command(name, description)
    .option('--expect <version>', 'the version that was read; 0 for none ever', wholeNumber(0))
    .option('--as <session>', 'write as this live session, with its rights; else as the operator');
}

type Writer = Pick<Swarm, 'update' | 'delete'>;

/** Opens the swarm as its owner, which is refused while another process has it, and writes. */
async function write(
  path: string,
  options: WriteOptions,
  work: (writer: Writer) => Promise<UpdateResult>,
): Promise<void> {
  const { as: sessionId, json } = options;
  await withOwnedSwarm(options, async (swarm) => {
    const result = await work(sessionId === undefined ? swarm : sessionOf(swarm, sessionId));
    if (json === true) printJson({ path, ...result });
    if (result.conflict !== undefined) throw conflictAt(path, result.conflict);
    if (json !== true) print(toText(path, result));
  });
}

function sessionOf(swarm: Swarm, sessionId: string): Writer {
  const sessions = Object.values(swarm.state.agents).flatMap((ofType) => Object.values(ofType));
  const found = sessions.find((session) => session.sessionId === sessionId);
  if (found === undefined) {
    const message = `There is no session ${sessionId}. See who is there with: stig state`;
    throw new Refused(refuse('UNKNOWN_SESSION', message, { sessionId }));
  }
  return swarm.session(found);
}

function toText(path: string, { newVersion, resolved, reason }: UpdateResult): string {
  if (newVersion === undefined) return `${harmless(path)}: nothing is there`;
  const notes = [
    ...(resolved === undefined ? [] : [`a conflict was resolved by ${resolved}`]),
    ...(reason === undefined ? [] : [harmless(reason)]),
  ];
  return [`${harmless(path)} is at version ${count(newVersion)}`, ...notes].join('; ');
}

function conflictAt(path: string, conflict: UpdateResult['conflict'] & object): Refused {
  const { currentVersion, currentValue } = conflict;
  const holds = cut(JSON.stringify(currentValue), 200);
  return new Refused(
    refuse(
      'VERSION_CONFLICT',
      `${path} is at version ${currentVersion} and holds ${holds}. Decide again, then: --expect ${currentVersion}`,
      conflict,
    ),
  );
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const why = (error as Error).message;
    throw new Refused(
      refuse(
        'INVALID_INPUT',
        `The value is no JSON: ${why}. A text needs quotes inside those of the shell: '"text"'.`,
      ),
    );
  }
}
