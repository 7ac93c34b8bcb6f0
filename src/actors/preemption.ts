/** Makes way for a critical task (`config.features.preemption`): the session puts down what it began last of the least urgent. */
import type { NewSwarmFact } from '../events/catalog.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { TaskRecord } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import { fact } from './decision.ts';
import { checkReady, isLocked } from './task-fit.ts';

const NOTHING: readonly NewSwarmFact[] = [];

/** Who asks that a session gets a task, and when. */
interface Asked {
  readonly source: AgentIdentity;
  readonly timeMs: number;
}

/**
 * The fact that takes a task of low priority from a busy session, which cannot run a critical one in addition; nothing when
 * it can, when it could not start it now all the same, or when it runs none of low priority that is the asker's to take.
 */
export function preemptionFacts(
  view: StateView,
  task: TaskRecord,
  taker: AgentIdentity,
  { source, timeMs }: Asked,
): readonly NewSwarmFact[] {
  if (view.swarm?.config.features.preemption !== true || task.priority !== 'critical') {
    return NOTHING;
  }
  const { sessionId } = taker;
  const session = view.session(sessionId);
  if (session?.status !== 'busy' || !wouldFitInstead(view, taker)) return NOTHING;
  const isFree =
    checkReady(view, task, timeMs) === undefined && !isLocked(view, task, { sessionId, timeMs });
  if (!isFree) return NOTHING;
  let youngest: TaskRecord | undefined;
  for (const id of session.runningIds) {
    const running = view.task(id);
    if (running?.priority !== 'low') continue;
    if (isLocked(view, running, { sessionId: source.sessionId, timeMs })) continue;
    // Of two that were started at one time, the one that was started later stands later.
    if ((running.startedAtMs ?? 0) >= (youngest?.startedAtMs ?? 0)) youngest = running;
  }
  if (youngest === undefined) return NOTHING;
  const from = session.identity;
  return [fact('task.preempted', { taskId: youngest.id, from, forTaskId: task.id })];
}

/** Whether an agent runs so many tasks that it starts another one in the place of one, and only so. */
function wouldFitInstead(view: StateView, { agentId }: AgentIdentity): boolean {
  const capacity = view.agent(agentId)?.capacity ?? null;
  const { running } = view.load(agentId);
  // One that declared no capacity is taken to run one task at once, and may run more.
  return capacity === null ? running > 0 : running === capacity;
}
