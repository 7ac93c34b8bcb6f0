/**
 * What a decision may see of the state: a read-only interface that `projections/` implements.
 *
 * Everything behind it is immutable, and answers for the moment after the last fact that was folded.
 */
import type { LockDeadlineKind, LockHold, LockRecord, LockUpgrade, LockWait } from './lock.ts';
import type { AgentRecord, SessionRecord } from './session.ts';
import type { SwarmRecord } from './system.ts';
import type { TaskRecord } from './task.ts';
import type { HandoffRecord } from './handoff.ts';
import type { DeadLetterRecord } from './dead-letter.ts';
import type { SubscriptionRecord } from './subscription.ts';
import type { Touch } from './definition.ts';

/** Something that runs out at a time that stands in the state (I9). */
export type Deadline =
  | { readonly kind: 'session'; readonly id: string; readonly atMs: number }
  | { readonly kind: 'sweep'; readonly id: string; readonly atMs: number }
  /** A session brings nothing forward; what a draining one holds is to be offered to its kind. */
  | { readonly kind: 'stalled' | 'hand_over'; readonly id: string; readonly atMs: number }
  /** The first of the tasks with one timeout has run for long enough; the id names the timeout. */
  | { readonly kind: 'task'; readonly id: string; readonly atMs: number }
  /** What follows a task that failed or was cancelled is to be cancelled too. */
  | { readonly kind: 'cascade'; readonly id: string; readonly atMs: number }
  | {
      readonly kind: LockDeadlineKind;
      readonly id: string;
      readonly resource: string;
      readonly atMs: number;
    }
  | { readonly kind: 'handoff'; readonly id: string; readonly atMs: number };

/** The locks that a session waits for: its requests, and what it holds and would make stronger. */
export interface Waits {
  readonly waits: readonly { readonly resource: string; readonly wait: LockWait }[];
  readonly upgrades: readonly { readonly resource: string; readonly upgrade: LockUpgrade }[];
}

/** What a session holds and waits for. */
export interface Holdings extends Waits {
  readonly locks: readonly { readonly resource: string; readonly hold: LockHold }[];
  readonly taskIds: readonly string[];
  readonly handoffs: readonly HandoffRecord[];
}

/** How much the live sessions of an agent hold, and run of it. */
export interface Load {
  readonly assigned: number;
  readonly running: number;
}

/** The state as a decision sees it. */
export interface StateView {
  /** The sequence of the last folded fact. */
  readonly sequence: number;
  /** Undefined before the first fact of a log. */
  readonly swarm: SwarmRecord | undefined;
  session(sessionId: string): SessionRecord | undefined;
  agent(agentId: string): AgentRecord | undefined;
  task(taskId: string): TaskRecord | undefined;
  handoff(handoffId: string): HandoffRecord | undefined;
  /** The handoff of a task that is neither completed nor given up. */
  openHandoffOf(taskId: string): HandoffRecord | undefined;
  /** The newest assignment of a task that was ever offered. */
  lastOffered(taskId: string): number | undefined;
  subscription(name: string): SubscriptionRecord | undefined;
  deadLetter(letterId: string): DeadLetterRecord | undefined;
  resource(resource: string): LockRecord | undefined;
  /** The records of the other resources that have something in common with one, in the order of their names. */
  overlapping(resource: string): readonly LockRecord[];
  /** Whether any resource that names a part of the state is locked or waited for. */
  readonly hasStateLocks: boolean;
  /** The resource of a held lock or a waiting request. */
  resourceOf(lockId: string): string | undefined;
  /**
   * Pending tasks that nobody is assigned to and that wait for no other, the most urgent and then the oldest first; those
   * whose required capabilities fit.
   */
  claimable(fits?: (requires: readonly string[]) => boolean): Iterable<TaskRecord>;
  /** The open subtasks of a task, in the order in which they were made. */
  openSubtasks(taskId: string): ReadonlySet<string>;
  /** The open tasks that depend on a task, in the order in which they were made. */
  openDependents(taskId: string): ReadonlySet<string>;
  /** The sessions that have not ended. */
  liveSessions(): Iterable<SessionRecord>;
  load(agentId: string): Load;
  /** The last sign of life of a session. */
  lastActivity(sessionId: string): Touch | undefined;
  /** When a session's silence becomes an error, or its error the end. */
  sessionDeadlineMs(sessionId: string): number | undefined;
  /** How many refused attempts of a session were recorded in the minute before a time. */
  recordedRefusals(sessionId: string, timeMs: number): number;
  holdings(sessionId: string): Holdings;
  waits(sessionId: string): Waits;
  /** How many locks a session holds or waits for. */
  lockCount(sessionId: string): number;
  /** How many there are of each. */
  readonly counts: {
    readonly sessions: number;
    readonly live: number;
    /** Sessions whose silence has a deadline. */
    readonly watched: number;
    readonly tasks: number;
    readonly handoffs: number;
    readonly subscriptions: number;
    readonly deadLetters: number;
  };
}
