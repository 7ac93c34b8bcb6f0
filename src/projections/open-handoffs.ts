/** Handoffs that are neither completed nor given up: by the sessions that made and accepted them, and by their task. */
import { isOpen, type HandoffRecord } from '../events/handoff.ts';

const NONE: ReadonlySet<string> = new Set();

/** An index of open handoffs. */
export class OpenHandoffs {
  readonly #byParty = new Map<string, Set<string>>();
  readonly #byTask = new Map<string, string>();
  /** The newest assignment of each task that was ever offered. */
  readonly #lastOffered = new Map<string, number>();

  /** Follows a handoff to what it is. */
  follow(handoff: HandoffRecord): void {
    const { id, from, acceptedBy, taskId, assignment } = handoff;
    for (const party of [from, acceptedBy]) {
      if (party === null) continue;
      const open = this.#byParty.get(party.sessionId) ?? new Set();
      if (isOpen(handoff)) open.add(id);
      else open.delete(id);
      if (open.size > 0) this.#byParty.set(party.sessionId, open);
      else this.#byParty.delete(party.sessionId);
    }
    if (isOpen(handoff)) this.#byTask.set(taskId, id);
    else if (this.#byTask.get(taskId) === id) this.#byTask.delete(taskId);
    this.#lastOffered.set(taskId, Math.max(assignment, this.#lastOffered.get(taskId) ?? 0));
  }

  idsOf(sessionId: string): ReadonlySet<string> {
    return this.#byParty.get(sessionId) ?? NONE;
  }

  idOfTask(taskId: string): string | undefined {
    return this.#byTask.get(taskId);
  }

  lastOffered(taskId: string): number | undefined {
    return this.#lastOffered.get(taskId);
  }

  ids(): Iterable<string> {
    return this.#byTask.values();
  }
}
