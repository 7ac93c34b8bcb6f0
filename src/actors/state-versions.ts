/**
 * Whether a write meets the version that it expects, and what becomes of it when it does not (specification, "Optimistic
 * Concurrency" and "Conflict Resolution").
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { frozen, type JsonValue } from '../core/json.ts';
import { formatPath, parsePath, type PathStep } from '../core/path.ts';
import { configuredStrategy, resolvePair } from '../events/conflict.ts';
import { versionOf } from '../events/definition.ts';
import { tombstoneAt } from '../events/marks.ts';
import { leavesOf, merged, valueAt, type Write } from '../events/state.ts';
import type { ConflictStrategy } from '../events/strategies.ts';
import type { StateView } from '../events/view.ts';
import type { PayloadOf } from '../protocol/commands.ts';
import type { Target } from './state-target.ts';

type Update = PayloadOf<'state.update'> & { readonly resolved?: ConflictStrategy };

/** One write as it is asked for. */
export type AskedWrite = Update | ({ readonly delete: true } & PayloadOf<'state.delete'>);

/**
 * The write to be made: the one that was asked for, or what a strategy makes of it and of what it conflicts with.
 * Refuses with `VERSION_CONFLICT`, and with `INVALID_INPUT` what the strategy cannot resolve.
 */
export function compare(
  view: StateView,
  target: Target,
  asked: AskedWrite,
): { readonly ok: true; readonly asked: AskedWrite } | Refusal {
  const conflict = checkVersion(target, asked);
  if (conflict === undefined) return { ok: true, asked };
  const strategy = strategyFor(view, target, asked);
  if (strategy === undefined || 'delete' in asked) return conflict;
  if (asked.append === true) {
    return strategy === 'first-write-wins' ? conflict : resolvedBy(strategy, asked);
  }
  const current = valueAt(target.document, target.steps) as JsonValue | undefined;
  const value = (
    asked.merge === true ? merged(current, asked.newValue as JsonValue) : asked.newValue
  ) as JsonValue;
  if (current === undefined) {
    return strategy === 'first-write-wins' ? conflict : resolvedBy(strategy, asked);
  }
  const usual = view.swarm?.config.defaultPriority ?? 'normal';
  const first = { value: current, priority: priorityAt(target) ?? usual };
  const second = { value, priority: asked.priority ?? usual };
  const pair = resolvePair(strategy, first, second);
  if (!pair.ok) return pair;
  if (pair.value === current && value !== current) return conflict; // what is there stays
  // The log holds the change: what was asked when it wins as it is, and what a merge adds, not the whole that it makes.
  if (pair.value === value) return resolvedBy(strategy, asked);
  if (strategy === 'merge-objects') return resolvedBy(strategy, { ...asked, merge: true });
  return resolvedBy(strategy, { ...asked, newValue: pair.value, merge: undefined });
}

function resolvedBy(
  strategy: ConflictStrategy,
  asked: Update,
): { readonly ok: true; readonly asked: AskedWrite } {
  return { ok: true, asked: { ...asked, resolved: strategy } };
}

/** What is written where, as a fact says it. */
export function writeOf(asked: AskedWrite, isThere: boolean): Write & { readonly payload: object } {
  if ('delete' in asked) return { type: 'state.deleted', payload: {} };
  const { newValue, merge, priority, resolved } = asked;
  const payload = {
    newValue,
    ...(merge === undefined ? {} : { merge }),
    ...(priority === undefined ? {} : { priority }),
    ...(resolved === undefined ? {} : { resolved }),
  };
  return { type: isThere ? 'state.updated' : 'state.created', payload };
}

/** The one that was asked for, or that of the configuration. */
function strategyFor(
  view: StateView,
  { path }: Target,
  asked: AskedWrite,
): ConflictStrategy | undefined {
  if ('onConflict' in asked && asked.onConflict !== undefined) return asked.onConflict;
  const parsed = parsePath(path);
  return view.swarm && parsed.ok ? configuredStrategy(view.swarm.config, parsed.steps) : undefined;
}

/** The priority of the write that left what is there; undefined when it gave none. */
function priorityAt({ touched, steps }: Target): PayloadOf<'state.update'>['priority'] {
  return versionOf(touched, formatPath(steps)).priority;
}

/** Of a merge only the leaves are compared that it writes; they have to be as old as what was read. */
function checkVersion(target: Target, asked: AskedWrite): Refusal | undefined {
  const { expectedVersion: expected } = asked;
  if (expected === undefined) return undefined;
  const current = versionAt(target, target.steps);
  const isMerge = 'merge' in asked && asked.merge === true;
  const holds = isMerge
    ? expected <= current &&
      leavesOf(target.document, writeOf(asked, true), target.steps).every(
        ({ steps }) => versionAt(target, steps) <= expected,
      )
    : expected === current;
  if (holds) return undefined;
  return refuse(
    'VERSION_CONFLICT',
    `${target.path} is at version ${current}, not ${expected}. Read it again and decide anew.`,
    {
      path: target.path,
      currentVersion: current,
      currentValue: frozen((valueAt(target.document, target.steps) as JsonValue) ?? null),
    },
  );
}

/** The version of a place; of one where nothing is, that at which it went, and 0 when nothing ever was there. */
function versionAt({ document, touched }: Target, steps: readonly PathStep[]): number {
  const path = formatPath(steps);
  return valueAt(document, steps) === undefined
    ? tombstoneAt(touched, path)
    : versionOf(touched, path).sequence;
}
