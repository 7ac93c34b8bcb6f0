/**
 * A Pulse: works on a task by running a command of the user's in a git repository, iteration by iteration, until the command says
 * that it is done (specification, "Pulse State").
 *
 * Over the public doors only: the session is the caller's, and so is what it may do. What the command says is in
 * `pulse-signal.ts`, what follows from it in `pulse-verdict.ts`, what is kept of it in
 * `pulse-record.ts`; `pulse-run.ts` puts them together.
 */
import { basename } from 'node:path';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { TaskState } from '../events/task-state.ts';
import { findProgram } from './find-program.ts';
import { createAndStart, runs, taskOf } from './held-task.ts';
import { checkPulse, type PulseOptions, type PulseOutcome } from './pulse-options.ts';
import { PulseRecord } from './pulse-record.ts';
import { PulseRun, type PulseParts } from './pulse-run.ts';
import { Repository } from './repository.ts';
import { Vigil } from './vigil.ts';

/**
 * Works as a Pulse until the task has ended, the command asks for a pause, or somebody ends it.
 *
 * The task is the named one, or a new one with the goal. A session that paused in the middle of it resumes and goes on with the
 * next iteration. When the signal aborts, the command is ended and the session stopped, which gives the task back to the swarm.
 * The promise resolves when the outcome is durable.
 *
 * @throws {Refused} `INVALID_INPUT`, `NOT_A_REPOSITORY`, `WORK_TREE_DIRTY` and `GIT_FAILED`, all of them before a task is taken;
 *   and whatever claiming the task, or ending it, is refused with
 * @throws the reason of the signal when that has aborted before; and what `onOutput` or `onIteration` threw: the iteration is
 *   written down by then, the session keeps the task, and another call goes on with it
 *
 * @example
 * import { execFileSync } from 'node:child_process';
 * import { mkdtempSync, rmSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 *
 * const repository = mkdtempSync(join(tmpdir(), 'pulse-'));
 * execFileSync('git', ['init', '--quiet', repository]);
 * const swarm = await openSwarm();
 * const session = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
 * const { status, task } = await runPulse(session, {
 *   goal: 'say that it is done',
 *   repository,
 *   command: ['sh', '-c', 'echo "SUMMARY: $STIGMERGY_GOAL"; echo COMPLETE'],
 * });
 * console.log(status, task.result.iterations); // complete 1
 * rmSync(repository, { recursive: true });
 */
export async function runPulse(
  session: AgentSession,
  options: PulseOptions,
): Promise<PulseOutcome> {
  const work = checkPulse(session, options);
  work.signal?.throwIfAborted();
  const repository = await Repository.open(work.repository);
  await findProgram(work.command[0], { cwd: repository.directory, path: work.env?.['PATH'] });
  if (work.branchName !== undefined) await repository.switchTo(work.branchName);
  const record = new PulseRecord(session);
  const task = await takeTask(session, { work, repository, record });
  const { clock, signal } = work;
  const vigil = new Vigil(session, { taskId: task.id, clock, signal });
  try {
    return await new PulseRun(session, { work, repository, record, task, vigil }).run();
  } finally {
    await vigil.close();
  }
}

/** The task to work on, running; the data of the session is about it. */
async function takeTask(
  session: AgentSession,
  { work, repository, record }: Omit<PulseParts, 'task' | 'vigil'>,
): Promise<TaskState> {
  const { goal, maxIterations } = work;
  const kept = record.taskId;
  const isSame = work.taskId === undefined ? goal === record.data.goal : work.taskId === kept;
  if (record.status === 'error') await session.recover();
  if (record.status === 'paused') await session.resume();
  const projectPath = repository.directory;
  const project = { projectName: basename(projectPath), projectPath, maxIterations };
  const current =
    kept !== undefined && isSame && runs(session, kept) ? taskOf(session, kept) : undefined;
  if (current !== undefined) {
    await record.goOn({ ...project, taskId: current.id, goal: goal ?? current.goal });
    return current;
  }
  const task =
    work.taskId === undefined
      ? // Every iteration has its time, and there are not too many: so the task needs no other.
        await createAndStart(session, { goal: goal ?? '', timeout: 0, metadata: { projectPath } })
      : await session.tasks.claim({ taskId: work.taskId, start: true });
  await record.begin({ ...project, taskId: task.id, goal: goal ?? task.goal });
  return task;
}
