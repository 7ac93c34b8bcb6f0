/** Which events somebody wants to see (specification, `EventFilter`), with our bounds by sequence beside it. */
import * as z from 'zod';
import { refuse, type Refusal } from '../core/errors.ts';
import { parseTime } from '../core/time.ts';
import {
  eventId,
  firstSequence,
  toSwarmEvent,
  type Commit,
  type Fact,
  type SwarmEvent,
} from './envelope.ts';
import type { EventLog } from './log.ts';

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

/** Why a filter cannot be meant; undefined when it can. */
export function checkFilter(filter: EventFilter): Refusal | undefined {
  const parsed = filterSchema.safeParse(filter);
  if (parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  const at = issue?.path.join('.') ?? '';
  return refuse('INVALID_INPUT', `An event filter: ${at}: ${issue?.message ?? ''}.`, { at });
}

const time = z.string().refine((text) => parseTime(text) !== undefined, 'no ISO time');
const count = z.number().int().min(0);
const names = z.array(z.string());

const filterSchema = z.strictObject({
  types: names.optional(),
  sources: names.optional(),
  after: time.optional(),
  before: time.optional(),
  correlationId: z.string().optional(),
  fromSequence: count.optional(),
  toSequence: count.optional(),
  limit: count.optional(),
  offset: count.optional(),
});

/** The durable events that match a filter, in order, read from the log block by block. */
export async function* selectEvents(
  log: EventLog,
  swarmId: string,
  filter: EventFilter,
): AsyncGenerator<SwarmEvent> {
  const { fromSequence = 1, toSequence = Number.POSITIVE_INFINITY } = filter;
  const pick = picker(filter, swarmId);
  if (filter.limit === 0 || log.head.sequence === 0) return;
  for await (const { block } of log.blocks(await log.positionBefore(fromSequence))) {
    if (block.first > toSequence) return;
    for (const commit of block.commits) {
      for (const fact of commit.facts) {
        if (pick.isPicked(commit, fact)) yield toSwarmEvent(swarmId, commit, fact);
        if (pick.isDone) return;
      }
    }
  }
}

/** Takes what matches a filter, after its `offset` and up to its `limit`. */
export function picker(filter: EventFilter, swarmId: string) {
  const matches = matcher(filter, swarmId);
  const { offset = 0, limit = Number.POSITIVE_INFINITY } = filter;
  let found = 0;
  return {
    isPicked(commit: Commit, fact: Fact): boolean {
      if (found >= offset + limit || !matches(commit, fact)) return false;
      found += 1;
      return found > offset;
    },
    get isDone(): boolean {
      return found >= offset + limit;
    },
  };
}

/** Makes a test of a filter. `limit` and `offset` are for whoever counts. */
function matcher(filter: EventFilter, swarmId: string): (commit: Commit, fact: Fact) => boolean {
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

/** A test of types; a trailing `*` stands for any ending. */
export function typeMatcher(types: readonly string[]): (type: string) => boolean {
  const exact = new Set(types);
  const prefixes = types.filter((type) => type.endsWith('*')).map((type) => type.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

function correlationOf(commit: Commit, swarmId: string): string {
  return commit.command.correlationId ?? eventId(swarmId, firstSequence(commit));
}
