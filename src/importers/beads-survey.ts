/**
 * The first pass over a log of beads: what has to be known of all records before the first one is carried out.
 *
 * An agent has one role for as long as it lives, and beads knows no roles: so what an agent ever asks for says which it needs.
 */
import { CONDUCTOR_COMMANDS } from './beads-commands.ts';
import type { BeadsLog } from './beads-log.ts';
import { BeadsPlanner } from './beads-plan.ts';
import type { BeadsFields } from './beads-record.ts';

/** What the first pass finds. */
export interface Survey {
  /** Everybody who acts or is assigned something, with the role that they need. */
  readonly agents: ReadonlyMap<string, 'conductor' | 'pulse'>;
  /** Of items that a `created` record makes, which has no values: the first old value. It precedes every recorded change. */
  readonly firstValues: ReadonlyMap<string, BeadsFields>;
}

/** An agent that ever asks for what only a Conductor may is one; all others are pulses. */
export async function surveyLog(log: BeadsLog): Promise<Survey> {
  const agents = new Map<string, 'conductor' | 'pulse'>();
  const firstValues = new Map<string, BeadsFields>();
  const isPulse = (agent: string) => {
    if (!agents.has(agent)) agents.set(agent, 'pulse');
    return { agentId: agent, agentType: 'pulse', sessionId: agent } as const;
  };
  const planner = new BeadsPlanner({ identityOf: isPulse, firstValueOf: () => undefined });
  const created = new Set<string>();
  for await (const record of log.records()) {
    if (record.kind === 'created') created.add(record.item);
    const isFirst = record.before !== undefined && !firstValues.has(record.item);
    if (isFirst && created.has(record.item)) firstValues.set(record.item, record.before ?? {});
    for (const { by, type } of planner.plan(record).steps) {
      if (by !== null) isPulse(by);
      if (by !== null && CONDUCTOR_COMMANDS.has(type)) agents.set(by, 'conductor');
    }
  }
  return { agents, firstValues };
}
