/** The places of the state that an actor owns, and the command that changes each: nothing is written there directly. */
import type { PathStep } from '../core/path.ts';
import { DERIVED_FOR_CONDUCTORS } from './agent-data.ts';
import { isOwnedInSession } from './session.ts';

/** The commands that change what an actor owns, by the first two steps of the path or the field of a session. */
const OWNERS: Readonly<Record<string, string>> = {
  'global.registry': 'session.register',
  'global.tasks': 'task.create, task.claim, task.progress, …',
  'global.metrics': 'none: they are derived from the log',
  'locks.locks': 'lock.acquire, lock.renew, lock.release',
  'locks.waitQueue': 'lock.acquire',
  events: 'none: events are appended by commands',
  status: 'session.pause, session.resume, session.drain, session.stop',
  currentTask: 'task.start',
  taskQueue: 'task.claim, task.assign',
  errors: 'session.fail',
};

const DERIVED = 'none: it is derived from the log';

/** The command that changes an owned place; undefined when nobody owns it. The steps are in full. */
export function ownerAt(steps: readonly PathStep[]): string | undefined {
  const root = steps[0];
  const section = steps[1];
  const field = steps[3];
  if (root === 'agents') {
    if (isDerived(steps)) return DERIVED;
    if (steps.length < 3 || !isOwnedInSession(field)) return undefined;
    return ownerOf(String(field)) ?? 'none: the coordinator keeps it';
  }
  if (root === 'global' && section === 'tasks' && field === 'metadata') return undefined;
  return ownerOf(`${String(root)}.${String(section)}`) ?? ownerOf(String(root));
}

/** Whether a path in full leads to what is derived for Conductors. */
export function isDerived(steps: readonly PathStep[]): boolean {
  const isInData = steps[0] === 'agents' && steps[1] === 'conductor' && steps[3] === 'data';
  return isInData && (DERIVED_FOR_CONDUCTORS as readonly unknown[]).includes(steps[4]);
}

function ownerOf(name: string): string | undefined {
  return Object.hasOwn(OWNERS, name) ? OWNERS[name] : undefined;
}
