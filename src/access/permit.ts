/**
 * Permit: may this role, in this relation to the thing, ask for this?
 *
 * Keeps I10 together with `decide`: who does not hold a thing is refused here. That the thing exists at all is for `decide`
 * to say. The identity comes from the handle, so a session can only speak for itself.
 */
import { refuse, unreachable, type Refusal } from '../core/errors.ts';
import { parsePath } from '../core/path.ts';
import { inFull } from '../events/full-path.ts';
import { isAddressee } from '../events/handoff.ts';
import { COORDINATOR, type AgentIdentity } from '../events/identity.ts';
import { hasEnded } from '../events/task.ts';
import type { StateView } from '../events/view.ts';
import type { SwarmCommand } from '../protocol/commands.ts';
import { writesAsked } from '../protocol/paths.ts';
import { checkRules } from '../protocol/rule-expressions.ts';
import { checkLocks } from './lock-guard.ts';
import { notFor } from './access-control.ts';
import { ACCESS_RULES, type AccessRules } from './access-rules.ts';
import { COMMAND_TABLE } from './command-table.ts';

/**
 * Undefined when the command may be decided; refuses with `UNKNOWN_SESSION`, `SESSION_OFFLINE`, `FORBIDDEN`, `NOT_HOLDER`,
 * `STALE_TOKEN` or `PATH_LOCKED`; with `INVALID_INPUT` a routing rule whose expression cannot be used.
 */
export function permit(
  view: StateView,
  command: SwarmCommand,
  rules: AccessRules = ACCESS_RULES,
): Refusal | undefined {
  const { source } = command;
  const refusal = source.agentType === 'system' ? undefined : permitSession(view, source);
  const isKnown = refusal === undefined || refusal.code === 'SESSION_OFFLINE';
  if (isKnown && isLate(view, command)) return undefined; // decide refuses it, and records that it was tried
  return (
    refusal ??
    permitRelation(view, command, rules) ??
    checkLocks(view, command) ??
    checkRules(command)
  );
}

function permitRelation(
  view: StateView,
  command: SwarmCommand,
  rules: AccessRules,
): Refusal | undefined {
  const { source, type } = command;
  const relation = COMMAND_TABLE[type][source.agentType];
  switch (relation) {
    case 'any':
      return permitPaths(view, command, rules);
    case 'own':
      return sessionOf(command) === source.sessionId
        ? undefined
        : refuse(
            'FORBIDDEN',
            `${type}: a ${source.agentType} may do this to its own session only.`,
            { type },
          );
    case 'holder':
    case 'former': // who had it was let through before
      return permitHolder(view, command);
    case 'addressee':
      return permitAddressee(view, command);
    case 'coordinator':
      return source.sessionId === COORDINATOR.sessionId
        ? undefined
        : refuse('FORBIDDEN', `${type} is what the coordinator does by itself.`, { type });
    case 'no':
      return refuse('FORBIDDEN', `${type} is not for a ${source.agentType}.`, {
        type,
        role: source.agentType,
      });
    default:
      return unreachable(relation);
  }
}

function permitSession(view: StateView, source: AgentIdentity): Refusal | undefined {
  const session = view.session(source.sessionId);
  const { agentId, agentType } = session?.identity ?? {};
  const isItself = agentId === source.agentId && agentType === source.agentType;
  if (session === undefined || !isItself) {
    return refuse(
      'UNKNOWN_SESSION',
      `No session ${source.sessionId} of ${source.agentId}, a ${source.agentType}, was registered. Register one first.`,
      {
        sessionId: source.sessionId,
      },
    );
  }
  if (session.status !== 'offline') return undefined;
  return refuse(
    'SESSION_OFFLINE',
    `The session ${source.sessionId} has ended. Register a new one.`,
    {
      sessionId: source.sessionId,
    },
  );
}

function sessionOf(command: SwarmCommand): string | undefined {
  return 'sessionId' in command.payload ? command.payload.sessionId : undefined;
}

function permitHolder(view: StateView, command: SwarmCommand): Refusal | undefined {
  const holder = holderOf(view, command);
  if (holder === undefined || holder?.sessionId === command.source.sessionId) return undefined;
  const who =
    holder === null ? 'nobody does' : `${holder.agentId} (session ${holder.sessionId}) does`;
  return refuse('NOT_HOLDER', `${command.type}: this session does not hold it; ${who}.`, {
    holder,
  });
}

/** Whether a session asks about a task that it had and has no more: `decide` refuses it, and records that it was tried. */
function isLate(view: StateView, { type, payload, source }: SwarmCommand): boolean {
  if (COMMAND_TABLE[type][source.agentType] !== 'former') return false;
  const task = view.task(('taskId' in payload && payload.taskId) || '');
  if (task === undefined) return false;
  const { sessionId } = source;
  if (task.assignedTo?.sessionId !== sessionId) return task.lostBy.includes(sessionId);
  return hasEnded(task) || view.session(sessionId)?.status === 'offline';
}

/** Who holds what a command is about; null when nobody does, undefined when there is no such thing. */
function holderOf(view: StateView, { payload }: SwarmCommand): AgentIdentity | null | undefined {
  if ('lockId' in payload) {
    const record = view.resource(view.resourceOf(payload.lockId) ?? '');
    const hold = record?.holders.find(({ id }) => id === payload.lockId);
    return hold?.holder ?? record?.queue.find(({ id }) => id === payload.lockId)?.requester;
  }
  if ('handoffId' in payload && !('taskId' in payload)) {
    return view.handoff(payload.handoffId)?.acceptedBy;
  }
  return 'taskId' in payload && payload.taskId !== undefined
    ? view.task(payload.taskId)?.assignedTo
    : undefined;
}

function permitAddressee(
  view: StateView,
  { payload, source, type }: SwarmCommand,
): Refusal | undefined {
  const handoff = 'handoffId' in payload ? view.handoff(payload.handoffId) : undefined;
  if (handoff === undefined || isAddressee(handoff.to, source)) return undefined;
  const takesBack = type === 'handoff.reject' && handoff.from.sessionId === source.sessionId;
  return takesBack
    ? undefined
    : refuse('FORBIDDEN', `${type}: the handoff ${handoff.id} is not offered to this session.`, {
        to: handoff.to,
      });
}

/** The permission matrix, for every path that a direct write names. */
function permitPaths(
  view: StateView,
  command: SwarmCommand,
  rules: AccessRules,
): Refusal | undefined {
  const { source } = command;
  for (const { path, operation } of writesAsked(command)) {
    const parsed = parsePath(path);
    if (!parsed.ok) return parsed;
    if (rules.allow(view, source, inFull(parsed.steps), operation)) continue;
    const details = { path, operation, role: source.agentType };
    return refuse('FORBIDDEN', notFor(path, source, operation), details);
  }
  return undefined;
}
