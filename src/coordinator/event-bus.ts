/**
 * `swarm.events` and `session.events`: what was recorded, for whoever may read it (specification, "Event Bus API": `query` and
 * `replay`). Who asks is bound when the handle is made.
 */
import type { SwarmEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { ReadDoors } from './read-doors.ts';

/** Is given an event, and waited for. */
export type EventHandler = (event: SwarmEvent) => void | Promise<void>;

/** The events of a swarm, as one identity may read them. */
export class SwarmEvents {
  readonly #reads: ReadDoors;
  readonly #identity: AgentIdentity;

  /** Use `swarm.events` or `session.events`. */
  constructor(reads: ReadDoors, identity: AgentIdentity) {
    this.#reads = reads;
    this.#identity = identity;
  }

  /**
   * The events of the state's history that match a filter, oldest first, as folded now: at most `historyEventsMax`, none older
   * than `historyRetentionMs`, and no signs of life. What is older, `replay` reads.
   * @throws {Refused} `INVALID_INPUT` for a filter that cannot be meant; `FORBIDDEN`
   *
   * @example
   * const swarm = await openSwarm();
   * await swarm.register({ agentType: 'pulse', agentId: 'ant' });
   * console.log(swarm.events.query({ types: ['agent.*'] }).length); // 2
   */
  query(filter: EventFilter = {}): readonly SwarmEvent[] {
    return this.#reads.events(filter, this.#identity);
  }

  /**
   * Gives the durable events that match a filter to a handler, in order and one at a time, from the first of the log to the last
   * that is durable when it is called. Reads the log block by block, so its memory does not grow with the log.
   * @throws {Refused} `INVALID_INPUT` for a filter that cannot be meant; `FORBIDDEN`; `CLOSED` or `HALTED` when the swarm ends
   * meanwhile; and what the handler throws, which ends it
   */
  async replay(filter: EventFilter, handler: EventHandler): Promise<void> {
    for await (const event of this.#reads.recorded(filter, this.#identity)) await handler(event);
  }
}
