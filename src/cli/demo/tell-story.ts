/** How the story of the demonstration is told to people. */
import colors from 'picocolors';
import type { PastState } from '../../history/history.ts';
import { eventLine } from '../event-line.ts';
import { lockReport, lockTables } from '../lock-report.ts';
import { count, harmless, table } from '../output.ts';
import { RULES } from './conductor.ts';
import { plural } from './markdown.ts';
import type { DeathStory, DecisionEvent, Story, Told } from './story.ts';

/** Writes the story for people. */
export function tellStory({ story, beforeDeath }: Told, again: string): string {
  const { death } = story;
  return [
    heading('Closed, and opened again from the log alone'),
    sameness(story),
    ...(death === null ? [] : deathOf(death)),
    ...(death === null || beforeDeath === undefined ? [] : pastOf(beforeDeath, death)),
    heading('What the Conductor decided by its rules, and why'),
    ...decisionsOf(story),
    heading('How the report changed hands, and how the lock on it grew'),
    ...story.handover.map(eventLine),
    ...(story.archive === null ? [] : archiveOf(story.archive)),
    heading('Who was denied what, and where two who wrote the same value met'),
    ...story.disputes.map(eventLine),
    heading('Metrics'),
    metricsOf(story),
    heading('Now try'),
    nextCommands(story, again),
  ].join('\n');
}

function heading(text: string): string {
  return `\n${colors.bold(text)}`;
}

function sameness({ sameState, stateBytes, stateHash, events, tasks, ...story }: Story): string {
  const same = sameState
    ? `${colors.green('✓')} the state is the same, byte for byte: ${count(stateBytes)} bytes`
    : `${colors.red('✗')} the state is another one`;
  const ended =
    story.badlyEnded.length === 0
      ? `${colors.green('✓')} each of the ${count(tasks)} tasks of this run ended exactly once`
      : `${colors.red('✗')} ${story.badlyEnded.length} tasks did not end exactly once`;
  const { sources, lines, functions } = story.counted;
  const counted = `a subscriber counted ${plural(sources, 'source')} with ${plural(lines, 'line')} and ${plural(functions, 'function')}`;
  const once = story.sameCount
    ? `${colors.green('✓')} ${counted}, each exactly once`
    : `${colors.red('✗')} ${counted}, and there are others`;
  return [
    `  ${same}`,
    `    rebuilt from ${count(events)} events, sha-256 ${stateHash.slice(0, 16)}…`,
    `  ${ended}`,
    `  ${once}`,
  ].join('\n');
}

function deathOf(death: DeathStory): string[] {
  const lines = death.timeline.map((event) =>
    event.sequence === death.sequence
      ? `${eventLine(event)}\n          ${colors.red(`✗ ${death.agentId} dies here, without a word`)}`
      : eventLine(event),
  );
  return [
    heading(
      `The death of ${death.agentId}, and how ${harmless(death.file)} was finished all the same`,
    ),
    ...lines,
    `  ${colors.green('✓')} ${death.finishedBy ?? 'nobody'} finished what ${death.agentId} had begun`,
  ];
}

function pastOf(past: PastState, death: DeathStory): string[] {
  const { state, timeMs } = past;
  const pulses = Object.values(state.agents['pulse'] ?? {}).filter(
    ({ currentTask }) => currentTask !== null,
  );
  const rows = pulses.map(({ agentId, status, currentTask }) => [
    agentId,
    status,
    harmless(currentTask?.goal ?? ''),
    `${currentTask?.progress ?? 0} %`,
  ]);
  return [
    heading(`Back at sequence ${count(death.sequence)}, the moment before: who held what`),
    table(['session', 'status', 'task', 'progress'], rows),
    '',
    lockTables(lockReport(state.locks, timeMs), timeMs),
  ];
}

function decisionsOf({ decisions: { counts, told } }: Story): string[] {
  const times = Object.entries(counts).map(([type, number]) => `${type} ${count(number)} times`);
  const asks = RULES.flatMap(({ id, condition: { custom } }) =>
    custom === undefined ? [] : [`; the rule ${id} holds while ${custom}`],
  );
  return [`  ${times.join(', ')}${asks.join('')}`, ...told.map(decisionLine)];
}

function decisionLine({ sequence, timestamp, payload: { newValue } }: DecisionEvent): string {
  const { type, input, reason } = newValue;
  const time = colors.dim(timestamp.slice(11, 23));
  const said = harmless(`${String(input['goal'])}: ${reason}`);
  return `${String(sequence).padStart(6)}  ${time}  ${colors.cyan(type.padEnd(8))} ${said}`;
}

function archiveOf({ directory, iterations }: NonNullable<Story['archive']>): string[] {
  const rows = iterations.map(({ number, signal, commitHash, filesModified, summary }) => [
    `iteration ${number}`,
    signal,
    commitHash?.slice(0, 12) ?? 'none',
    harmless(filesModified.join(' ')),
    harmless(summary),
  ]);
  return [
    heading(`How a Pulse committed the report, in ${directory}`),
    table(['', 'signal', 'commit', 'files', 'summary'], rows),
  ];
}

function metricsOf({ metrics, report }: Story): string {
  const { coherence, relevance } = report.quality;
  return [
    `  completed ${count(metrics.totalTasksCompleted)}, failed ${count(metrics.totalTasksFailed)}, handoffs ${count(metrics.totalHandoffs)}, average duration ${metrics.averageTaskDuration.toFixed(1)} ms`,
    `  the Dream Weaver's report: ${report.path} (${count(report.bytes)} bytes; coherence ${coherence.toFixed(2)}, relevance ${relevance.toFixed(2)})`,
  ].join('\n');
}

function nextCommands({ death, handover }: Story, again: string): string {
  const contention = handover.find(({ type }) => type === 'lock.contention');
  const errored = death?.timeline.find(({ type }) => type === 'agent.errored');
  const commands = [
    ...(death === null
      ? []
      : [[`state --at ${death.sequence}`, 'the whole state at the moment before the death']]),
    ...(errored === undefined
      ? []
      : [[`log --correlation ${errored.id}`, 'what the silence led to']]),
    ...(contention === undefined
      ? []
      : [[`locks --at ${contention.sequence}`, 'who held the report, and who waited to write it']]),
    ["log --type 'lock.expired' 'task.requeued'", 'what ran out, and what went back'],
    ['verify', 'proof: every command decided again, every block chained'],
  ];
  const [name, where] = again.split('|');
  return commands
    .map(
      ([text, why]) =>
        `  ${colors.cyan(`${name} ${text}${where}`)}\n      ${colors.dim(why ?? '')}`,
    )
    .join('\n');
}
