/**
 * The places that a direct write may lead to: the free parts of a session, a task and the swarm, as documents.
 *
 * A path that an actor owns is refused with the command to use instead.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { formatPath, type PathStep } from '../core/path.ts';
import type { Touched } from '../events/definition.ts';
import { ownerAt } from '../events/owned-path.ts';
import { documentOf, documentSchema } from '../events/session.ts';
import { configSchema, healthSchema, swarmDocument } from '../events/system.ts';
import { taskDocument, taskDocumentSchema } from '../events/task.ts';
import type { StateView } from '../events/view.ts';

/** A document that may be written, and where in it. */
export interface Target {
  readonly ok: true;
  /** The path in full, as it is recorded. */
  readonly path: string;
  /** The record that the document is part of. */
  readonly record: string;
  /** The type of the session's agent; undefined elsewhere. */
  readonly kind: string | undefined;
  readonly document: JsonObject;
  /** The steps inside the document. */
  readonly steps: readonly PathStep[];
  readonly touched: Touched;
  /** Why the document would be invalid; undefined when it is fine. */
  check(document: JsonObject): string | undefined;
}

/** The document at a path in full. Refuses with `ACTOR_OWNED_PATH` or `NOT_FOUND`; `path` is as it was written. */
export function targetAt(
  view: StateView,
  steps: readonly PathStep[],
  path: string,
): Target | Refusal {
  const [root, section] = steps;
  if (root === 'agents') return sessionTarget(view, steps, path);
  if (root === 'global' && (section === 'config' || section === 'health')) {
    return swarmTarget(view, steps, section);
  }
  if (root === 'global' && section === 'tasks' && steps[3] === 'metadata') {
    return taskTarget(view, steps, path);
  }
  const owner = ownerAt(steps);
  return owner === undefined
    ? refuse('NOT_FOUND', `The state has no path ${path}.`, { path })
    : owned(path, owner);
}

function swarmTarget(
  view: StateView,
  steps: readonly PathStep[],
  section: 'config' | 'health',
): Target | Refusal {
  const { swarm } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  const schema = section === 'config' ? configSchema : healthSchema;
  return {
    ok: true,
    path: formatPath(steps),
    record: 'swarm',
    kind: undefined,
    document: { ...swarmDocument(swarm), config: swarm.config as unknown as JsonObject },
    steps: steps.slice(1),
    touched: swarm.touched,
    check: (document) => issueOf(schema, document[section]),
  };
}

function taskTarget(
  view: StateView,
  [, , taskId, ...inside]: readonly PathStep[],
  path: string,
): Target | Refusal {
  const task = view.task(String(taskId));
  if (task === undefined) return refuse('NOT_FOUND', `There is no task at ${path}.`, { path });
  return {
    ok: true,
    path: formatPath(['global', 'tasks', task.id, ...inside]),
    record: `task/${task.id}`,
    kind: undefined,
    document: taskDocument(task),
    steps: inside,
    touched: task.touched,
    check: (document) => issueOf(taskDocumentSchema, document),
  };
}

function sessionTarget(
  view: StateView,
  steps: readonly PathStep[],
  path: string,
): Target | Refusal {
  const [, type, sessionId, ...inside] = steps;
  const session = view.session(String(sessionId));
  if (session === undefined || session.identity.agentType !== type) {
    return refuse('NOT_FOUND', `There is no session at ${path}.`, { path });
  }
  const owner = ownerAt(steps);
  if (owner !== undefined) return owned(path, owner);
  return {
    ok: true,
    path: formatPath(['agents', type, session.identity.sessionId, ...inside]),
    record: `session/${session.identity.sessionId}`,
    kind: type,
    document: documentOf(session),
    steps: inside,
    touched: session.touched,
    check: (document) => issueOf(documentSchema, document),
  };
}

function owned(path: string, command: string): Refusal {
  return refuse('ACTOR_OWNED_PATH', `${path} cannot be written directly. Command: ${command}.`, {
    path,
    command,
  });
}

interface Schema {
  safeParse(value: unknown): {
    readonly error?:
      | {
          readonly issues: readonly {
            readonly path: readonly PropertyKey[];
            readonly message: string;
          }[];
        }
      | undefined;
  };
}

function issueOf(schema: Schema, value: unknown): string | undefined {
  const issue = schema.safeParse(value).error?.issues[0];
  if (issue === undefined) return undefined;
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`;
}
