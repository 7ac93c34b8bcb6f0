/** Offers what a draining session still holds to its kind of agent, as much as one commit may (`features.autoHandoff`). */
import { refuse } from '../core/errors.ts';
import { assignmentOf, tasksToOffer } from '../events/hand-over.ts';
import { AGENT_KINDS, type AgentKind, type AgentType } from '../events/identity.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { fact, facts, type Decision } from './decision.ts';

/** The session goes on with its tasks until somebody takes them. */
export function handOver(
  view: StateView,
  { payload: { sessionId, handoffId } }: CommandOf<'session.hand_over'>,
): Decision {
  const { swarm } = view;
  const from = view.session(sessionId)?.identity;
  const tasks = tasksToOffer(view, sessionId, swarm?.limits.commitFactsMax ?? 1);
  if (swarm === undefined || from === undefined || !isKind(from.agentType) || tasks.length === 0) {
    return refuse('ILLEGAL_TRANSITION', `${sessionId} has nothing to hand over.`, { sessionId });
  }
  const to = { agentType: from.agentType };
  const timeout = swarm.config.timeouts.handoffDefault;
  return facts(
    ...tasks.map((task, index) =>
      fact('handoff.requested', {
        handoffId: `${handoffId}-${index + 1}`,
        taskId: task.id,
        from,
        to,
        reason: 'draining',
        assignment: assignmentOf(task),
        priority: task.priority,
        timeout,
      }),
    ),
  );
}

function isKind(type: AgentType): type is AgentKind {
  return (AGENT_KINDS as readonly AgentType[]).includes(type);
}
