/** What is told while the swarm works: a subscription to its events, and a sentence for those that people want to hear. */
import type { Subscription } from '../../bus/subscription.ts';
import type { Swarm } from '../../coordinator/swarm.ts';
import type { SwarmEvent } from '../../events/envelope.ts';
import { harmless } from '../output.ts';

/** What is told while it works. */
export interface Told {
  progress(done: number, of: number): void;
  event(text: string): void;
}

/** What the events of a run are told by. */
export interface NewsOptions {
  readonly told: Told;
  readonly sourceIds: ReadonlySet<string>;
}

/** What an event may say, as far as it is told. */
type Payload = Readonly<Record<string, string | undefined>> & {
  readonly newValue?: { readonly status: string; readonly issues: readonly string[] };
};

/** Tells of what happens from now on, in the order of the log, when it is durable. */
export function tellNews(swarm: Swarm, { told, sourceIds }: NewsOptions): Subscription {
  const ended = new Set<string>();
  const given = new Set<string>();
  return swarm.events.subscribe({ type: [...Object.keys(SENTENCES), ...ENDS] }, (event) => {
    const { type, payload } = event as SwarmEvent<Payload>;
    const { taskId = '', reason } = payload;
    if (type === 'task.requeued' && reason === 'session_offline') given.add(taskId);
    const text = SENTENCES[type]?.(event as SwarmEvent<Payload>);
    if (text !== undefined) told.event(harmless(text));
    if (!ENDS.includes(type) || !sourceIds.has(taskId)) return;
    ended.add(taskId);
    told.progress(ended.size, sourceIds.size);
    if (given.delete(taskId)) told.event(`${event.source.agentId} finishes it`);
  });
}

const ENDS: readonly string[] = ['task.completed', 'task.failed', 'task.cancelled'];

const SENTENCES: Readonly<Record<string, (event: SwarmEvent<Payload>) => string | undefined>> = {
  'access.denied': ({ source, payload: { operation, subject, code } }) =>
    `${source.agentId} may not ${operation ?? 'touch'} ${subject ?? ''}: ${code ?? ''}`,
  'lock.expired': ({ payload: { resource } }) => `the lock on ${resource ?? ''} has run out`,
  'agent.health_changed': ({ payload: { agentId, from, to } }) => {
    if (to === 'unresponsive') return `${agentId} shows no sign of life`;
    return from === 'unresponsive' && to === 'offline' ? `${agentId} is given up` : undefined;
  },
  'task.requeued': ({ payload: { reason } }) =>
    reason === 'session_offline' ? 'what it was at goes back, for somebody else' : undefined,
  'handoff.completed': ({ source }) => `the Conductor handed the report over to ${source.agentId}`,
  'lock.upgraded': ({ payload: { resource } }) =>
    `nobody reads ${resource ?? ''} any more: it may be written`,
  'state.updated': ({ source, payload: { path, newValue, resolved } }) =>
    path === 'global.health' && newValue !== undefined && resolved === undefined // else the other one has said it
      ? `${source.agentId} finds the swarm ${[newValue.status, ...newValue.issues].join(': ')}`
      : undefined,
};
