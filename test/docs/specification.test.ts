/** `docs/specification.md` leaves nothing of the specification out, and names files and tests that are there. */
import { access, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { OUR_ROWS, PERMISSION_MATRIX } from '../../src/access/matrix.ts';
import { CATALOG } from '../../src/events/catalog.ts';
import { STATE_SCHEMAS } from '../../src/events/state-schemas.ts';
import { CONFLICT_STRATEGIES } from '../../src/events/strategies.ts';

/** What the specification has, interface by interface, as it names it. */
const SPECIFIED = `
SwarmState: global agents locks events
GlobalState: config.maxConcurrentAgents config.defaultPriority config.timeouts.taskDefault config.timeouts.handoffDefault config.timeouts.lockDefault config.features.autoHandoff config.features.preemption config.features.eventPersistence registry tasks metrics.totalTasksCompleted metrics.totalTasksFailed metrics.totalHandoffs metrics.averageTaskDuration metrics.lastUpdated health.status health.issues health.lastCheck
TaskState: id goal status priority assignedTo createdAt startedAt completedAt parentTaskId metadata
AgentState: agentId agentType sessionId status startedAt lastActivityAt currentTask taskQueue progress.current progress.message progress.eta resources.tokensUsed resources.tokensRemaining resources.memoryUsed resources.cpuTime errors.count errors.last data
AgentStatus: initializing idle busy paused draining offline error
PulseState: projectName projectPath goal branchName currentIteration maxIterations lastSignal iterations totalCommits commitHashes filesModified progressLog
PulseIteration: number status signal summary commitHash startedAt completedAt durationSeconds filesModified
PulseSignal: CONTINUE COMPLETE BLOCKED PAUSE UNKNOWN
HeartbeatState: checkInterval lastCheck nextCheck checks targets findings pendingNotifications
HeartbeatCheck: id type timestamp duration status findings
HeartbeatFinding: id type priority summary details notified timestamp
DreamWeaverState: dreamId dreamType prompt phase artifacts contextWindow quality
DreamType: analysis creative_writing code_generation research synthesis
Artifact: id type path size createdAt metadata
ConductorState: activeSessions pendingHandoffs routingTable agentLoads decisions
RoutingRule: id condition target weight enabled
ConductorDecision: id type input output reason timestamp
Permission Matrix: global.config global.registry global.tasks global.metrics global.health agents.pulse.* agents.heartbeat.* agents.dream_weaver.* agents.conductor.* locks.*
AccessControl: canAccess getAccessiblePaths validateUpdate
ValidationResult: allowed reason sanitizedValue
LockType: exclusive shared upgradeable
Lock: id resource type holder acquiredAt expiresAt ttl renewCount metadata
LockRegistry: locks waitQueue
LockRequest: id resource type requester requestedAt timeout priority
LockManager: acquire release renew upgrade downgrade forceRelease getLocks getWaitQueue
VersionedState: value version lastModified lastModifiedBy
StateUpdate: path expectedVersion newValue merge
UpdateResult: success newVersion conflict.currentVersion conflict.currentValue
ConflictResolver: strategies last-write-wins first-write-wins merge-objects merge-arrays higher-priority-wins resolve
SwarmEvent: id type source timestamp payload metadata.correlationId metadata.causationId metadata.trace
EventType: state.created state.updated state.deleted task.created task.assigned task.started task.progress task.completed task.failed task.cancelled handoff.requested handoff.accepted handoff.rejected handoff.completed agent.registered agent.started agent.stopped agent.health_changed lock.acquired lock.released lock.expired lock.contention system.config_changed system.alert system.maintenance
EventBus: emit subscribe unsubscribe query replay
EventPattern: type source custom
SubscribeOptions: delivery ordered filter batch onError maxRetries
Subscription: id pattern status stats pause resume cancel
EventHistory: maxEvents retentionMs events byType bySource byCorrelation
EventFilter: types sources after before correlationId limit offset
StateStorage: get set delete getMany setMany deleteMany list scan compareAndSet increment
SetOptions: ttl ifNotExists version
PersistenceStrategy: memory file sqlite redis hybrid
PersistenceConfig: strategy file sqlite redis hybrid
Snapshot: id timestamp state eventSequence checksum metadata
SnapshotManager: create restore list prune
State Path Syntax: global.config.maxConcurrentAgents agents.pulse.session-123.data.currentIteration agents.heartbeat.*.lastCheck locks.lock-456.holder.id
`;

const specified = new Map(
  SPECIFIED.trim()
    .split('\n')
    .map((line) => line.split(': '))
    .map(([name = '', members = '']) => [name, members.split(' ')]),
);

const page = await readFile(new URL('../../docs/specification.md', import.meta.url), 'utf8');

interface Row {
  readonly names: readonly string[];
  readonly files: readonly string[];
  readonly isPlanned: boolean;
  readonly note: string;
}

function rowOf(line: string): Row {
  const [what = '', file = '', shownBy = '', note = ''] = line.split(' | ');
  const isPlanned = file === '_planned_' && shownBy === '–';
  const files = isPlanned ? [] : [file, shownBy].map((cell) => /\(\.\.\/(.+)\)/.exec(cell)?.[1]);
  return {
    names: [...what.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    files: files.map((name) => name ?? 'no file'),
    isPlanned,
    note: note.replace(/\|$/, '').trim(),
  };
}

const tables = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((text) => {
      const [title = '', ...lines] = text.split('\n');
      return [title, lines.filter((line) => line.startsWith('| `')).map(rowOf)];
    }),
);

test('it has every interface of the specification, in its order', () => {
  expect([...tables.keys()]).toEqual([...specified.keys()]);
});

describe.each([...specified])('%s', (name, members) => {
  const rows = tables.get(name) ?? [];

  test('has every member once, and what is not of the specification is marked', () => {
    const ours = rows.filter(({ note }) => note.startsWith('ours')).flatMap(({ names }) => names);
    const found = rows.flatMap(({ names }) => names);
    expect(found.filter((one) => !ours.includes(one)).toSorted()).toEqual(members.toSorted());
    expect(new Set(found).size).toBe(found.length);
  });

  test('names files and tests that are there, or says that it is planned', async () => {
    for (const { names, files, isPlanned } of rows) {
      expect([names.join(), isPlanned || files.length === 2]).toEqual([names.join(), true]);
      const [file = 'src/', shownBy = 'test/'] = files;
      expect([file.startsWith('src/'), shownBy.startsWith('test/')]).toEqual([true, true]);
      for (const one of files) await access(new URL(`../../${one}`, import.meta.url));
    }
  });
});

/** The fields of an object, or the values of an enumeration. */
function membersOf(schema: unknown): readonly string[] {
  if (schema instanceof z.ZodEnum) return schema.options as readonly string[];
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** The states of the kinds differ in their data, and that is what their rows are about. */
function described(name: string, schema: unknown): unknown {
  if (!/^(?:Pulse|Heartbeat|DreamWeaver|Conductor)State$/.test(name)) return schema;
  return schema instanceof z.ZodObject ? schema.shape['data'] : undefined;
}

const ours = Object.entries(STATE_SCHEMAS).filter(([name]) => tables.has(name));

test.each(ours)('every field of %s that there is has a row', (name, schema) => {
  const rows = tables.get(name) ?? [];
  const known = rows.flatMap(({ names }) => names.map((one) => one.split('.')[0]));
  const members = membersOf(described(name, schema));
  expect(members.length).toBeGreaterThan(1);
  expect(members.filter((member) => !known.includes(member))).toEqual([]);
});

function namesOf(name: string): readonly string[] {
  return tables.get(name)?.flatMap(({ names }) => names) ?? [];
}

test('the rest is what the code has', () => {
  const events = Object.entries(CATALOG).filter(([, { origin }]) => origin === 'specification');
  expect(namesOf('EventType')).toEqual(expect.arrayContaining(events.map(([type]) => type)));
  expect(namesOf('EventType')).toHaveLength(events.length);
  expect(namesOf('ConflictResolver')).toEqual(expect.arrayContaining([...CONFLICT_STRATEGIES]));
  const rows = [...PERMISSION_MATRIX, ...OUR_ROWS].map(([path]) => path);
  expect(namesOf('Permission Matrix')).toEqual(expect.arrayContaining(rows));
});
