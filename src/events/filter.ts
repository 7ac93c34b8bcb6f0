/** Which events somebody wants to see (specification, `EventFilter`), with our bounds by sequence beside it. */
import { parseTime } from '../core/time.ts';
import { firstSequence, eventId, type Commit, type Fact } from './envelope.ts';

/** A filter: an event must match every field that is given. */
export interface EventFilter {
  /** Event types; a trailing `*` stands for any ending: `task.*`. */
  readonly types?: readonly string[];
  /** Agent ids, agent types or session ids of the source. */
  readonly sources?: readonly string[];
  /** ISO time; events at it or before are left out. */
  readonly after?: string;
  /** ISO time; events at it or later are left out. */
  readonly before?: string;
  readonly correlationId?: string;
  /** Ours: the first sequence that is wanted. */
  readonly fromSequence?: number;
  /** Ours: the last sequence that is wanted. */
  readonly toSequence?: number;
  /** At most so many, after `offset`. */
  readonly limit?: number;
  /** So many matches are passed over. */
  readonly offset?: number;
}

/** Makes a test of a filter. `limit` and `offset` are for whoever counts. */
export function matcher(
  filter: EventFilter,
  swarmId: string,
): (commit: Commit, fact: Fact) => boolean {
  const afterMs = filter.after === undefined ? Number.NEGATIVE_INFINITY : parseTime(filter.after);
  const beforeMs =
    filter.before === undefined ? Number.POSITIVE_INFINITY : parseTime(filter.before);
  const isType = filter.types === undefined ? () => true : typeMatcher(filter.types);
  const sources = filter.sources === undefined ? undefined : new Set(filter.sources);
  return (commit, fact) => {
    const { agentId, agentType, sessionId } = fact.source;
    return (
      isType(fact.type) &&
      fact.sequence >= (filter.fromSequence ?? 0) &&
      fact.sequence <= (filter.toSequence ?? Number.POSITIVE_INFINITY) &&
      fact.timeMs > (afterMs ?? Number.NaN) &&
      fact.timeMs < (beforeMs ?? Number.NaN) &&
      (sources === undefined ||
        [agentId, agentType, sessionId].some((name) => sources.has(name))) &&
      (filter.correlationId === undefined ||
        filter.correlationId === correlationOf(commit, swarmId))
    );
  };
}

function typeMatcher(types: readonly string[]): (type: string) => boolean {
  const exact = new Set(types);
  const prefixes = types.filter((type) => type.endsWith('*')).map((type) => type.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

function correlationOf(commit: Commit, swarmId: string): string {
  return commit.command.correlationId ?? eventId(swarmId, firstSequence(commit));
}
