/** The Dream Weaver of the demonstration: plans, generates and refines a report out of what the Pulse sessions found. */
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { TaskState } from '../../events/task-state.ts';
import {
  draftReport,
  planReport,
  refineReport,
  type ReportDraft,
  type ReportQuality,
} from './report.ts';
import type { SourceAnalysis } from './source-analysis.ts';
import { draftPathOf, pause, REPORT, type Workplace } from './workplace.ts';

/** What became of the report. */
export interface Written {
  readonly path: string;
  readonly bytes: number;
  readonly quality: ReportQuality;
}

/**
 * Takes over the task of the report when it is offered, and writes; the phases are moves of its own state (specification,
 * "Dream Weaver State"). The draft needs an upgradeable lock on the report, the report itself an exclusive one.
 */
export async function runDreamWeaver(
  workplace: Workplace,
  taskIds: readonly string[],
): Promise<Written> {
  const { swarm, projectName, reportPath } = workplace;
  const session = await swarm.register({ agentType: 'dream_weaver', agentId: 'dream-weaver' });
  const data = `agents.dream_weaver.${session.identity.sessionId}.data`;
  const title = `${projectName}, as its swarm saw it`;
  const dream = { dreamId: 'report', dreamType: 'analysis', prompt: title };
  await session.update({ path: data, newValue: dream, merge: true });
  const taskId = await takeOver(session);
  const lock = await session.locks.acquire({ resource: REPORT, type: 'upgradeable', ttl: 60_000 });
  if (lock === null) throw new Error(`${REPORT} stayed locked`);
  const analyses = resultsOf(workplace, taskIds);
  const plan = planReport(title, analyses);
  await enter(session, data, 'generating');
  const draft = draftReport(plan, analyses);
  await writeFile(draftPathOf(reportPath), draftText(draft));
  await session.tasks.progress(taskId, 50, 'the draft is there');
  await enter(session, data, 'refining');
  const { markdown, quality } = refineReport(draft, analyses);
  const exclusive = await session.locks.upgrade(lock.id); // waits for whoever reads the draft
  if (exclusive === null) throw new Error(`somebody did not stop reading ${REPORT}`);
  await writeFile(reportPath, markdown);
  await rm(draftPathOf(reportPath));
  const size = Buffer.byteLength(markdown);
  await session.append(`${data}.artifacts`, {
    id: 'report',
    type: 'document',
    path: reportPath,
    size,
    createdAt: new Date().toISOString(),
    metadata: { sha256: createHash('sha256').update(markdown).digest('hex') },
  });
  await session.update({ path: `${data}.quality`, newValue: quality });
  await enter(session, data, 'complete');
  await session.tasks.complete(taskId, { path: reportPath, bytes: size });
  await session.locks.release(lock.id);
  await session.stop('the report is written');
  return { path: reportPath, bytes: size, quality };
}

/** Waits for a task that is handed over to a writer, and takes it. */
async function takeOver(session: AgentSession): Promise<string> {
  for (;;) {
    const [offer] = session.handoffs.offers();
    if (offer !== undefined) {
      await session.handoffs.accept(offer.id);
      await session.handoffs.complete(offer.id);
      await session.tasks.start(offer.taskId);
      return offer.taskId;
    }
    await session.heartbeat();
    await pause(20);
  }
}

function draftText({ title, sections }: ReportDraft): string {
  return [title, ...sections.flatMap(({ heading, body }) => [heading, body])].join('\n\n');
}

async function enter(session: AgentSession, data: string, phase: string): Promise<void> {
  await session.update({ path: `${data}.phase`, newValue: phase });
}

function resultsOf({ swarm }: Workplace, taskIds: readonly string[]): SourceAnalysis[] {
  return taskIds
    .map((id) => swarm.get(`global.tasks["${id}"]`) as TaskState)
    .filter(({ status }) => status === 'complete')
    .map(({ result }) => result as SourceAnalysis);
}
