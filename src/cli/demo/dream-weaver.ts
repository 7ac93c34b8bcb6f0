/** The Dream Weaver of the demonstration: plans, generates and refines a report out of what the Pulse sessions found. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { TaskState } from '../../events/task-state.ts';
import { draftReport, planReport, refineReport, type ReportQuality } from './report.ts';
import type { SourceAnalysis } from './source-analysis.ts';
import { pause, workIsLeft, type Workplace } from './workplace.ts';

/** What became of the report. */
export interface Written {
  readonly path: string;
  readonly bytes: number;
  readonly quality: ReportQuality;
}

/** Waits until the tasks have ended, then writes; the phases are moves of its own state (specification, "Dream Weaver State"). */
export async function runDreamWeaver(
  workplace: Workplace,
  taskIds: readonly string[],
): Promise<Written> {
  const { swarm, projectName, reportPath } = workplace;
  const session = await swarm.register({ agentType: 'dream_weaver', agentId: 'dream-weaver' });
  const data = `agents.dream_weaver.${session.identity.sessionId}.data`;
  const title = `${projectName}, as its swarm saw it`;
  await session.update({ path: data, newValue: newDream(title) });
  while (workIsLeft(workplace)) {
    await session.heartbeat();
    await pause(50);
  }
  const analyses = resultsOf(workplace, taskIds);
  const plan = planReport(title, analyses);
  await enter(session, data, 'generating');
  const draft = draftReport(plan, analyses);
  await enter(session, data, 'refining');
  const { markdown, quality } = refineReport(draft, analyses);
  await writeFile(reportPath, markdown);
  const size = Buffer.byteLength(markdown);
  const artifact = {
    id: 'report',
    type: 'document',
    path: reportPath,
    size,
    createdAt: new Date().toISOString(),
    metadata: { sha256: createHash('sha256').update(markdown).digest('hex') },
  };
  await session.update({ path: `${data}.artifacts[0]`, newValue: artifact });
  await session.update({ path: `${data}.quality`, newValue: quality });
  await enter(session, data, 'complete');
  await session.stop('the report is written');
  return { path: reportPath, bytes: size, quality };
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

function newDream(prompt: string) {
  return {
    dreamId: 'report',
    dreamType: 'analysis',
    prompt,
    phase: 'planning',
    artifacts: [],
    contextWindow: { documents: [], maxTokens: 0, usedTokens: 0 },
    quality: { coherence: 0, relevance: 0, creativity: 0 },
  };
}
