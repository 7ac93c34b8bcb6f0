/** The Conductor over a real swarm: what it decides happens, is written down, and stands there after a restart. */
import { describe, expect, test, vi } from 'vitest';
import { conductOnce, runConductor } from '../../src/agents/conductor.ts';
import type { ConductorRound } from '../../src/agents/conductor-round.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { OpenOptions } from '../../src/coordinator/open-options.ts';
import type { NewAgent, Swarm } from '../../src/coordinator/swarm.ts';
import type { ConductorDecision, RoutingRule } from '../../src/events/state-schemas.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import { countedIds, type ManualClock } from '../../src/testing/index.ts';
import { openTestSwarm, type TestSwarm } from '../support/open-test-swarm.ts';

/** How often an expression was made ready or evaluated. */
const calls = vi.hoisted(() => ({ count: 0 }));

vi.mock('../../src/protocol/expression.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../src/protocol/expression.ts')>();
  return {
    ...real,
    compileExpression(text: string) {
      calls.count += 1;
      return real.compileExpression(text);
    },
  };
});

const DATA = 'agents.conductor.c.data';

function rule(id: string, fields: Partial<RoutingRule> = {}): RoutingRule {
  return { id, condition: {}, target: 'pulse', weight: 1, enabled: true, ...fields };
}

/** A swarm with a Conductor. */
class Scene {
  readonly opener: TestSwarm;
  readonly conductor: AgentSession;

  constructor(opener: TestSwarm, conductor: AgentSession) {
    this.opener = opener;
    this.conductor = conductor;
  }

  static async open(options: OpenOptions = {}, rules = [rule('all')]): Promise<Scene> {
    const opener = await openTestSwarm(options);
    const scene = new Scene(opener, await register(opener.swarm, 'c', { agentType: 'conductor' }));
    await scene.conductor.update({ path: `${DATA}.routingTable`, newValue: rules });
    return scene;
  }

  get swarm(): Swarm {
    return this.opener.swarm;
  }

  get clock(): ManualClock {
    return this.opener.clock;
  }

  async round(rules?: readonly RoutingRule[]): Promise<ConductorRound> {
    const parts = { clock: this.clock, ids: countedIds(`d${this.swarm.sequence}-`) };
    return conductOnce(this.conductor, { ...parts, ...(rules && { rules }) });
  }

  task(id: string): TaskState {
    return this.swarm.get(`global.tasks["${id}"]`) as TaskState;
  }

  holder(id: string): string | undefined {
    return this.task(id).assignedTo?.sessionId;
  }

  get recorded(): readonly ConductorDecision[] {
    return this.swarm.get(`${DATA}.decisions`) as readonly ConductorDecision[];
  }
}

async function register(
  swarm: Swarm,
  sessionId: string,
  fields: Partial<NewAgent> = {},
): Promise<AgentSession> {
  const agent = { agentType: 'pulse', agentId: `agent-${sessionId}`, sessionId } as const;
  return swarm.register({ ...agent, heartbeatTimeout: 0, ...fields });
}

/** `route t1 -> s1`, in the order of the decisions. */
function told(decisions: readonly ConductorDecision[]): readonly string[] {
  return decisions.map(({ type, input, output }) => {
    const to = output['assignedTo'] as { readonly sessionId: string } | undefined;
    return `${type} ${String(input['taskId'])}${to === undefined ? '' : ` -> ${to.sessionId}`}`;
  });
}

/** Two workers; the first holds a task that it runs and two that it does not. */
async function withQueue(options: OpenOptions = {}) {
  const scene = await Scene.open(options);
  const first = await register(scene.swarm, 's1', { capacity: 3, heartbeatTimeout: 600_000 });
  for (const taskId of ['t1', 't2', 't3']) {
    await scene.conductor.tasks.create({ taskId, goal: 'work' });
  }
  await scene.round();
  await first.tasks.start('t1');
  await register(scene.swarm, 's2', { capacity: 3 });
  expect(told((await scene.round()).decisions)).toEqual([]); // nothing is wrong yet
  return { scene, first };
}

/** Runs a Conductor until the test says so. */
function running(scene: Scene, intervalMs = 500) {
  const end = new AbortController();
  const rounds: ConductorRound[] = [];
  const done = runConductor(scene.conductor, {
    signal: end.signal,
    clock: scene.clock,
    intervalMs,
    onRound: (round) => void rounds.push(round),
  });
  return {
    rounds,
    done,
    async end() {
      end.abort();
      await done;
    },
  };
}

async function until(isSo: () => boolean): Promise<void> {
  await vi.waitUntil(isSo, { timeout: 10_000, interval: 5 });
}

describe('route', () => {
  test('what is most urgent first, and of equals the oldest, as far as there is room', async () => {
    const scene = await Scene.open();
    const { swarm, conductor } = scene;
    await register(swarm, 's', { capacity: 3 });
    for (const [taskId, priority] of [
      ['t1', 'low'],
      ['t2', 'normal'],
      ['t3', 'normal'],
      ['t4', 'critical'],
    ] as const) {
      await conductor.tasks.create({ taskId, goal: 'work', priority });
    }
    const round = await scene.round();
    expect(told(round.decisions)).toEqual(['route t4 -> s', 'route t2 -> s', 'route t3 -> s']);
    expect(round.left).toEqual([{ taskId: 't1', reason: 'every pulse is full', faults: [] }]);
    expect(scene.recorded).toEqual(round.decisions);
    expect(scene.recorded[0]).toEqual({
      id: expect.any(String),
      type: 'route',
      input: {
        taskId: 't4',
        goal: 'work',
        taskType: '',
        priority: 'critical',
        matching: ['all'],
        loads: { pulse: { sessions: 1, tasks: 0, capacity: 3, free: 3 } },
      },
      output: {
        rule: 'all',
        target: 'pulse',
        assignedTo: { agentId: 'agent-s', agentType: 'pulse', sessionId: 's' },
      },
      reason: 'the rule all sends it to a pulse; agent-s holds 0 of 3',
      timestamp: '2026-01-01T00:00:00.000Z',
    });
    expect(told((await scene.round()).decisions)).toEqual([]); // what is given out stays
  });

  test('each task by the rule that its metadata, priority and words match', async () => {
    const rules = [
      rule('reports', { condition: { taskType: 'report' }, target: 'dream_weaver' }),
      rule('code', { condition: { custom: 'task.type.startsWith("code/")' } }),
      rule('watch', { condition: { keywords: ['watch'] }, target: 'heartbeat' }),
    ];
    const scene = await Scene.open({}, rules);
    const { swarm, conductor } = scene;
    await register(swarm, 'p');
    await register(swarm, 'd', { agentType: 'dream_weaver' });
    await register(swarm, 'h', { agentType: 'heartbeat' });
    await conductor.tasks.create({ taskId: 't1', goal: 'a', metadata: { type: 'report' } });
    await conductor.tasks.create({ taskId: 't2', goal: 'b', metadata: { type: 'code/port' } });
    await conductor.tasks.create({ taskId: 't3', goal: 'Watch the mail' });
    await conductor.tasks.create({ taskId: 't4', goal: 'sleep' });
    const { decisions, left } = await scene.round();
    expect(told(decisions)).toEqual(['route t1 -> d', 'route t2 -> p', 'route t3 -> h']);
    expect(left).toEqual([{ taskId: 't4', reason: 'no rule matches', faults: [] }]);
  });

  test('a rule whose expression cannot say is told of, in the decision too', async () => {
    const rules = [
      rule('size', { condition: { custom: 'task.metadata.size > 3' }, target: 'dream_weaver' }),
      rule('rest', { condition: { taskType: 'x' } }),
    ];
    const scene = await Scene.open({}, rules);
    await register(scene.swarm, 's');
    await scene.conductor.tasks.create({ taskId: 't1', goal: 'a', metadata: { type: 'x' } });
    await scene.conductor.tasks.create({ taskId: 't2', goal: 'b' });
    const faults = [{ rule: 'size', reason: 'field not found: size' }];
    const { decisions, left } = await scene.round();
    expect(decisions[0]?.input).toMatchObject({ taskId: 't1', faults });
    expect(left).toEqual([{ taskId: 't2', reason: 'no rule matches', faults }]);
  });

  test('only what can be begun: not what waits for others, nor for its next attempt', async () => {
    const scene = await Scene.open();
    const { swarm, conductor, clock } = scene;
    const worker = await register(swarm, 's');
    const retry = { maxAttempts: 2, backoffMs: 1_000 };
    await conductor.tasks.create({ taskId: 'first', goal: 'a', retry });
    await conductor.tasks.create({ taskId: 'second', goal: 'b', dependsOn: ['first'] });
    expect(told((await scene.round()).decisions)).toEqual(['route first -> s']);
    await worker.tasks.start('first');
    await worker.tasks.fail('first', { code: 'X', message: 'again' });
    expect(await scene.round()).toEqual({ decisions: [], left: [] });
    await clock.advance(1_000);
    expect(told((await scene.round()).decisions)).toEqual(['route first -> s']);
    await worker.tasks.start('first');
    await worker.tasks.complete('first');
    expect(told((await scene.round()).decisions)).toEqual(['route second -> s']);
  });

  test('more tasks than are looked at at once, to more agents than one, never beyond a capacity', async () => {
    const scene = await Scene.open();
    const { swarm, conductor } = scene;
    for (const [name, capacity] of [
      ['a', 10],
      ['b', 40],
      ['c2', 90],
    ] as const) {
      await register(swarm, name, { capacity });
    }
    await Promise.all(
      Array.from({ length: 150 }, async (_, number) =>
        conductor.tasks.create({ taskId: `t${number}`, goal: 'work' }),
      ),
    );
    const { decisions, left } = await scene.round();
    expect(decisions).toHaveLength(140);
    expect(left.map(({ taskId }) => taskId)).toEqual(
      Array.from({ length: 10 }, (_, number) => `t${140 + number}`),
    );
    expect(swarm.get(`${DATA}.agentLoads`)).toMatchObject({
      'agent-a': { queuedTasks: 10, capacity: 10 },
      'agent-b': { queuedTasks: 40, capacity: 40 },
      'agent-c2': { queuedTasks: 90, capacity: 90 },
    });
  });

  test('what another session has locked is left, and why is told', async () => {
    const scene = await Scene.open();
    const worker = await register(scene.swarm, 's');
    await scene.conductor.tasks.create({ taskId: 't', goal: 'a' });
    const resource = 'state/global/tasks/t/**';
    const lock = await worker.locks.acquire({ resource, type: 'exclusive' });
    const { decisions, left } = await scene.round();
    expect(decisions).toEqual([]);
    expect(left).toEqual([
      { taskId: 't', reason: expect.stringMatching(/^PATH_LOCKED/), faults: [] },
    ]);
    expect(scene.recorded).toEqual([]);
    await worker.locks.release(lock?.id ?? '');
    expect(told((await scene.round()).decisions)).toEqual(['route t -> s']);
  });
});

describe('reject', () => {
  test('what only rules for Guardians match is cancelled, with what depends on it', async () => {
    const rules = [
      rule('secrets', { condition: { keywords: ['password'] }, target: 'guardian' }),
      rule('rest', { condition: { priority: 'low' } }),
    ];
    const scene = await Scene.open({}, rules);
    await scene.conductor.tasks.create({ taskId: 't1', goal: 'print the password' });
    await scene.conductor.tasks.create({ taskId: 't2', goal: 'then', dependsOn: ['t1'] });
    const { decisions } = await scene.round();
    const reason = 'the rule secrets sends it to Guardians, which take no tasks';
    expect(told(decisions)).toEqual(['reject t1']);
    expect(scene.recorded).toMatchObject([{ type: 'reject', output: { rule: 'secrets' }, reason }]);
    await scene.conductor.heartbeat(); // before any command, what follows from another is done
    expect([scene.task('t1').status, scene.task('t2').status]).toEqual(['cancelled', 'cancelled']);
    const cancelled = scene.swarm.state.events.events.find(({ type }) => type === 'task.cancelled');
    expect(cancelled?.payload).toEqual({ taskId: 't1', reason });
    expect(scene.swarm.get(`${DATA}.decisions`)).toHaveLength(1);
  });
});

describe('preempt', () => {
  const config = { features: { preemption: true } };

  test('a critical task takes the place of a low one, and both are said', async () => {
    const scene = await Scene.open({ config });
    const worker = await register(scene.swarm, 's', { capacity: 1 });
    const { conductor } = scene;
    await conductor.tasks.create({ taskId: 'low', goal: 'a', priority: 'low' });
    await scene.round();
    await worker.tasks.start('low');
    await conductor.tasks.create({ taskId: 'urgent', goal: 'b', priority: 'critical' });
    const { decisions } = await scene.round();
    expect(told(decisions)).toEqual(['preempt urgent -> s']);
    expect(scene.recorded.at(-1)).toEqual(decisions[0]);
    expect(scene.holder('urgent')).toBe('s');
    expect(scene.task('low')).toMatchObject({ status: 'pending', assignedTo: null });
    expect(told((await scene.round()).decisions)).toEqual([]); // there is no room for what was put down
  });

  test('two critical tasks do not take one place', async () => {
    const scene = await Scene.open({ config });
    const worker = await register(scene.swarm, 's', { capacity: 1 });
    await scene.conductor.tasks.create({ taskId: 'low', goal: 'a', priority: 'low' });
    await worker.tasks.claim({ taskId: 'low', start: true });
    await scene.conductor.tasks.create({ taskId: 'u1', goal: 'b', priority: 'critical' });
    await scene.conductor.tasks.create({ taskId: 'u2', goal: 'c', priority: 'critical' });
    const { decisions, left } = await scene.round();
    expect(told(decisions)).toEqual(['preempt u1 -> s']);
    expect(left).toMatchObject([{ taskId: 'u2', reason: 'every pulse is full' }]);
  });

  test('not when the feature is off', async () => {
    const scene = await Scene.open();
    const worker = await register(scene.swarm, 's', { capacity: 1 });
    await scene.conductor.tasks.create({ taskId: 'low', goal: 'a', priority: 'low' });
    await worker.tasks.claim({ taskId: 'low', start: true });
    await scene.conductor.tasks.create({ taskId: 'urgent', goal: 'b', priority: 'critical' });
    expect((await scene.round()).decisions).toEqual([]);
  });
});

describe('handoff', () => {
  test.each<[string, (first: AgentSession, clock: ManualClock) => Promise<unknown>]>([
    ['error', async (first) => first.fail({ code: 'X', message: 'broken' })],
    ['draining', async (first) => first.drain()],
    ['stalled', async (_first, clock) => clock.advance(60_000)],
  ])('what waits at a session that is %s goes to another one', async (trouble, happen) => {
    const { scene, first } = await withQueue({ limits: { stalledAfterMs: 60_000 } });
    await happen(first, scene.clock);
    const { decisions } = await scene.round();
    expect(told(decisions)).toEqual(['handoff t2 -> s2', 'handoff t3 -> s2']);
    expect(decisions[0]).toMatchObject({
      input: { trouble, from: { sessionId: 's1' } },
      reason: `agent-s1 has it and is ${trouble === 'error' ? 'in error' : trouble}; the rule all sends it to a pulse; agent-s2 holds 0 of 3`,
    });
    expect(scene.recorded.slice(-2)).toEqual(decisions);
    expect(['t1', 't2', 't3'].map((id) => scene.holder(id))).toEqual(['s1', 's2', 's2']);
    expect(scene.task('t1').status).toBe('running'); // what it has begun stays with it
    expect(told((await scene.round()).decisions)).toEqual([]); // it does not come back
    await expect(first.tasks.complete('t2')).rejects.toMatchObject({ code: 'NOT_HOLDER' });
  });

  test('what an agent holds beyond its capacity goes, the newest first', async () => {
    const { scene, first } = await withQueue();
    for (const taskId of ['t4', 't5']) {
      await scene.conductor.tasks.create({ taskId, goal: 'work' });
      await scene.conductor.tasks.assign(taskId, first.identity);
    }
    const { decisions } = await scene.round();
    expect(told(decisions)).toEqual(['handoff t4 -> s2', 'handoff t5 -> s2']);
    expect(decisions[0]?.input).toMatchObject({ trouble: 'overloaded' });
    expect(scene.swarm.get(`${DATA}.agentLoads["agent-s1"]`)).toMatchObject({ queuedTasks: 2 });
  });

  test('it stays when nobody else can take it', async () => {
    const { scene, first } = await withQueue();
    await scene.swarm.dispatch({ type: 'session.stop', payload: { sessionId: 's2' } });
    await first.drain();
    const { decisions, left } = await scene.round();
    expect(decisions).toEqual([]);
    expect(left.map(({ taskId, reason }) => `${taskId}: ${reason}`)).toEqual([
      't2: no pulse that can do it is there',
      't3: no pulse that can do it is there',
    ]);
    expect(scene.holder('t2')).toBe('s1');
  });

  test('what is offered already is left to those who were asked', async () => {
    const { scene, first } = await withQueue({ config: { features: { autoHandoff: true } } });
    await first.drain();
    await scene.clock.advance(0); // the coordinator makes its offers
    expect(scene.swarm.get(`${DATA}.pendingHandoffs`)).toHaveLength(3);
    expect(await scene.round()).toEqual({ decisions: [], left: [] });
    await scene.clock.advance(300_000); // nobody took them
    expect(scene.swarm.get(`${DATA}.pendingHandoffs`)).toHaveLength(0);
    expect(told((await scene.round()).decisions)).toEqual(['handoff t2 -> s2', 'handoff t3 -> s2']);
  });

  test('a session that is only paused keeps what it has', async () => {
    const { scene, first } = await withQueue();
    await first.pause();
    expect(await scene.round()).toEqual({ decisions: [], left: [] });
  });
});

describe('the table', () => {
  test('is what the options say, written once', async () => {
    const scene = await Scene.open();
    const rules = [rule('other')];
    await scene.round(rules);
    expect(scene.swarm.get(`${DATA}.routingTable`)).toEqual(rules);
    const before = scene.swarm.sequence;
    await scene.round(rules);
    expect(scene.swarm.sequence).toBe(before);
  });

  test('with an expression that cannot be used is refused before anything happens', async () => {
    const scene = await Scene.open();
    await register(scene.swarm, 's');
    await scene.conductor.tasks.create({ taskId: 't', goal: 'a' });
    const before = scene.swarm.sequence;
    await expect(scene.round([rule('bad', { condition: { custom: 'no' } })])).rejects.toMatchObject(
      {
        code: 'INVALID_INPUT',
        details: { at: '[0].condition.custom', reason: expect.stringContaining('no variable no') },
      },
    );
    expect(scene.swarm.sequence).toBe(before);
  });

  test('is a Conductor’s', async () => {
    const scene = await Scene.open();
    const worker = await register(scene.swarm, 's');
    await expect(conductOnce(worker)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(runConductor(worker)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

test('a Conductor that is paused decides nothing', async () => {
  const scene = await Scene.open();
  await register(scene.swarm, 's');
  await scene.conductor.tasks.create({ taskId: 't', goal: 'a' });
  await scene.conductor.pause();
  expect(await scene.round()).toEqual({ decisions: [], left: [] });
  await scene.conductor.resume();
  expect(told((await scene.round()).decisions)).toEqual(['route t -> s']);
});

test('[I6] decisions come back from the log, and no expression is evaluated for them', async () => {
  const rules = [rule('urgent', { condition: { custom: 'task.priority != "low"' } })];
  const scene = await Scene.open({}, rules);
  await register(scene.swarm, 's', { capacity: 2 });
  for (const taskId of ['t1', 't2', 't3']) {
    await scene.conductor.tasks.create({ taskId, goal: 'a' });
  }
  await scene.round();
  const { recorded } = scene;
  expect(told(recorded)).toEqual(['route t1 -> s', 'route t2 -> s']);
  const before = calls.count;
  expect(before).toBeGreaterThan(0);
  const swarm = await scene.opener.reopen(); // compares all that was shown with what the log gives
  expect(swarm.get(`${DATA}.decisions`)).toEqual(recorded);
  expect(calls.count).toBe(before);
});

describe('at work', () => {
  test('it gives out tasks as they come and as room is made, and ends when it is told to', async () => {
    const scene = await Scene.open();
    const worker = await register(scene.swarm, 's', { capacity: 1 });
    const work = running(scene);
    await scene.conductor.tasks.create({ taskId: 't1', goal: 'a' });
    await until(() => scene.holder('t1') === 's');
    await scene.conductor.tasks.create({ taskId: 't2', goal: 'b' });
    await until(() => work.rounds.some(({ left }) => left[0]?.taskId === 't2'));
    await worker.tasks.start('t1');
    await worker.tasks.complete('t1');
    await until(() => scene.holder('t2') === 's');
    await until(() => scene.recorded.length === 2);
    await work.end();
    expect(told(scene.recorded)).toEqual(['route t1 -> s', 'route t2 -> s']);
    await scene.conductor.tasks.create({ taskId: 't3', goal: 'c' });
    expect(scene.clock.pending).toBeLessThanOrEqual(1); // its own timer is gone; the coordinator has one
  });

  test('it sees new sessions and new rules when its interval is over', async () => {
    const scene = await Scene.open({}, []);
    await register(scene.swarm, 's');
    const work = running(scene);
    await scene.conductor.tasks.create({ taskId: 't', goal: 'a' });
    await until(() => work.rounds.length > 0);
    await scene.swarm.append(`${DATA}.routingTable`, rule('all'));
    await until(() => scene.clock.pending > 0);
    await scene.clock.advance(500);
    await until(() => scene.holder('t') === 's');
    await work.end();
  });

  test('it shows life while it has nothing to do', async () => {
    const scene = await Scene.open();
    const other = await register(scene.swarm, 'c2', { agentType: 'conductor', heartbeatTimeout: 5_000 }); // prettier-ignore
    const end = new AbortController();
    const done = runConductor(other, { clock: scene.clock, signal: end.signal });
    for (let step = 0; step < 40; step++) {
      await until(() => scene.clock.pending === 2); // the Conductor's timer, and the coordinator's
      await scene.clock.advance(500);
    }
    expect(scene.swarm.get('agents.conductor.c2.status')).toBe('idle');
    end.abort();
    await done;
    await scene.clock.advance(60_000);
    expect(scene.swarm.get('agents.conductor.c2.status')).toBe('offline');
  });

  test('it reads all tasks anew when more changes waited than may', async () => {
    const scene = await Scene.open({ limits: { watchBufferMax: 3 } });
    await register(scene.swarm, 's', { capacity: 100 });
    const work = running(scene);
    const ids = Array.from({ length: 40 }, (_, number) => `t${number}`);
    await Promise.all(ids.map((taskId) => scene.conductor.tasks.create({ taskId, goal: 'a' })));
    await until(() => scene.recorded.length === ids.length);
    await work.end();
    expect(ids.every((id) => scene.holder(id) === 's')).toBe(true);
  });

  test('two Conductors give no task out twice', async () => {
    const scene = await Scene.open();
    await register(scene.swarm, 's', { capacity: 100 });
    const other = await register(scene.swarm, 'c2', { agentType: 'conductor' });
    const end = new AbortController();
    const run = { signal: end.signal, clock: scene.clock, rules: [rule('all')] };
    const both = [scene.conductor, other].map(async (session) => runConductor(session, run));
    const ids = Array.from({ length: 50 }, (_, number) => `t${number}`);
    await Promise.all(ids.map((taskId) => other.tasks.create({ taskId, goal: 'a' })));
    await until(() => ids.every((id) => scene.holder(id) === 's'));
    const made = () =>
      scene.recorded.length +
      (scene.swarm.get('agents.conductor.c2.data.decisions') as readonly unknown[]).length;
    await until(() => made() === ids.length);
    end.abort();
    await Promise.all(both);
    expect(made()).toBe(ids.length);
    const assigned = scene.swarm.state.events.events.filter(({ type }) => type === 'task.assigned');
    expect(assigned).toHaveLength(ids.length);
  });

  test('it says so when the swarm is closed', async () => {
    const scene = await Scene.open();
    const work = running(scene);
    await until(() => scene.clock.pending > 0);
    const refused = expect(work.done).rejects.toMatchObject({ code: 'CLOSED' });
    await scene.opener.close();
    await refused;
  });

  test('a signal that has aborted before leaves everything as it is', async () => {
    const scene = await Scene.open();
    await register(scene.swarm, 's');
    await scene.conductor.tasks.create({ taskId: 't', goal: 'a' });
    await runConductor(scene.conductor, { signal: AbortSignal.abort() });
    expect(scene.holder('t')).toBeUndefined();
  });
});
