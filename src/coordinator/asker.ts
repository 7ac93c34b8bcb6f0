/** Asks by commands of one session, and answers with the state as each command left it. */
import type { EventBusHub } from '../bus/event-bus.ts';
import { frozen } from '../core/json.ts';
import type { Commit } from '../events/envelope.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { Projector } from '../projections/projector.ts';
import type { CommandInput, CommandLabels, CommandType, PayloadOf } from '../protocol/commands.ts';
import type { Asked } from './dispatch.ts';
import type { LockWaits } from './lock-waits.ts';
import type { ReadDoors } from './read-doors.ts';
import { accepted, Recorded } from './result.ts';

/** Where a command of a session goes. */
export interface SessionDoor {
  ask(input: CommandInput, source: AgentIdentity): Asked;
  readonly projector: Projector;
  readonly waits: LockWaits;
  /** Throws why nothing is served any more, when that is so. */
  checkServing(): void;
  /** The doors that read, for somebody. */
  readonly reads: ReadDoors;
  /** The subscriptions. */
  readonly hub: EventBusHub;
}

/** Asks by commands of one session. */
export class Asker {
  readonly door: SessionDoor;
  readonly identity: AgentIdentity;

  constructor(door: SessionDoor, identity: AgentIdentity) {
    this.door = door;
    this.identity = identity;
  }

  ask<Type extends CommandType>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
    labels?: CommandLabels,
  ): Asked {
    const command = { type, payload };
    return this.door.ask(labels === undefined ? command : { ...labels, ...command }, this.identity);
  }

  /**
   * Answers with something of the state as the command left it. `commit` is undefined when it caused nothing; for a repeat
   * under an idempotency key it is that of the first time, and the state is the present one.
   */
  async askFor<Type extends CommandType, T>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
    select: (commit: Commit | undefined) => T,
    labels?: CommandLabels,
  ): Promise<T> {
    const { answer, commit } = this.ask(type, payload, labels);
    const selected = frozen(select(commit));
    const result = accepted(await answer);
    const isRepeat = commit === undefined && result instanceof Recorded;
    return isRepeat ? frozen(select(result.commit)) : selected;
  }
}

/** The first fact about a thing, if any: a session that was in error recovers before it, in the same commit. */
export function firstAbout(
  commit: Commit | undefined,
  field: 'taskId' | 'lockId' | 'handoffId',
): { readonly type: string; readonly id: string } | undefined {
  for (const { type, payload } of commit?.facts ?? []) {
    const id = (payload as Readonly<Record<string, unknown>>)[field];
    if (typeof id === 'string') return { type, id };
  }
  return undefined;
}
