/**
 * The decisions about direct writes (specification, "Optimistic Concurrency").
 *
 * Free paths take writes; a path that an actor owns is refused with the command to use instead. A write of the configuration
 * is a change of the swarm, so its fact is `system.config_changed`.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { frozen, type JsonObject, type JsonValue } from '../core/json.ts';
import { formatPath, parsePath, type PathStep } from '../core/path.ts';
import { versionOf, type Touched } from '../events/definition.ts';
import { inFull } from '../events/full-path.ts';
import { documentOf, documentSchema, isOwnedInSession } from '../events/session.ts';
import { canWrite, merged, valueAt, withValueAt } from '../events/state.ts';
import { taskDocument, taskDocumentSchema } from '../events/task.ts';
import { configSchema, healthSchema, swarmDocument } from '../events/system.ts';
import type { StateView } from '../events/view.ts';
import type { CommandOf } from '../protocol/commands.ts';
import { fact, facts, type Deciders, type Decision } from './decision.ts';

/** A document that may be written, and where in it. */
interface Target {
  readonly ok: true;
  /** The path in full, as it is recorded. */
  readonly path: string;
  readonly document: JsonObject;
  /** The steps inside the document. */
  readonly steps: readonly PathStep[];
  readonly touched: Touched;
  /** Why the document would be invalid; undefined when it is fine. */
  check(document: unknown): string | undefined;
}

/** The commands that change what an actor owns, by the first two steps of the path or the field of a session. */
const OWNERS: Readonly<Record<string, string>> = {
  'global.registry': 'session.register',
  'global.tasks': 'task.create, task.claim, task.progress, …',
  'global.metrics': 'none: metrics are derived from the log',
  'locks.locks': 'lock.acquire, lock.renew, lock.release',
  'locks.waitQueue': 'lock.acquire',
  events: 'none: events are appended by commands',
  status: 'session.pause, session.resume, session.drain, session.stop',
  currentTask: 'task.start',
  taskQueue: 'task.claim, task.assign',
  errors: 'session.fail',
};

function ownerOf(name: string): string | undefined {
  return Object.hasOwn(OWNERS, name) ? OWNERS[name] : undefined;
}

/** The decisions about direct writes. */
export const stateDeciders: Deciders<'state.update'> = { 'state.update': update };

function update(view: StateView, command: CommandOf<'state.update'>): Decision {
  const { path, newValue, merge, expectedVersion } = command.payload;
  const parsed = parsePath(path);
  if (!parsed.ok) return parsed;
  const steps = inFull(parsed.steps);
  const target = targetOf(view, steps, path);
  if (!target.ok) return target;
  const max = view.swarm?.limits.payloadDepthMax ?? 0;
  if (target.steps.length > max) {
    return refuse('LIMIT_EXCEEDED', `A path goes at most ${max} levels deep (payloadDepthMax).`, {
      limit: 'payloadDepthMax',
      max,
    });
  }
  const before = valueAt(target.document, target.steps);
  const conflict = checkVersion(target, before, expectedVersion);
  if (conflict !== undefined) return conflict;
  if (!canWrite(target.document, target.steps)) {
    return refuse(
      'INVALID_PATH',
      `${path} does not lead to a place that can be written: a level above it is no object, or a list would get a gap.`,
      { path },
    );
  }
  const bound = checkListBound(view, target, newValue as JsonValue);
  if (bound !== undefined) return bound;
  const value = newValue as JsonValue;
  const change = (old: JsonValue | undefined) => (merge === true ? merged(old, value) : value);
  const after = withValueAt(target.document, target.steps, change) as JsonObject;
  const reason = target.check(after);
  if (reason !== undefined) {
    return refuse('INVALID_INPUT', `${path}: the write would make it invalid: ${reason}.`, {
      path,
      reason,
    });
  }
  if (steps[1] === 'config') return configured(view, after['config']);
  const written = { path: target.path, newValue, ...(merge === undefined ? {} : { merge }) };
  return facts(fact(before === undefined ? 'state.created' : 'state.updated', written));
}

function configured(view: StateView, config: unknown): Decision {
  const checked = configSchema.parse(config);
  const { swarm } = view;
  if (swarm === undefined) return refuse('INTERNAL', 'The swarm is not initialized.');
  return facts(fact('system.config_changed', { config: checked, limits: swarm.limits }));
}

function targetOf(view: StateView, steps: readonly PathStep[], path: string): Target | Refusal {
  const [root, section] = steps;
  if (root === 'agents') return sessionTarget(view, steps, path);
  if (root === 'global' && (section === 'config' || section === 'health')) {
    return swarmTarget(view, steps, section);
  }
  if (root === 'global' && section === 'tasks' && steps[3] === 'metadata') {
    return taskTarget(view, steps, path);
  }
  const owner = ownerOf(`${String(root)}.${String(section)}`) ?? ownerOf(String(root));
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
  const config = swarm.config as unknown as JsonObject;
  const schema = section === 'config' ? configSchema : healthSchema;
  return {
    ok: true,
    path: formatPath(steps),
    document: { ...swarmDocument(swarm), config },
    steps: steps.slice(1),
    touched: swarm.touched,
    check: (document) => issueOf(schema, (document as JsonObject)[section]),
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
  if (isOwnedInSession(inside)) {
    return owned(path, ownerOf(String(inside[0])) ?? 'none: the coordinator keeps it');
  }
  return {
    ok: true,
    path: formatPath(['agents', type, session.identity.sessionId, ...inside]),
    document: documentOf(session),
    steps: inside,
    touched: session.touched,
    check: (document) => issueOf(documentSchema, document),
  };
}

function checkVersion(
  target: Target,
  before: unknown,
  expected: number | undefined,
): Refusal | undefined {
  if (expected === undefined) return undefined;
  const version =
    before === undefined ? 0 : versionOf(target.touched, formatPath(target.steps)).sequence;
  if (version === expected) return undefined;
  return refuse(
    'VERSION_CONFLICT',
    `${target.path} is at version ${version}, not ${expected}. Read it again and decide anew.`,
    {
      path: target.path,
      currentVersion: version,
      currentValue: frozen(before ?? null),
    },
  );
}

function checkListBound(view: StateView, target: Target, value: JsonValue): Refusal | undefined {
  const max = view.swarm?.limits.listLengthMax ?? 0;
  const last = target.steps.at(-1);
  const isBeyond = typeof last === 'number' && last >= max;
  if (!isBeyond && !hasLongerList(value, max)) return undefined;
  return refuse('LIMIT_EXCEEDED', `A list has at most ${max} elements (listLengthMax).`, {
    limit: 'listLengthMax',
    max,
  });
}

function hasLongerList(value: JsonValue, max: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const items: readonly JsonValue[] = Array.isArray(value) ? value : Object.values(value);
  return (
    (Array.isArray(value) && items.length > max) || items.some((item) => hasLongerList(item, max))
  );
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
