/** The variables by which a command of the user's knows for whom it runs. */
import type { AgentIdentity } from '../events/identity.ts';

/** `STIGMERGY_AGENT_ID`, `STIGMERGY_AGENT_TYPE` and `STIGMERGY_SESSION_ID` of a session. */
export function environmentOf({
  agentId,
  agentType,
  sessionId,
}: AgentIdentity): Readonly<Record<string, string>> {
  return {
    STIGMERGY_AGENT_ID: agentId,
    STIGMERGY_AGENT_TYPE: agentType,
    STIGMERGY_SESSION_ID: sessionId,
  };
}
