/** The locks that commands must respect: the one whose token they show, and those that others hold on what they are about (I10). */
import { refuse, type Refusal } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import type { StateView } from '../events/view.ts';
import type { SwarmCommand } from '../protocol/commands.ts';
import { guardOf, placesAsked } from '../protocol/paths.ts';

/** Undefined when no lock is in the way; refuses with `STALE_TOKEN` or `PATH_LOCKED`. */
export function checkLocks(view: StateView, command: SwarmCommand): Refusal | undefined {
  return checkToken(view, command) ?? checkGuard(view, command);
}

/** A late writer shows the token of a lock that he no longer has. */
function checkToken(
  view: StateView,
  { source: { sessionId }, fencingToken, timeMs }: SwarmCommand,
): Refusal | undefined {
  if (fencingToken === undefined) return undefined;
  const isCurrent = view
    .holdings(sessionId)
    .locks.some(({ hold }) => hold.fencingToken === fencingToken && timeMs < hold.expiresAtMs);
  if (isCurrent) return undefined;
  return refuse(
    'STALE_TOKEN',
    `This session holds no lock with the fencing token ${fencingToken} any more. Acquire the lock again, read anew, and decide anew.`,
    { fencingToken },
  );
}

function checkGuard(view: StateView, command: SwarmCommand): Refusal | undefined {
  if (!view.hasStateLocks) return undefined;
  const { source, timeMs } = command;
  const by = { sessionId: source.sessionId, timeMs };
  const guards = placesAsked(view, command).map((steps) => guardOf(view, steps, by));
  const guard = guards.find((one) => one !== undefined);
  if (guard === undefined) return undefined;
  const { resource, hold } = guard;
  return refuse(
    'PATH_LOCKED',
    `${command.type}: ${hold.holder.agentId} (session ${hold.holder.sessionId}) has locked ${resource} until ${isoTime(hold.expiresAtMs)}. Acquire a lock on it, or ask again later.`,
    { resource, lockId: hold.id, holder: hold.holder, expiresAt: isoTime(hold.expiresAtMs) },
  );
}
