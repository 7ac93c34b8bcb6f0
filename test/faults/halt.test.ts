/** After a failure nothing more is acknowledged and nothing is read: a state that nobody can know is not shown (I7). */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Fault } from '../../src/core/errors.ts';
import { Projector } from '../../src/projections/projector.ts';
import { ManualClock } from '../../src/testing/index.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

async function codeOf(ask: () => unknown): Promise<string> {
  try {
    const answer = (await ask()) as { ok?: boolean; code?: string } | undefined;
    return answer?.ok === false ? String(answer.code) : 'served';
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

/** Every door is shut, for reading too. */
async function expectHalted(swarm: Swarm): Promise<void> {
  const create = { type: 'task.create', payload: { goal: 'a' } } as const;
  for (const ask of [
    () => swarm.dispatch(create),
    () => swarm.get('global.tasks'),
    () => swarm.read('global.health'),
    () => swarm.state,
    () => swarm.stateHash,
    () => swarm.durable(),
    () => swarm.register({ agentType: 'pulse', agentId: 'p' }),
    () => swarm.session({ agentId: 'p', sessionId: 'p1' }),
  ]) {
    expect(await codeOf(ask), String(ask)).toBe('HALTED');
  }
}

const given = async (options: Parameters<typeof openSwarmOver>[1] = {}) => {
  const clock = new ManualClock();
  const database = new GatedDatabase();
  const swarm = await openSwarmOver(database, { clock, ...options });
  const pulse = await swarm.register({ agentType: 'pulse', agentId: 'p', sessionId: 'p1' });
  return { clock, database, swarm, pulse };
};

describe('[I7] a write that fails', () => {
  it('is LOG_UNKNOWN for those whose commands were in it, HALTED for those behind it, and then everything is shut', async () => {
    const { database, swarm, pulse } = await given();
    database.hold();
    const inFlight = codeOf(() => pulse.tasks.create({ goal: 'a' }));
    await new Promise(setImmediate);
    const behind = codeOf(() => pulse.tasks.create({ goal: 'b' }));
    const refused = codeOf(() => pulse.tasks.start('nobody')); // an answer too: it saw what is not durable
    const barrier = codeOf(() => swarm.durable());
    await new Promise(setImmediate);
    database.failure = new Error('No space left on device');
    database.release();
    expect(await inFlight).toBe('LOG_UNKNOWN');
    expect(await Promise.all([behind, refused, barrier])).toEqual(['HALTED', 'HALTED', 'HALTED']);
    database.failure = undefined; // that the disk is well again is not known here
    await expectHalted(swarm);
    await swarm.close();
    expect(await codeOf(() => swarm.get('global'))).toBe('CLOSED');
  });

  it('ends the wait for a lock, and giving up such a wait does not end the process', async () => {
    const { database, swarm, pulse } = await given();
    const other = await swarm.register({ agentType: 'pulse', agentId: 'q' });
    await pulse.locks.acquire({ resource: 'r', type: 'exclusive' });
    const abort = new AbortController();
    const waiting = other.locks
      .acquire({ resource: 'r', type: 'exclusive', signal: abort.signal })
      .catch((error: unknown) => error);
    await swarm.durable();
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    database.failure = new Error('No space left on device');
    abort.abort();
    expect(await waiting).toMatchObject({ code: 'HALTED' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    await expectHalted(swarm);
    await swarm.close();
  });
});

describe('[I7] a rule of ours that breaks', () => {
  it('while a command is folded: INTERNAL for its caller, everything else is shut, and no checkpoint is made of the half', async () => {
    const { database, swarm, pulse } = await given({ snapshots: { everyEvents: 1 } });
    await swarm.durable();
    await new Promise((resolve) => setTimeout(resolve, 20)); // the checkpoint of what was before
    const before = await database.keys().all();
    vi.spyOn(Projector.prototype, 'apply').mockImplementation(function (this: Projector) {
      this.tasks.clear(); // half of something
      throw new TypeError('broken');
    });
    expect(await codeOf(() => pulse.tasks.create({ goal: 'a' }))).toBe('INTERNAL');
    vi.restoreAllMocks();
    await expectHalted(swarm);
    await swarm.close();
    expect(await database.keys().all()).toEqual(before);
  });

  it('while a timer records what is due: the swarm halts, and the process lives', async () => {
    const { clock, swarm } = await given();
    vi.spyOn(Projector.prototype, 'apply').mockImplementation(() => {
      throw new Fault('INTERNAL', 'broken');
    });
    await clock.advance(120_000); // the session is silent, and its deadline comes
    vi.restoreAllMocks();
    await expectHalted(swarm);
    await swarm.close();
  });
});

describe('[I5] a swarm that lay for long', () => {
  it.each([400, 36_000])('%i days, opens again', async (days) => {
    const { database, swarm } = await given();
    const { sequence } = swarm;
    await swarm.close();
    const clock = new ManualClock(Date.UTC(2026, 0, 1) + days * 86_400_000);
    const again = await openSwarmOver(database, { clock });
    expect(again.sequence).toBeGreaterThan(sequence);
    await again.close();
  });
});
