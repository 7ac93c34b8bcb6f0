/**
 * The bounded history of events that stands in the state (specification, "Event History").
 *
 * It holds the newest events, at most `historyEventsMax` and none older than `historyRetentionMs` before the last recorded
 * time. Envelopes and the three indexes are made when somebody asks, not per event. Signs of life and of progress stay out.
 */
import { toSwarmEvent, type Commit, type Fact, type SwarmEvent } from '../events/envelope.ts';
import type { Limits } from '../core/limits.ts';
import { isBookkeeping } from '../events/catalog.ts';
import { picker, type EventFilter } from '../events/filter.ts';

/** `EventHistory` of the specification. */
export interface EventHistory {
  readonly maxEvents: number;
  readonly retentionMs: number;
  /** Oldest first. */
  readonly events: readonly SwarmEvent[];
  /** Event type → event ids. */
  readonly byType: ReadonlyMap<string, readonly string[]>;
  /** Agent id → event ids. */
  readonly bySource: ReadonlyMap<string, readonly string[]>;
  /** Correlation id → event ids. */
  readonly byCorrelation: ReadonlyMap<string, readonly string[]>;
}

interface Entry {
  readonly commit: Commit;
  readonly fact: Fact;
}

/** A ring of the newest facts. */
export class EventRing {
  #entries: Entry[] = [];
  /** Entries before this index are gone; they are cut off in bulk. */
  #start = 0;
  #shown:
    { readonly from: number; readonly to: number; readonly history: EventHistory } | undefined;

  /** Adds the facts of a commit from a sequence on, and lets go of what is too old or too many. */
  push(commit: Commit, limits: Limits, from = 0): void {
    for (const fact of commit.facts) {
      if (!isBookkeeping(fact.type) && fact.sequence >= from) {
        this.#entries.push({ commit, fact });
      }
    }
    const oldestMs = commit.command.timeMs - limits.historyRetentionMs;
    while (this.#isExcess(this.#start, limits.historyEventsMax, oldestMs)) this.#start += 1;
    if (this.#start > limits.historyEventsMax) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }

  #isExcess(index: number, max: number, oldestMs: number): boolean {
    const entry = this.#entries[index];
    if (entry === undefined) return false;
    return this.#entries.length - index > max || entry.fact.timeMs < oldestMs;
  }

  /** The sequence of its oldest event; undefined when it is empty. */
  get oldestSequence(): number | undefined {
    return this.#entries[this.#start]?.fact.sequence;
  }

  /** The events that match a filter, oldest first; only they are made. */
  find(swarmId: string, filter: EventFilter): readonly SwarmEvent[] {
    const pick = picker(filter, swarmId);
    const found: SwarmEvent[] = [];
    for (let at = this.#start; at < this.#entries.length && !pick.isDone; at++) {
      const entry = this.#entries[at];
      if (entry !== undefined && pick.isPicked(entry.commit, entry.fact)) {
        found.push(toSwarmEvent(swarmId, entry.commit, entry.fact));
      }
    }
    return found;
  }

  /** The events with their indexes; the same object until something changed. */
  history(swarmId: string, limits: Limits): EventHistory {
    const from = this.oldestSequence ?? 0;
    const to = this.#entries.at(-1)?.fact.sequence ?? 0;
    if (this.#shown?.from !== from || this.#shown.to !== to) {
      const events = this.#entries
        .slice(this.#start)
        .map(({ commit, fact }) => toSwarmEvent(swarmId, commit, fact));
      this.#shown = { from, to, history: indexed(events, limits) };
    }
    return this.#shown.history;
  }
}

function indexed(events: readonly SwarmEvent[], limits: Limits): EventHistory {
  const byType = new Map<string, string[]>();
  const bySource = new Map<string, string[]>();
  const byCorrelation = new Map<string, string[]>();
  for (const event of events) {
    add(byType, event.type, event.id);
    add(bySource, event.source.agentId, event.id);
    add(byCorrelation, event.metadata.correlationId ?? event.id, event.id);
  }
  return {
    maxEvents: limits.historyEventsMax,
    retentionMs: limits.historyRetentionMs,
    events,
    byType,
    bySource,
    byCorrelation,
  };
}

function add(index: Map<string, string[]>, key: string, id: string): void {
  const ids = index.get(key);
  if (ids === undefined) index.set(key, [id]);
  else ids.push(id);
}
