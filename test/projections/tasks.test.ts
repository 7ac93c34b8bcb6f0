import { describe, expect, test } from 'vitest';
import { COORDINATOR } from '../../src/events/identity.ts';
import { copyState, loadState } from '../../src/projections/checkpoint.ts';
import type { Projector } from '../../src/projections/projector.ts';
import { hashState } from '../../src/projections/saved-views.ts';
import { Given } from '../support/given.ts';

/** Two open and two ended tasks of one session. */
function given(): Projector {
  const made = new Given();
  made.ask('session.register', { sessionId: 's', agentId: 'ant', agentType: 'pulse' });
  const ant = made.view.session('s')?.identity ?? COORDINATOR;
  for (const taskId of ['done', 'failed', 'runs', 'waits']) {
    made.ask('task.create', { taskId, goal: taskId, metadata: { of: taskId } });
  }
  for (const taskId of ['done', 'failed', 'runs'])
    made.ask('task.claim', { taskId, start: true }, ant);
  made.ask('task.progress', { taskId: 'done', progress: 50, message: 'half' }, ant);
  made.ask('task.complete', { taskId: 'done', result: { lines: 3 } }, ant);
  made.ask('task.fail', { taskId: 'failed', error: { code: 'E', message: 'm' } }, ant);
  return made.view;
}

/** Saved and loaded again, so that ended tasks are text. */
function reloaded(projector: Projector): Projector {
  const copy = copyState(projector);
  const again = loadState(
    copy.header,
    [...copy.slices()].map((text) => Buffer.from(text)),
  );
  // The ring is read again from the log, which is not what is tested here.
  Object.assign(again, { ring: projector.ring });
  return again;
}

const atHand = (projector: Projector) =>
  [...projector.tasks.atHand()].map(({ id }) => id).toSorted();

describe('ended tasks of a checkpoint', () => {
  test('stay text until somebody asks for one of them; open ones are records at once', () => {
    const loaded = reloaded(given());
    expect(atHand(loaded)).toEqual(['runs', 'waits']);
    expect([loaded.tasks.size, loaded.tasks.has('done')]).toEqual([4, true]);
    expect(loaded.task('done')).toEqual(given().task('done'));
    expect(atHand(loaded)).toEqual(['done', 'failed', 'runs', 'waits']);
    expect(loaded.task('none')).toBeUndefined();
  });

  test('[I1] are the same records for whoever goes through all', () => {
    const loaded = reloaded(given());
    expect(hashState(loaded)).toBe(hashState(given()));
    expect([...loaded.tasks.values()]).toHaveLength(4);
    expect(new Map(loaded.tasks)).toEqual(new Map(given().tasks));
  });

  test('[I1] go into the next checkpoint as they are, and keep their meaning there', () => {
    const twice = reloaded(reloaded(given()));
    expect(atHand(twice)).toEqual(['runs', 'waits']);
    expect(hashState(twice)).toBe(hashState(given()));
  });

  test('can be deleted before they are read', () => {
    const loaded = reloaded(given());
    expect(loaded.tasks.delete('done')).toBe(true);
    expect([loaded.tasks.has('done'), loaded.task('done'), loaded.tasks.size]).toEqual([
      false,
      undefined,
      3,
    ]);
    expect([...loaded.tasks.keys()].toSorted()).toEqual(['failed', 'runs', 'waits']);
  });
});
