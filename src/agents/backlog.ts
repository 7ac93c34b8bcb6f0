/**
 * The open tasks of a swarm, as somebody keeps them who is told of every change: going through all tasks, ended ones included,
 * happens once.
 *
 * Durable news only, so it may be a moment behind: whoever acts on a task looks at it again before.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { Clock } from '../core/clock.ts';
import { Refused } from '../core/errors.ts';
import type { TaskState } from '../events/task-state.ts';

const TASKS = 'global.tasks';
/** Node's longest timer. */
const FOR_LONG_MS = 2 ** 31 - 1;

/** Open tasks by id, kept until it is closed. */
export class Backlog implements Iterable<TaskState> {
  readonly #session: AgentSession;
  readonly #end = new AbortController();
  readonly #tasks = new Map<string, TaskState>();
  #isNews = false;
  #fault: unknown;
  #onNews: (() => void) | undefined;

  /** Reads what is there, and follows it from now on. */
  constructor(session: AgentSession) {
    this.#session = session;
    void this.#follow();
  }

  /** Every open task. Throws why they could not be followed any further. */
  [Symbol.iterator](): Iterator<TaskState> {
    if (this.#fault !== undefined) throw this.#fault;
    return this.#tasks.values();
  }

  /** Takes in all that is durable by now. */
  async settle(): Promise<void> {
    await yieldToOthers();
    this.#isNews = false;
  }

  /**
   * Waits until there is something to do (a task waits for somebody, or somebody has one less), for some milliseconds at most.
   * Not at all when that was so since it settled last.
   */
  async news(
    atMostMs: number,
    { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.#isNews || signal?.aborted === true) return;
    const keepAlive = setInterval(() => {}, FOR_LONG_MS); // a clock's timers keep no process alive
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        signal?.removeEventListener('abort', done);
        this.#onNews = undefined;
        resolve();
      };
      const cancel = clock.schedule(atMostMs, done);
      signal?.addEventListener('abort', done, { once: true });
      this.#onNews = done;
    });
    clearInterval(keepAlive);
  }

  close(): void {
    this.#end.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        const changes = this.#session.watch(`${TASKS}.*`, { signal });
        this.#read(); // what is told from here on is newer
        for await (const { value } of changes) this.#keep(value as TaskState);
      } catch (error) {
        const wasSlow = error instanceof Refused && error.details['limit'] === 'watchBufferMax';
        if (wasSlow) continue; // more waited than may: read anew
        this.#fault = error;
        this.#tell();
        return;
      }
    }
  }

  #read(): void {
    this.#tasks.clear();
    const all = this.#session.get(TASKS) as Readonly<Record<string, TaskState>>;
    for (const task of Object.values(all)) this.#keep(task);
  }

  #keep(task: TaskState): void {
    const before = this.#tasks.get(task.id);
    if (isOpen(task)) this.#tasks.set(task.id, task);
    else this.#tasks.delete(task.id);
    const holder = task.assignedTo?.sessionId;
    const wasLost = before?.assignedTo != null && before.assignedTo.sessionId !== holder;
    if (!isOpen(task) || holder === undefined || wasLost) this.#tell();
  }

  #tell(): void {
    this.#isNews = true;
    this.#onNews?.();
  }
}

function isOpen({ status }: TaskState): boolean {
  return status === 'pending' || status === 'running';
}
