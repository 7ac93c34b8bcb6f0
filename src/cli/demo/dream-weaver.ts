/** The Dream Weaver of the demonstration: how `runDreamWeaver` is to weave a report out of what the Pulse sessions found. */
import { rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runDreamWeaver } from '../../agents/dream-weaver.ts';
import type { WeaveFunctions } from '../../agents/weave.ts';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import type { TaskState } from '../../events/task-state.ts';
import {
  draftReport,
  planReport,
  refineReport,
  type ReportDraft,
  type ReportPlan,
  type ReportQuality,
} from './report.ts';
import type { SourceAnalysis } from './source-analysis.ts';
import { draftPathOf, REPORT, type Workplace } from './workplace.ts';

/** What became of the report. */
export interface Written {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly quality: ReportQuality;
}

/**
 * Takes over the task of the report when it is offered, and writes. The draft needs an upgradeable lock on the report, the report
 * itself an exclusive one.
 */
export async function writeReport(
  session: AgentSession,
  workplace: Workplace,
  sourceIds: readonly string[],
): Promise<Written> {
  const { projectName, reportPath: path } = workplace;
  const taskId = await takeOver(session);
  const lock = await session.locks.acquire({ resource: REPORT, type: 'upgradeable', ttl: 60_000 });
  if (lock === null) throw new Error(`${REPORT} stayed locked`);
  const title = `${projectName}, as its swarm saw it`;
  const end = await runDreamWeaver(session, {
    dream: { dreamId: 'report', dreamType: 'analysis', prompt: title },
    directory: dirname(path),
    taskId,
    weave: weaving(workplace, {
      title,
      sourceIds,
      mayWrite: async () => upgrade(session, lock.id),
    }),
  });
  await session.locks.release(lock.id);
  const written = end.artifacts.find((artifact) => artifact.path === path);
  if (end.how !== 'complete' || written === undefined) {
    throw new Error(`no report: ${end.how === 'failed' ? end.reason : end.how}`);
  }
  await session.stop('the report is written');
  const { size: bytes, metadata } = written;
  return { path, bytes, sha256: String(metadata['sha256']), quality: end.quality };
}

/** Waits for a task that is handed over to a writer, and takes it. */
async function takeOver(session: AgentSession): Promise<string> {
  for (;;) {
    const [offer] = session.handoffs.offers();
    if (offer !== undefined) {
      await session.handoffs.accept(offer.id);
      await session.handoffs.complete(offer.id);
      return offer.taskId;
    }
    await session.heartbeat();
    await delay(20);
  }
}

/** Waits for whoever reads the draft. */
async function upgrade(session: AgentSession, lockId: string): Promise<void> {
  const exclusive = await session.locks.upgrade(lockId);
  if (exclusive === null) throw new Error(`somebody did not stop reading ${REPORT}`);
}

interface Writing {
  readonly title: string;
  readonly sourceIds: readonly string[];
  /** Resolves when nobody reads the draft any more. */
  readonly mayWrite: () => Promise<void>;
}

function weaving(
  { swarm, reportPath }: Workplace,
  { title, sourceIds, mayWrite }: Writing,
): WeaveFunctions {
  let analyses: readonly SourceAnalysis[] = [];
  let plan: ReportPlan;
  let draft: ReportDraft;
  return {
    planning() {
      analyses = sourceIds
        .map((id) => swarm.get(`global.tasks["${id}"]`) as TaskState)
        .filter(({ status }) => status === 'complete')
        .map(({ result }) => result as SourceAnalysis);
      plan = planReport(title, analyses);
    },
    async generating() {
      draft = draftReport(plan, analyses);
      await writeFile(draftPathOf(reportPath), draftText(draft));
    },
    async refining() {
      const { markdown, quality } = refineReport(draft, analyses);
      await mayWrite();
      await writeFile(reportPath, markdown);
      await rm(draftPathOf(reportPath));
      return { quality };
    },
  };
}

function draftText({ title, sections }: ReportDraft): string {
  return [title, ...sections.flatMap(({ heading, body }) => [heading, body])].join('\n\n');
}
