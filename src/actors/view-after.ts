/**
 * The state as the facts of some commands left it, while none of them has happened yet: what the next part of a compound
 * command is decided on.
 *
 * Records stand here as the facts made them, and everything else is asked of the state before. It is complete for what the
 * parts can do (protocol/compound.ts); a test compares it with the state in which the parts were folded one by one.
 */
import { assert } from '../core/errors.ts';
import { parsePath } from '../core/path.ts';
import {
  isDeadLetterFact,
  isHandoffFact,
  isSessionFact,
  isStateFact,
  isSubscriptionFact,
  isSystemFact,
  isTaskFact,
  type SwarmFact,
} from '../events/catalog.ts';
import { evolveDeadLetter, type DeadLetterRecord } from '../events/dead-letter.ts';
import { evolveHandoff, isOpen, type HandoffRecord } from '../events/handoff.ts';
import type { LockRecord } from '../events/lock.ts';
import { evolveSession, type AgentRecord, type SessionRecord } from '../events/session.ts';
import type { StateFact } from '../events/state.ts';
import { evolveSubscription, type SubscriptionRecord } from '../events/subscription.ts';
import { evolveSwarm, type SwarmRecord } from '../events/system.ts';
import {
  evolveTask,
  hasEnded,
  sessionsConcerned,
  type TaskFact,
  type TaskRecord,
} from '../events/task.ts';
import type { Holdings, Load, StateView, Waits } from '../events/view.ts';
import { writtenSession, writtenSwarm, writtenTask } from '../events/written-records.ts';

/** A view of the state after facts that have not happened. */
export class ViewAfter implements StateView {
  readonly #before: StateView;
  readonly #sessions = new Map<string, SessionRecord>();
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #handoffs = new Map<string, HandoffRecord>();
  /** Undefined where the facts took something away. */
  readonly #subscriptions = new Map<string, SubscriptionRecord | undefined>();
  readonly #letters = new Map<string, DeadLetterRecord | undefined>();
  sequence: number;
  swarm: SwarmRecord | undefined;

  constructor(before: StateView) {
    this.#before = before;
    this.sequence = before.sequence;
    this.swarm = before.swarm;
  }

  /** Takes in the facts of a command, which have their places. */
  follow(facts: readonly SwarmFact[]): void {
    for (const fact of facts) {
      this.#fold(fact);
      this.sequence = fact.sequence;
    }
  }

  #fold(fact: SwarmFact): void {
    if (isTaskFact(fact)) this.#foldTask(fact);
    else if (isHandoffFact(fact)) {
      const { handoffId } = fact.payload;
      this.#handoffs.set(handoffId, evolveHandoff(this.handoff(handoffId), fact));
    } else if (isStateFact(fact)) this.#foldDocument(fact);
    else if (isSystemFact(fact)) this.swarm = evolveSwarm(this.swarm, fact);
    else if (isSubscriptionFact(fact)) {
      const { name } = fact.payload;
      this.#subscriptions.set(name, evolveSubscription(this.subscription(name), fact));
    } else if (isDeadLetterFact(fact)) {
      const { letterId } = fact.payload;
      this.#letters.set(letterId, evolveDeadLetter(this.deadLetter(letterId), fact));
    } else if (isSessionFact(fact) && fact.type !== 'agent.health_changed') {
      const { sessionId } = fact.payload;
      this.#sessions.set(sessionId, evolveSession(this.session(sessionId), fact));
    }
  }

  #foldTask(fact: TaskFact): void {
    const before = this.task(fact.payload.taskId);
    const after = evolveTask(before, fact);
    this.#tasks.set(after.id, after);
    if (fact.type === 'task.progress' || fact.type === 'task.late_completion') return;
    for (const sessionId of sessionsConcerned(before, after)) {
      const session = this.session(sessionId);
      if (session !== undefined) this.#sessions.set(sessionId, evolveSession(session, fact));
    }
  }

  #foldDocument(fact: StateFact): void {
    const parsed = parsePath(fact.payload.path);
    assert(parsed.ok && this.swarm !== undefined, 'what was decided has a path and a swarm');
    const { limits } = this.swarm;
    const [root, section, id] = parsed.steps;
    const written = { fact, steps: parsed.steps.slice(3), limits };
    const session = root === 'agents' ? this.session(String(id)) : undefined;
    const task = section === 'tasks' ? this.task(String(id)) : undefined;
    if (session !== undefined) {
      this.#sessions.set(String(id), writtenSession(session, written));
    } else if (task !== undefined) this.#tasks.set(task.id, writtenTask(task, written));
    else this.swarm = writtenSwarm(this.swarm, { ...written, steps: parsed.steps.slice(1) });
  }

  session(sessionId: string): SessionRecord | undefined {
    return this.#sessions.get(sessionId) ?? this.#before.session(sessionId);
  }

  agent(agentId: string): AgentRecord | undefined {
    return this.#before.agent(agentId);
  }

  task(taskId: string): TaskRecord | undefined {
    return this.#tasks.get(taskId) ?? this.#before.task(taskId);
  }

  handoff(handoffId: string): HandoffRecord | undefined {
    return this.#handoffs.get(handoffId) ?? this.#before.handoff(handoffId);
  }

  subscription(name: string): SubscriptionRecord | undefined {
    return this.#subscriptions.has(name)
      ? this.#subscriptions.get(name)
      : this.#before.subscription(name);
  }

  deadLetter(letterId: string): DeadLetterRecord | undefined {
    return this.#letters.has(letterId)
      ? this.#letters.get(letterId)
      : this.#before.deadLetter(letterId);
  }

  openHandoffOf(taskId: string): HandoffRecord | undefined {
    for (const handoff of this.#handoffs.values()) {
      if (handoff.taskId === taskId && isOpen(handoff)) return handoff;
    }
    const before = this.#before.openHandoffOf(taskId);
    return before === undefined || this.#handoffs.has(before.id) ? undefined : before;
  }

  lastOffered(taskId: string): number | undefined {
    let last = this.#before.lastOffered(taskId);
    for (const { taskId: of, assignment } of this.#handoffs.values()) {
      if (of === taskId) last = Math.max(assignment, last ?? 0);
    }
    return last;
  }

  openSubtasks(taskId: string): ReadonlySet<string> {
    return this.#followers(
      this.#before.openSubtasks(taskId),
      ({ parentTaskId }) => parentTaskId === taskId,
    );
  }

  openDependents(taskId: string): ReadonlySet<string> {
    return this.#followers(
      this.#before.openDependents(taskId),
      ({ policy }) => policy?.dependsOn.includes(taskId) === true,
    );
  }

  #followers(
    before: ReadonlySet<string>,
    follows: (task: TaskRecord) => boolean,
  ): ReadonlySet<string> {
    const open = new Set(before);
    for (const task of this.#tasks.values()) {
      if (!follows(task)) continue;
      if (hasEnded(task)) open.delete(task.id);
      else open.add(task.id);
    }
    return open;
  }

  *liveSessions(): Generator<SessionRecord> {
    for (const { identity } of this.#before.liveSessions()) {
      const session = this.session(identity.sessionId);
      if (session !== undefined) yield session;
    }
  }

  load(agentId: string): Load {
    let { assigned, running } = this.#before.load(agentId);
    for (const after of this.#sessions.values()) {
      const { identity, status } = after;
      if (identity.agentId !== agentId || status === 'offline') continue;
      const before = this.#before.session(identity.sessionId);
      assigned += after.taskIds.length - (before?.taskIds.length ?? 0);
      running += after.runningIds.length - (before?.runningIds.length ?? 0);
    }
    return { assigned, running };
  }

  holdings(sessionId: string): Holdings {
    return this.#before.holdings(sessionId);
  }

  get counts(): StateView['counts'] {
    const { counts } = this.#before;
    return {
      ...counts,
      tasks: counts.tasks + added(this.#tasks, (id) => this.#before.task(id)),
      handoffs: counts.handoffs + added(this.#handoffs, (id) => this.#before.handoff(id)),
      subscriptions:
        counts.subscriptions + added(this.#subscriptions, (id) => this.#before.subscription(id)),
      deadLetters: counts.deadLetters + added(this.#letters, (id) => this.#before.deadLetter(id)),
    };
  }

  // ── What the parts cannot change ────────────────────────────────────────────────────────────────────────────────

  resource(resource: string): LockRecord | undefined {
    return this.#before.resource(resource);
  }

  overlapping(resource: string): readonly LockRecord[] {
    return this.#before.overlapping(resource);
  }

  get hasStateLocks(): boolean {
    return this.#before.hasStateLocks;
  }

  resourceOf(lockId: string): string | undefined {
    return this.#before.resourceOf(lockId);
  }

  claimable(fits?: Parameters<StateView['claimable']>[0]): Iterable<TaskRecord> {
    return this.#before.claimable(fits);
  }

  lastActivity(sessionId: string): ReturnType<StateView['lastActivity']> {
    return this.#before.lastActivity(sessionId);
  }

  sessionDeadlineMs(sessionId: string): number | undefined {
    return this.#before.sessionDeadlineMs(sessionId);
  }

  recordedRefusals(sessionId: string, timeMs: number): number {
    return this.#before.recordedRefusals(sessionId, timeMs);
  }

  waits(sessionId: string): Waits {
    return this.#before.waits(sessionId);
  }

  lockCount(sessionId: string): number {
    return this.#before.lockCount(sessionId);
  }
}

/** How many more there are after than before. */
function added(after: ReadonlyMap<string, unknown>, before: (id: string) => unknown): number {
  let count = 0;
  for (const [id, record] of after) {
    if (record !== undefined) count += 1;
    if (before(id) !== undefined) count -= 1;
  }
  return count;
}
