/**
 * Events that somebody may emit, and the command behind each: a lifecycle fact goes through its actor, which may refuse it.
 *
 * What is not in the table is recorded by the coordinator when it happens.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { definitionOf, type KernelEventType } from '../events/catalog.ts';
import { isAppEventType } from '../events/app-event.ts';
import { COMMANDS, type CommandInput, type CommandType } from './commands.ts';

/** The command that records each type of event. */
export const EMITTED: { readonly [Type in KernelEventType]?: CommandType } = {
  'state.created': 'state.update',
  'state.updated': 'state.update',
  'state.deleted': 'state.delete',
  'task.created': 'task.create',
  'task.assigned': 'task.assign',
  'task.started': 'task.start',
  'task.progress': 'task.progress',
  'task.completed': 'task.complete',
  'task.failed': 'task.fail',
  'task.cancelled': 'task.cancel',
  'task.closed': 'task.close',
  'task.requeued': 'task.requeue',
  'handoff.requested': 'handoff.request',
  'handoff.accepted': 'handoff.accept',
  'handoff.rejected': 'handoff.reject',
  'handoff.completed': 'handoff.complete',
  'agent.registered': 'session.register',
  'agent.started': 'session.start',
  'agent.heartbeat': 'session.heartbeat',
  'agent.paused': 'session.pause',
  'agent.resumed': 'session.resume',
  'agent.draining': 'session.drain',
  'agent.errored': 'session.fail',
  'agent.recovered': 'session.recover',
  'agent.stopped': 'session.stop',
  'lock.acquired': 'lock.acquire',
  'lock.renewed': 'lock.renew',
  'lock.upgraded': 'lock.upgrade',
  'lock.downgraded': 'lock.downgrade',
  'lock.released': 'lock.release',
  'system.config_changed': 'system.configure',
  'system.alert': 'system.raise_alert',
  'system.maintenance': 'system.note_maintenance',
};

/** That a lock is acquired is said when it is, and not when somebody begins to wait for it. */
const AT_ONCE: ReadonlySet<CommandType> = new Set<CommandType>(['lock.acquire', 'lock.upgrade']);

/** The command that records an event. Refuses with `INVALID_INPUT` an unknown type, with `FORBIDDEN` one that nobody emits. */
export function commandForEvent(
  type: unknown,
  payload: unknown,
): { readonly ok: true; readonly command: Pick<CommandInput, 'type' | 'payload'> } | Refusal {
  const definition = typeof type === 'string' ? definitionOf(type) : undefined;
  if (typeof type !== 'string' || definition === undefined) {
    if (typeof type !== 'string') {
      return refuse('INVALID_INPUT', "emit takes { type: 'app.x', payload }.", { at: 'type' });
    }
    const name = JSON.stringify(type.slice(0, 80));
    return refuse(
      'INVALID_INPUT',
      `There is no event type ${name}. Types of applications begin with app., as in app.build.finished.`,
      { at: 'type' },
    );
  }
  if (isAppEventType(type)) {
    if (payload === undefined) {
      return refuse('INVALID_INPUT', `${type} has no payload; null is one.`, { at: 'payload' });
    }
    return { ok: true, command: { type: 'event.emit', payload: { type, data: payload } } };
  }
  const command = EMITTED[type as KernelEventType];
  if (command === undefined) {
    return refuse(
      'FORBIDDEN',
      `${type} is recorded by the coordinator when it happens; nobody emits it.`,
      { type },
    );
  }
  return {
    ok: true,
    command: { type: command, payload: asked(command, payload, definition.fields) },
  };
}

/** What an event says and its command does not ask for, since it follows, is left out: the event of another can be given. */
function asked(type: CommandType, payload: unknown, follows: readonly string[]): unknown {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return payload;
  const asks = Object.keys(COMMANDS[type].schema.shape);
  const wanted = Object.entries(payload).filter(
    ([key]) => asks.includes(key) || !follows.includes(key),
  );
  const now = AT_ONCE.has(type) ? { timeout: 0 } : {};
  return { ...Object.fromEntries(wanted), ...now };
}
