/** What others test with must itself be able to fail. */
import { describe, expect, test } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { checkReplay, countedIds, liveState, ManualClock } from '../../src/testing/index.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

describe('ManualClock', () => {
  test('fires timers at their own moments, the earliest first, those armed on the way too', async () => {
    const clock = new ManualClock(0);
    const fired: [string, number][] = [];
    const note = (name: string) => () => fired.push([name, clock.monotonicMs()]);
    clock.schedule(30, note('late'));
    clock.schedule(10, () => {
      note('early')();
      clock.schedule(5, note('armed on the way'));
    });
    clock.schedule(10, note('second of the same moment'));
    const cancel = clock.schedule(20, note('cancelled'));
    cancel();
    await clock.advance(29);
    expect(fired).toEqual([
      ['early', 10],
      ['second of the same moment', 10],
      ['armed on the way', 15],
    ]);
    expect([clock.wallMs(), clock.pending]).toEqual([29, 1]);
    await clock.advance(1);
    expect(fired.at(-1)).toEqual(['late', 30]);
  });

  test('lets promises go on between timers', async () => {
    const clock = new ManualClock();
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn++) {
        await new Promise<void>((resolve) => {
          clock.schedule(10, resolve);
        });
        seen.push(clock.monotonicMs());
      }
    };
    const done = loop();
    await clock.advance(30);
    await done;
    expect(seen).toEqual([10, 20, 30]);
  });

  test('a jump fires nothing; what is overdue then fires late', async () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    clock.schedule(10, () => fired.push(clock.monotonicMs()));
    clock.jump(500);
    expect(fired).toEqual([]);
    await clock.advance(0);
    expect(fired).toEqual([500]);
  });
});

test('countedIds are the same in every run', () => {
  const [ids, tasks] = [countedIds(), countedIds('task')];
  expect([ids(), ids(), tasks(), ids()]).toEqual(['id-1', 'id-2', 'task-1', 'id-3']);
});

describe('checkReplay', () => {
  test('says what it compared, and names the first difference', async () => {
    const opened = await openTestSwarm();
    const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
    await ant.tasks.create({ taskId: 't1', goal: 'g' });
    const shown = liveState(opened.swarm);
    await opened.close();
    expect(await checkReplay(opened.directory, shown)).toMatchObject({
      sequence: 4,
      checkpoints: [],
    });
    const other = { ...shown, state: shown.state.replace('"goal":"g"', '"goal":"other"') };
    await expect(checkReplay(opened.directory, other)).rejects.toThrow(
      /events\.events\.3\.payload\.goal/,
    );
    await expect(checkReplay(opened.directory, { ...shown, stateHash: 'f' })).rejects.toThrow(
      /hash/,
    );
    await expect(checkReplay(opened.directory, { ...shown, sequence: 5 })).rejects.toThrow(
      /ends at 4/,
    );
    await opened.open();
  });

  test('works beside a swarm in memory, with the public doors only', async () => {
    const swarm = await openSwarm({ clock: new ManualClock(), ids: countedIds() });
    expect(swarm.id).toBe('id-1');
    expect(liveState(swarm)).toMatchObject({ sequence: 1, stateHash: swarm.stateHash });
    await swarm.close();
  });
});
