/**
 * A random life of a swarm: commands of all kinds, legal and not, by sessions that come, work, fall silent and die.
 *
 * The operations name things by small numbers, so that they meet the same things often; what a number means is looked up when
 * the operation runs. A failing life shrinks to few operations and can be pasted into a test of its own.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Limits } from '../../src/core/limits.ts';
import { isCompatible } from '../../src/actors/lock-rules.ts';
import { overlaps } from '../../src/core/resource.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { Result } from '../../src/coordinator/result.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { AGENT_KINDS, PRIORITIES, type AgentIdentity } from '../../src/events/identity.ts';
import type { Commit } from '../../src/events/envelope.ts';
import type { EventLog } from '../../src/events/log.ts';
import { LOCK_TYPES } from '../../src/events/lock.ts';
import type { TaskRetry } from '../../src/events/task-policy.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import type { SwarmState } from '../../src/projections/swarm-state.ts';
import type { CommandInput, CommandLabels, CommandType } from '../../src/protocol/commands.ts';
import { ManualClock } from '../../src/testing/index.ts';

const INDEX_MAX = 15;
const small = fc.nat({ max: INDEX_MAX });
/** The longest that a request of a life waits: also an upgrade, whose patience is that of the configuration. */
const WAIT_MS_MAX = 30_000;
/** Mostly the one who may; rarely anybody. */
const rarely = fc.oneof(
  { weight: 6, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: small },
);
const ms = fc.constantFrom(1, 400, 400, 3_000, 3_000, 12_000, 12_000, 31_000, 50_000);
const priority = fc.constantFrom(...PRIORITIES);

/** Some overlap; the last one keeps others from commands about a task. */
const RESOURCES = ['r0', 'r1/a', 'r1/b', 'r1/**', 'r1/**', 'state/global/tasks/t1/**'] as const;
const RETRIES: readonly TaskRetry[] = [
  { maxAttempts: 3, backoffMs: 300 },
  { maxAttempts: 2, onLost: 'fail' },
];

/** What the compound commands of a life are made of. */
const PARTS_OF_LIFE = [
  'event.emit',
  'state.update',
  'task.create',
  'task.create',
  'task.assign',
  'task.start',
  'task.progress',
  'task.complete',
  'task.fail',
  'task.cancel',
  'task.requeue',
  'handoff.request',
  'handoff.accept',
  'handoff.complete',
  'subscription.advance',
  'system.raise_alert',
] as const;

/** One operation of a life. */
export const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('register'),
      agent: fc.nat(4),
      kind: fc.constantFrom(...AGENT_KINDS, 'pulse', 'pulse', 'pulse'),
      ready: fc.boolean(),
      capacity: fc.constantFrom(undefined, 1, 2, 3),
      capabilities: fc.constantFrom(undefined, ['ts']),
      heartbeatTimeout: fc.constantFrom(undefined, undefined, 0, 90_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('session'),
      who: small,
      type: fc.constantFrom(
        'session.pause',
        'session.resume',
        'session.resume',
        'session.resume',
        'session.resume',
        'session.drain',
        'session.stop',
        'session.fail',
        'session.recover',
        'session.heartbeat',
        'session.start',
        'session.start',
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('create'),
      who: small,
      priority,
      parent: rarely,
      dependsOn: rarely,
      requires: fc.constantFrom(undefined, undefined, undefined, ['ts']),
      timeout: fc.constantFrom(undefined, undefined, 0, 2_500),
      retry: fc.constantFrom(undefined, undefined, ...RETRIES),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('claim'),
      who: small,
      start: fc.boolean(),
      task: rarely,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('assign'), task: small, to: small }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('work'),
      task: small,
      thief: rarely,
      type: fc.constantFrom(
        'task.start',
        'task.start',
        'task.start',
        'task.progress',
        'task.complete',
        'task.fail',
        'task.cancel',
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('take'),
      type: fc.constantFrom('task.requeue', 'task.requeue', 'task.close'),
      task: small,
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('acquire'),
      who: small,
      resource: fc.constantFrom(...RESOURCES),
      type: fc.constantFrom(...LOCK_TYPES),
      ttl: fc.constantFrom(900, 9_000, 90_000),
      timeout: fc.constantFrom(0, 700, 30_000),
      priority,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('lock'),
      lock: small,
      thief: rarely,
      type: fc.constantFrom(
        'lock.renew',
        'lock.release',
        'lock.release',
        'lock.abandon',
        'lock.abandon',
        'lock.upgrade',
        'lock.upgrade',
        'lock.downgrade',
        'lock.force_release',
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('offer'),
      task: small,
      to: small,
      wide: fc.boolean(),
      timeout: fc.constantFrom(2_000, 60_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('handoff'),
      handoff: fc.nat(1),
      thief: rarely,
      type: fc.constantFrom(
        'handoff.accept',
        'handoff.complete',
        'accept and complete',
        'handoff.reject',
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('update'),
      who: small,
      field: fc.constantFrom(
        'data.count',
        'data.deep.list[0]',
        'data.currentIteration',
        'progress',
        'data',
        'note',
      ),
      value: fc.jsonValue({ maxDepth: 2 }),
      merge: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('configure'),
      section: fc.constantFrom('lockDefault', 'taskDefault', 'features', 'health', 'upkeep'),
      value: fc.nat(9),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('late'), work: small }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('urge'), task: small, claims: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('repeat'),
      who: small,
      key: fc.nat(3),
      goal: fc.constantFrom('g', 'g', 'other'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('remove', 'batch', 'append'),
      who: small,
      field: fc.constantFrom('data.count', 'data.deep', 'note', 'data'),
      value: fc.nat(9),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('annotate'),
      task: small,
      field: fc.constantFrom('', '.note', '.deep["a.b"]'),
      value: fc.nat(9),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('hear'),
      who: small,
      type: fc.constantFrom(
        'event.emit',
        'subscription.create',
        'subscription.create',
        'subscription.advance',
        'subscription.advance',
        'subscription.remove',
        'deadletter.add',
        'deadletter.add',
        'deadletter.requeue',
        'deadletter.resolve',
        'deadletter.drop',
      ),
      name: fc.nat(2),
      back: fc.nat(20),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('together'),
      who: small,
      parts: fc.array(
        fc.record({
          type: fc.constantFrom(...PARTS_OF_LIFE),
          task: small,
          to: small,
          name: fc.nat(2),
        }),
        { minLength: 1, maxLength: 5 },
      ),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('advance'), ms }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('show life') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump'), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen'), ms }) },
);

/** An operation, as it is printed when a life fails. */
export type Operation = typeof operation extends fc.Arbitrary<infer One> ? One : never;

type WriteOperation = Extract<Operation, { do: 'remove' | 'batch' | 'append' }>;

/** What a life opens its swarm with: a stall of a session shows within it. */
export const LIFE_LIMITS: Partial<Limits> = { stalledAfterMs: 20_000 };

/** A life of so many operations. */
export function lifeOf(length: number): fc.Arbitrary<Operation[]> {
  return fc.array(operation, { minLength: length, maxLength: length, size: 'max' });
}

/** How a life opens its swarm, the first time and every other time. */
export type Opener = (clock: ManualClock) => Promise<Swarm>;

/** Lives a life, and checks after each operation what must hold always. The swarm is left open. */
export async function live(
  operations: readonly Operation[],
  open: Opener,
): Promise<{ readonly swarm: Swarm; readonly clock: ManualClock; readonly commands: number }> {
  const clock = new ManualClock();
  const world = new World(clock, open);
  await world.begin();
  for (const one of operations) {
    await world.perform(one);
    checkHolders(world.swarm.state);
  }
  await world.settle();
  checkNothingHeldByTheDead(world.swarm.state);
  checkTaskGraph(world.swarm.state);
  await world.outwait();
  expect(world.swarm.state.locks.waitQueue).toEqual({});
  checkNothingHeldByTheDead(world.swarm.state);
  return { swarm: world.swarm, clock, commands: world.commands };
}

class World {
  swarm!: Swarm;
  /** How many commands were given. */
  commands = 0;
  readonly #clock: ManualClock;
  readonly #open: Opener;
  #sessions: AgentSession[] = [];
  #answers: Promise<Result>[] = [];
  /** To whom each handoff was offered, in order. */
  #offers: AgentSession[] = [];
  /** Who worked on what. */
  readonly #worked: (readonly [taskId: string, who: AgentSession])[] = [];

  constructor(clock: ManualClock, open: Opener) {
    this.#clock = clock;
    this.#open = open;
  }

  async begin(): Promise<void> {
    this.swarm = await this.#open(this.#clock);
    const newValue = { preemption: true, autoHandoff: true };
    await this.swarm.update({ path: 'global.config.features', newValue, merge: true });
    await this.swarm.update({ path: 'global.config.audit', newValue: { denials: true } });
    for (const agent of [0, 1, 2, 3]) {
      const agentType = agent === 3 ? 'conductor' : 'pulse';
      this.#sessions.push(await this.swarm.register({ agentId: `agent-${agent}`, agentType }));
    }
  }

  /** Everything that was asked is answered, and what is due now has happened. */
  async settle(): Promise<void> {
    await Promise.all(this.#answers.splice(0));
    await this.#clock.advance(0);
    await this.swarm.durable();
  }

  /** Lets time pass until nobody who waits now can still be waiting. */
  async outwait(): Promise<void> {
    await this.#clock.advance(WAIT_MS_MAX);
    await this.swarm.durable();
  }

  async perform(one: Operation): Promise<void> {
    switch (one.do) {
      case 'register': {
        const agentId = `agent-${one.agent}`;
        const { ready, capacity, capabilities, heartbeatTimeout } = one;
        const said = { ready, capacity, capabilities, heartbeatTimeout };
        const payload = { agentId, agentType: one.kind, ...said };
        const result = await this.swarm.dispatch({ type: 'session.register', payload });
        const registered = result.ok ? result.events[0] : undefined;
        if (registered === undefined) return;
        const { sessionId } = registered.payload as { sessionId: string };
        this.#sessions.push(this.swarm.session({ agentId, sessionId }));
        return;
      }
      case 'session': {
        const who = this.#pick(one.who);
        const failure = one.type === 'session.fail' ? { code: 'E', message: 'm' } : {};
        return this.#ask(one.type, { sessionId: who.identity.sessionId, ...failure }, who);
      }
      case 'create': {
        const parentTaskId = one.parent === null ? undefined : this.#task(one.parent);
        const dependsOn = one.dependsOn === null ? undefined : [this.#task(one.dependsOn)];
        const { priority: urgency, requires, timeout, retry } = one;
        const asked = { parentTaskId, dependsOn, requires, timeout, retry };
        const payload = { goal: 'g', priority: urgency, ...asked };
        return this.#ask('task.create', payload, this.#pick(one.who));
      }
      case 'claim': {
        const taskId = one.task === null ? undefined : this.#task(one.task);
        return this.#ask('task.claim', { taskId, start: one.start }, this.#worker(one.who));
      }
      case 'assign':
        return this.#ask('task.assign', {
          taskId: this.#task(one.task),
          assignedTo: this.#worker(one.to).identity,
        });
      case 'work': {
        const isReady = one.type === 'task.start' ? isAssigned : isRunning;
        const taskId = this.#task(one.task, one.thief === null ? isReady : isOpen);
        const who = this.#holderOf(taskId, one.thief);
        this.#worked.push([taskId, who]);
        return this.#ask(one.type, { taskId, ...WORK[one.type] }, who);
      }
      case 'late': {
        const [taskId, who] = this.#worked[one.work % Math.max(1, this.#worked.length)] ?? [];
        if (who === undefined) return;
        return this.#ask('task.complete', { taskId, ...WORK['task.complete'] }, who);
      }
      case 'urge': {
        // Whoever runs a task is to do a critical one.
        const who = this.#holderOf(this.#task(one.task, isLowAndRunning), null);
        const taskId = `urgent-${this.swarm.sequence}`;
        this.#ask('task.create', { taskId, goal: 'g', priority: 'critical' });
        return one.claims
          ? this.#ask('task.claim', { taskId, start: true }, who)
          : this.#ask('task.assign', { taskId, assignedTo: who.identity });
      }
      case 'repeat': {
        const { who, key, goal } = one;
        const labels = { idempotencyKey: `key-${key}` };
        return this.#ask('task.create', { goal }, this.#pick(who % 2), labels);
      }
      case 'remove':
      case 'batch':
      case 'append':
        return this.#write(one);
      case 'annotate': {
        const newValue = one.field === '' ? { of: one.value } : one.value;
        const path = `global.tasks["${this.#task(one.task)}"].metadata${one.field}`;
        return this.#ask('state.update', { path, newValue, merge: one.value > 5 });
      }
      case 'take':
        return this.#ask(one.type, { taskId: this.#task(one.task) });
      case 'acquire': {
        const { who, resource, type, ttl, timeout, priority: urgency } = one;
        const query = { resource, type, ttl, timeout, priority: urgency };
        return this.#ask('lock.acquire', query, this.#worker(who));
      }
      case 'lock': {
        const [lockId, holder] = this.#lock(one.lock, one.type === 'lock.abandon');
        const who = one.thief === null ? this.#sessionOf(holder) : this.#pick(one.thief);
        if (one.type !== 'lock.force_release') return this.#ask(one.type, { lockId }, who);
        return this.#ask(one.type, { lockId, reason: 'r' });
      }
      case 'offer': {
        const taskId = this.#task(one.task, ({ assignedTo }) => assignedTo !== null);
        const addressee = this.#worker(one.to);
        const to = one.wide ? { agentType: addressee.identity.agentType } : addressee.identity;
        const handoffId = `handoff-${this.#offers.length + 1}`;
        const { timeout } = one;
        const offer = { handoffId, taskId, to, reason: 'r', timeout };
        const { sequence } = this.swarm;
        this.#ask('handoff.request', offer, this.#holderOf(taskId, null));
        if (this.swarm.sequence > sequence) this.#offers.push(addressee); // folded at once
        return;
      }
      case 'handoff': {
        const number = Math.max(0, this.#offers.length - one.handoff);
        const who = one.thief === null ? this.#offers[number - 1] : this.#pick(one.thief);
        const handoffId = `handoff-${number}`;
        const steps =
          one.type === 'accept and complete'
            ? (['handoff.accept', 'handoff.complete'] as const)
            : [one.type];
        for (const step of steps) this.#ask(step, { handoffId }, who ?? this.#pick(0));
        return;
      }
      case 'update': {
        const who = this.#pick(one.who);
        const { agentType, sessionId } = who.identity;
        const progress = { current: 7, message: 'm' };
        const newValue =
          one.field === 'progress'
            ? progress
            : one.field === 'data'
              ? { ...this.#dataOf(who), of: one.value }
              : one.value;
        return this.#ask(
          'state.update',
          { path: `agents.${agentType}.${sessionId}.${one.field}`, newValue, merge: one.merge },
          who,
        );
      }
      case 'configure': {
        if (one.section === 'upkeep') {
          const alert = { severity: 'low', summary: `look at ${one.value}` };
          this.#ask('system.raise_alert', alert, one.value > 4 ? this.#pick(one.value) : undefined);
          return this.#ask('system.note_maintenance', { action: `repair ${one.value}` });
        }
        const [path, newValue] = configured(one.section, one.value);
        return this.#ask('state.update', { path, newValue, merge: true });
      }
      case 'hear': {
        const { type, who, name, back } = one;
        const through = Math.max(1, this.swarm.sequence - back);
        const isAboutLetter = type.startsWith('deadletter.') && type !== 'deadletter.add';
        if (isAboutLetter && back > 4) {
          this.#ask('deadletter.add', aboutHearing('deadletter.add', { name, through }));
        }
        const asks = back > 8 ? undefined : this.#pick(who); // the operator may handle what is anybody's
        return this.#ask(type, aboutHearing(type, { name, through }), asks);
      }
      case 'together': {
        const who = this.#pick(one.who);
        const commands = one.parts.map(({ type, ...part }) => ({
          type,
          payload: this.#partOf(type, part, who),
        }));
        return this.#ask('compound.apply', { commands }, one.who > 9 ? undefined : who);
      }
      case 'show life':
        for (const who of this.#sessions) {
          const { sessionId } = who.identity;
          this.#ask('session.heartbeat', { sessionId }, who);
        }
        // Somebody reads what nobody may.
        for (const who of this.#sessions.slice(0, 1)) {
          expect(() => who.get('secrets')).toThrow('secrets');
        }
        return;
      case 'advance':
        await Promise.all(this.#answers.splice(0));
        return this.#clock.advance(one.ms);
      case 'jump':
        this.#clock.jump(one.ms);
        return;
      case 'reopen':
        await Promise.all(this.#answers.splice(0));
        await this.swarm.close();
        this.#clock.jump(one.ms);
        this.swarm = await this.#open(this.#clock);
        this.#rebind();
        return;
    }
  }

  /** A part is about a task that there is, or about the one that an earlier part may have made. */
  #partOf(
    type: (typeof PARTS_OF_LIFE)[number],
    { task, to, name }: { readonly task: number; readonly to: number; readonly name: number },
    who: AgentSession,
  ): object {
    const made = `made-${this.swarm.sequence}`;
    const taskId = task % 2 === 0 ? made : this.#task(task);
    const handoffId = `${made}-handoff`;
    const addressee = this.#worker(to).identity;
    const { agentType, sessionId } = who.identity;
    switch (type) {
      case 'task.create':
        return { taskId: made, goal: 'g', ...(to > 12 ? { dependsOn: [this.#task(to)] } : {}) };
      case 'task.assign':
        return { taskId, assignedTo: to > 7 ? who.identity : addressee };
      case 'task.progress':
      case 'task.complete':
      case 'task.fail':
        return { taskId, ...WORK[type] };
      case 'task.start':
      case 'task.cancel':
      case 'task.requeue':
        return { taskId };
      case 'handoff.request':
        return { handoffId, taskId, to: { agentType }, reason: 'r' };
      case 'handoff.accept':
      case 'handoff.complete':
        return { handoffId };
      case 'state.update': {
        const place =
          task > 9 ? `global.tasks["${taskId}"].metadata` : `agents.${agentType}.${sessionId}.data`;
        return { path: `${place}.part`, newValue: to };
      }
      case 'event.emit':
      case 'subscription.advance':
        return aboutHearing(type, { name, through: this.swarm.sequence });
      case 'system.raise_alert':
        return { severity: 'low', summary: 'look' };
    }
  }

  /** What a session keeps; what is derived cannot be written back. */
  #dataOf({ identity: { agentType, sessionId } }: AgentSession): object {
    const data = this.swarm.get(`agents.${agentType}.${sessionId}.data`) ?? {};
    return Object.fromEntries(
      Object.entries(data).filter(
        ([key]) => !['activeSessions', 'pendingHandoffs', 'agentLoads'].includes(key),
      ),
    );
  }

  /** Deletes, appends, or writes to two places at once. */
  #write({ do: how, who: index, field, value }: WriteOperation): void {
    const who = this.#pick(index);
    const path = `agents.${who.identity.agentType}.${who.identity.sessionId}.${field}`;
    if (how === 'remove') return this.#ask('state.delete', { path }, who);
    const append = { path: `${path}.list`, newValue: value, append: true };
    if (how === 'append') return this.#ask('state.update', append, who);
    const beside = { path: `${path}Other`, newValue: { value } };
    const task = `global.tasks["${this.#task(index)}"].metadata.batch`;
    const updates =
      value > 4
        ? [append, beside]
        : [beside, { path: task, newValue: value }, { path, delete: true }];
    this.#ask('state.batch', { updates }, value === 3 ? who : undefined);
  }

  /** Asks as a session, or as the operator, and waits for the answer later. */
  #ask(type: CommandType, payload: object, who?: AgentSession, labels: CommandLabels = {}): void {
    const command: CommandInput = { ...labels, type, payload };
    this.commands += 1;
    const answer = who === undefined ? this.swarm.dispatch(command) : who.dispatch(command);
    this.#answers.push(answer);
  }

  /** Handles belong to one opening: those of living sessions are bound again. */
  #rebind(): void {
    this.#sessions = this.#sessions.flatMap(({ identity }) =>
      this.#statusOf(identity) === 'offline' ? [] : [this.swarm.session(identity)],
    );
    this.#offers = this.#offers.map((one) => this.#sessionOf(one.identity));
  }

  /** A living session; the greatest number may also mean one that ended. */
  #pick(index: number): AgentSession {
    const living = this.#sessions.filter(({ identity }) => this.#statusOf(identity) !== 'offline');
    const from = index === INDEX_MAX ? this.#sessions : living;
    const session = from[index % Math.max(1, from.length)];
    if (session !== undefined) return session;
    const somebody = { agentId: 'nobody', agentType: 'pulse', sessionId: 'nobody' } as const;
    return {
      identity: somebody,
      dispatch: (command: CommandInput) => this.swarm.dispatch(command),
    } as AgentSession;
  }

  /** A session that may have tasks and locks, or rarely one that may not. */
  #worker(index: number): AgentSession {
    const one = this.#pick(index);
    return one.identity.agentType === 'guardian' ? this.#pick(index + 1) : one;
  }

  #statusOf({ agentType, sessionId }: AgentIdentity): unknown {
    return this.swarm.get(`agents.${agentType}.${sessionId}.status`);
  }

  #sessionOf(identity: AgentIdentity | null | undefined): AgentSession {
    return (
      this.#sessions.find((one) => one.identity.sessionId === identity?.sessionId) ?? this.#pick(0)
    );
  }

  /** One of the tasks that fit; of all that are open when none does. */
  #task(index: number, fits: (task: TaskState) => boolean = isOpen): string {
    const open = Object.values(this.swarm.state.global.tasks).filter(isOpen);
    const fitting = open.filter(fits);
    const from = fitting.length > 0 ? fitting : open;
    return from[index % Math.max(1, from.length)]?.id ?? 'none';
  }

  #holderOf(taskId: string, thief: number | null): AgentSession {
    return thief === null
      ? this.#sessionOf(this.swarm.state.global.tasks[taskId]?.assignedTo)
      : this.#pick(thief);
  }

  #lock(index: number, waiting: boolean): readonly [string, AgentIdentity | undefined] {
    const { locks, waitQueue } = this.swarm.state.locks;
    const found = waiting
      ? Object.values(waitQueue).flatMap((queue) =>
          queue.map(({ id, requester }) => [id, requester] as const),
        )
      : Object.values(locks).map(({ id, holder }) => [id, holder] as const);
    return found[index % Math.max(1, found.length)] ?? ['none', undefined];
  }
}

/** The payload of a command about a subscription, or about what it could not handle. */
function aboutHearing(
  type: string,
  { name, through }: { readonly name: number; readonly through: number },
): object {
  const letterId = `hears-${name % 2}/${1 + (name % 2)}`;
  if (type === 'event.emit') return { type: `app.said.${name}`, data: { through } };
  if (type === 'subscription.remove') return { name: `hears-${name}` };
  if (type.startsWith('subscription.')) return { name: `hears-${name}`, through };
  if (type !== 'deadletter.add') return { letterId };
  const error = { code: 'E', message: 'm' };
  const [subscription, eventSequence] = letterId.split('/');
  return { subscription, eventSequence: Number(eventSequence), attempts: 1, error };
}

const isOpen = ({ status }: TaskState): boolean => status === 'pending' || status === 'running';
const isAssigned = ({ status, assignedTo }: TaskState): boolean =>
  status === 'pending' && assignedTo !== null;
const isLowAndRunning = ({ status, priority: urgency }: TaskState): boolean =>
  status === 'running' && urgency === 'low';
const isRunning = ({ status }: TaskState): boolean => status === 'running';

/** A path below the swarm that is written, and the value. */
function configured(section: string, value: number): readonly [path: string, newValue: unknown] {
  switch (section) {
    case 'features':
      return ['global.config.features', { preemption: value > 2, autoHandoff: value % 3 > 0 }];
    case 'health':
      return [
        'global.health',
        { status: value > 4 ? 'degraded' : 'healthy', issues: [`issue ${value}`] },
      ];
    default:
      return [`global.config.timeouts.${section}`, 1_000 * (value + 1)];
  }
}

const WORK: Readonly<Record<string, object>> = {
  'task.progress': { progress: 50, message: 'half' },
  'task.complete': { result: { lines: 1 } },
  'task.fail': { error: { code: 'E', message: 'm' } },
};

/** No two locks of one resource exclude each other, and none of two sessions on resources that overlap. */
function checkHolders({ locks: { locks } }: SwarmState): void {
  const held = Object.values(locks);
  for (const lock of held) {
    const others = held.filter(
      ({ id, resource, holder }) =>
        id !== lock.id &&
        overlaps(resource, lock.resource) &&
        (resource === lock.resource || holder.sessionId !== lock.holder.sessionId),
    );
    expect(isCompatible(lock.type, others), `holders of ${lock.resource}`).toBe(true);
  }
}

/** No session that ended holds, runs, waits for or offers anything. */
function checkNothingHeldByTheDead({ agents, locks, global }: SwarmState): void {
  const sessions = Object.values(agents).flatMap((ofType) => Object.values(ofType));
  const dead = new Set(
    sessions.filter(({ status }) => status === 'offline').map(({ sessionId }) => sessionId),
  );
  for (const session of sessions) {
    if (!dead.has(session.sessionId)) continue;
    expect([session.currentTask, session.taskQueue]).toEqual([null, []]);
  }
  const owners = [
    ...Object.values(locks.locks).map(({ holder }) => holder),
    ...Object.values(locks.waitQueue).flatMap((queue) => queue.map(({ requester }) => requester)),
    ...Object.values(global.tasks)
      .filter(({ status }) => status === 'pending' || status === 'running')
      .flatMap(({ assignedTo }) => assignedTo ?? []),
  ];
  for (const { sessionId } of owners) expect(dead).not.toContain(sessionId);
}

/** What runs waits for nothing; what follows a task that failed or was cancelled has ended; a complete task has no open part. */
function checkTaskGraph({ global: { tasks } }: SwarmState): void {
  for (const { id, status, dependsOn = [], parentTaskId } of Object.values(tasks)) {
    const statuses = dependsOn.map((one) => tasks[one]?.status);
    if (status === 'running') expect(statuses, id).toEqual(statuses.map(() => 'complete'));
    if (status !== 'pending' && status !== 'running') continue;
    for (const one of statuses) expect(['failed', 'cancelled'], id).not.toContain(one);
    const parent = parentTaskId === undefined ? undefined : tasks[parentTaskId]?.status;
    expect(['complete', 'failed', 'cancelled'], id).not.toContain(parent);
  }
}

/** Every commit of a log, in order. */
export async function commitsOf(log: EventLog): Promise<readonly Commit[]> {
  const commits: Commit[] = [];
  for await (const { block } of log.blocks()) commits.push(...block.commits);
  return commits;
}
