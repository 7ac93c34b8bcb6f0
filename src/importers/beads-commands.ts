/**
 * The commands that records of beads become, each with the one who gives it.
 *
 * Tasks have no timeout, so nothing runs out while the past is written down, or when the swarm is opened later.
 */
import { formatPath } from '../core/path.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { CommandType, PayloadOf } from '../protocol/commands.ts';
import { shownStatus, type BeadsItem } from './beads-item.ts';
import type { BeadsFields } from './beads-record.ts';

type Identity = AgentSession['identity'];
type TaskPriority = NonNullable<PayloadOf<'task.create'>['priority']>;

/** A command of a record. */
export interface Step {
  /** The agent whose session gives it; null for the operator, who makes the items that a record presupposes. */
  readonly by: string | null;
  readonly type: CommandType;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What only a Conductor may ask for; whoever asks for any of it becomes one. */
export const CONDUCTOR_COMMANDS: ReadonlySet<CommandType> = new Set<CommandType>([
  'task.assign',
  'task.requeue',
  'task.close',
  'state.update',
]);

/** The four urgencies for the five of beads, 0 to 4. */
const PRIORITIES: readonly TaskPriority[] = ['critical', 'high', 'normal', 'low', 'low'];

/** Makes a task for an item; what beads knows of it and a task has no field for goes into its metadata. */
export function create(by: string | null, item: BeadsItem, metadata: BeadsFields): Step {
  const { taskId, goal, beadsPriority } = item;
  const priority = beadsPriority === undefined ? undefined : PRIORITIES[beadsPriority];
  const payload = { taskId, goal, ...(priority && { priority }), timeout: 0, metadata };
  return { by, type: 'task.create', payload };
}

export function claim(by: string, { taskId }: BeadsItem, starts: boolean): Step {
  return { by, type: 'task.claim', payload: { taskId, ...(starts && { start: true }) } };
}

export function assign(by: string | null, { taskId }: BeadsItem, assignedTo: Identity): Step {
  return { by, type: 'task.assign', payload: { taskId, assignedTo } };
}

export function start(by: string, { taskId }: BeadsItem): Step {
  return { by, type: 'task.start', payload: { taskId } };
}

export function requeue(by: string, { taskId }: BeadsItem): Step {
  return { by, type: 'task.requeue', payload: { taskId } };
}

/** The holder's own end of a task. */
export function complete(by: string, { taskId }: BeadsItem, result: string): Step {
  return { by, type: 'task.complete', payload: { taskId, ...(result !== '' && { result }) } };
}

/** The end of a task by somebody else. */
export function close(by: string | null, { taskId }: BeadsItem, reason: string): Step {
  return { by, type: 'task.close', payload: { taskId, ...(reason !== '' && { reason }) } };
}

/** Writes fields of beads into the metadata of a task. */
export function write(by: string, { taskId }: BeadsItem, fields: BeadsFields): Step {
  const path = formatPath(['global', 'tasks', taskId, 'metadata']);
  return { by, type: 'state.update', payload: { path, newValue: { beads: fields }, merge: true } };
}

/** Appends a comment. */
export function comment(by: string, { taskId, comments }: BeadsItem, text: string): Step {
  const path = formatPath(['global', 'tasks', taskId, 'metadata', 'beads', 'comments', comments]);
  return { by, type: 'state.update', payload: { path, newValue: { actor: by, text } } };
}

/** The status to keep in the metadata: one that the task does not show, or one that corrects what is kept there. */
export function statusToKeep(item: BeadsItem, status: string | undefined): BeadsFields {
  const isShown = item.keptStatus === undefined && shownStatus(item) === status;
  return status === undefined || isShown || item.keptStatus === status ? {} : { status };
}
