/** What a caller is answered: the events that its command caused, or a refusal. */
import { toSwarmEvent, lastSequence, type Commit, type SwarmEvent } from '../events/envelope.ts';
import { Refused, type Refusal } from '../core/errors.ts';

/** A command that was carried out, or held already; what it saw is durable (I2). */
export interface Accepted {
  readonly ok: true;
  /** The sequence of its last event; when it caused none, that of the state it met. */
  readonly sequence: number;
  /** What it caused, in order; empty when it held already. */
  readonly events: readonly SwarmEvent[];
}

/** The answer to a command. */
export type Result = Accepted | Refusal;

/** The answer to a recorded command. Its events are put into envelopes when somebody looks at them. */
export class Recorded implements Accepted {
  readonly ok = true;
  readonly commit: Commit;
  readonly #swarmId: string;
  #events: readonly SwarmEvent[] | undefined;

  constructor(swarmId: string, commit: Commit) {
    this.#swarmId = swarmId;
    this.commit = commit;
  }

  get sequence(): number {
    return lastSequence(this.commit);
  }

  get events(): readonly SwarmEvent[] {
    this.#events ??= this.commit.facts.map((fact) =>
      toSwarmEvent(this.#swarmId, this.commit, fact),
    );
    return this.#events;
  }

  toJSON(): Accepted {
    return { ok: true, sequence: this.sequence, events: this.events };
  }
}

/** The acceptance of a result; throws {@link Refused} when it is a refusal. */
export function accepted(result: Result): Accepted {
  if (!result.ok) throw new Refused(result);
  return result;
}
