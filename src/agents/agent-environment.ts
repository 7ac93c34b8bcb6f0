/** The variables by which a command of the user's knows for whom it runs, and what of a text fits into one. */
import type { AgentIdentity } from '../events/identity.ts';

/** No system takes a variable of more than 128 KB, and a character has up to three bytes here. */
const TEXT_CHARS_MAX = 40_000;

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

/** A text as a variable can hold it: cut, and without the one character that none can hold. */
export function variableOf(text: string): string {
  return text.slice(0, TEXT_CHARS_MAX).replaceAll('\0', ' ');
}
