/** What each command asks for, in one sentence: the part of `docs/commands.md` that is written by hand. */
import type { CommandType } from '../../src/protocol/commands.ts';

export const NOTES: Readonly<Record<CommandType, string>> = {
  'session.register': 'Begins a session of an agent; with `ready: false` it stays `initializing`.',
  'session.start': 'Ends `initializing`.',
  'session.heartbeat':
    'Shows life; recorded only when a third of the deadline has passed since the last sign of it.',
  'session.pause': 'Takes no more tasks and starts none until it resumes.',
  'session.resume': 'Goes on after a pause.',
  'session.drain': 'Finishes what it holds and takes nothing more.',
  'session.stop': 'Ends the session; a `session.sweep` then gives back what it held.',
  'session.fail': 'Reports a failure of the session itself, which goes to `error`.',
  'session.recover': 'Says that the failure is over.',
  'session.expire':
    'Records that a session was silent for too long: first as an error, after `graceMs` as its end.',
  'session.sweep': 'Gives back the locks, requests, handoffs and tasks of an ended session.',
  'session.report_stalled':
    'Records that a session shows life and has brought no task forward for `stalledAfterMs`.',
  'session.hand_over':
    'Offers what a draining session holds to its kind of agent, with `features.autoHandoff`.',
  'task.create': 'Makes a pending task.',
  'task.claim':
    'Takes a task for the caller: the named one, or the most urgent and then oldest that waits.',
  'task.assign': 'Gives a pending task to a session.',
  'task.start': 'Begins to work on it.',
  'task.progress': 'Says how far it is.',
  'task.complete': 'Ends it with a result.',
  'task.fail': 'Ends it with an error.',
  'task.cancel': 'Ends it without either.',
  'task.close': 'Ends an open task as complete, whoever holds it.',
  'task.requeue': 'Takes it from its holder, so that somebody else may claim it.',
  'task.expire': 'Records that a task has run for too long: it is tried again, or failed.',
  'task.cascade':
    'Cancels the open subtasks and dependents of a task that failed or was cancelled.',
  'lock.acquire':
    'Asks for a lock: granted at once, or put into the queue of the resource for at most `timeout`.',
  'lock.renew': 'Extends the lease from now on.',
  'lock.release': 'Gives the lock back; whoever waits is let in by the same commit.',
  'lock.upgrade':
    'Makes a held lock a stronger one, exclusive unless `to` says otherwise: at once, or after waiting for the other holders for at most `timeout`. A grant: new token, new lease.',
  'lock.downgrade': 'Makes a held lock a shared one, and lets in whoever fits beside it.',
  'lock.force_release': 'Takes a lock from its holder; the reason stands in the event.',
  'lock.abandon': 'Gives up waiting.',
  'lock.expire': 'Records that the lease of a lock, or the time of a waiting request, has run out.',
  'handoff.request':
    'Offers a task that the caller holds to a session, an agent or a kind of agent.',
  'handoff.accept': 'Takes the offer; the first to accept has it.',
  'handoff.reject': 'Declines the offer; its requester takes it back in the same way.',
  'handoff.complete': 'Moves the task to the caller, as a pending one.',
  'handoff.expire': 'Records that a handoff was not completed in time.',
  'state.update': 'Writes a path that no actor owns; the path decides who may.',
  'state.delete': 'Takes away what is at a path that no actor owns; its version stays known.',
  'state.batch': 'Writes and deletes at several paths in one commit: all of them or none.',
  'event.emit': 'Records an event of an application, `app.*`.',
  'compound.apply':
    'Gives several commands as one, each decided on what those before it leave: all of them or none.',
  'subscription.create':
    'Makes a durable subscription, from `through` or from now on; one that is there stays as it is.',
  'subscription.advance':
    'Says that a durable subscription is done with every event up to `through`; refused when it was before.',
  'subscription.remove': 'Takes a durable subscription away.',
  'deadletter.add': 'Keeps an event that a subscription could not handle.',
  'deadletter.requeue': 'Lets the subscription have the event again.',
  'deadletter.resolve': 'Says that the event was handled at last.',
  'deadletter.drop': 'Gives the event up for good.',
  'access.report_denied':
    'Records that a session was denied what it wanted to read, with `config.audit.denials`.',
  'system.initialize': 'Makes the swarm: the first command of every log.',
  'system.resume': 'Records that another owner has opened the swarm.',
  'system.stall':
    'Records that the coordinator stood still, and extends the deadlines of sessions.',
  'system.raise_alert': 'Records that somebody should look at something.',
  'system.note_maintenance': 'Records what was done to the swarm from outside.',
  'system.configure':
    'Records another configuration or other limits, given at opening or by the operator.',
};
