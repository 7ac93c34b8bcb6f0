/**
 * A Pulse session of the demonstration that analyses sources: takes the next task that the Conductor gave it, locks the file,
 * analyses it, writes down what it found, and completes the task with an iteration record, until no task is left.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as yieldToOthers, setTimeout as delay } from 'node:timers/promises';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import { Refused } from '../../core/errors.ts';
import type { AgentResources } from '../../events/session.ts';
import type { TaskState } from '../../events/task-state.ts';
import { analyseSource } from './source-analysis.ts';
import type { Workplace } from './workplace.ts';

/** How long a file stays locked by a session that does not release it. */
const FILE_LOCK_TTL_MS = 800;
/** Short, so that a death shows within seconds; a real swarm uses the default. */
const SILENCE_MS = 1_200;
const IDLE_MS = 40;

/** Where a session stopped without a word. */
export interface Death {
  readonly agentId: string;
  readonly sessionId: string;
  readonly taskId: string;
  readonly file: string;
}

/** Asked once per task, with the file locked and half of the work reported: whether the session dies here. */
export type Fate = (session: AgentSession) => boolean;

/** Registers a Pulse session and describes its work in its own state. */
export async function registerPulse(
  { swarm, sources, projectName, total }: Workplace,
  agentId: string,
): Promise<AgentSession> {
  const session = await swarm.register({
    agentType: 'pulse',
    agentId,
    capacity: total,
    heartbeatTimeout: SILENCE_MS,
  });
  const newValue = { projectName, projectPath: sources, goal: 'analyse every source' };
  await session.update({ path: `${placeOf(session)}.data`, newValue, merge: true });
  return session;
}

function placeOf({ identity }: AgentSession): string {
  return `agents.pulse.${identity.sessionId}`;
}

/** Works until no task is left; returns where the session died, if it did. */
export async function analyseSources(
  session: AgentSession,
  workplace: Workplace,
  fate: Fate,
): Promise<Death | undefined> {
  let iteration = 0;
  const startedMs = Date.now();
  while (workplace.openTaskIds.size > 0) {
    const [next] = session.get(`${placeOf(session)}.taskQueue`) as readonly TaskState[];
    if (next === undefined) {
      await session.heartbeat();
      await delay(IDLE_MS);
      continue;
    }
    const task = await session.tasks.start(next.id);
    iteration += 1;
    const death = await analyse(session, { task, iteration, fate, workplace, startedMs });
    if (death !== undefined) return death;
    workplace.openTaskIds.delete(task.id);
    await yieldToOthers(); // analysing keeps the processor, and the others have to be heard
  }
  await session.stop('no task is left');
  return undefined;
}

interface Assignment {
  readonly task: TaskState;
  readonly iteration: number;
  readonly fate: Fate;
  readonly workplace: Workplace;
  /** When the session began to work. */
  readonly startedMs: number;
}

async function analyse(session: AgentSession, assignment: Assignment): Promise<Death | undefined> {
  const { task, fate } = assignment;
  const { directory, file } = task.metadata as { directory: string; file: string };
  const lock = await session.locks.acquire({
    resource: file,
    type: 'exclusive',
    ttl: FILE_LOCK_TTL_MS,
  });
  if (lock === null) {
    await session.tasks.fail(task.id, { code: 'LOCK_TIMEOUT', message: `${file} stayed locked` });
    return undefined;
  }
  const text = await readFile(join(directory, file), 'utf8').catch(() => undefined);
  if (text === undefined) {
    await session.tasks.fail(task.id, { code: 'NOT_READABLE', message: `${file} cannot be read` });
    await letGo(session, lock.id);
    return undefined;
  }
  await session.tasks.progress(task.id, 50, `read ${file}`);
  if (fate(session)) {
    const { agentId, sessionId } = session.identity;
    return { agentId, sessionId, taskId: task.id, file };
  }
  const before = process.cpuUsage();
  const analysis = analyseSource(file, text);
  const { user, system } = process.cpuUsage(before);
  await writeDown(session, assignment, {
    summary: `${analysis.lines} lines, ${analysis.functions} functions`,
    cpuMs: (user + system) / 1_000,
    memoryBytes: Buffer.byteLength(text),
  });
  await session.tasks.complete(task.id, analysis);
  await letGo(session, lock.id);
  return undefined;
}

/** A lock runs out when this process stands still for long, on a busy machine: then there is nothing to let go of. */
async function letGo(session: AgentSession, lockId: string): Promise<void> {
  await session.locks.release(lockId).catch((error: unknown) => {
    if (!(error instanceof Refused) || error.code !== 'NOT_FOUND') throw error;
  });
}

/** What an analysis came to, and what it took. */
interface Effort {
  readonly summary: string;
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/**
 * The iteration record (specification, `PulseIteration`), how far the session is and what it has used: several places of its
 * state, in one commit.
 */
async function writeDown(
  session: AgentSession,
  { task, iteration, workplace, startedMs }: Assignment,
  { summary, cpuMs, memoryBytes }: Effort,
): Promise<void> {
  const place = placeOf(session);
  const now = Date.now();
  const { startedAt } = task;
  const record = {
    number: iteration,
    status: 'complete',
    signal: 'CONTINUE',
    summary: `${task.goal}: ${summary}`,
    commitHash: null,
    startedAt,
    completedAt: new Date(now).toISOString(),
    durationSeconds: startedAt === null ? null : (now - Date.parse(startedAt)) / 1_000,
    filesModified: [],
  };
  const left = workplace.openTaskIds.size;
  const doneShare = 1 - left / workplace.total;
  const leftMs = doneShare === 0 ? 0 : ((now - startedMs) * (1 - doneShare)) / doneShare;
  const eta = new Date(now + leftMs).toISOString();
  const { cpuTime } = session.get(`${place}.resources`) as AgentResources;
  await session.updateAll([
    { path: `${place}.data.iterations`, newValue: record, append: true },
    { path: `${place}.data.currentIteration`, newValue: iteration },
    { path: `${place}.data.lastSignal`, newValue: 'CONTINUE' },
    {
      path: `${place}.progress`,
      newValue: { current: doneShare * 100, message: `${left} tasks are left`, eta },
    },
    {
      path: `${place}.resources`,
      newValue: { memoryUsed: memoryBytes, cpuTime: cpuTime + cpuMs },
      merge: true,
    },
  ]);
}
