/** A repeat under an idempotency key is answered with the first result: now, after a restart, from a checkpoint. */
import { describe, expect, test } from 'vitest';
import { eventTypes, openTestSwarm } from '../support/open-test-swarm.ts';

const KEY = { idempotencyKey: 'order-7' };

function labels(idempotencyKey: string): { readonly idempotencyKey: string } {
  return { idempotencyKey };
}

describe('a command under an idempotency key', () => {
  test('is carried out once; its repeats are answered with the first result', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const [first, second] = await Promise.all([
      ant.tasks.create({ goal: 'g' }, KEY),
      ant.tasks.create({ goal: 'g' }, KEY),
    ]);
    const { sequence } = swarm;
    const third = await ant.tasks.create({ goal: 'g' }, KEY);
    expect([second.id, third.id]).toEqual([first.id, first.id]);
    expect(swarm.sequence).toBe(sequence);
    const other = await ant.tasks.create({ goal: 'g' }, { idempotencyKey: 'order-8' });
    expect(other.id).not.toBe(first.id);
  });

  test('may be any of the handle of tasks and handoffs, whatever became of the thing since', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const { id } = await ant.tasks.create({ goal: 'g' });
    const claim = async () => ant.tasks.claim({ start: true }, labels('claim'));
    const progress = async () => ant.tasks.progress(id, 5, 'm', labels('progress'));
    const offer = { taskId: id, to: bee.identity, reason: 'r' };
    const request = async () => ant.handoffs.request(offer, labels('request'));
    await claim();
    await progress();
    const handoff = await request();
    await bee.handoffs.accept(handoff.id, labels('accept'));
    await bee.handoffs.complete(handoff.id, labels('complete'));
    await bee.tasks.start(id, labels('start'));
    await bee.tasks.complete(id, { lines: 1 }, labels('done'));
    const { sequence } = swarm;
    expect(await claim()).toMatchObject({ id, status: 'complete' }); // shown as it is now
    await progress();
    expect(await request()).toMatchObject({ id: handoff.id, status: 'completed' });
    await bee.handoffs.accept(handoff.id, labels('accept'));
    await bee.handoffs.complete(handoff.id, labels('complete'));
    await bee.tasks.start(id, labels('start'));
    expect(await bee.tasks.complete(id, { lines: 1 }, labels('done'))).toMatchObject({ id });
    expect(swarm.sequence).toBe(sequence);
  });

  test('that asks for something else is refused, and changes nothing', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const { id } = await ant.tasks.create({ goal: 'g' }, KEY);
    const { sequence } = swarm;
    await expect(ant.tasks.create({ goal: 'h' }, KEY)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      details: { idempotencyKey: KEY.idempotencyKey },
    });
    await expect(ant.tasks.claim({ taskId: id }, KEY)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(swarm.sequence).toBe(sequence);
  });

  test('that was refused is tried again', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    expect(await ant.tasks.claimNext({}, KEY)).toBeNull();
    const { id } = await ant.tasks.create({ goal: 'g' });
    expect(await ant.tasks.claimNext({}, KEY)).toMatchObject({ id });
  });

  test('belongs to its session: another one may use the same key, the operator too', async () => {
    const { swarm } = await openTestSwarm();
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const bee = await swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const ids = [
      (await ant.tasks.create({ goal: 'g' }, KEY)).id,
      (await bee.tasks.create({ goal: 'g' }, KEY)).id,
    ];
    expect(new Set(ids).size).toBe(2);
    const payload = { agentType: 'pulse', agentId: 'cat' };
    const register = { type: 'session.register', payload, ...KEY } as const;
    const first = await swarm.dispatch(register);
    expect(first).toMatchObject({ ok: true });
    expect(await swarm.dispatch(register)).toMatchObject({
      ok: true,
      events: first.ok ? first.events : [],
    });
    expect(swarm.state.global.registry['cat']?.sessions).toHaveLength(1);
  });

  test('[I1] is remembered over a restart, from zero and from a checkpoint', async () => {
    for (const everyEvents of [1, 1_000_000]) {
      const snapshots = { everyEvents, keep: 9 };
      const opened = await openTestSwarm({ snapshots });
      const ant = await opened.swarm.register({ agentType: 'pulse', agentId: 'ant' });
      const { id } = await ant.tasks.create({ goal: 'g' }, KEY);
      const again = (await opened.reopen({ snapshots })).session(ant.identity);
      expect((await again.tasks.create({ goal: 'g' }, KEY)).id).toBe(id);
      await expect(again.tasks.create({ goal: 'h' }, KEY)).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
    }
  });

  test('[I12] is remembered for so long and among so many', async () => {
    const limits = {
      idempotencyWindowMs: 1_000,
      idempotencyKeysMax: 2,
      heartbeatTimeoutMs: 60_000,
    };
    const { swarm, clock } = await openTestSwarm({ limits });
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const create = async (idempotencyKey: string) =>
      (await ant.tasks.create({ goal: 'g' }, { idempotencyKey })).id;
    const first = await create('a');
    await clock.advance(1_000);
    expect(await create('a')).toBe(first);
    await clock.advance(1);
    const second = await create('a');
    expect(second).not.toBe(first);
    await create('b');
    expect(await create('a')).toBe(second);
    await create('c');
    expect(await create('a')).not.toBe(second);
    expect(eventTypes(swarm).filter((type) => type === 'task.created')).toHaveLength(5);
  });
});
