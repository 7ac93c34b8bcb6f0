/** Who acts: agents, their sessions, and the system itself (specification, "Event Bus Design"). */
import * as z from 'zod';

/** The kinds of agent of the specification. */
export const AGENT_KINDS = ['pulse', 'heartbeat', 'dream_weaver', 'conductor', 'guardian'] as const;

/** A kind of agent that can register a session. */
export type AgentKind = (typeof AGENT_KINDS)[number];

/** A kind of agent, or 'system' for what the coordinator and its operator do. */
export type AgentType = AgentKind | 'system';

/** An id that people and programs give: short, printable, no white space. */
export const idSchema = z
  .string()
  .regex(/^[^\s\p{C}]{1,128}$/u, 'an id of 1 to 128 printable characters without spaces');

/** One run of one agent. */
export interface AgentIdentity {
  readonly agentId: string;
  readonly agentType: AgentType;
  readonly sessionId: string;
}

export const identitySchema = z.strictObject({
  agentId: idSchema,
  agentType: z.enum([...AGENT_KINDS, 'system']),
  sessionId: idSchema,
});

/** What the coordinator does by itself: expiry, sweeping, opening. */
export const COORDINATOR: AgentIdentity = Object.freeze({
  agentId: 'coordinator',
  agentType: 'system',
  sessionId: 'coordinator',
});

/** Who holds the `swarm` handle. */
export const OPERATOR: AgentIdentity = Object.freeze({
  agentId: 'operator',
  agentType: 'system',
  sessionId: 'operator',
});

/** Urgency, from the most to the least. */
export const PRIORITIES = ['critical', 'high', 'normal', 'low'] as const;

/** Urgency of a task, a lock request, a handoff or a finding. */
export type Priority = (typeof PRIORITIES)[number];

export const prioritySchema = z.enum(PRIORITIES);

/** Free text for people. */
export const textSchema = z.string().max(65_536);

/** A JSON object; that it is JSON is ensured where it came in (`core/json.ts`). */
export const objectSchema = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object',
);
