/** How much the live sessions of each agent hold and run: what its capacity is compared with. */
import type { SessionRecord } from '../events/session.ts';
import type { Load } from '../events/view.ts';

const NOTHING: Load = Object.freeze({ assigned: 0, running: 0 });

/** Loads by agent. */
export class Loads {
  readonly #byAgent = new Map<string, { assigned: number; running: number }>();

  /** Follows a session from what it was to what it is. What an ended one still holds is no load: it is swept from it. */
  follow(before: SessionRecord | undefined, after: SessionRecord): void {
    const was = before === undefined || before.status === 'offline' ? undefined : before;
    const is = after.status === 'offline' ? undefined : after;
    const assigned = (is?.taskIds.length ?? 0) - (was?.taskIds.length ?? 0);
    const running = (is?.runningIds.length ?? 0) - (was?.runningIds.length ?? 0);
    if (assigned !== 0 || running !== 0) this.#add(after.identity.agentId, assigned, running);
  }

  #add(agentId: string, assigned: number, running: number): void {
    const load = this.#byAgent.get(agentId);
    if (load === undefined) {
      this.#byAgent.set(agentId, { assigned, running });
      return;
    }
    load.assigned += assigned;
    load.running += running;
  }

  of(agentId: string): Load {
    return this.#byAgent.get(agentId) ?? NOTHING;
  }

  /** Every agent that has something, for the hash of the state. */
  *rows(): Generator<readonly [agentId: string, load: Load]> {
    for (const row of this.#byAgent) if (row[1].assigned > 0) yield row;
  }
}
