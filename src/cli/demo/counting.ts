/**
 * A subscriber that counts what the Pulse sessions found: durable, and exactly-once. What it counted and how far it is are one
 * commit, so a total can neither miss a source nor count it twice, whenever the process ends.
 */
import type { Swarm } from '../../coordinator/swarm.ts';
import type { SwarmEvent } from '../../events/envelope.ts';
import type { SourceAnalysis } from './source-analysis.ts';
import { until } from './workplace.ts';

/** What was found. */
export interface Count {
  readonly sources: number;
  readonly lines: number;
  readonly functions: number;
}

/** The type of the events in which the count is told: how much more each time. */
export const COUNTED = 'app.sources.counted';

/** The count of nothing. */
export const NOTHING: Count = { sources: 0, lines: 0, functions: 0 };

/** Adds up two counts. */
export function sum(one: Count, other: Count): Count {
  return {
    sources: one.sources + other.sources,
    lines: one.lines + other.lines,
    functions: one.functions + other.functions,
  };
}

/** Counts the sources of this run from now on. What it returns resolves when so many are counted. */
export function countSources(
  swarm: Swarm,
  taskIds: ReadonlySet<string>,
): (sources: number) => Promise<void> {
  let counted = 0;
  swarm.events.subscribe(
    { type: 'task.completed', source: 'pulse' },
    async (events, context) => {
      const found = events.map(analysisIn).map(countOf).reduce(sum, NOTHING);
      const total = (await context.storage.get('total')) as Count | undefined;
      context.storage.set('total', sum(total ?? NOTHING, found));
      context.emit({ type: COUNTED, payload: found });
      counted += found.sources;
    },
    {
      name: 'sources',
      delivery: 'exactly-once',
      batch: { maxSize: 64, maxWait: 50 },
      filter: ({ payload }) => taskIds.has((payload as { taskId: string }).taskId),
    },
  );
  return async (sources) => {
    await until(() => counted >= sources);
    await swarm.durable();
  };
}

/** Counts one source. */
export function countOf({ lines, functions }: SourceAnalysis): Count {
  return { sources: 1, lines, functions };
}

function analysisIn({ payload }: SwarmEvent): SourceAnalysis {
  return (payload as { readonly result: SourceAnalysis }).result;
}
