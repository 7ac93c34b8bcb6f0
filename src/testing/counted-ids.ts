/** Ids that are the same in every run, so that a test can name them. */
import type { IdSource } from '../core/ids.ts';

/**
 * Gives `id-1`, `id-2`, …, or the same with another prefix. Two sources with one prefix collide, so a test that opens a swarm
 * again keeps its source.
 *
 * @example
 * const swarm = await openSwarm({ ids: countedIds() });
 * swarm.id; // 'id-1'
 */
export function countedIds(prefix = 'id'): IdSource {
  let count = 0;
  return () => `${prefix}-${++count}`;
}
