/** `stig log`: the events of a swarm, filtered. */
import type { Command } from 'commander';
import { Fault } from '../core/errors.ts';
import { isAppEventType } from '../events/app-event.ts';
import { CATALOG } from '../events/catalog.ts';
import type { SwarmEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import { command, wholeNumber, withHistory, type CommonOptions } from './common.ts';
import { eventLine } from './event-line.ts';
import { note, print, printJson } from './output.ts';

interface LogOptions extends CommonOptions {
  readonly type?: readonly string[];
  readonly source?: readonly string[];
  readonly correlation?: string;
  readonly after?: string;
  readonly before?: string;
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
  readonly last?: number;
  readonly offset?: number;
}

/** Makes the command. */
export function logCommand(): Command {
  return command('log', 'Show the events of a swarm, oldest first.')
    .option('--type <types...>', 'only these types; task.* for all that begin so')
    .option('--source <names...>', 'only from these agents, kinds of agent or sessions')
    .option('--correlation <id>', 'only the events of one chain')
    .option('--after <time>', 'only later than an ISO time; UTC when it names no zone')
    .option('--before <time>', 'only earlier than an ISO time; UTC when it names no zone')
    .option('--from <sequence>', 'from this sequence on', wholeNumber(1))
    .option('--to <sequence>', 'up to this sequence', wholeNumber(1))
    .option('--limit <n>', 'at most so many, the oldest', wholeNumber(1))
    .option('--last <n>', 'only the newest so many', wholeNumber(1))
    .option('--offset <n>', 'pass over so many matches', wholeNumber(0))
    .addHelpText(
      'after',
      `
Examples:
  $ stig log --type 'lock.*' 'task.requeued'     what happened to locks, and which tasks went back
  $ stig log --type 'app.*' --last 20             what applications had to tell
  $ stig log --source pulse-2 --limit 20          the first twenty events that pulse-2 caused
  $ stig log --last 5                            the newest five; ids are cut, --json has them whole
  $ stig log --correlation <event id> --json      one chain of cause and effect, for another program`,
    )
    .action(async (options: LogOptions) => {
      checkTypes(options.type ?? []);
      checkEnd(options);
      const show = (event: SwarmEvent) => {
        if (options.json === true) printJson(event);
        else print(eventLine(event));
      };
      await withHistory(options, async (history) => {
        let found = 0;
        const last: SwarmEvent[] = [];
        for await (const event of history.events(filterOf(options))) {
          found += 1;
          if (options.last === undefined) show(event);
          else if (last.push(event) > options.last) last.shift();
        }
        for (const event of last) show(event);
        if (found === 0) note(`no event matches; the log goes from 1 to ${history.head.sequence}`);
      });
    });
}

/** The newest so many, and the oldest so many, cannot both be asked for. */
function checkEnd({ last, limit, offset }: LogOptions): void {
  if (last === undefined || (limit === undefined && offset === undefined)) return;
  throw new Fault('INVALID_INPUT', '--last cannot be combined with --limit or --offset.', {});
}

/** A type that cannot occur is a slip of the hand, and not an answer. What applications call their events is theirs. */
function checkTypes(types: readonly string[]): void {
  const known = Object.keys(CATALOG);
  for (const type of types) {
    const prefix = type.endsWith('*') ? type.slice(0, -1) : undefined;
    const isKnown =
      isAppEventType(type) ||
      known.some((one) => (prefix === undefined ? one === type : one.startsWith(prefix)));
    if (isKnown) continue;
    throw new Fault(
      'INVALID_INPUT',
      `There is no event type ${JSON.stringify(type)}. Types: ${known.join(', ')}, app.*.`,
      {
        details: { type },
      },
    );
  }
}

function filterOf(options: LogOptions): EventFilter {
  const { type, source, correlation, after, before, from, to, limit, offset } = options;
  return {
    ...(type && { types: type }),
    ...(source && { sources: source }),
    ...(correlation !== undefined && { correlationId: correlation }),
    ...(after !== undefined && { after }),
    ...(before !== undefined && { before }),
    ...(from !== undefined && { fromSequence: from }),
    ...(to !== undefined && { toSequence: to }),
    ...(limit !== undefined && { limit }),
    ...(offset !== undefined && { offset }),
  };
}
