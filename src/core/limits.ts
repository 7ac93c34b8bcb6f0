/**
 * The limits of a swarm (I12), with their units, defaults and reasons.
 *
 * They are state: `decide` reads some of them, so they are recorded when a swarm is made, and again when it is opened
 * with other values (I6).
 */

/** Every limit and delay that the coordinator keeps to. */
export interface Limits {
  /** A session that shows no sign of life for so long goes to `error`. */
  readonly heartbeatTimeoutMs: number;
  /** How long a session in `error` may recover before it is `offline` and loses what it holds. */
  readonly graceMs: number;
  /** A timer that fires later than this means that the coordinator stalled, not the sessions (I9). */
  readonly stallMs: number;
  /** The longest TTL of a lock: a dead holder must not block others for a day. */
  readonly lockTtlMsMax: number;
  /** The longest time that a request may wait for a lock. */
  readonly lockWaitMsMax: number;
  /** Requests that may wait for one resource. */
  readonly lockQueueMax: number;
  /** Locks that may be held on one resource at once: a release lets in at most so many. */
  readonly lockHoldersMax: number;
  /** Locks and waiting requests of one session. */
  readonly locksPerSessionMax: number;
  /** Tasks in the state, finished ones included: about 0.5 KB each. */
  readonly tasksMax: number;
  /** Tasks that one task may wait for. */
  readonly taskDependenciesMax: number;
  /** Open tasks that one session may hold, its queue included. */
  readonly tasksPerSessionMax: number;
  /** How often a task that its sessions keep losing is tried, when its own policy does not say. */
  readonly taskAttemptsMax: number;
  /** The longest pause before a task is tried again. */
  readonly taskBackoffMsMax: number;
  /**
   * For how long a task is left to others than the session that lost it: time enough for each that works to ask for one, and
   * no more, since there may be some that never ask.
   */
  readonly lostPreferenceMs: number;
  /** A session that shows life and brings no task forward for so long is reported. */
  readonly stalledAfterMs: number;
  /** Sessions in the state, ended ones included. */
  readonly sessionsMax: number;
  /** Handoffs in the state, finished ones included. */
  readonly handoffsMax: number;
  /** Facts of one commit of a cascade, which goes on in the next; a release lets in at most a whole queue at once. */
  readonly commitFactsMax: number;
  /** Commands whose idempotency key is remembered: about 0.2 KB each. */
  readonly idempotencyKeysMax: number;
  /** For how long an idempotency key is remembered: longer than anybody retries. */
  readonly idempotencyWindowMs: number;
  /** Refused attempts of one session that are recorded in a minute: a loop of mistakes must not fill the log. */
  readonly recordedRefusalsPerMinuteMax: number;
  /** Characters of text in one command's payload. */
  readonly payloadCharsMax: number;
  /** Values (objects, lists, texts, numbers) in one command's payload. */
  readonly payloadNodesMax: number;
  /** How deep a payload may be nested. */
  readonly payloadDepthMax: number;
  /** Elements of a list of the free state that has no limit of its own. */
  readonly listLengthMax: number;
  /** The newest `PulseState.iterations` that the state keeps; older ones stay in the log. */
  readonly iterationsMax: number;
  /** The newest `PulseState.commitHashes` that the state keeps. */
  readonly commitHashesMax: number;
  /** The newest `PulseState.filesModified` that the state keeps; also of one iteration. */
  readonly filesModifiedMax: number;
  /** The newest `PulseState.progressLog` entries that the state keeps. */
  readonly progressLogMax: number;
  /** The newest `HeartbeatState.checks` that the state keeps. */
  readonly checksMax: number;
  /** The newest `HeartbeatState.findings` that the state keeps. */
  readonly findingsMax: number;
  /** The newest `HeartbeatState.pendingNotifications` that the state keeps. */
  readonly pendingNotificationsMax: number;
  /** Targets of one Heartbeat's own (`targets.custom`). */
  readonly customTargetsMax: number;
  /** The newest `DreamWeaverState.artifacts` that the state keeps. */
  readonly artifactsMax: number;
  /** Documents in one context window. */
  readonly documentsMax: number;
  /** The newest `ConductorState.decisions` that the state keeps. */
  readonly decisionsMax: number;
  /** Rules in one routing table: every one is tried for every task. */
  readonly routingRulesMax: number;
  /** Issues in `GlobalState.health`: a page that a person reads. */
  readonly healthIssuesMax: number;
  /** Paths of one record that have a version of their own; beyond that the paths above them have it. */
  readonly touchedPathsMax: number;
  /** Values (objects, lists, texts, numbers) in the free part of one record: about 0.1 KB each. */
  readonly documentNodesMax: number;
  /** How deep the free part of a record may be nested. */
  readonly documentDepthMax: number;
  /** Writes in one `state.batch`. */
  readonly batchUpdatesMax: number;
  /** Commands in one `compound.apply`. */
  readonly compoundCommandsMax: number;
  /** Durable subscriptions: each is a name that somebody comes back to. */
  readonly subscriptionsMax: number;
  /** Dead letters in the state: about 0.3 KB each; a subscription that can add none more stops. */
  readonly deadLettersMax: number;
  /** Subscriptions that are open at once: every event is shown to every one. */
  readonly subscribersMax: number;
  /** Places that one `query` may find. */
  readonly queryMatchesMax: number;
  /** Changes that wait for one slow `watch` before it ends. */
  readonly watchBufferMax: number;
  /** Watches that are open at once: every change is compared with every one. */
  readonly watchersMax: number;
  /** Events in the ring of `SwarmState.events`. */
  readonly historyEventsMax: number;
  /** How far the ring reaches back from the last recorded time. */
  readonly historyRetentionMs: number;
}

/** The values that a swarm has when nothing else was said. */
export const DEFAULT_LIMITS: Limits = {
  heartbeatTimeoutMs: 30_000,
  graceMs: 15_000,
  stallMs: 1_000,
  lockTtlMsMax: 3_600_000,
  lockWaitMsMax: 3_600_000,
  lockQueueMax: 20_000,
  lockHoldersMax: 1_000,
  locksPerSessionMax: 10_000,
  tasksMax: 1_000_000,
  taskDependenciesMax: 64,
  tasksPerSessionMax: 10_000,
  taskAttemptsMax: 100,
  taskBackoffMsMax: 3_600_000,
  lostPreferenceMs: 60_000,
  stalledAfterMs: 600_000,
  sessionsMax: 100_000,
  handoffsMax: 100_000,
  commitFactsMax: 256,
  idempotencyKeysMax: 10_000,
  idempotencyWindowMs: 86_400_000,
  recordedRefusalsPerMinuteMax: 60,
  payloadCharsMax: 1_048_576,
  payloadNodesMax: 50_000,
  payloadDepthMax: 32,
  listLengthMax: 10_000,
  iterationsMax: 1_000,
  commitHashesMax: 10_000,
  filesModifiedMax: 10_000,
  progressLogMax: 1_000,
  checksMax: 1_000,
  findingsMax: 1_000,
  pendingNotificationsMax: 1_000,
  customTargetsMax: 100,
  artifactsMax: 1_000,
  documentsMax: 1_000,
  decisionsMax: 1_000,
  routingRulesMax: 1_000,
  healthIssuesMax: 1_000,
  touchedPathsMax: 64,
  documentNodesMax: 100_000,
  documentDepthMax: 32,
  batchUpdatesMax: 64,
  compoundCommandsMax: 64,
  subscriptionsMax: 10_000,
  deadLettersMax: 10_000,
  subscribersMax: 10_000,
  queryMatchesMax: 100_000,
  watchBufferMax: 10_000,
  watchersMax: 1_000,
  historyEventsMax: 1_000,
  historyRetentionMs: 86_400_000,
};

/** What one command's payload may weigh. */
export type PayloadLimits = Pick<Limits, 'payloadCharsMax' | 'payloadNodesMax' | 'payloadDepthMax'>;

/** The least that can be set: every limit and the whole configuration fit in, so what was set can be set anew. */
export const LEAST_PAYLOAD: PayloadLimits = {
  payloadCharsMax: 4_000,
  payloadNodesMax: 150,
  payloadDepthMax: 4,
};

/** The greater of two, one by one. */
export function greaterPayload(one: PayloadLimits, other: PayloadLimits): PayloadLimits {
  return {
    payloadCharsMax: Math.max(one.payloadCharsMax, other.payloadCharsMax),
    payloadNodesMax: Math.max(one.payloadNodesMax, other.payloadNodesMax),
    payloadDepthMax: Math.max(one.payloadDepthMax, other.payloadDepthMax),
  };
}
