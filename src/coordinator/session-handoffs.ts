/** The handoffs of a session's handle. */
import { Fault } from '../core/errors.ts';
import { toHandoffRequest, type Addressee, type HandoffRequest } from '../events/handoff.ts';
import type { Priority } from '../events/identity.ts';
import type { CommandType, PayloadOf } from '../protocol/commands.ts';
import { firstAbout, type Asker } from './asker.ts';

/** What handoff is asked for. */
export interface NewHandoff {
  readonly taskId: string;
  /** A session, an agent, or a kind of agent: the first to accept has it. */
  readonly to: Addressee;
  readonly reason: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly priority?: Priority;
  /** How long the offer stands, in milliseconds; `config.timeouts.handoffDefault` when absent. */
  readonly timeout?: number;
}

/** What a session does with handoffs. */
export class SessionHandoffs {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** Offers a task that this session holds. */
  async request(handoff: NewHandoff): Promise<HandoffRequest> {
    return this.#handoff('handoff.request', handoff);
  }

  async accept(handoffId: string): Promise<HandoffRequest> {
    return this.#handoff('handoff.accept', { handoffId });
  }

  async reject(handoffId: string, reason?: string): Promise<HandoffRequest> {
    return this.#handoff('handoff.reject', {
      handoffId,
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /** Takes the task over: from here on its old holder can do nothing with it. */
  async complete(handoffId: string): Promise<HandoffRequest> {
    return this.#handoff('handoff.complete', { handoffId });
  }

  async #handoff<Type extends CommandType & `handoff.${string}`>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
  ): Promise<HandoffRequest> {
    const state = await this.#asker.askFor(type, payload, (commit) => {
      const handoff = this.#asker.door.projector.handoff(firstAbout(commit, 'handoffId')?.id ?? '');
      return handoff && toHandoffRequest(handoff);
    });
    if (state === undefined)
      throw new Fault('INTERNAL', `${type} was accepted and concerns no handoff.`);
    return state;
  }
}
