/**
 * Stands by while a session works on a task for long: shows its life, and ends the work when it is in vain.
 *
 * Work is in vain when somebody cancelled it, when the session does not hold the task any more, or when the swarm serves nobody.
 * A sign of life is given twice a second, and recorded only when a third of the session's deadline has passed since the last one;
 * nothing else is renewed.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { CancelTimer, Clock } from '../core/clock.ts';
import { Refused, type ErrorCode } from '../core/errors.ts';
import { runs } from './held-task.ts';

/** Why work ended early: somebody wanted it, the task is gone, or the swarm is. */
export type EarlyEnd = 'cancelled' | 'lost' | { readonly fault: unknown };

/** How a vigil is kept. */
export interface VigilOptions {
  readonly taskId: string;
  readonly clock: Clock;
  /** Cancels the work. */
  readonly signal?: AbortSignal | undefined;
}

/** Shorter than a third of any deadline that makes sense: one below 1.5 s leaves no room. */
const INTERVAL_MS = 500;
/** What says that the session has ended, and so has its hold on the task. */
const ENDED: readonly ErrorCode[] = ['SESSION_OFFLINE', 'UNKNOWN_SESSION'];

/** Stands by from its making until it is closed. */
export class Vigil implements AsyncDisposable {
  readonly #session: AgentSession;
  readonly #options: VigilOptions;
  readonly #end = new AbortController();
  readonly #cancel = () => this.endBy('cancelled');
  #early: EarlyEnd | undefined;
  #timer: CancelTimer | undefined;
  /** The signs of life that are not answered yet. */
  #signs: Promise<unknown> = Promise.resolve();

  constructor(session: AgentSession, options: VigilOptions) {
    this.#session = session;
    this.#options = options;
    options.signal?.addEventListener('abort', this.#cancel, { once: true });
    if (options.signal?.aborted === true) this.#cancel();
    this.#schedule();
  }

  /** Ends the work. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Looks whether the work has to end, and why; undefined while it may go on. */
  check(): EarlyEnd | undefined {
    if (this.#early === undefined && !this.#runs()) this.endBy('lost');
    return this.#early;
  }

  /** Ends the work; the first reason stands. */
  endBy(reason: EarlyEnd): void {
    this.#early ??= reason;
    this.#end.abort();
  }

  async close(): Promise<void> {
    this.#timer?.();
    this.#options.signal?.removeEventListener('abort', this.#cancel);
    this.#end.abort();
    await this.#signs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #runs(): boolean {
    try {
      return runs(this.#session, this.#options.taskId);
    } catch (fault) {
      this.endBy({ fault });
      return true;
    }
  }

  #schedule(): void {
    this.#timer = this.#options.clock.schedule(INTERVAL_MS, () => {
      if (this.check() !== undefined) return;
      this.#schedule(); // also when the disk is slow: a sign counts from when it is given
      this.#signs = Promise.all([this.#signs, this.#showLife()]);
    });
  }

  async #showLife(): Promise<void> {
    try {
      await this.#session.heartbeat();
    } catch (fault) {
      const code = fault instanceof Refused ? fault.code : undefined;
      if (code !== undefined && ENDED.includes(code)) this.endBy('lost');
      else if (code !== 'OVERLOADED') this.endBy({ fault });
    }
  }
}
