import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { ERRORS } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { OPERATOR } from '../../src/events/identity.ts';
import { COMMANDS, type CommandType } from '../../src/protocol/commands.ts';
import { receive } from '../../src/protocol/receive.ts';
import { countedIds } from '../../src/testing/counted-ids.ts';

const TRACE = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'x=1' };
const CREATE = { type: 'task.create', payload: { goal: 'index src' } };

function given(input: unknown) {
  const reception = { source: OPERATOR, timeMs: 7, ids: countedIds(), limits: DEFAULT_LIMITS };
  return receive(input, reception);
}

describe('receive', () => {
  it('makes a typed, frozen command with its time, its author and the id that it drew', () => {
    const received = given({ ...CREATE, correlationId: 'c', causationId: 'd', trace: TRACE });
    expect(received).toEqual({
      ok: true,
      command: {
        type: 'task.create',
        version: 1,
        payload: { goal: 'index src', taskId: 'id-1' },
        source: OPERATOR,
        timeMs: 7,
        correlationId: 'c',
        causationId: 'd',
        trace: TRACE,
      },
    });
    expect(received.ok && Object.isFrozen(received.command.payload)).toBe(true);
    expect(received.ok && Object.isFrozen(received.command.trace)).toBe(true);
  });

  it('draws no id when the caller gave one', () => {
    const received = given({ type: 'task.create', payload: { goal: 'a', taskId: 'mine' } });
    expect(received).toMatchObject({ command: { payload: { taskId: 'mine' } } });
  });

  it('draws an id when the caller says undefined, and refuses null', () => {
    expect(given({ type: 'task.create', payload: { goal: 'a', taskId: undefined } })).toMatchObject(
      {
        command: { payload: { taskId: 'id-1' } },
      },
    );
    expect(given({ type: 'task.create', payload: { goal: 'a', taskId: null } })).toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  it('[I10] takes nothing from the input that belongs to the handle', () => {
    const forged = {
      source: { agentId: 'x', agentType: 'conductor', sessionId: 'x' },
      timeMs: 1,
      version: 9,
    };
    expect(given({ ...CREATE, ...forged })).toMatchObject({
      command: { source: OPERATOR, timeMs: 7, version: 1 },
    });
  });

  it('[I11] reads every part once, so that what was checked is what is kept', () => {
    let reads = 0;
    const trace = {
      get traceparent() {
        return ++reads === 1 ? TRACE.traceparent : 'forged\n';
      },
    };
    expect(given({ ...CREATE, trace })).toMatchObject({
      command: { trace: { traceparent: TRACE.traceparent } },
    });
    expect(reads).toBe(1);
  });

  it.each([
    ['correlationId', ''],
    ['correlationId', 'a b'],
    ['correlationId', 'a\u0000'],
    ['correlationId', 'x'.repeat(257)],
    ['correlationId', 5],
    ['causationId', null],
    ['causationId', {}],
    ['trace', null],
    ['trace', 'a'],
    ['trace', []],
    ['trace', {}],
    ['trace', { traceparent: 'x' }],
    ['trace', { ...TRACE, tracestate: 5 }],
    ['trace', { ...TRACE, tracestate: 'x'.repeat(513) }],
    ['trace', { ...TRACE, traceparent: `${TRACE.traceparent}\n` }],
  ])('[I11] refuses %s %j', (name, value) => {
    expect(given({ ...CREATE, [name]: value })).toMatchObject({
      code: 'INVALID_INPUT',
      details: { at: name },
    });
  });

  it.each([
    ['an accessor of the command', { get type(): string { throw new Error('no'); } }], // prettier-ignore
    ['an accessor that throws null', { type: 'task.create', get payload(): never { throw null; } }], // prettier-ignore
    ['an accessor of the trace', { ...CREATE, trace: { get traceparent(): never { throw new Error('no'); } } }], // prettier-ignore
    ['a proxy', new Proxy({}, { get: () => { throw new Error('no'); } })], // prettier-ignore
  ])('[I11] refuses %s that throws', (_name, input) => {
    expect(given(input)).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
  });

  it('[I11] refuses an instance of a class as the payload, whether or not an id is drawn', () => {
    class Payload {
      goal = 'a';
    }
    expect(given({ type: 'task.create', payload: new Payload() })).toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(given({ type: 'task.create', payload: new Date() })).toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(given({ type: 'task.create', payload: ['a'] })).toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('[I12] says what is wrong in bounded words, however much is wrong', () => {
    const keys = Object.fromEntries(Array.from({ length: 40_000 }, (_, n) => [`field-${n}`, n]));
    const received = given({ type: 'task.start', payload: keys });
    expect(received).toMatchObject({ code: 'INVALID_INPUT' });
    expect(JSON.stringify(received).length).toBeLessThan(4_000);
    expect(JSON.stringify(given({ type: 'x'.repeat(1_000_000) })).length).toBeLessThan(4_000);
  });

  it('[I11] refuses every command with an empty payload but the one that needs nothing', () => {
    const taken = Object.keys(COMMANDS).filter((type) => given({ type, payload: {} }).ok);
    expect(taken).toEqual(['task.claim']);
  });

  it('[I11] refuses every command with a field that it does not know', () => {
    for (const type of Object.keys(COMMANDS)) {
      const received = given({ type, payload: { ...plausible(type as CommandType), surprise: 1 } });
      expect(received, type).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
      expect(JSON.stringify(received), type).toContain('surprise');
    }
  });

  test('[I11] any input at all: a frozen command or a refusal of the table, never a throw', () => {
    const type = fc.oneof(fc.constantFrom(...Object.keys(COMMANDS)), fc.string());
    const input = fc.oneof(
      fc.anything(),
      fc.record({ type, payload: fc.anything() }, { requiredKeys: [] }),
      fc.record({
        type,
        payload: fc.dictionary(fc.constantFrom('taskId', 'goal', 'lockId'), fc.anything()),
      }),
      fc.record({ type, payload: fc.object(), correlationId: fc.anything(), trace: fc.anything() }),
    );
    fc.assert(
      fc.property(input, (value) => {
        const received = given(value);
        if (received.ok) expect(Object.isFrozen(received.command.payload)).toBe(true);
        else expect(ERRORS).toHaveProperty(received.code);
      }),
      { seed: 13, numRuns: 5_000 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

/** Some value for every field; only the names count. */
function plausible(type: CommandType): Record<string, unknown> {
  return Object.fromEntries(Object.keys(COMMANDS[type].schema.shape).map((field) => [field, 'a']));
}
