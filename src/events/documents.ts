/**
 * The free parts of the records as documents: what a direct write may change, with the schema that it has to keep.
 *
 * Who may write them is for `access/` to say; what in them belongs to an actor, in `owned-path.ts`.
 */
import * as z from 'zod';
import type { JsonObject } from '../core/json.ts';
import { formatPath, type PathStep } from '../core/path.ts';
import { DATA_SCHEMAS } from './agent-data.ts';
import type { Touched } from './definition.ts';
import { percentSchema, timestampSchema } from './fields.ts';
import type { DocumentPlace } from './fit.ts';
import { objectSchema, textSchema, type AgentKind } from './identity.ts';
import { documentOf } from './session.ts';
import { healthSchema, settableConfigSchema, swarmDocument } from './system.ts';
import { taskDocument } from './task.ts';
import type { StateView } from './view.ts';

const amount = z.number().min(0);

/** `AgentState.progress`. */
export const progressSchema = z.strictObject({
  current: percentSchema,
  message: textSchema,
  eta: timestampSchema.optional(),
});

/** `AgentState.resources`. */
export const resourcesSchema = z.strictObject({
  tokensUsed: amount,
  tokensRemaining: amount,
  memoryUsed: amount,
  cpuTime: amount,
});

/** The document of a session of each kind. */
const SESSION_SCHEMAS: Readonly<Record<AgentKind, z.ZodType>> = {
  pulse: sessionSchema(DATA_SCHEMAS.pulse),
  heartbeat: sessionSchema(DATA_SCHEMAS.heartbeat),
  dream_weaver: sessionSchema(DATA_SCHEMAS.dream_weaver),
  conductor: sessionSchema(DATA_SCHEMAS.conductor),
  guardian: sessionSchema(DATA_SCHEMAS.guardian),
};

function sessionSchema(data: z.ZodType): z.ZodType {
  return z.strictObject({ progress: progressSchema, resources: resourcesSchema, data });
}

const SWARM_SCHEMA = z.strictObject({ config: settableConfigSchema, health: healthSchema });
const TASK_SCHEMA = z.strictObject({ metadata: objectSchema });

/** A place in the document of a record. */
export interface RecordDocument extends DocumentPlace {
  /** The path in full, as it is recorded. */
  readonly path: string;
  /** The record that the document is part of. */
  readonly record: string;
  /** The type of the session's agent; undefined elsewhere. */
  readonly kind: AgentKind | undefined;
  readonly touched: Touched;
}

/** The document at a path in full; undefined when there is no such record, or it has none. */
export function documentAt(
  view: StateView,
  steps: readonly PathStep[],
): RecordDocument | undefined {
  const root = steps[0];
  if (root === 'agents') return sessionDocument(view, steps);
  if (root !== 'global') return undefined;
  const [, section, id] = steps;
  const { swarm } = view;
  if ((section === 'config' || section === 'health') && swarm !== undefined) {
    return {
      path: formatPath(steps),
      record: 'swarm',
      kind: undefined,
      schema: SWARM_SCHEMA,
      document: { ...swarmDocument(swarm), config: swarm.config as unknown as JsonObject },
      steps: steps.slice(1),
      touched: swarm.touched,
    };
  }
  const task = section === 'tasks' ? view.task(String(id)) : undefined;
  if (task === undefined) return undefined;
  return {
    path: pathOf(steps, task.id),
    record: `task/${task.id}`,
    kind: undefined,
    schema: TASK_SCHEMA,
    document: taskDocument(task),
    steps: steps.slice(3),
    touched: task.touched,
  };
}

function sessionDocument(view: StateView, steps: readonly PathStep[]): RecordDocument | undefined {
  const session = view.session(String(steps[2]));
  if (session === undefined || session.identity.agentType !== steps[1]) return undefined;
  const { agentType } = session.identity;
  if (agentType === 'system') return undefined;
  return {
    path: pathOf(steps, session.identity.sessionId),
    record: `session/${session.identity.sessionId}`,
    kind: agentType,
    schema: SESSION_SCHEMAS[agentType],
    document: documentOf(session),
    steps: steps.slice(3),
    touched: session.touched,
  };
}

/** The path of a place in a record, whose id may have been written as an index: `agents.pulse[7]` for the session "7". */
function pathOf(steps: readonly PathStep[], id: string): string {
  return formatPath(steps[2] === id ? steps : steps.with(2, id));
}
