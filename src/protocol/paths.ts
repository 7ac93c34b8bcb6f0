/**
 * Which part of the state a command is about, and whether somebody's lock keeps others from it.
 *
 * A resource under `state/` names a part of the state (`core/resource.ts`). While a session holds it exclusively, what others
 * ask about it is refused. Not locked in this way: signs of life, sessions that join, locks themselves, what the coordinator
 * records, and what follows from a command elsewhere.
 */
import { parsePath, type PathStep } from '../core/path.ts';
import { isStateResource, stateResource } from '../core/resource.ts';
import { inFull } from '../events/full-path.ts';
import type { LockHold, LockRecord } from '../events/lock.ts';
import type { StateView } from '../events/view.ts';
import type { PayloadOf, SwarmCommand } from './commands.ts';

/** The places that a command is about; none when it is about none that can be locked. */
export function placesAsked(
  view: StateView,
  command: SwarmCommand,
): readonly (readonly PathStep[])[] {
  const writes = writesAsked(command);
  if (writes.length > 0) return writes.flatMap(({ path }) => placeAt(path));
  const place = placeOf(view, command);
  return place === undefined ? [] : [place];
}

/** A direct write that a command asks for. */
export interface WriteAsked {
  /** As it was written. */
  readonly path: string;
  readonly operation: 'write' | 'delete';
  /** What is written; absent for a removal. */
  readonly value?: unknown;
  /** The value is put at the end of the list to which the path leads. */
  readonly isAppended?: boolean;
}

/** The direct writes that a command asks for, in its order; none when it is another command. */
export function writesAsked({ type, payload }: SwarmCommand): readonly WriteAsked[] {
  if (type === 'state.update') return [writeAsked(payload)];
  if (type === 'state.delete') return [{ path: payload.path, operation: 'delete' }];
  if (type !== 'state.batch') return [];
  return payload.updates.map((update) =>
    'delete' in update ? { path: update.path, operation: 'delete' } : writeAsked(update),
  );
}

function writeAsked({
  path,
  newValue,
  append,
}: Pick<PayloadOf<'state.update'>, 'path' | 'newValue' | 'append'>): WriteAsked {
  return { path, operation: 'write', value: newValue, isAppended: append === true };
}

function placeAt(path: string): readonly (readonly PathStep[])[] {
  const parsed = parsePath(path);
  return parsed.ok ? [inFull(parsed.steps)] : [];
}

function placeOf(
  view: StateView,
  { type, payload }: SwarmCommand,
): readonly PathStep[] | undefined {
  if (type === 'system.configure') return ['global', 'config'];
  if (type === 'session.heartbeat' || type === 'session.recover' || type === 'session.register') {
    return undefined;
  }
  if ('lockId' in payload) return undefined;
  const taskId = taskIn(view, payload);
  if (taskId !== undefined) return ['global', 'tasks', taskId];
  const sessionId = 'sessionId' in payload ? payload.sessionId : undefined;
  const agentType = view.session(sessionId ?? '')?.identity.agentType;
  return agentType && sessionId ? ['agents', agentType, sessionId] : undefined;
}

function taskIn(view: StateView, payload: SwarmCommand['payload']): string | undefined {
  if ('taskId' in payload) return payload.taskId;
  return 'handoffId' in payload ? view.handoff(payload.handoffId)?.taskId : undefined;
}

/** A lock that keeps others out. */
export interface Guard {
  readonly resource: string;
  readonly hold: LockHold;
}

/** The exclusive lock of somebody else at, above or below a place of the state; undefined when there is none. */
export function guardOf(
  view: StateView,
  steps: readonly PathStep[],
  { sessionId, timeMs }: { readonly sessionId: string; readonly timeMs: number },
): Guard | undefined {
  if (!view.hasStateLocks) return undefined; // the usual case
  for (const { resource, holders } of recordsAt(view, steps)) {
    const hold = holders.find(({ type }) => type === 'exclusive');
    if (hold === undefined || !isStateResource(resource)) continue;
    if (hold.holder.sessionId !== sessionId && timeMs < hold.expiresAtMs) return { resource, hold };
  }
  return undefined;
}

/** What names the place, something below it, or something above it: with and without its subtree. */
function* recordsAt(view: StateView, steps: readonly PathStep[]): Generator<LockRecord> {
  const here = `${stateResource(steps)}/**`;
  const own = view.resource(here);
  if (own !== undefined) yield own;
  yield* view.overlapping(here);
  for (let length = 1; length < steps.length; length++) {
    const above = view.resource(stateResource(steps.slice(0, length)));
    if (above !== undefined) yield above;
  }
}
