/**
 * The end of the demonstration: the swarm is closed, opened again from its log alone, and asked what happened.
 *
 * Every figure is read from the directory, by the same doors that `stig log`, `stig state` and `stig verify` use.
 */
import colors from 'picocolors';
import { canonicalJson } from '../../core/json.ts';
import { History, type PastState } from '../../history/history.ts';
import type { SwarmEvent } from '../../events/envelope.ts';
import type { SwarmState } from '../../projections/swarm-state.ts';
import { eventLine } from '../event-line.ts';
import { lockReport, lockTables } from '../lock-report.ts';
import { count, harmless, table } from '../output.ts';
import type { Death } from './pulse.ts';
import type { Outcome } from './swarm-at-work.ts';
import { REPORT } from './workplace.ts';

/** What is known of the swarm while it was live. */
export interface LiveState {
  readonly state: SwarmState;
  readonly stateHash: string;
}

/** The story in figures, for `--json`. */
export interface Story {
  readonly events: number;
  readonly stateHash: string;
  /** Whether the state read from the log is the one that was live, byte for byte. */
  readonly sameState: boolean;
  readonly stateBytes: number;
  readonly tasks: number;
  /** Tasks of this run that ended more than once, or not at all; there must be none. */
  readonly badlyEnded: readonly string[];
  readonly metrics: SwarmState['global']['metrics'];
  readonly report: Outcome['report'];
  readonly death: DeathStory | null;
  /** What somebody was denied, and where two writes of one value met. */
  readonly disputes: readonly SwarmEvent[];
  /** How the report changed hands, and how the lock on it grew. */
  readonly handover: readonly SwarmEvent[];
}

/** The death and what came of it. */
interface DeathStory extends Death {
  /** The sequence of the last event that the session caused. */
  readonly sequence: number;
  readonly finishedBy: string | null;
  /** The events about its last task, about the file it held, and about itself. */
  readonly timeline: readonly SwarmEvent[];
}

/** What the story is told with. */
export interface Told {
  readonly story: Story;
  /** The state just after the last event of the session that died. */
  readonly beforeDeath: PastState | undefined;
}

/** Reads the story from the directory. */
export async function readStory(
  directory: string,
  live: LiveState,
  outcome: Outcome,
): Promise<Told> {
  await using history = await History.open(directory);
  const end = await history.at();
  const { death, taskIds, report, fromSequence } = outcome;
  const liveText = canonicalJson(live.state);
  const sameState = canonicalJson(end.state) === liveText && end.stateHash === live.stateHash;
  const deathStory = death === undefined ? null : await readDeath(history, death, fromSequence);
  const story: Story = {
    events: end.sequence,
    stateHash: end.stateHash,
    sameState,
    stateBytes: Buffer.byteLength(liveText),
    tasks: taskIds.length,
    badlyEnded: await badlyEnded(history, taskIds),
    metrics: end.state.global.metrics,
    report,
    death: deathStory,
    disputes: await readDisputes(history, fromSequence),
    handover: await readHandover(history, report.taskId, fromSequence),
  };
  return {
    story,
    beforeDeath: deathStory === null ? undefined : await history.at(deathStory.sequence),
  };
}

async function badlyEnded(history: History, taskIds: readonly string[]): Promise<string[]> {
  const ends = new Map(taskIds.map((id) => [id, 0]));
  for await (const { payload } of history.events({
    types: ['task.completed', 'task.failed', 'task.cancelled'],
  })) {
    const { taskId } = payload as { taskId: string };
    const before = ends.get(taskId);
    if (before !== undefined) ends.set(taskId, before + 1);
  }
  return [...ends].filter(([, times]) => times !== 1).map(([id]) => id);
}

async function readDeath(
  history: History,
  death: Death,
  fromSequence: number,
): Promise<DeathStory> {
  const { taskId, sessionId, agentId, file } = death;
  const timeline: SwarmEvent[] = [];
  let sequence = 0;
  let finishedBy: string | null = null;
  for await (const event of history.events({
    types: ['task.*', 'lock.*', 'agent.*'],
    fromSequence,
  })) {
    const about = event.payload as Record<string, unknown>;
    if (event.source.sessionId === sessionId) sequence = event.sequence;
    const isItsTask = about['taskId'] === taskId;
    const isItself = about['sessionId'] === sessionId || about['agentId'] === agentId;
    const isItsEnd = isItself && event.source.agentType === 'system' && sequence > 0;
    if (!isItsTask && about['resource'] !== file && !isItsEnd) continue;
    timeline.push(event);
    if (isItsTask && event.type === 'task.completed') finishedBy = event.source.agentId;
  }
  return { ...death, sequence, finishedBy, timeline };
}

/** The events about the task of the report and about the lock on it. */
async function readHandover(
  history: History,
  taskId: string,
  fromSequence: number,
): Promise<readonly SwarmEvent[]> {
  const found: SwarmEvent[] = [];
  const types = ['task.*', 'handoff.*', 'lock.*'];
  for await (const event of history.events({ types, fromSequence })) {
    const about = event.payload as Record<string, unknown>;
    if (about['taskId'] === taskId || about['resource'] === REPORT) found.push(event);
  }
  return found;
}

/** The denials, and the writes that a strategy resolved. */
async function readDisputes(history: History, fromSequence: number): Promise<SwarmEvent[]> {
  const found: SwarmEvent[] = [];
  for await (const event of history.events({ types: ['access.*', 'state.*'], fromSequence })) {
    const { resolved } = event.payload as { readonly resolved?: string };
    if (event.type === 'access.denied' || resolved !== undefined) found.push(event);
  }
  return found;
}

/** Writes the story for people. */
export function tellStory({ story, beforeDeath }: Told, again: string): string {
  const { death } = story;
  return [
    heading('Closed, and opened again from the log alone'),
    sameness(story),
    ...(death === null ? [] : deathOf(death)),
    ...(death === null || beforeDeath === undefined ? [] : pastOf(beforeDeath, death)),
    heading('How the report changed hands, and how the lock on it grew'),
    ...story.handover.map(eventLine),
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
  return `  ${same}\n    rebuilt from ${count(events)} events, sha-256 ${stateHash.slice(0, 16)}…\n  ${ended}`;
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
