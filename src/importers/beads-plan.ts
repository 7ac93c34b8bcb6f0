/**
 * What each record of beads asks for: the mapping of `docs/import-beads.md`, as code.
 *
 * Pure: the same records in the same order give the same commands, on every machine. Nothing is invented: an item that the file
 * first shows when it changes is made from its old value; a task is started only where its holder says so, or ends it.
 * Not here: whether a command is accepted. The coordinator decides that, as for everybody else.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import * as command from './beads-commands.ts';
import type { Step } from './beads-commands.ts';
import { closeBy, newItem, reopened, shownStatus, withNamed } from './beads-item.ts';
import type { BeadsItem, CloseBy } from './beads-item.ts';
import { assigneeIn, isClose, isMute, labelIn, statusIn } from './beads-record.ts';
import type { BeadsFields, BeadsRecord } from './beads-record.ts';

/** What a record comes to. */
export interface Plan {
  /** What makes the item that the record presupposes; given by the operator. */
  readonly before: readonly Step[];
  /** What the record itself asks for. */
  readonly steps: readonly Step[];
  /** Why it asks for nothing that could be decided. */
  readonly refusal?: Refusal;
  /** Whose close it is, when it is one. */
  readonly closeBy?: CloseBy;
}

/** What a plan is made with. */
export interface PlanParts {
  readonly identityOf: (agent: string) => AgentSession['identity'];
  /** The first old value that the file has of an item: it precedes every recorded change of it. */
  readonly firstValueOf: (item: string) => BeadsFields | undefined;
}

/** What a record does to its item: the commands, and the item after them. */
interface Change {
  readonly item: BeadsItem;
  readonly steps: readonly Step[];
  readonly refusal?: Refusal;
}

/** Says of one record after the other what it asks for. */
export class BeadsPlanner {
  readonly #parts: PlanParts;
  readonly #items = new Map<string, BeadsItem>();

  constructor(parts: PlanParts) {
    this.#parts = parts;
  }

  /** The items as the records so far leave them. */
  get items(): ReadonlyMap<string, BeadsItem> {
    return this.#items;
  }

  plan(record: BeadsRecord): Plan {
    const known = this.#items.get(record.item);
    if (record.kind === 'created') return this.#created(record, known);
    if (isMute(record)) {
      const refusal = refuse('INVALID_INPUT', `${record.kind} does not say what changed.`);
      return { before: [], steps: [], refusal };
    }
    const first = known === undefined ? this.#firstSeen(record) : { item: known, steps: [] };
    const item = withNamed(first.item, record.changes);
    const change = this.#change(record, item);
    this.#items.set(record.item, change.item);
    return {
      before: first.steps,
      steps: change.steps,
      ...(change.refusal && { refusal: change.refusal }),
      ...(isClose(record) && { closeBy: closeBy(item, record) }),
    };
  }

  /** A `created` record has no values; what the item was is in the first old value of a later one. */
  #created(record: BeadsRecord, known: BeadsItem | undefined): Plan {
    const fields = this.#parts.firstValueOf(record.item) ?? record.changes;
    const item = newItem(record.item, fields);
    const details = detailsOf(fields, [...CARRIED, ...AFTER_CREATION]);
    const metadata = Object.keys(details).length === 0 ? {} : { beads: details };
    if (known === undefined) this.#items.set(record.item, item);
    return { before: [], steps: [command.create(record.actor, item, metadata)] };
  }

  /** An item that is first seen when it changes: as its old value shows it, and no more. */
  #firstSeen({ item: id, kind, before }: BeadsRecord): Change {
    const made = withNamed(newItem(id, before), before);
    const status = statusIn(before) ?? (kind === 'reopened' ? 'closed' : undefined);
    const isClosed = status === 'closed';
    const item: BeadsItem = {
      ...made,
      holder: made.named,
      phase: isClosed ? 'ended' : 'pending',
    };
    const kept = command.statusToKeep(item, status);
    const beads = { first_seen: kind, ...detailsOf(before, CARRIED), ...kept };
    const steps = [command.create(null, item, { beads })];
    const { holder } = item;
    if (holder !== null) steps.push(command.assign(null, item, this.#parts.identityOf(holder)));
    if (isClosed) steps.push(command.close(null, item, ''));
    return { item: { ...item, keptStatus: statusIn(kept) }, steps };
  }

  #change(record: BeadsRecord, item: BeadsItem): Change {
    const { kind, actor, changes, text, oldText } = record;
    if (isClose(record)) return closed(record, item);
    switch (kind) {
      case 'created':
        return { item, steps: [] }; // handled before
      case 'claimed':
        return this.#claimed(record, item);
      case 'updated':
      case 'status_changed':
      case 'closed': // one whose new value says another status
        return this.#moved(record, item, changes ?? {});
      case 'reopened':
        return this.#reopened(record, item);
      case 'label_added':
      case 'label_removed': {
        const label = labelIn(text) ?? '';
        const rest = item.labels.filter((other) => other !== label);
        const labels = kind === 'label_added' ? [...rest, label] : rest;
        return { item: { ...item, labels }, steps: [command.write(actor, item, { labels })] };
      }
      case 'commented': {
        const steps = [command.comment(actor, item, text)];
        return { item: { ...item, comments: item.comments + 1 }, steps };
      }
      case 'renamed':
        return { item, steps: [command.write(actor, item, { renamed_from: oldText })] };
    }
  }

  #claimed(record: BeadsRecord, item: BeadsItem): Change {
    const { actor } = record;
    const step = command.claim(actor, item, true);
    if (item.phase === 'ended' || (item.holder !== null && item.holder !== actor)) {
      return { item, steps: [step] }; // for the coordinator to refuse
    }
    const claimed: BeadsItem = { ...item, holder: actor, phase: 'running' };
    const claimant = item.named === null ? actor : item.claimant;
    return withWrite(record, { item: { ...claimed, claimant }, steps: [step] }, 'in_progress');
  }

  /** A status or an assignee that changes, and whatever else does: in one write. */
  #moved(
    record: BeadsRecord,
    item: BeadsItem,
    changes: BeadsFields,
    begun: readonly Step[] = [],
  ): Change {
    const status = statusIn(changes);
    const assignee = assigneeIn(changes);
    const fields = detailsOf(changes, ['status', 'assignee']);
    const isMove = status !== undefined || assignee !== undefined;
    if (isMove && item.phase === 'ended') return movedAfterEnd(record, item, this.#parts);
    const target = assignee === undefined ? item.holder : assignee === '' ? null : assignee;
    const move = this.#move(record, item, { target, status });
    const change = { item: move.item, steps: [...begun, ...move.steps] };
    return move.isRefused ? change : withWrite(record, change, status, fields);
  }

  /** Brings the task to a holder, and starts it where its holder says so. */
  #move(
    { actor }: BeadsRecord,
    item: BeadsItem,
    { target, status }: { readonly target: string | null; readonly status: string | undefined },
  ): Change & { readonly isRefused: boolean } {
    const starts = status === 'in_progress' && target === actor;
    const isSame = target === item.holder;
    const goesBack =
      item.phase === 'running' && (!isSame || status === 'open' || status === 'hooked');
    if (isSame && !goesBack) {
      const isToStart = starts && item.phase === 'pending';
      const steps = isToStart ? [command.start(actor, item)] : [];
      return { item: isToStart ? { ...item, phase: 'running' } : item, steps, isRefused: false };
    }
    const free: BeadsItem = { ...item, holder: null, phase: 'pending' };
    if (target === null)
      return { item: free, steps: [command.requeue(actor, item)], isRefused: false };
    const taken = item.holder !== null && !isSame;
    if (target === actor && taken) {
      return { item, steps: [command.claim(actor, item, starts)], isRefused: true };
    }
    const back = goesBack ? [command.requeue(actor, item)] : [];
    const gained =
      target === actor
        ? command.claim(actor, item, starts)
        : command.assign(actor, item, this.#parts.identityOf(target));
    const phase = starts ? 'running' : 'pending';
    return { item: { ...free, holder: target, phase }, steps: [...back, gained], isRefused: false };
  }

  /** A finished task stays finished; the item goes on as another one, which is what its old value says. */
  #reopened(record: BeadsRecord, item: BeadsItem): Change {
    if (item.phase !== 'ended') {
      const refusal = refuse('ILLEGAL_TRANSITION', `${item.id} is reopened and was not closed.`);
      return { item, steps: [], refusal };
    }
    const { actor, before, changes } = record;
    const next = reopened(item, before?.['title']);
    const labels = item.labels.length === 0 ? {} : { labels: item.labels };
    const beads = { ...detailsOf(before, [...CARRIED, 'closed_at', 'close_reason']), ...labels };
    const made = command.create(actor, next, { reopens: item.taskId, beads });
    const assignee = assigneeIn(changes) ?? assigneeIn(before) ?? item.named ?? '';
    return this.#moved(record, next, { status: 'open', ...changes, assignee }, [made]);
  }
}

/** The holder completes; anybody else closes. What nobody started is started by the holder as it completes it. */
function closed(record: BeadsRecord, item: BeadsItem): Change {
  const { actor, text } = record;
  const ended: BeadsItem = { ...item, phase: 'ended' };
  const begun = item.phase === 'pending' ? [command.start(actor, item)] : [];
  const steps =
    item.holder === actor
      ? [...begun, command.complete(actor, item, text)]
      : [command.close(actor, item, text)];
  return withWrite(record, { item: ended, steps }, 'closed');
}

/** A move of a finished item: one command, for the coordinator to refuse. */
function movedAfterEnd(record: BeadsRecord, item: BeadsItem, { identityOf }: PlanParts): Change {
  const { actor, changes } = record;
  const assignee = assigneeIn(changes);
  const isClaim = assignee === actor || (!assignee && statusIn(changes) === 'in_progress');
  if (isClaim) return { item, steps: [command.claim(actor, item, false)] };
  if (!assignee) return { item, steps: [command.requeue(actor, item)] };
  return { item, steps: [command.assign(actor, item, identityOf(assignee))] };
}

/** Adds the write of what the task itself does not show; of the status as it is, when nothing changes. */
function withWrite(
  { actor }: BeadsRecord,
  { item, steps }: Change,
  status: string | undefined,
  fields: BeadsFields = {},
): Change {
  const isSilent = steps.length === 0 && Object.keys(fields).length === 0;
  const kept = isSilent
    ? { status: status ?? shownStatus(item) }
    : command.statusToKeep(item, status);
  const written = { ...fields, ...kept };
  const after = { ...item, keptStatus: statusIn(written) ?? item.keptStatus };
  if (Object.keys(written).length === 0) return { item: after, steps };
  return { item: after, steps: [...steps, command.write(actor, item, written)] };
}

/** What a task has fields of its own for. */
const CARRIED: readonly string[] = ['id', 'title', 'status', 'assignee'];
/** What an item cannot have had when it was created. */
const AFTER_CREATION = ['updated_at', 'closed_at', 'close_reason', 'last_activity'];

function detailsOf(fields: BeadsFields | undefined, without: readonly string[]): BeadsFields {
  const kept = Object.entries(fields ?? {}).filter(([name]) => !without.includes(name));
  return Object.fromEntries(kept);
}
