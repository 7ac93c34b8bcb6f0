/** Makes way for a critical task (`config.features.preemption`): the session puts down what it began last of the least urgent. */
import type { NewSwarmFact } from '../events/catalog.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { TaskRecord } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import { fact } from './decision.ts';

const NOTHING: readonly NewSwarmFact[] = [];

/**
 * The fact that takes a task of low priority from a busy session, which cannot run a critical one in addition; nothing when
 * it can, or when it runs none of low priority. An agent that declared no capacity is taken to run one task at once.
 */
export function preemptionFacts(
  view: StateView,
  task: TaskRecord,
  { agentId, sessionId }: AgentIdentity,
): readonly NewSwarmFact[] {
  if (view.swarm?.config.features.preemption !== true || task.priority !== 'critical') {
    return NOTHING;
  }
  const session = view.session(sessionId);
  const capacity = view.agent(agentId)?.capacity ?? 1;
  if (session?.status !== 'busy' || view.load(agentId).running < capacity) return NOTHING;
  let youngest: TaskRecord | undefined;
  for (const id of session.runningIds) {
    const running = view.task(id);
    if (running?.priority !== 'low') continue;
    // Of two that were started at one time, the one that was started later stands later.
    if ((running.startedAtMs ?? 0) >= (youngest?.startedAtMs ?? 0)) youngest = running;
  }
  if (youngest === undefined) return NOTHING;
  const from = session.identity;
  return [fact('task.preempted', { taskId: youngest.id, from, forTaskId: task.id })];
}
