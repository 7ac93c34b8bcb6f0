/** What the agents of the demonstration have in common: the swarm, the work, and how they wait. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Swarm } from '../../coordinator/swarm.ts';

/** Where the agents work. */
export interface Workplace {
  readonly swarm: Swarm;
  /** The directory whose sources are analysed. */
  readonly sources: string;
  /** Its name, for people. */
  readonly projectName: string;
  /** Where the report goes; the directory is there, and holds nothing else. */
  readonly reportPath: string;
  /** How many sources this run analyses. */
  readonly total: number;
  /** The tasks of this run's sources that have not ended. */
  readonly openTaskIds: Set<string>;
}

/** The resource that stands for the report in locks. */
export const REPORT = 'report.md';

/** Where the report is while it is not refined. */
export function draftPathOf(reportPath: string): string {
  return reportPath.replace(/\.md$/, '.draft.md');
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5);
}
