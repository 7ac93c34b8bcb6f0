/** What a direct write makes of the record whose document it leads into. */
import type { Limits } from '../core/limits.ts';
import type { PathStep } from '../core/path.ts';
import { windowAt } from './list-limits.ts';
import { documentOf, withDocument, type SessionRecord } from './session.ts';
import { evolveDocument, type StateFact, type WriteBounds } from './state.ts';
import { swarmDocument, withSwarmDocument, type SwarmRecord } from './system.ts';
import { taskDocument, withTaskDocument, type TaskRecord } from './task.ts';

/** A direct write: its fact, and the steps from the record to the place. */
export interface Written {
  readonly fact: StateFact;
  readonly steps: readonly PathStep[];
  readonly limits: Limits;
}

/** A session after a direct write. */
export function writtenSession(session: SessionRecord, written: Written): SessionRecord {
  const before = { document: documentOf(session), touched: session.touched };
  const { fact, steps } = written;
  const bounds = boundsOf(written, session.identity.agentType);
  return withDocument(session, evolveDocument(before, fact, steps, bounds));
}

/** A task after a direct write. */
export function writtenTask(task: TaskRecord, written: Written): TaskRecord {
  const before = { document: taskDocument(task), touched: task.touched };
  const { fact, steps } = written;
  return withTaskDocument(task, evolveDocument(before, fact, steps, boundsOf(written)));
}

/** The swarm after a direct write. */
export function writtenSwarm(swarm: SwarmRecord, written: Written): SwarmRecord {
  const before = { document: swarmDocument(swarm), touched: swarm.touched };
  const { fact, steps } = written;
  return withSwarmDocument(swarm, evolveDocument(before, fact, steps, boundsOf(written)));
}

function boundsOf({ limits, steps }: Written, kind?: string): WriteBounds {
  return { paths: limits.touchedPathsMax, window: windowAt(kind, steps, limits) };
}
