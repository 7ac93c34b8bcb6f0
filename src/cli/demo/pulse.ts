/**
 * A Pulse session of the demonstration: claims a task, locks its file, analyses it, writes down what it found, and completes
 * the task with an iteration record, until no task is left.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { TaskState } from '../../events/task-state.ts';
import { analyseSource } from './source-analysis.ts';
import { pause, workIsLeft, type Workplace } from './workplace.ts';

/** How long a file stays locked by a session that does not release it. */
export const FILE_LOCK_TTL_MS = 800;
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
  { swarm, sources, projectName }: Workplace,
  agentId: string,
): Promise<AgentSession> {
  const session = await swarm.register({ agentType: 'pulse', agentId, capabilities: ['analyse'] });
  await session.update({
    path: `agents.pulse.${session.identity.sessionId}.data`,
    newValue: {
      projectName,
      projectPath: sources,
      goal: 'analyse every source',
      branchName: null,
      currentIteration: 0,
      maxIterations: 10_000,
      lastSignal: 'UNKNOWN',
      iterations: [],
      totalCommits: 0,
      commitHashes: [],
      filesModified: [],
      progressLog: [],
    },
  });
  return session;
}

/** Works until no task is left; returns where the session died, if it did. */
export async function runPulse(
  session: AgentSession,
  workplace: Workplace,
  fate: Fate,
): Promise<Death | undefined> {
  let iteration = 0;
  while (workIsLeft(workplace)) {
    const task = await session.tasks.claimNext({ start: true });
    if (task === null) {
      await session.heartbeat();
      await pause(IDLE_MS);
      continue;
    }
    const death = await analyse(session, { task, iteration, fate });
    if (death !== undefined) return death;
    iteration += 1;
    await yieldToOthers(); // analysing keeps the processor, and the others have to be heard
  }
  await session.stop('no task is left');
  return undefined;
}

interface Assignment {
  readonly task: TaskState;
  readonly iteration: number;
  readonly fate: Fate;
}

async function analyse(
  session: AgentSession,
  { task, iteration, fate }: Assignment,
): Promise<Death | undefined> {
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
    await session.locks.release(lock.id);
    return undefined;
  }
  await session.tasks.progress(task.id, 50, `read ${file}`);
  if (fate(session)) {
    const { agentId, sessionId } = session.identity;
    return { agentId, sessionId, taskId: task.id, file };
  }
  const analysis = analyseSource(file, text);
  await writeDown(session, {
    task,
    iteration,
    summary: summaryOf(analysis.lines, analysis.functions),
  });
  await session.tasks.complete(task.id, analysis);
  await session.locks.release(lock.id);
  return undefined;
}

/** The iteration record (specification, `PulseIteration`), appended to the session's own list. */
async function writeDown(
  session: AgentSession,
  { task, iteration, summary }: Omit<Assignment, 'fate'> & { readonly summary: string },
): Promise<void> {
  const data = `agents.pulse.${session.identity.sessionId}.data`;
  const { startedAt } = task;
  const completedAt = new Date().toISOString();
  const durationSeconds =
    startedAt === null ? null : (Date.parse(completedAt) - Date.parse(startedAt)) / 1000;
  const record = {
    number: iteration + 1,
    status: 'complete',
    signal: 'CONTINUE',
    summary: `${task.goal}: ${summary}`,
    commitHash: null,
    startedAt,
    completedAt,
    durationSeconds,
    filesModified: [],
  };
  await Promise.all([
    session.update({ path: `${data}.iterations[${iteration}]`, newValue: record }),
    session.update({
      path: data,
      newValue: { currentIteration: iteration + 1, lastSignal: 'CONTINUE' },
      merge: true,
    }),
  ]);
}

function summaryOf(lines: number, functions: number): string {
  return `${lines} lines, ${functions} functions`;
}
