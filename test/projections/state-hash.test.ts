/** Changing one entry of any view gives another state hash (I1): nothing of the state is left out of it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/core/json.ts';
import { COORDINATOR } from '../../src/events/identity.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { copyState, loadState } from '../../src/projections/checkpoint.ts';
import { Projector } from '../../src/projections/projector.ts';
import { hashState, HASHED_VIEWS } from '../../src/projections/saved-views.ts';
import { Given } from '../support/given.ts';

/** A state in which every view has something. */
function aFullState(): Given {
  const given = new Given();
  const ant = given.session('ant');
  const bee = given.session('bee', 'dream_weaver');
  given.ask('task.create', { taskId: 'waits', goal: 'g', metadata: { a: 1 } });
  given.ask('task.create', { taskId: 'runs', goal: 'g', priority: 'high' });
  given.ask('task.claim', { taskId: 'runs', start: true }, ant);
  given.ask('task.progress', { taskId: 'runs', progress: 30, message: 'm' }, ant);
  given.ask('task.create', { taskId: 'done', goal: 'g' });
  given.ask('task.claim', { taskId: 'done', start: true }, bee);
  given.ask('task.complete', { taskId: 'done', result: { lines: 3 } }, bee);
  given.ask(
    'handoff.request',
    { handoffId: 'h1', taskId: 'runs', to: bee, reason: 'r', context: { b: 2 } },
    ant,
  );
  given.ask(
    'lock.acquire',
    { lockId: 'l1', resource: 'a', type: 'shared', metadata: { c: 3 } },
    ant,
  );
  given.ask('lock.acquire', { lockId: 'l2', resource: 'a', type: 'exclusive' }, bee);
  given.ask('state.update', { path: 'agents.pulse.ant.data.count', newValue: 1 }, ant);
  given.ask('session.fail', { sessionId: 'bee', code: 'E', message: 'm' }, bee);
  given.ask('task.create', { taskId: 'parent', goal: 'g', retry: { maxAttempts: 2 } });
  given.ask('task.create', { taskId: 'child', goal: 'g', parentTaskId: 'parent' });
  given.ask('task.cancel', { taskId: 'parent' }); // its cascade is due, and did not come yet
  given.ask('task.claim', { taskId: 'waits' }, ant);
  given.ask('task.requeue', { taskId: 'waits' });
  given.when('task.complete', { taskId: 'waits' }, ant); // too late, which is recorded
  given.ask('session.pause', { sessionId: 'ant' }, ant, { idempotencyKey: 'k1' });
  given.ask('subscription.create', { name: 'hears', through: 2 }, ant);
  given.ask(
    'deadletter.add',
    {
      subscription: 'hears',
      eventSequence: 3,
      attempts: 1,
      error: { code: 'E', message: 'm' },
    },
    ant,
  );
  given.ask('system.stall', { gapMs: 7 }, COORDINATOR);
  return given;
}

let given: Given;
beforeEach(() => {
  given = aFullState();
});

function replayed(commits: readonly Commit[] = given.commits): Projector {
  const projector = new Projector();
  for (const commit of commits) projector.apply(commit);
  return projector;
}

/** Every way of changing one leaf of a value. */
function* changed(value: unknown): Generator {
  if (Array.isArray(value)) {
    yield [...value, 'more'];
    for (const [index, item] of value.entries()) {
      for (const other of changed(item)) yield value.with(index, other);
    }
  } else if (typeof value === 'object' && value !== null) {
    yield { ...value, more: 1 };
    for (const [key, item] of Object.entries(value)) {
      for (const other of changed(item)) yield { ...value, [key]: other };
    }
  } else if (typeof value === 'number') yield value + 1;
  else if (typeof value === 'boolean') yield !value;
  else yield `${String(value)} changed`;
}

describe('[I1] changing one entry gives another state hash', () => {
  test.each(HASHED_VIEWS.map((view) => [view.name, view] as const))(
    'of the view %s',
    (_name, view) => {
      const before = hashState(given.view);
      let changes = 0;
      for (const [key, record] of view.rows(given.view)) {
        for (const other of changed(record)) {
          const projector = replayed();
          try {
            view.load(projector, key, other);
          } catch {
            continue; // a record that its view cannot even hold
          }
          expect(hashOf(projector), `${key}: ${canonicalJson(other)}`).not.toBe(before);
          changes += 1;
        }
      }
      expect(changes).toBeGreaterThan(0);
    },
  );

  test('a row that is gone, in every view of rows', () => {
    const before = hashState(given.view);
    for (const map of [
      (projector: Projector) => projector.agents,
      (projector: Projector) => projector.sessions,
      (projector: Projector) => projector.activity.last,
      (projector: Projector) => projector.activity.forgivenUntilMs,
      (projector: Projector) => projector.handoffs,
      (projector: Projector) => projector.locks.byResource,
      (projector: Projector) => projector.subscriptions,
      (projector: Projector) => projector.deadLetters,
    ]) {
      const projector = replayed();
      const [key] = [...map(projector).keys()];
      expect(map(projector).delete(key ?? '')).toBe(true);
      expect(hashOf(projector)).not.toBe(before);
    }
    const projector = replayed();
    projector.tasks.delete('done');
    expect(hashOf(projector)).not.toBe(before);
  });

  test('the sequence and the time', () => {
    for (const field of ['sequence', 'timeMs'] as const) {
      const projector = replayed();
      projector[field] += 1;
      expect(hashState(projector)).not.toBe(hashState(given.view));
    }
  });

  test('of the derived view of claimable tasks', () => {
    const projector = replayed();
    const task = projector.task('waits');
    if (task !== undefined) projector.claimableIds.follow(task, { ...task, status: 'cancelled' });
    expect([...projector.claimable()].map(({ id }) => id)).toEqual(['child']);
    expect(hashState(projector)).not.toBe(hashState(given.view));
  });

  test('of the order of claimable tasks', () => {
    given.ask('task.create', { taskId: 'waits-too', goal: 'g' });
    const projector = replayed();
    const task = projector.task('waits');
    if (task !== undefined) {
      projector.claimableIds.follow(task, { ...task, status: 'cancelled' });
      projector.claimableIds.follow(undefined, task);
    }
    expect([...projector.claimable()].map(({ id }) => id)).toEqual(['child', 'waits-too', 'waits']);
    expect(hashState(projector)).not.toBe(hashState(given.view));
  });

  test('of the derived view of deadlines', () => {
    // Every kind is there; a copy that noted none of one kind has another hash.
    const kinds = new Set(given.view.deadlines.all().map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual([
      'cascade',
      'handoff',
      'lock',
      'session',
      'stalled',
      'task',
      'wait',
    ]);
    const copy = copyState(given.view);
    const slices = [...copy.slices()].map((text) => Buffer.from(text));
    const projector = loadState(copy.header, slices);
    for (const commit of given.commits)
      projector.ring.push(commit, given.view.swarm?.limits ?? fail());
    expect(hashState(projector)).toBe(hashState(given.view));
    const all = given.view.deadlines.all();
    for (const { kind, id } of all) {
      const without = replayed();
      Object.defineProperty(without.deadlines, 'all', {
        value: () => all.filter((one) => one.kind !== kind || one.id !== id),
      });
      expect(hashState(without)).not.toBe(hashState(given.view));
    }
  });

  test('of the event ring', () => {
    const projector = replayed();
    const last = given.commits.at(-1);
    const limits = projector.swarm?.limits ?? fail();
    if (last !== undefined) projector.ring.push(last, limits);
    expect(hashState(projector)).not.toBe(hashState(given.view));
    const shorter = replayed();
    if (last !== undefined)
      shorter.ring.push({ ...last, facts: [] }, { ...limits, historyEventsMax: 3 });
    expect(hashState(shorter)).not.toBe(hashState(given.view));
  });
});

/** A state that cannot even be shown any more differs, too. */
function hashOf(projector: Projector): string {
  try {
    return hashState(projector);
  } catch {
    return 'not a state';
  }
}

function fail(): never {
  throw new Error('the state is initialized');
}

test('[I1] equal states give equal hashes, however they came about', () => {
  expect(hashState(replayed())).toBe(hashState(given.view));
});
