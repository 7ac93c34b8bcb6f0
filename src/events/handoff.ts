/** Handoffs: their facts, their record, and what each fact does to it. */
import * as z from 'zod';
import { assert } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import { ours, specified, stamp, type FactsOf, type Touched } from './definition.ts';
import {
  AGENT_KINDS,
  identitySchema,
  idSchema,
  objectSchema,
  prioritySchema,
  textSchema,
  type AgentIdentity,
  type Priority,
} from './identity.ts';

/** To a session, to any session of an agent, or to any session of a kind: the first to accept has it. */
export const addresseeSchema = z.union([
  identitySchema,
  z.strictObject({ agentId: idSchema }),
  z.strictObject({ agentType: z.enum(AGENT_KINDS) }),
]);

/** Whom a handoff is offered to. */
export type Addressee = z.infer<typeof addresseeSchema>;

/** The fields of a new handoff, as a command asks and as the fact states. */
export const newHandoffShape = {
  taskId: idSchema,
  to: addresseeSchema,
  reason: textSchema,
  context: objectSchema.optional(),
};

const aboutHandoff = { handoffId: idSchema, taskId: idSchema };

/** What can happen to a handoff. */
export const handoffEvents = {
  'handoff.requested': specified(
    'handoff.request by the holder of the task; session.hand_over for a draining session',
    null,
    z.strictObject({
      handoffId: idSchema,
      ...newHandoffShape,
      priority: prioritySchema,
      timeout: z.number().int().min(1),
      from: identitySchema.optional(),
      assignment: z.number().int().min(1),
    }),
  ),
  'handoff.accepted': specified(
    'handoff.accept by an addressee',
    ['status', 'acceptedBy'],
    z.strictObject({ ...aboutHandoff, by: identitySchema }),
  ),
  'handoff.rejected': specified(
    'handoff.reject by an addressee or, taking it back, by the requester; session.sweep',
    ['status'],
    z.strictObject({ ...aboutHandoff, reason: textSchema.optional() }),
  ),
  'handoff.completed': specified(
    'handoff.complete by the session that accepted',
    ['status'],
    z.strictObject(aboutHandoff),
  ),
  'handoff.expired': ours(
    'handoff.expire, when it was not completed in time',
    ['status'],
    z.strictObject(aboutHandoff),
  ),
} as const;

/** A fact about a handoff. */
export type HandoffFact = FactsOf<typeof handoffEvents>;

/** The life of a handoff. */
export const HANDOFF_STATUSES = [
  'requested',
  'accepted',
  'rejected',
  'completed',
  'expired',
] as const;
export type HandoffStatus = (typeof HANDOFF_STATUSES)[number];

/** A handoff as the coordinator keeps it. */
export interface HandoffRecord {
  readonly id: string;
  readonly taskId: string;
  readonly from: AgentIdentity;
  readonly to: Addressee;
  readonly reason: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly priority: Priority;
  readonly requestedAtMs: number;
  readonly timeoutMs: number;
  /** The version of the task's `assignedTo` that it offers: when the task was assigned anew, the offer is void. */
  readonly assignment: number;
  readonly status: HandoffStatus;
  readonly acceptedBy: AgentIdentity | null;
  readonly touched: Touched;
}

/** A handoff as it is shown. */
export interface HandoffRequest {
  readonly id: string;
  readonly taskId: string;
  readonly from: AgentIdentity;
  readonly to: Addressee;
  readonly reason: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly priority: Priority;
  readonly requestedAt: string;
  /** How long it is open, in milliseconds. */
  readonly timeout: number;
  readonly status: HandoffStatus;
}

const NO_CONTEXT = Object.freeze({});

/** The state of the machine that a record stands for. */
export function stateOfHandoff(record: HandoffRecord): HandoffStatus {
  return record.status;
}

/** Whether somebody is one of those to whom a handoff is offered. */
export function isAddressee(to: Addressee, who: AgentIdentity): boolean {
  if ('sessionId' in to) return to.sessionId === who.sessionId;
  return 'agentId' in to ? to.agentId === who.agentId : to.agentType === who.agentType;
}

/** Whether a handoff may still be completed. */
export function isOpen({ status }: HandoffRecord): boolean {
  return status === 'requested' || status === 'accepted';
}

/** What a fact makes of a handoff. */
export function evolveHandoff(record: HandoffRecord | undefined, fact: HandoffFact): HandoffRecord {
  const touched = stamp(record?.touched, fact, handoffEvents[fact.type].writes);
  if (fact.type === 'handoff.requested') {
    const { handoffId, taskId, to, reason, context, priority, timeout, assignment } = fact.payload;
    const { from = fact.source } = fact.payload;
    return {
      id: handoffId,
      taskId,
      from,
      to,
      reason,
      context: context ?? NO_CONTEXT,
      priority,
      requestedAtMs: fact.timeMs,
      timeoutMs: timeout,
      assignment,
      status: 'requested',
      acceptedBy: null,
      touched,
    };
  }
  assert(record !== undefined, 'a fact about a handoff follows the one that requested it');
  switch (fact.type) {
    case 'handoff.accepted':
      return { ...record, status: 'accepted', acceptedBy: fact.payload.by, touched };
    case 'handoff.rejected':
      return { ...record, status: 'rejected', touched };
    case 'handoff.completed':
      return { ...record, status: 'completed', touched };
    case 'handoff.expired':
      return { ...record, status: 'expired', touched };
  }
}

/** Shows a handoff. */
export function toHandoffRequest(record: HandoffRecord): HandoffRequest {
  const { id, taskId, from, to, reason, context, priority, timeoutMs, status } = record;
  const requestedAt = isoTime(record.requestedAtMs);
  return {
    id,
    taskId,
    from,
    to,
    reason,
    context,
    priority,
    requestedAt,
    timeout: timeoutMs,
    status,
  };
}
