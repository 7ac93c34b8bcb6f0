/** What can only be a mistake is refused when a runtime is called: by the name of the option, and with what is expected. */
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { conductOnce, runConductor } from '../../src/agents/conductor.ts';
import { runDreamWeaver } from '../../src/agents/dream-weaver.ts';
import { HealthWatch, runGuardian } from '../../src/agents/guardian.ts';
import { checkOnce, runHeartbeat } from '../../src/agents/heartbeat.ts';
import { runPulse } from '../../src/agents/pulse.ts';
import { Refused } from '../../src/core/errors.ts';
import type { AgentKind } from '../../src/events/identity.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';

type Call = (session: unknown, options: unknown) => Promise<unknown>;
/** A runtime as JavaScript sees it, the kind of session that it takes, and options that it takes. */
type Runtime = readonly [call: Call, kind: AgentKind, options: object];

const directory = tmpdir();
const PULSE = { goal: 'g', repository: directory, command: ['true'] };
const HEARTBEAT = { checks: [], intervalMs: 1_000 };
const DREAM = {
  dream: { dreamId: 'd', dreamType: 'research', prompt: 'p' },
  directory,
  weave: { command: ['true'] },
};

const RUNTIMES = {
  runPulse: [runPulse as Call, 'pulse', PULSE],
  runConductor: [runConductor as Call, 'conductor', {}],
  conductOnce: [conductOnce as Call, 'conductor', {}],
  runHeartbeat: [runHeartbeat as Call, 'heartbeat', HEARTBEAT],
  checkOnce: [checkOnce as Call, 'heartbeat', HEARTBEAT],
  runGuardian: [runGuardian as Call, 'guardian', { intervalMs: 1_000 }],
  runDreamWeaver: [runDreamWeaver as Call, 'dream_weaver', DREAM],
} as const satisfies Record<string, Runtime>;

type Name = keyof typeof RUNTIMES;
const NAMES = Object.keys(RUNTIMES) as readonly Name[];

/** Calls a runtime, with its options changed: what it is refused with, and that nothing was written. */
async function refused(name: Name, change: (options: object) => unknown): Promise<string> {
  const [call, agentType, options] = RUNTIMES[name];
  const { swarm } = await openTestSwarm();
  const session = await swarm.register({ agentType, agentId: 'a' });
  const { sequence } = swarm;
  const error: unknown = await call(session, change(options)).catch((thrown: unknown) => thrown);
  expect(swarm.sequence).toBe(sequence);
  if (!(error instanceof Refused)) throw new Error(`${name} was not refused: ${String(error)}`);
  expect(error.code).toBe('INVALID_INPUT');
  return error.message;
}

describe.each(NAMES)('%s refuses', (name) => {
  test('what is no session', async () => {
    const [call, kind, options] = RUNTIMES[name];
    for (const session of [undefined, null, 'ant', {}, { identity: { agentType: kind } }]) {
      await expect(call(session, options)).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: `${name}: session has to be a session, as swarm.register gives it.`,
      });
    }
  });

  test('an option that it does not have, and names those that it has', async () => {
    const message = await refused(name, (options) => ({ ...options, clok: 1 }));
    expect(message).toContain(`${name}: clok is no option; there are `);
    expect(message).toContain('clock');
  });

  test('what are no options', async () => {
    for (const none of [null, 'fast', []]) {
      expect(await refused(name, () => none)).toBe(`${name}: options have to be an object.`);
    }
  });

  test('a clock that is none', async () => {
    const message = await refused(name, (options) => ({ ...options, clock: { wallMs: 1 } }));
    expect(message).toContain(`${name}: clock has to be a clock`);
  });
});

test.each(NAMES.filter((name) => !['runConductor', 'conductOnce'].includes(name)))(
  '%s refuses that it gets no options',
  async (name) => {
    const message = await refused(name, () => undefined);
    expect(message).toBe(`${name}: options have to be an object.`);
  },
);

const intervals = [0, -5, 1.5, Number.NaN, Infinity, 2 ** 31, 'abc', null].map(
  (intervalMs) => ({ intervalMs }) as const,
);
const timed = ['runConductor', 'runHeartbeat', 'checkOnce', 'runGuardian'] as const;

test.each(timed.flatMap((name) => intervals.map((more) => [name, more] as const)))(
  '%s refuses %j',
  async (name, more) => {
    const message = await refused(name, (options) => ({ ...options, ...more }));
    expect(message).toMatch(
      /: intervalMs has to be a whole number of milliseconds from 1 to \d+\.$/,
    );
  },
);

const DIFFERENT: readonly (readonly [Name, object, string])[] = [
  ['runPulse', { signal: new AbortController() }, 'signal has to be an AbortSignal'],
  ['runPulse', { command: 'npm test' }, 'command has to be a list of texts, the program first'],
  ['runPulse', { command: [] }, 'command has to be'],
  ['runPulse', { command: ['a', 1] }, 'command has to be'],
  ['runPulse', { command: ['a\0'] }, 'command has to be'],
  ['runPulse', { repository: undefined }, 'repository has to be a text'],
  ['runPulse', { goal: 7 }, 'goal has to be a text'],
  ['runPulse', { maxIterations: '3' }, 'maxIterations has to be a number'],
  ['runPulse', { env: { A: 1 } }, 'env has to be an object whose values are texts'],
  ['runPulse', { onOutput: 'print' }, 'onOutput has to be a function'],
  ['runConductor', { signal: {} }, 'signal has to be an AbortSignal'],
  ['runConductor', { rules: {} }, 'rules has to be a list of rules'],
  ['conductOnce', { rules: ['pulse'] }, 'rules.0 has to be a rule'],
  ['conductOnce', { rules: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] }, 'rules have the id a twice'],
  ['conductOnce', { intervalMs: 5 }, 'intervalMs is no option'],
  ['runHeartbeat', { checks: undefined }, 'checks has to be a list of checks'],
  ['runHeartbeat', { checks: [{ type: 'a' }] }, 'checks.0 has to be a check'],
  ['runHeartbeat', { targets: { email: 1 } }, 'targets has to be an object of true and false'],
  ['runHeartbeat', { deliveryTimeoutMs: 0 }, 'deliveryTimeoutMs has to be'],
  ['runGuardian', { log: {} }, 'log has to be what has a sequence'],
  ['runGuardian', { calmLooks: 0 }, 'calmLooks has to be a whole number from 1'],
  ['runDreamWeaver', { dream: { dreamId: 'd' } }, 'dream has to be { dreamId'],
  ['runDreamWeaver', { weave: { planning: () => {} } }, 'weave has to be { command }'],
  ['runDreamWeaver', { weave: { command: 'sh' } }, 'weave has to be { command }'],
  ['runDreamWeaver', { documents: 'a.md' }, 'documents has to be a list of paths'],
  ['runDreamWeaver', { maxTokens: -1 }, 'maxTokens has to be a whole number from 0'],
];

test.each(DIFFERENT)('%s refuses %o', async (name, more, said) => {
  const message = await refused(name, (options) => ({ ...options, ...more }));
  expect(message).toContain(`${name}: ${said}`);
});

test('a HealthWatch is made with the options of a Guardian', async () => {
  const { swarm } = await openTestSwarm();
  const session = await swarm.register({ agentType: 'guardian', agentId: 'g' });
  const wrong = JSON.parse('{ "intervalMs": 1000, "calmlooks": 1 }') as { intervalMs: number };
  expect(() => new HealthWatch(session, wrong)).toThrow('calmlooks is no option');
});
