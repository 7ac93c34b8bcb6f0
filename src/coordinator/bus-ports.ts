/** The coordinator as the bus sees it (`bus/ports.ts`). */
import { EventWindow } from '../bus/event-window.ts';
import { HandlerStorage } from '../bus/handler-storage.ts';
import type { BusPorts } from '../bus/ports.ts';
import { randomChance } from '../core/chance.ts';
import type { Clock } from '../core/clock.ts';
import { Refused } from '../core/errors.ts';
import type { IdSource } from '../core/ids.ts';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import type { EventLog } from '../events/log.ts';
import type { Projector } from '../projections/projector.ts';
import { commandForEvent } from '../protocol/emitted.ts';
import type { Dispatcher } from './dispatch.ts';

/** What the ports lead to. */
export interface BusPortsParts {
  readonly log: EventLog;
  readonly projector: Projector;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** Makes the ports of a swarm. */
export function busPorts({ log, projector, dispatcher, clock, ids }: BusPortsParts): BusPorts {
  return {
    window: new EventWindow({
      readBlock: async (sequence) => log.blockAt(sequence),
      swarmId: () => projector.swarm?.swarmId ?? '',
      last: log.head.sequence,
    }),
    storage: new HandlerStorage(log.database),
    clock,
    chance: randomChance,
    ids,
    sequence: () => projector.sequence,
    limits: () => projector.swarm?.limits ?? DEFAULT_LIMITS,
    ask: (command, source, writes) => dispatcher.ask(command, source, writes),
    commandFor({ type, payload }) {
      const found = commandForEvent(type, payload);
      if (!found.ok) throw new Refused(found);
      return found.command;
    },
    isLive({ agentType, sessionId }) {
      return agentType === 'system' || projector.session(sessionId)?.status !== 'offline';
    },
    ownerOf: (name) => projector.subscription(name ?? '')?.ownerId,
    throughOf: (name) => projector.subscription(name)?.through,
    isQueued: (letterId) => projector.deadLetter(letterId)?.status === 'queued',
    queuedLetters: (name) =>
      [...projector.deadLetters.values()].filter(
        ({ subscription, status }) => subscription === name && status === 'queued',
      ),
  };
}
