/** What the scripts of the demonstration have in common: the swarm, the work, and a pause that can be cut short. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Swarm } from '../../coordinator/swarm.ts';

/** Where the five scripts work. */
export interface Workplace {
  readonly swarm: Swarm;
  /** The directory whose sources are analysed. */
  readonly sources: string;
  /** Its name, for people. */
  readonly projectName: string;
  /** Where the report goes. */
  readonly reportPath: string;
  /** How many tasks this run makes. */
  readonly tasks: number;
  /** The tasks of this run that have not ended. */
  readonly openTaskIds: Set<string>;
  /** Ends the scripts that watch. */
  readonly over: AbortSignal;
}

/** The resource that stands for the report in locks. */
export const REPORT = 'report.md';

/** Where the report is while it is not refined. */
export function draftPathOf(reportPath: string): string {
  return reportPath.replace(/\.md$/, '.draft.md');
}

/** Lets go of the tasks that have ended, and says whether any is left. */
export function workIsLeft({ swarm, openTaskIds }: Workplace): boolean {
  for (const id of openTaskIds) {
    const status = swarm.get(`global.tasks["${id}"].status`);
    if (status !== 'pending' && status !== 'running') openTaskIds.delete(id);
  }
  return openTaskIds.size > 0;
}

/** Waits; ends at once when the work is over. */
export async function pause(ms: number, over?: AbortSignal): Promise<void> {
  await delay(ms, undefined, over && { signal: over }).catch(() => {});
}
