/**
 * What an import knows of each item while it goes on: which task stands for it, and what the records so far made of that task.
 *
 * It follows the rules of the coordinator (one holder, one end), so that what a record asks for can be said before it is asked;
 * a test compares it with the state in the end. Holds a little of every item, and of a record nothing.
 */
import { assigneeIn, type BeadsFields, type BeadsRecord } from './beads-record.ts';

/** An item, and the task that stands for it. */
export interface BeadsItem {
  readonly id: string;
  readonly goal: string;
  readonly beadsPriority: number | undefined;
  /** The present task: another one after each reopening, since a task ends at most once. */
  readonly taskId: string;
  readonly reopenings: number;
  readonly phase: 'pending' | 'running' | 'ended';
  readonly holder: string | null;
  /** The status of beads that the metadata holds, where the task could not show it. */
  readonly keptStatus: string | undefined;
  readonly labels: readonly string[];
  readonly comments: number;
  /** The assignee that the values of the file named last, finished or not: how the closes of a file are counted. */
  readonly named: string | null;
  /** Who claimed it by a record that has no values. */
  readonly claimant: string | null;
}

/** Whose close it is, as the file tells. */
export type CloseBy = 'assignee' | 'claimant' | 'other' | 'nobody';

/** An item as the records so far leave it before anything happened to it. */
export function newItem(id: string, fields: BeadsFields | undefined): BeadsItem {
  const { title, priority } = fields ?? {};
  return {
    id,
    goal: typeof title === 'string' && title !== '' ? title : id,
    beadsPriority: typeof priority === 'number' ? priority : undefined,
    taskId: id,
    reopenings: 0,
    phase: 'pending',
    holder: null,
    keptStatus: undefined,
    labels: [],
    comments: 0,
    named: null,
    claimant: null,
  };
}

/** The same item, which goes on as a new task. */
export function reopened(item: BeadsItem, title: unknown): BeadsItem {
  const reopenings = item.reopenings + 1;
  return {
    ...item,
    goal: typeof title === 'string' && title !== '' ? title : item.goal,
    taskId: `${item.id}~${reopenings + 1}`,
    reopenings,
    phase: 'pending',
    holder: null,
    keptStatus: undefined,
    comments: 0,
  };
}

/** Notes whom a value of the file names as assignee. */
export function withNamed(item: BeadsItem, fields: BeadsFields | undefined): BeadsItem {
  const assignee = assigneeIn(fields);
  return assignee === undefined
    ? item
    : { ...item, named: assignee === '' ? null : assignee, claimant: null };
}

/** The status of beads that a task shows by itself. */
export function shownStatus({ phase, holder }: BeadsItem): string {
  if (phase === 'ended') return 'closed';
  if (phase === 'running') return 'in_progress';
  return holder === null ? 'open' : 'hooked';
}

/** Whose close a record is. */
export function closeBy({ named, claimant }: BeadsItem, { actor }: BeadsRecord): CloseBy {
  if (named !== null) return named === actor ? 'assignee' : 'other';
  if (claimant !== null) return claimant === actor ? 'claimant' : 'other';
  return 'nobody';
}
