/**
 * The projector: folds commits into every view, live and in replay alike.
 *
 * Keeps I1: the state is a function of the log, so everything here starts empty and changes by `apply` only.
 * Records are immutable and stand once, in the map of their kind; the other views hold ids.
 * Not here: whether a fact is legal (actors/), how views are shown (swarm-state.ts) or saved (checkpoint.ts).
 */
import { assert, unreachable } from '../core/errors.ts';
import { parsePath } from '../core/path.ts';
import {
  isAccessFact,
  isAppFact,
  isDeadLetterFact,
  isHandoffFact,
  isLockFact,
  isSessionFact,
  isStateFact,
  isSubscriptionFact,
  isSystemFact,
  isTaskFact,
} from '../events/catalog.ts';
import type { SwarmFact } from '../events/catalog.ts';
import type { AccessFact } from '../events/access.ts';
import { versionOf, type Touch } from '../events/definition.ts';
import { eventId, firstSequence, lastSequence, type Commit } from '../events/envelope.ts';
import {
  evolveDeadLetter,
  type DeadLetterFact,
  type DeadLetterRecord,
} from '../events/dead-letter.ts';
import { evolveHandoff, isOpen, type HandoffFact, type HandoffRecord } from '../events/handoff.ts';
import { assignmentOf } from '../events/hand-over.ts';
import { lockDeadlineMs } from '../events/lock.ts';
import type { LockDeadlineKind, LockFact, LockRecord } from '../events/lock.ts';
import {
  evolveAgent,
  evolveSession,
  withoutStall,
  type AgentRecord,
  type SessionFact,
  type SessionRecord,
} from '../events/session.ts';
import type { StateFact } from '../events/state.ts';
import {
  evolveSubscription,
  type SubscriptionFact,
  type SubscriptionRecord,
} from '../events/subscription.ts';
import { evolveSwarm, type SwarmRecord, type SystemFact } from '../events/system.ts';
import {
  evolveTask,
  hasEnded,
  sessionsConcerned,
  type TaskFact,
  type TaskRecord,
} from '../events/task.ts';
import {
  writtenSession,
  writtenSwarm,
  writtenTask,
  type Written,
} from '../events/written-records.ts';
import { unmetDependencies } from '../events/task-policy.ts';
import type { Deadline, Holdings, Load, StateView, Waits } from '../events/view.ts';
import { Activity, isWatched } from './activity.ts';
import { Claimable, isClaimable, type Fits } from './claimable.ts';
import { Deadlines } from './deadlines.ts';
import { EventRing } from './event-ring.ts';
import { Idempotency } from './idempotency.ts';
import { Loads } from './loads.ts';
import { Locks } from './locks.ts';
import { OpenHandoffs } from './open-handoffs.ts';
import { Refusals } from './refusals.ts';
import { RunningTasks, timeoutName } from './running-tasks.ts';
import { TaskGraph } from './task-graph.ts';
import { Tasks } from './tasks.ts';
import { workDeadlineMs, type WorkDeadline } from './work-deadlines.ts';
import { foldMetrics, NO_METRICS, type MetricsRecord } from './metrics.ts';

const GIVES_TIME: ReadonlySet<SessionFact['type']> = new Set([
  'agent.registered',
  'agent.started',
  'agent.recovered',
]);

/** The deadlines that facts about locks begin or move. */
const LOCK_DEADLINES: { readonly [Type in LockFact['type']]?: LockDeadlineKind } = {
  'lock.requested': 'wait',
  'lock.acquired': 'lock',
  'lock.renewed': 'lock',
  'lock.upgraded': 'lock',
  'lock.upgrade_requested': 'upgrade',
};

/** All projections of one swarm. */
export class Projector implements StateView {
  sequence = 0;
  /** The last recorded time. */
  timeMs = 0;
  swarm: SwarmRecord | undefined;
  metrics: MetricsRecord = NO_METRICS;
  readonly sessions = new Map<string, SessionRecord>();
  readonly agents = new Map<string, AgentRecord>();
  readonly tasks = new Tasks();
  readonly handoffs = new Map<string, HandoffRecord>();
  readonly locks = new Locks();
  readonly subscriptions = new Map<string, SubscriptionRecord>();
  readonly deadLetters = new Map<string, DeadLetterRecord>();
  readonly activity = new Activity();
  readonly idempotency = new Idempotency();
  readonly refusals = new Refusals();
  readonly ring = new EventRing();
  readonly deadlines = new Deadlines((deadline) => this.#deadlineNow(deadline));
  readonly claimableIds = new Claimable();
  readonly openHandoffIds = new OpenHandoffs();
  readonly #live = new Set<string>();
  readonly graph = new TaskGraph();
  readonly loads = new Loads();
  readonly running = new RunningTasks();
  /** The sessions that were reported to bring nothing forward. */
  readonly #stalled = new Set<string>();
  /** The commit that is folded. */
  #commit: Commit | undefined;
  /** The sessions whose silence has a deadline. */
  readonly #watched = new Set<string>();

  /** Folds a commit. */
  apply(commit: Commit): void {
    const facts = commit.facts as readonly SwarmFact[];
    this.#commit = commit;
    for (const fact of facts) this.#fold(fact);
    const first = facts[0];
    const { source, timeMs } = commit.command;
    if (first !== undefined && this.sessions.has(source.sessionId)) {
      if (commit.refused === undefined) this.activity.sign(source.sessionId, first);
      else this.refusals.note(source.sessionId, timeMs);
    }
    this.sequence = lastSequence(commit);
    this.timeMs = timeMs;
    assert(this.swarm !== undefined, 'the first fact of a log initializes the swarm');
    this.idempotency.follow(commit, this.swarm.limits);
    this.ring.push(commit, this.swarm.limits);
  }

  #fold(fact: SwarmFact): void {
    if (isTaskFact(fact)) this.#foldTask(fact);
    else if (isLockFact(fact)) this.#foldLock(fact);
    else if (isSessionFact(fact)) this.#foldSession(fact);
    else if (isHandoffFact(fact)) this.#foldHandoff(fact);
    else if (isStateFact(fact)) this.#foldDocument(fact);
    else if (isSystemFact(fact)) this.#foldSystem(fact);
    else if (isAccessFact(fact)) this.#foldDenial(fact);
    else if (isSubscriptionFact(fact)) this.#foldSubscription(fact);
    else if (isDeadLetterFact(fact)) this.#foldDeadLetter(fact);
    else if (!isAppFact(fact)) unreachable(fact); // a new kind of fact does not compile
  }

  #foldTask(fact: TaskFact): void {
    const before = this.tasks.get(fact.payload.taskId);
    const after = evolveTask(before, fact);
    this.tasks.set(after.id, after);
    if (fact.type === 'task.late_completion') return; // is history, and changes nothing
    if (fact.type === 'task.progress') return this.#endStall(after.assignedTo?.sessionId, fact);
    this.claimableIds.follow(before, after, this.#isReady(after));
    this.graph.follow(before, after);
    if (hasEnded(after)) this.#endTask(after);
    if (this.running.follow(before, after)) this.#noteWork('task', timeoutName(after));
    this.metrics = foldMetrics(this.metrics, fact, after);
    for (const sessionId of sessionsConcerned(before, after)) {
      const session = this.sessions.get(sessionId);
      if (session !== undefined) this.#keepSession(session, evolveSession(session, fact));
    }
  }

  #keepSession(before: SessionRecord | undefined, after: SessionRecord): void {
    this.sessions.set(after.identity.sessionId, after);
    this.loads.follow(before, after);
    const beganToRun = after.runningIds.length > 0 && before?.runningIds.length === 0;
    const isStalled = after.stalledSinceMs !== null;
    if (isStalled) this.#stalled.add(after.identity.sessionId);
    const hasMovedOn = !isStalled && this.#stalled.delete(after.identity.sessionId);
    if (beganToRun || hasMovedOn) this.#noteStall(after);
  }

  /** Progress concerns nobody else, unless it is that of a session which was reported to bring nothing forward. */
  #endStall(sessionId: string | undefined, fact: TaskFact | StateFact): void {
    if (this.#stalled.size === 0) return;
    const session = this.sessions.get(sessionId ?? '');
    if (session !== undefined) this.#keepSession(session, withoutStall(session, fact));
  }

  /** Not before its last beginning or end of a task; when exactly is looked up when the time comes. */
  #noteStall({ identity, runningIds, workedAtMs, heartbeatTimeoutMs }: SessionRecord): void {
    if (runningIds.length === 0 || heartbeatTimeoutMs === 0 || this.swarm === undefined) return;
    const atMs = workedAtMs + this.swarm.limits.stalledAfterMs;
    this.deadlines.note({ kind: 'stalled', id: identity.sessionId, atMs });
  }

  #isReady({ policy }: TaskRecord): boolean {
    return policy === null || unmetDependencies(policy, (id) => this.tasks.get(id)).length === 0;
  }

  /** What waited for a task may be claimed when it is complete, and is to be cancelled when it is not. */
  #endTask({ id, status, completedAtMs }: TaskRecord): void {
    if (!this.graph.hasFollowers(id)) return;
    if (status !== 'complete') {
      if (this.#commit !== undefined)
        this.graph.cascades.set(id, this.#correlationOf(this.#commit));
      this.deadlines.note({ kind: 'cascade', id, atMs: completedAtMs ?? 0 });
      return;
    }
    for (const dependentId of this.graph.dependentsOf(id)) {
      const dependent = this.tasks.get(dependentId);
      if (dependent !== undefined && isClaimable(dependent) && this.#isReady(dependent)) {
        this.claimableIds.enter(dependent);
      }
    }
  }

  #correlationOf(commit: Commit): string {
    return (
      commit.command.correlationId ?? eventId(this.swarm?.swarmId ?? '', firstSequence(commit))
    );
  }

  #noteWork(kind: WorkDeadline['kind'], id: string): void {
    const atMs = workDeadlineMs(this, { kind, id });
    if (atMs !== undefined) this.deadlines.note({ kind, id, atMs });
  }

  #foldLock(fact: LockFact): void {
    const record = this.locks.apply(fact);
    const kind = LOCK_DEADLINES[fact.type];
    if (kind !== undefined) this.#noteLock(record, kind, fact.payload.lockId);
  }

  #noteLock(record: LockRecord, kind: LockDeadlineKind, id: string): void {
    const atMs = lockDeadlineMs(record, kind, id);
    if (atMs !== undefined) this.deadlines.note({ kind, id, resource: record.resource, atMs });
  }

  #foldSession(fact: SessionFact): void {
    if (fact.type === 'agent.health_changed' || fact.type === 'agent.registered') {
      const { agentId } = fact.payload;
      this.agents.set(agentId, evolveAgent(this.agents.get(agentId), fact));
    }
    if (fact.type === 'agent.health_changed') return;
    const { sessionId } = fact.payload;
    const before = this.sessions.get(sessionId);
    const session = evolveSession(before, fact);
    this.#keepSession(before, session);
    if (fact.type === 'agent.registered') this.#live.add(sessionId);
    // Whoever says that a session is well, its operator for example, gives it its time again.
    if (GIVES_TIME.has(fact.type)) this.activity.sign(sessionId, fact);
    if (fact.type === 'agent.stopped') {
      this.#live.delete(sessionId);
      this.activity.forgivenUntilMs.delete(sessionId);
    }
    if (fact.type !== 'agent.heartbeat') this.#noteSession(session);
  }

  #noteSession(session: SessionRecord): void {
    const id = session.identity.sessionId;
    if (isWatched(session)) this.#watched.add(id);
    else this.#watched.delete(id);
    if (session.endedAtMs !== null) {
      this.deadlines.note({ kind: 'sweep', id, atMs: session.endedAtMs });
    } else {
      const atMs = this.sessionDeadlineMs(id);
      if (atMs !== undefined) this.deadlines.note({ kind: 'session', id, atMs });
      this.#noteStall(session);
      this.#noteWork('hand_over', id);
    }
  }

  #foldHandoff(fact: HandoffFact): void {
    const handoff = evolveHandoff(this.handoffs.get(fact.payload.handoffId), fact);
    this.handoffs.set(handoff.id, handoff);
    this.metrics = foldMetrics(this.metrics, fact, undefined);
    this.#indexHandoff(handoff);
  }

  #indexHandoff(handoff: HandoffRecord): void {
    const { id, taskId } = handoff;
    this.openHandoffIds.follow(handoff);
    if (isOpen(handoff)) {
      this.deadlines.note({ kind: 'handoff', id, atMs: handoff.requestedAtMs + handoff.timeoutMs });
      return;
    }
    // What a former holder offered is still to be offered by the present one.
    const task = this.tasks.get(taskId);
    if (task === undefined || assignmentOf(task) === this.lastOffered(taskId)) return;
    if (task.assignedTo !== null) this.#noteWork('hand_over', task.assignedTo.sessionId);
  }

  #foldDocument(fact: StateFact): void {
    const parsed = parsePath(fact.payload.path);
    assert(parsed.ok, 'a recorded path was read when it was decided');
    assert(this.swarm !== undefined, 'the first fact of a log initializes the swarm');
    const { limits } = this.swarm;
    const [root, section, id] = parsed.steps;
    const written = { fact, steps: parsed.steps.slice(3), limits };
    if (root === 'agents') this.#writeSession(String(id), written);
    else if (section === 'tasks') this.#writeTask(String(id), written);
    else this.swarm = writtenSwarm(this.swarm, { ...written, steps: parsed.steps.slice(1) });
  }

  #writeSession(id: string, written: Written): void {
    const session = this.sessions.get(id);
    assert(session !== undefined, 'only an existing session is written to');
    this.sessions.set(id, writtenSession(session, written));
    if (written.steps[0] === 'progress') this.#endStall(id, written.fact);
  }

  #writeTask(id: string, written: Written): void {
    const task = this.tasks.get(id);
    assert(task !== undefined, 'only an existing task is written to');
    this.tasks.set(id, writtenTask(task, written));
  }

  /** A denied read is reported by the coordinator, and counts as an attempt of the session that it names. */
  #foldDenial(fact: AccessFact): void {
    this.metrics = foldMetrics(this.metrics, fact, undefined);
    const isReported = this.#commit?.refused === undefined;
    if (isReported) this.refusals.note(fact.payload.sessionId, fact.timeMs);
  }

  #foldSubscription(fact: SubscriptionFact): void {
    const { name } = fact.payload;
    const after = evolveSubscription(this.subscriptions.get(name), fact);
    if (after === undefined) this.subscriptions.delete(name);
    else this.subscriptions.set(name, after);
  }

  #foldDeadLetter(fact: DeadLetterFact): void {
    const { letterId } = fact.payload;
    const after = evolveDeadLetter(this.deadLetters.get(letterId), fact);
    if (after === undefined) this.deadLetters.delete(letterId);
    else this.deadLetters.set(letterId, after);
  }

  #foldSystem(fact: SystemFact): void {
    this.swarm = evolveSwarm(this.swarm, fact);
    this.metrics = foldMetrics(this.metrics, fact, undefined);
    if (fact.type === 'system.resumed' || fact.type === 'system.stalled') {
      this.activity.forgive(this.sessions.values(), fact.payload.gapMs, this.swarm.limits);
    }
    // Shorter limits make deadlines earlier, and an entry that is noted too late would not come up in time.
    if (fact.type === 'system.config_changed') this.#noteSessions();
  }

  #noteSessions(): void {
    for (const session of this.sessions.values()) this.#noteSession(session);
    for (const name of this.running.names()) this.#noteWork('task', name);
  }

  // ── What a decision sees ────────────────────────────────────────────────────────────────────────────────────────

  session(sessionId: string): SessionRecord | undefined {
    return this.sessions.get(sessionId);
  }

  agent(agentId: string): AgentRecord | undefined {
    return this.agents.get(agentId);
  }

  task(taskId: string): TaskRecord | undefined {
    return this.tasks.get(taskId);
  }

  handoff(handoffId: string): HandoffRecord | undefined {
    return this.handoffs.get(handoffId);
  }

  openHandoffOf(taskId: string): HandoffRecord | undefined {
    return this.handoffs.get(this.openHandoffIds.idOfTask(taskId) ?? '');
  }

  lastOffered(taskId: string): number | undefined {
    return this.openHandoffIds.lastOffered(taskId);
  }

  /** The handoffs that are neither completed nor given up, oldest first. */
  openHandoffs(): readonly HandoffRecord[] {
    const found: HandoffRecord[] = [];
    for (const id of this.openHandoffIds.ids()) {
      const handoff = this.handoffs.get(id);
      if (handoff !== undefined) found.push(handoff);
    }
    return found.toSorted((a, b) => a.touched.whole.sequence - b.touched.whole.sequence);
  }

  subscription(name: string): SubscriptionRecord | undefined {
    return this.subscriptions.get(name);
  }

  deadLetter(letterId: string): DeadLetterRecord | undefined {
    return this.deadLetters.get(letterId);
  }

  resource(resource: string): LockRecord | undefined {
    return this.locks.byResource.get(resource);
  }

  overlapping(resource: string): readonly LockRecord[] {
    return this.locks.overlapping(resource);
  }

  get hasStateLocks(): boolean {
    return this.locks.hasStateLocks;
  }

  resourceOf(lockId: string): string | undefined {
    return this.locks.resourceById.get(lockId);
  }

  *claimable(fits?: Fits): Generator<TaskRecord> {
    for (const id of this.claimableIds.ids(fits)) {
      const task = this.tasks.get(id);
      assert(task !== undefined, 'the index names tasks that exist');
      yield task;
    }
  }

  openSubtasks(taskId: string): ReadonlySet<string> {
    return this.graph.subtasksOf(taskId);
  }

  openDependents(taskId: string): ReadonlySet<string> {
    return this.graph.dependentsOf(taskId);
  }

  *liveSessions(): Generator<SessionRecord> {
    for (const id of this.#live) {
      const session = this.sessions.get(id);
      if (session !== undefined) yield session;
    }
  }

  load(agentId: string): Load {
    return this.loads.of(agentId);
  }

  lastActivity(sessionId: string): Touch | undefined {
    return this.activity.last.get(sessionId);
  }

  recordedRefusals(sessionId: string, timeMs: number): number {
    return this.refusals.countAt(sessionId, timeMs);
  }

  sessionDeadlineMs(sessionId: string): number | undefined {
    const session = this.sessions.get(sessionId);
    if (session === undefined || this.swarm === undefined) return undefined;
    return this.activity.deadlineMs(session, this.swarm.limits);
  }

  holdings(sessionId: string): Holdings {
    const handoffs = [...this.openHandoffIds.idsOf(sessionId)]
      .map((id) => this.handoffs.get(id))
      .filter((handoff) => handoff !== undefined)
      .toSorted((a, b) => a.touched.whole.sequence - b.touched.whole.sequence);
    return {
      locks: this.locks.heldBy(sessionId),
      ...this.waits(sessionId),
      taskIds: this.sessions.get(sessionId)?.taskIds ?? [],
      handoffs,
    };
  }

  waits(sessionId: string): Waits {
    return this.locks.waitedForBy(sessionId);
  }

  lockCount(sessionId: string): number {
    return this.locks.countOf(sessionId);
  }

  get counts() {
    return {
      sessions: this.sessions.size,
      live: this.#live.size,
      watched: this.#watched.size,
      tasks: this.tasks.size,
      handoffs: this.handoffs.size,
      subscriptions: this.subscriptions.size,
      deadLetters: this.deadLetters.size,
    };
  }

  // ── Deadlines and derived views ─────────────────────────────────────────────────────────────────────────────────

  /** When a noted deadline is now; undefined when there is none any more. */
  #deadlineNow(deadline: Deadline): number | undefined {
    switch (deadline.kind) {
      case 'session':
        return this.sessionDeadlineMs(deadline.id);
      case 'task':
      case 'cascade':
      case 'stalled':
      case 'hand_over':
        return workDeadlineMs(this, deadline);
      case 'sweep':
        return this.#holdsAnything(deadline.id)
          ? (this.sessions.get(deadline.id)?.endedAtMs ?? undefined)
          : undefined;
      case 'lock':
      case 'wait':
      case 'upgrade':
        return lockDeadlineMs(this.resource(deadline.resource), deadline.kind, deadline.id);
      case 'handoff': {
        const handoff = this.handoffs.get(deadline.id);
        if (handoff === undefined || !isOpen(handoff)) return undefined;
        return handoff.requestedAtMs + handoff.timeoutMs;
      }
    }
  }

  #holdsAnything(sessionId: string): boolean {
    const session = this.sessions.get(sessionId);
    return (
      this.lockCount(sessionId) > 0 ||
      (session?.taskIds.length ?? 0) > 0 ||
      this.openHandoffIds.idsOf(sessionId).size > 0
    );
  }

  #deriveFromTask(task: TaskRecord): void {
    this.claimableIds.follow(undefined, task, this.#isReady(task));
    this.graph.follow(undefined, task);
  }

  /** Makes the views that are not saved, from the records that are. */
  deriveFromRecords(): void {
    // A list, since a dependency that is still text becomes a record on the way.
    const tasks = Array.from(this.tasks.atHand());
    for (const task of tasks) this.#deriveFromTask(task);
    const started = tasks.filter(({ status }) => status === 'running').toSorted(byStart);
    for (const task of started) this.running.follow(undefined, task);
    for (const name of this.running.names()) this.#noteWork('task', name);
    for (const id of this.graph.cascades.keys()) this.#noteWork('cascade', id);
    for (const handoff of this.handoffs.values()) this.#indexHandoff(handoff);
    for (const session of this.sessions.values()) {
      if (session.status !== 'offline') this.#live.add(session.identity.sessionId);
      this.loads.follow(undefined, session);
      if (session.stalledSinceMs !== null) this.#stalled.add(session.identity.sessionId);
      this.#noteSession(session);
    }
    for (const record of this.locks.byResource.values()) {
      for (const { id } of record.holders) this.#noteLock(record, 'lock', id);
      for (const { id } of record.queue) this.#noteLock(record, 'wait', id);
      if (record.upgrade !== null) this.#noteLock(record, 'upgrade', record.upgrade.lockId);
    }
  }
}

/** By when they were started, and of those at one time by the order of it. */
function byStart(a: TaskRecord, b: TaskRecord): number {
  return versionOf(a.touched, 'startedAt').sequence - versionOf(b.touched, 'startedAt').sequence;
}
