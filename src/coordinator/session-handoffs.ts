/** The handoffs of a session's handle. */
import { Fault } from '../core/errors.ts';
import { frozen } from '../core/json.ts';
import type { Commit } from '../events/envelope.ts';
import {
  isAddressee,
  toHandoffRequest,
  type Addressee,
  type HandoffRequest,
} from '../events/handoff.ts';
import type { Priority } from '../events/identity.ts';
import type { CommandLabels, CommandType, PayloadOf } from '../protocol/commands.ts';
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
  async request(handoff: NewHandoff, labels?: CommandLabels): Promise<HandoffRequest> {
    return this.#handoff('handoff.request', handoff, labels);
  }

  /** The offers that this session may accept, oldest first, as folded now; of tasks that it may read. */
  offers(): readonly HandoffRequest[] {
    const { door, identity } = this.#asker;
    door.checkServing();
    const found = door.projector
      .openHandoffs()
      .filter(({ status, from, to, taskId }) => {
        const isOwn = from.sessionId === identity.sessionId;
        const isOffered = status === 'requested' && !isOwn && isAddressee(to, identity);
        return isOffered && door.reads.canRead(['global', 'tasks', taskId], identity);
      })
      .map(toHandoffRequest);
    return frozen(found);
  }

  async accept(handoffId: string, labels?: CommandLabels): Promise<HandoffRequest> {
    return this.#handoff('handoff.accept', { handoffId }, labels);
  }

  async reject(
    handoffId: string,
    reason?: string,
    labels?: CommandLabels,
  ): Promise<HandoffRequest> {
    const payload = { handoffId, ...(reason === undefined ? {} : { reason }) };
    return this.#handoff('handoff.reject', payload, labels);
  }

  /** Takes the task over: from here on its old holder can do nothing with it. */
  async complete(handoffId: string, labels?: CommandLabels): Promise<HandoffRequest> {
    return this.#handoff('handoff.complete', { handoffId }, labels);
  }

  async #handoff<Type extends CommandType & `handoff.${string}`>(
    type: Type,
    payload: Partial<PayloadOf<Type>>,
    labels?: CommandLabels,
  ): Promise<HandoffRequest> {
    const select = (commit: Commit | undefined): HandoffRequest | undefined => {
      const handoff = this.#asker.door.projector.handoff(firstAbout(commit, 'handoffId')?.id ?? '');
      return handoff && toHandoffRequest(handoff);
    };
    const state = await this.#asker.askFor(type, payload, select, labels);
    if (state === undefined)
      throw new Fault('INTERNAL', `${type} was accepted and concerns no handoff.`);
    return state;
  }
}
