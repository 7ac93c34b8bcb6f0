/**
 * The end of the demonstration: the swarm is closed, opened again from its log alone, and asked what happened.
 *
 * Every figure is read from the directory, by the same doors that `stig log`, `stig state` and `stig verify` use. How it is told
 * is in tell-story.ts.
 */
import { canonicalJson } from '../../core/json.ts';
import { History, type PastState } from '../../history/history.ts';
import type { SwarmEvent } from '../../events/envelope.ts';
import type { SwarmState } from '../../projections/swarm-state.ts';
import type { ConductorDecision, PulseIteration, PulseState } from '../../events/state-schemas.ts';
import type { TaskState } from '../../events/task-state.ts';
import type { Archived } from './archive.ts';
import { COUNTED, countOf, NOTHING, sum, type Count } from './counting.ts';
import type { Death } from './pulse.ts';
import type { SourceAnalysis } from './source-analysis.ts';
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
  readonly decisions: Decisions;
  /** What a subscriber counted, exactly once. */
  readonly counted: Count;
  /** Whether the results of the tasks add up to that. */
  readonly sameCount: boolean;
  /** How the report was committed; null when there is no git. */
  readonly archive: (Archived & { readonly iterations: readonly PulseIteration[] }) | null;
  /** What somebody was denied, and where two writes of one value met. */
  readonly disputes: readonly SwarmEvent[];
  /** How the report changed hands, and how the lock on it grew. */
  readonly handover: readonly SwarmEvent[];
}

/** What the Conductor decided. */
interface Decisions {
  /** How many of each type. */
  readonly counts: Readonly<Record<string, number>>;
  /** Those about the task of who died, and about the report; and the first of its tasks that was moved to another session. */
  readonly told: readonly DecisionEvent[];
}

/** A decision as it was recorded. */
export type DecisionEvent = SwarmEvent<{ readonly newValue: ConductorDecision }>;

/** The death and what came of it. */
export interface DeathStory extends Death {
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
  const { death, taskIds, report, archive, fromSequence } = outcome;
  const liveText = canonicalJson(live.state);
  const sameState = canonicalJson(end.state) === liveText && end.stateHash === live.stateHash;
  const deathStory = death === undefined ? null : await readDeath(history, death, fromSequence);
  const counted = await readCount(history, fromSequence);
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
    decisions: await readDecisions(history, fromSequence, [report.taskId, death?.taskId]),
    counted,
    sameCount: canonicalJson(counted) === canonicalJson(foundIn(end.state, taskIds)),
    archive:
      archive === undefined ? null : { ...archive, iterations: iterationsIn(end.state, archive) },
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

/** The decisions of the Conductor; those about some tasks, and the first handoff, in full. */
async function readDecisions(
  history: History,
  fromSequence: number,
  taskIds: readonly (string | undefined)[],
): Promise<Decisions> {
  const counts: Record<string, number> = {};
  const told: DecisionEvent[] = [];
  for await (const event of history.events({ types: ['state.*'], fromSequence })) {
    const { path } = event.payload as { readonly path: string };
    if (!/^agents\.conductor\..*\.decisions\[\d+\]$/.test(path)) continue;
    const decision = event as DecisionEvent;
    const { type, input } = decision.payload.newValue;
    const isFirstHandoff = type === 'handoff' && counts[type] === undefined;
    counts[type] = (counts[type] ?? 0) + 1;
    if (isFirstHandoff || taskIds.includes(input['taskId'] as string)) told.push(decision);
  }
  return { counts, told };
}

async function readCount(history: History, fromSequence: number): Promise<Count> {
  let count = NOTHING;
  for await (const { payload } of history.events({ types: [COUNTED], fromSequence })) {
    count = sum(count, payload as Count);
  }
  return count;
}

function foundIn({ global: { tasks } }: SwarmState, taskIds: readonly string[]): Count {
  return taskIds
    .map((id): TaskState | undefined => tasks[id])
    .filter((task) => task?.metadata['type'] === 'analyse' && task.status === 'complete')
    .map((task) => countOf(task?.result as SourceAnalysis))
    .reduce(sum, NOTHING);
}

function iterationsIn({ agents }: SwarmState, { sessionId }: Archived): readonly PulseIteration[] {
  const data = agents['pulse']?.[sessionId]?.data as PulseState['data'] | undefined;
  return data?.iterations ?? [];
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
