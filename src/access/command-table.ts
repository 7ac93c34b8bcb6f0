/**
 * Who may give which command: the command table, as data.
 *
 * A row gives, for each role, the relation to the thing that the role must have. `any`: none needed. `own`: the session
 * itself. `holder`: it holds the task or lock, or waits for the lock. `former`: it holds the task, or has lost it; then it is
 * refused all the same, and that it tried is recorded. `addressee`: the handoff is offered to it, or it made
 * the offer. `coordinator`: the coordinator by itself, and not its operator. `no`: never. Ours beside the specification's permission matrix, which governs direct reads and writes.
 */
import type { CommandType } from '../protocol/commands.ts';
import type { AgentType } from '../events/identity.ts';

/** How close somebody must be to a thing. */
export type Relation = 'any' | 'own' | 'holder' | 'former' | 'addressee' | 'coordinator' | 'no';

type Row = Readonly<Record<AgentType, Relation>>;

/** Pulse, Heartbeat, Dream Weaver; Conductor; Guardian; system. */
function row(worker: Relation, conductor: Relation, guardian: Relation, system: Relation): Row {
  return { pulse: worker, heartbeat: worker, dream_weaver: worker, conductor, guardian, system };
}

/** The command table. */
export const COMMAND_TABLE: Readonly<Record<CommandType, Row>> = {
  //                       workers      conductor    guardian     system
  'session.register': row('no', 'no', 'no', 'any'),
  'session.start': row('own', 'own', 'own', 'any'),
  'session.heartbeat': row('own', 'own', 'own', 'no'),
  'session.pause': row('own', 'any', 'own', 'any'),
  'session.resume': row('own', 'any', 'own', 'any'),
  'session.drain': row('own', 'any', 'own', 'any'),
  'session.stop': row('own', 'any', 'own', 'any'),
  'session.fail': row('own', 'own', 'own', 'any'),
  'session.recover': row('own', 'own', 'own', 'any'),
  'session.expire': row('no', 'no', 'no', 'coordinator'),
  'session.sweep': row('no', 'no', 'no', 'coordinator'),
  'session.report_stalled': row('no', 'no', 'no', 'coordinator'),
  'session.hand_over': row('no', 'no', 'no', 'coordinator'),

  'task.create': row('any', 'any', 'no', 'any'),
  'task.claim': row('any', 'any', 'no', 'no'),
  'task.assign': row('no', 'any', 'no', 'any'),
  'task.start': row('holder', 'holder', 'no', 'no'),
  'task.progress': row('holder', 'holder', 'no', 'no'),
  'task.complete': row('former', 'former', 'no', 'no'),
  'task.fail': row('holder', 'holder', 'no', 'no'),
  'task.cancel': row('holder', 'any', 'no', 'any'),
  'task.close': row('no', 'any', 'no', 'any'),
  'task.requeue': row('no', 'any', 'no', 'any'),
  'task.expire': row('no', 'no', 'no', 'coordinator'),
  'task.cascade': row('no', 'no', 'no', 'coordinator'),

  'lock.acquire': row('any', 'any', 'no', 'no'),
  'lock.renew': row('holder', 'holder', 'no', 'no'),
  'lock.release': row('holder', 'holder', 'no', 'no'),
  'lock.upgrade': row('holder', 'holder', 'no', 'no'),
  'lock.downgrade': row('holder', 'holder', 'no', 'no'),
  'lock.force_release': row('no', 'any', 'no', 'any'),
  'lock.abandon': row('holder', 'holder', 'no', 'no'),
  'lock.expire': row('no', 'no', 'no', 'coordinator'),

  'handoff.request': row('holder', 'holder', 'no', 'no'),
  'handoff.accept': row('addressee', 'addressee', 'no', 'no'),
  'handoff.reject': row('addressee', 'addressee', 'no', 'no'),
  'handoff.complete': row('holder', 'holder', 'no', 'no'),
  'handoff.expire': row('no', 'no', 'no', 'coordinator'),

  // the paths decide: see permit.ts
  'state.update': row('any', 'any', 'any', 'any'),
  'state.delete': row('any', 'any', 'any', 'any'),
  'state.batch': row('any', 'any', 'any', 'any'),

  'event.emit': row('any', 'any', 'any', 'any'),
  // the parts decide
  'compound.apply': row('any', 'any', 'any', 'any'),

  // its owner only: see actors/subscription.ts
  'subscription.create': row('any', 'any', 'any', 'any'),
  'subscription.advance': row('any', 'any', 'any', 'any'),
  'subscription.remove': row('any', 'any', 'any', 'any'),
  'deadletter.add': row('any', 'any', 'any', 'any'),
  'deadletter.requeue': row('any', 'any', 'any', 'any'),
  'deadletter.resolve': row('any', 'any', 'any', 'any'),
  'deadletter.drop': row('any', 'any', 'any', 'any'),

  'access.report_denied': row('no', 'no', 'no', 'coordinator'),

  'system.raise_alert': row('no', 'any', 'any', 'any'),
  'system.note_maintenance': row('no', 'no', 'no', 'any'),
  'system.initialize': row('no', 'no', 'no', 'coordinator'),
  'system.resume': row('no', 'no', 'no', 'coordinator'),
  'system.stall': row('no', 'no', 'no', 'coordinator'),
  'system.configure': row('no', 'no', 'no', 'any'),
};
