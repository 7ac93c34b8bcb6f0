/**
 * Tasks: their facts, their record, and what each fact does to it (specification, "Global State").
 *
 * `evolveTask` is the only code that changes a task; the machine in `actors/task.ts` and the fold in
 * `projections/projector.ts` both call it. Whether a fact is legal is asked before, and not here.
 */
import * as z from 'zod';
import { assert } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { ours, specified, stamp, type Draft, type FactsOf, type Touched } from './definition.ts';
import {
  identitySchema,
  idSchema,
  objectSchema,
  prioritySchema,
  textSchema,
  type AgentIdentity,
  type Priority,
} from './identity.ts';
import type { Marked } from './state.ts';
import { policyOf, taskPolicyShape, type TaskPolicy } from './task-policy.ts';

const percent = z.number().min(0).max(100);
const taskError = z.strictObject({ code: z.string().min(1).max(128), message: textSchema });

/** The fields of a new task, as a command asks and as the fact states. */
export const newTaskShape = {
  goal: textSchema.min(1),
  parentTaskId: idSchema.optional(),
  metadata: objectSchema.optional(),
  ...taskPolicyShape,
};

/** What can happen to a task. */
export const taskEvents = {
  'task.created': specified(
    'task.create, by any role but Guardian',
    null,
    z.strictObject({ taskId: idSchema, ...newTaskShape, priority: prioritySchema }),
  ),
  'task.assigned': specified(
    'task.claim by the session that takes it; task.assign by a Conductor or the operator; a completed handoff',
    ['assignedTo'],
    z.strictObject({ taskId: idSchema, assignedTo: identitySchema }),
  ),
  'task.started': specified(
    'task.start by the holder; task.claim with start',
    ['status', 'startedAt', 'attempts'],
    z.strictObject({ taskId: idSchema }),
  ),
  'task.progress': specified(
    'task.progress by the holder',
    ['progress', 'message'],
    z.strictObject({ taskId: idSchema, progress: percent, message: textSchema.optional() }),
  ),
  'task.completed': specified(
    'task.complete by the holder',
    ['status', 'completedAt', 'result', 'progress'],
    z.strictObject({ taskId: idSchema, result: z.unknown().optional() }),
  ),
  'task.failed': specified(
    'task.fail by the holder; task.expire and session.sweep; each when no attempt is left',
    ['status', 'completedAt', 'error'],
    z.strictObject({ taskId: idSchema, error: taskError }),
  ),
  'task.cancelled': specified(
    'task.cancel by its holder, a Conductor or the operator; task.cascade',
    ['status', 'completedAt', 'assignedTo'],
    z.strictObject({ taskId: idSchema, reason: textSchema.optional() }),
  ),
  'task.closed': ours(
    'task.close by a Conductor or the operator',
    ['status', 'completedAt', 'result', 'progress'],
    z.strictObject({
      taskId: idSchema,
      result: z.unknown().optional(),
      reason: textSchema.optional(),
    }),
  ),
  'task.requeued': ours(
    'task.requeue by a Conductor or the operator; task.fail and task.expire when an attempt is left; session.sweep when its holder is offline; a completed handoff',
    ['status', 'assignedTo', 'startedAt', 'notBefore'],
    z.strictObject({
      taskId: idSchema,
      reason: textSchema.optional(),
      from: identitySchema,
      notBeforeMs: z.number().int().optional(),
      error: taskError.optional(),
    }),
  ),
  'task.preempted': ours(
    'task.claim, task.assign and task.start of a critical task, by or to a busy session with features.preemption',
    ['status', 'assignedTo', 'startedAt'],
    z.strictObject({ taskId: idSchema, from: identitySchema, forTaskId: idSchema }),
  ),
  'task.late_completion': ours(
    'task.complete of a session that lost the task: refused, and the attempt recorded',
    [],
    z.strictObject({ taskId: idSchema, by: identitySchema, result: z.unknown().optional() }),
  ),
} as const;

/** A fact about a task. */
export type TaskFact = FactsOf<typeof taskEvents>;

export const TASK_STATUSES = ['pending', 'running', 'complete', 'failed', 'cancelled'] as const;

/** The life of a task. */
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** A task as the coordinator keeps it: immutable, times in milliseconds since 1970. */
export interface TaskRecord {
  readonly id: string;
  readonly goal: string;
  readonly status: TaskStatus;
  readonly priority: Priority;
  readonly assignedTo: AgentIdentity | null;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly completedAtMs: number | null;
  readonly parentTaskId: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** 0–100. */
  readonly progress: number;
  readonly message: string | null;
  readonly result: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** How often it was started. */
  readonly attempts: number;
  /** What it asks for beside its goal; null when nothing. */
  readonly policy: TaskPolicy | null;
  /** When its next attempt may begin; null when nothing delays it. */
  readonly notBeforeMs: number | null;
  /** The sessions that lost it, newest last, each once: from whom it was taken, or who failed at it. */
  readonly lostBy: readonly string[];
  readonly touched: Touched;
}

const NO_METADATA = Object.freeze({});
const NOBODY: readonly string[] = Object.freeze([]);
/** So many of those who lost a task are known. */
const LOST_BY_MAX = 8;

/** Whether a task has come to its end, from which nothing moves it. */
export function hasEnded({ status }: Pick<TaskRecord, 'status'>): boolean {
  return status === 'complete' || status === 'failed' || status === 'cancelled';
}

/** The state of the machine that a record stands for. */
export function stateOfTask(record: TaskRecord): TaskStatus {
  return record.status;
}

/** What a fact makes of a task. `record` is undefined for the fact that creates it, and only for that. */
export function evolveTask(record: TaskRecord | undefined, fact: TaskFact): TaskRecord {
  const touched = stamp(record?.touched, fact, taskEvents[fact.type].writes);
  if (fact.type === 'task.created') return newTask(fact, touched);
  assert(record !== undefined, 'a fact about a task follows the one that created it');
  const next = copyOf(record);
  next.touched = touched;
  switch (fact.type) {
    case 'task.assigned':
      next.assignedTo = fact.payload.assignedTo;
      next.lostBy = lostByOthers(record, fact.payload.assignedTo);
      return next;
    case 'task.started':
      next.status = 'running';
      next.startedAtMs = fact.timeMs;
      next.attempts = record.attempts + 1;
      return next;
    case 'task.progress':
      next.progress = fact.payload.progress;
      next.message = fact.payload.message ?? null;
      return next;
    case 'task.completed':
      next.status = 'complete';
      next.completedAtMs = fact.timeMs;
      next.progress = 100;
      next.result = fact.payload.result ?? null;
      return next;
    case 'task.failed':
      next.status = 'failed';
      next.completedAtMs = fact.timeMs;
      next.error = fact.payload.error;
      next.lostBy = lostByOthers(record, fact.source);
      return next;
    case 'task.cancelled':
      next.status = 'cancelled';
      next.completedAtMs = fact.timeMs;
      next.assignedTo = null;
      next.lostBy = lostByOthers(record, fact.source);
      return next;
    case 'task.closed':
      next.status = 'complete';
      next.completedAtMs = fact.timeMs;
      next.progress = 100;
      next.result = fact.payload.result ?? null;
      next.lostBy = lostByOthers(record, fact.source);
      return next;
    case 'task.requeued':
      next.status = 'pending';
      next.assignedTo = null;
      next.startedAtMs = null;
      next.notBeforeMs = fact.payload.notBeforeMs ?? pauseLeft(record);
      next.lostBy = withLoser(record.lostBy, fact.payload.from);
      return next;
    case 'task.preempted':
      next.status = 'pending';
      next.assignedTo = null;
      next.startedAtMs = null;
      next.lostBy = withLoser(record.lostBy, fact.payload.from);
      return next;
    case 'task.late_completion':
      return record; // an attempt is history, not state
  }
}

/** A task that was not started keeps its pause, whoever loses it; once it runs its pause is over. */
function pauseLeft({ status, notBeforeMs }: TaskRecord): number | null {
  return status === 'pending' ? notBeforeMs : null;
}

/** Whoever gets or ends a task that another session holds takes it from that session. */
function lostByOthers(
  { lostBy, assignedTo }: TaskRecord,
  { sessionId }: AgentIdentity,
): readonly string[] {
  const isOwn = assignedTo === null || assignedTo.sessionId === sessionId;
  return isOwn ? lostBy : withLoser(lostBy, assignedTo);
}

function withLoser(lostBy: readonly string[], { sessionId }: AgentIdentity): readonly string[] {
  return [...lostBy.filter((id) => id !== sessionId), sessionId].slice(-LOST_BY_MAX);
}

function newTask(
  { payload, timeMs }: Extract<TaskFact, { type: 'task.created' }>,
  touched: Touched,
): TaskRecord {
  return {
    id: payload.taskId,
    goal: payload.goal,
    status: 'pending',
    priority: payload.priority,
    assignedTo: null,
    createdAtMs: timeMs,
    startedAtMs: null,
    completedAtMs: null,
    parentTaskId: payload.parentTaskId ?? null,
    metadata: payload.metadata ?? NO_METADATA,
    progress: 0,
    message: null,
    result: null,
    error: null,
    attempts: 0,
    policy: policyOf(payload),
    notBeforeMs: null,
    lostBy: NOBODY,
    touched,
  };
}

function copyOf(record: TaskRecord): Draft<TaskRecord> {
  return {
    id: record.id,
    goal: record.goal,
    status: record.status,
    priority: record.priority,
    assignedTo: record.assignedTo,
    createdAtMs: record.createdAtMs,
    startedAtMs: record.startedAtMs,
    completedAtMs: record.completedAtMs,
    parentTaskId: record.parentTaskId,
    metadata: record.metadata,
    progress: record.progress,
    message: record.message,
    result: record.result,
    error: record.error,
    attempts: record.attempts,
    policy: record.policy,
    notBeforeMs: record.notBeforeMs,
    lostBy: record.lostBy,
    touched: record.touched,
  };
}

/** The part of a task that may be written directly, as one document. */
export function taskDocument({ metadata }: TaskRecord): JsonObject {
  return { metadata: metadata as JsonObject };
}

/** A task after a direct write to its document. */
export function withTaskDocument(record: TaskRecord, { document, touched }: Marked): TaskRecord {
  return { ...copyOf(record), metadata: document['metadata'] as JsonObject, touched };
}

/** The sessions whose work a fact about a task changes: who held it and who holds it. */
export function sessionsConcerned(
  before: TaskRecord | undefined,
  after: TaskRecord,
): readonly string[] {
  const from = before?.assignedTo?.sessionId;
  const to = after.assignedTo?.sessionId;
  if (from === undefined) return to === undefined ? [] : [to];
  return to === undefined || to === from ? [from] : [from, to];
}
