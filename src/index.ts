/** The door for users. Nothing inside imports it. */
export type { AccessControl, ValidationResult } from './access/access-control.ts';
export type { Operation } from './access/access-rules.ts';
export type { Check, CheckContext, Found } from './agents/check.ts';
export {
  builtInChecks,
  CHECK_LIMITS,
  diskCheck,
  eventLoopCheck,
  loadCheck,
  lockQueuesCheck,
  memoryCheck,
  sessionsCheck,
} from './agents/built-in-checks.ts';
export { commandCheck, type CommandCheck } from './agents/command-check.ts';
export {
  runDreamWeaver,
  type DreamEnd,
  type DreamFailure,
  type DreamOptions,
} from './agents/dream-weaver.ts';
export {
  commandProbe,
  type CommandProbe,
  type Probe,
  type ProbeContext,
} from './agents/guardian-probe.ts';
export { HealthWatch, runGuardian, type GuardianOptions } from './agents/guardian.ts';
export type { LogView } from './agents/health-figures.ts';
export { checkOnce, runHeartbeat } from './agents/heartbeat.ts';
export type { Deliver } from './agents/heartbeat-delivery.ts';
export type { HeartbeatOptions, HeartbeatRound } from './agents/heartbeat-round.ts';
export type {
  Dream,
  DreamPhase,
  PhaseContext,
  Weave,
  WeaveCommand,
  WeaveFunctions,
  Woven,
} from './agents/weave.ts';
export { conductOnce, runConductor } from './agents/conductor.ts';
export type { ConductorOptions, ConductorRun } from './agents/conductor.ts';
export type { ConductorRound, LeftTask } from './agents/conductor-round.ts';
export type { RoutableTask, RuleFault } from './agents/routing-conditions.ts';
export type { SessionLoad } from './agents/swarm-load.ts';
export { runPulse } from './agents/pulse.ts';
export type { PulseIterationEnd } from './agents/pulse-iteration.ts';
export type { PulseOptions, PulseOutcome } from './agents/pulse-options.ts';
export type { PulseFailure, PulseFailureCode } from './agents/pulse-verdict.ts';
export { openSwarm } from './coordinator/open-swarm.ts';
export type { DenialCounts } from './coordinator/denials.ts';
export type { SwarmAccess } from './coordinator/swarm-access.ts';
export type { NewAgent, Swarm } from './coordinator/swarm.ts';
export type { ConfigInput, OpenOptions } from './coordinator/open-options.ts';
export type { ConflictResolver } from './coordinator/conflict-resolver.ts';
export type { AskedUpdate, DeliveryContext } from './bus/delivery-context.ts';
export type { DeliveryStorage } from './bus/delivery-storage.ts';
export type { EventPattern } from './bus/event-pattern.ts';
export type { BatchHandler, EventHandler } from './bus/job.ts';
export type { EmittedEvent } from './bus/ports.ts';
export type { DeliveryGuarantee, OnError, SubscribeOptions } from './bus/subscribe-options.ts';
export type { Subscription } from './bus/subscription.ts';
export type { DeadLetter, DeadLetters, DurableSubscription } from './coordinator/dead-letters.ts';
export type { SwarmEvents, SwarmEvents as EventBus } from './coordinator/event-bus.ts';
export type { AgentSession } from './coordinator/agent-session.ts';
export type {
  BatchEntry,
  BatchResult,
  StateRemoval,
  StateUpdate,
  UpdateResult,
} from './coordinator/state-writer.ts';
export type { NewHandoff, SessionHandoffs } from './coordinator/session-handoffs.ts';
export type { LockManager, LockRequestInput } from './coordinator/lock-manager.ts';
export type { LockPatience, LockQuery, SessionLocks } from './coordinator/session-locks.ts';
export type { NewTask, SessionTasks } from './coordinator/session-tasks.ts';
export type { WatchOptions } from './coordinator/watch.ts';
export type { StateChange } from './coordinator/watch-queue.ts';
export type { Accepted, Result } from './coordinator/result.ts';
export { ERRORS, Fault, Refused, type ErrorCode, type Refusal } from './core/errors.ts';
export type { CancelTimer, Clock } from './core/clock.ts';
export type { CheckpointPolicy } from './coordinator/checkpointer.ts';
export { History, type PastState } from './history/history.ts';
export type { Verification } from './history/verify.ts';
export type { EventFilter } from './events/filter.ts';
export type { IdSource } from './core/ids.ts';
export type { Limits } from './core/limits.ts';
export { CATALOG, type EventType, type KernelEventType } from './events/catalog.ts';
export type { SwarmEvent, TraceContext } from './events/envelope.ts';
export type { Addressee, HandoffRequest } from './events/handoff.ts';
export type { AgentIdentity, AgentKind, AgentType, Priority } from './events/identity.ts';
export { DEFAULT_HEALTH_THRESHOLDS, type HealthThresholds } from './events/health-thresholds.ts';
export type { LockType } from './events/lock.ts';
export type { Lock, LockRequest } from './events/lock-state.ts';
export type { AgentHealth, AgentProgress, AgentResources, AgentStatus } from './events/session.ts';
export {
  STATE_SCHEMAS,
  type Artifact,
  type ConductorDecision,
  type ConductorState,
  type DreamType,
  type DreamWeaverState,
  type HeartbeatCheck,
  type HeartbeatFinding,
  type HeartbeatState,
  type Notification,
  type ProgressEntry,
  type PulseIteration,
  type PulseSignal,
  type PulseState,
  type RoutingRule,
} from './events/state-schemas.ts';
export type { Alert, SwarmConfig, SwarmHealth } from './events/system.ts';
export type { TaskStatus } from './events/task.ts';
export type { TaskRetry } from './events/task-policy.ts';
export type { TaskState } from './events/task-state.ts';
export type { EventHistory } from './projections/event-ring.ts';
export type { SwarmMetrics } from './projections/metrics.ts';
export type { QueryMatch } from './projections/query.ts';
export type {
  AgentRegistration,
  AgentState,
  GlobalState,
  LockRegistry,
  SwarmState,
} from './projections/swarm-state.ts';
export type { VersionedState } from './projections/versions.ts';
export type { CommandInput, CommandLabels, CommandType } from './protocol/commands.ts';
