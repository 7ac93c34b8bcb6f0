import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockBuilder, decodeBlock } from '../../src/events/block.ts';
import { CATALOG, definitionOf } from '../../src/events/catalog.ts';
import type { EarlierVersion, EventDefinition } from '../../src/events/definition.ts';
import type { Commit, Fact, RecordedCommand } from '../../src/events/envelope.ts';
import type { AgentIdentity } from '../../src/events/identity.ts';
import { upcast } from '../../src/events/upcasters.ts';

const PREVIOUS = 'a'.repeat(64);
const ANT: AgentIdentity = { agentId: 'ant', agentType: 'pulse', sessionId: 's1' };

interface Sketch {
  readonly command: Partial<RecordedCommand>;
  readonly facts: readonly { readonly type: string; readonly payload: unknown }[];
}

/** Puts sketched commits at their places, from a sequence on. */
function placed(sketches: readonly Sketch[], first = 1): Commit[] {
  let sequence = first;
  return sketches.map(({ command, facts }) => {
    const full: RecordedCommand = {
      type: 'task.create',
      version: 1,
      payload: {},
      source: ANT,
      timeMs: 1_000,
      correlationId: undefined,
      causationId: undefined,
      trace: undefined,
      ...command,
    };
    const { timeMs, source } = full;
    return {
      command: full,
      facts: facts.map((fact): Fact => ({ ...fact, sequence: sequence++, timeMs, source })),
    };
  });
}

function encoded(commits: readonly Commit[], epoch = 3): Buffer {
  const builder = new BlockBuilder();
  for (const commit of commits) builder.add(commit);
  return builder.encode(epoch, PREVIOUS);
}

/** The stored facts of the only commit, as they stand in the text. */
function storedFacts(commit: Commit | undefined): unknown {
  const text = JSON.parse(encoded(commit === undefined ? [] : [commit]).toString()) as {
    commits: { facts: unknown }[];
  };
  return text.commits[0]?.facts;
}

const identity = fc.record({
  agentId: fc.constantFrom('ant', 'bee', 'ünï"code\\'),
  agentType: fc.constantFrom('pulse' as const, 'conductor' as const),
  sessionId: fc.constantFrom('s1', 's2'),
});

/** Payloads over the fields of a type and some that it does not have, so that fields are inherited, changed, absent and new. */
function payload(fields: readonly string[], given: Readonly<Record<string, unknown>>) {
  const value = fc.jsonValue({ maxDepth: 2 });
  const field = (name: string) => fc.oneof(fc.constant(undefined), fc.constant(given[name]), value);
  return fc
    .record(Object.fromEntries(fields.map((name) => [name, field(name)])))
    .map((made) => Object.fromEntries(Object.entries(made).filter(([, one]) => one !== undefined)));
}

const types = Object.keys(CATALOG) as (keyof typeof CATALOG)[];
const sketch = fc
  .record({
    type: fc.constantFrom(...types),
    more: fc.constantFrom(...types),
    source: identity,
    timeMs: fc.nat(),
    version: fc.constantFrom(1, 2),
  })
  .chain(({ type, more, source, timeMs, version }) => {
    const { fields } = CATALOG[type];
    return payload([...fields, 'other'], {}).chain((given) =>
      fc.record({
        command: fc.record({
          type: fc.constantFrom('task.create', 'lock.acquire'),
          version: fc.constant(version),
          payload: fc.constant(given),
          source: fc.constant(source),
          timeMs: fc.constant(timeMs),
          correlationId: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
          causationId: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
          trace: fc.option(fc.record({ traceparent: fc.string() }), { nil: undefined }),
        }),
        facts: fc.tuple(
          payload(fields, given).map((own) => ({ type, payload: own })),
          payload(CATALOG[more].fields, given).map((own) => ({ type: more, payload: own })),
        ),
      }),
    );
  });

describe('a block', () => {
  test('[I1] comes back as it was written, whatever its commits hold (seed 42)', () => {
    fc.assert(
      fc.property(
        fc.array(sketch, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 1e9 }),
        (sketches, first) => {
          const commits = placed(sketches, first);
          const block = decodeBlock(encoded(commits), first);
          // -0 is 0 in JSON, live as well as replayed.
          expect(block.commits).toEqual(
            JSON.parse(JSON.stringify(commits), (_key, value: unknown) => value),
          );
          expect(block).toMatchObject({
            first,
            count: commits.length * 2,
            epoch: 3,
            previous: PREVIOUS,
          });
        },
      ),
      { seed: 42, numRuns: 500 },
    );
  });

  test('says what is in it while it is filled', () => {
    const builder = new BlockBuilder();
    expect([builder.commits, builder.chars, builder.last]).toEqual([0, 0, 0]);
    for (const commit of placed([CREATE, CREATE], 7)) builder.add(commit);
    expect([builder.commits, builder.last]).toEqual([2, 8]);
    expect(builder.chars).toBeLessThan(builder.encode(1, PREVIOUS).length);
  });

  test('writes an author once, however many commits he gave', () => {
    const text = JSON.parse(encoded(placed([CREATE, CREATE, CREATE])).toString()) as {
      who: unknown[];
    };
    expect(text.who).toEqual([ANT]);
  });
});

const CREATE: Sketch = {
  command: { payload: { taskId: 't1', goal: 'g' } },
  facts: [{ type: 'task.created', payload: { taskId: 't1', goal: 'g', priority: 'high' } }],
};

describe('what is in the command is not written again in the fact', () => {
  test('a fact that says nothing more is its type', () => {
    const payloadOfBoth = { taskId: 't1', progress: 3 };
    const [commit] = placed([
      {
        command: { payload: payloadOfBoth },
        facts: [{ type: 'task.progress', payload: payloadOfBoth }],
      },
    ]);
    expect(storedFacts(commit)).toEqual([['task.progress']]);
    expect(
      decodeBlock(encoded(commit === undefined ? [] : [commit]), 1).commits[0]?.facts[0]?.payload,
    ).toEqual(payloadOfBoth);
  });

  test('a fact writes what is its own', () => {
    expect(storedFacts(placed([CREATE])[0])).toEqual([['task.created', { priority: 'high' }]]);
  });

  test('a fact that lacks a field of the command says so; one that is no field of its type it never had', () => {
    const [commit] = placed([
      {
        command: { payload: { taskId: 't1', message: 'm', start: true } },
        facts: [
          { type: 'task.progress', payload: { taskId: 't1', progress: 1 } },
          { type: 'task.started', payload: { taskId: 't1' } },
        ],
      },
    ]);
    expect(storedFacts(commit)).toEqual([
      ['task.progress', { progress: 1 }, ['message']],
      ['task.started'],
    ]);
    const facts = decodeBlock(encoded(commit === undefined ? [] : [commit]), 1).commits[0]?.facts;
    expect(facts?.map((fact) => fact.payload)).toEqual([
      { taskId: 't1', progress: 1 },
      { taskId: 't1' },
    ]);
  });
});

/** Runs with another definition of a type in the catalogue, as a later version of this program would have it. */
function withDefinition<T>(
  type: keyof typeof CATALOG,
  changes: Partial<EventDefinition>,
  run: () => T,
): T {
  const catalog = CATALOG as Record<string, EventDefinition>;
  const before = catalog[type];
  if (before === undefined) throw new Error(type);
  catalog[type] = { ...before, ...changes };
  try {
    return run();
  } finally {
    catalog[type] = before;
  }
}

/** `task.progress` had `percent` in its first version, and `done` in its second. */
const EARLIER: readonly EarlierVersion[] = [
  {
    version: 1,
    fields: ['taskId', 'percent'],
    lift: ({ percent, ...rest }) => ({ ...rest, done: percent }),
  },
  {
    version: 2,
    fields: ['taskId', 'done'],
    lift: ({ done, ...rest }) => ({ ...rest, progress: done }),
  },
];

const written = (version: number, own: object): Buffer => {
  const commit = {
    at: 1_000,
    by: 0,
    do: 'task.progress',
    in: { taskId: 't1' },
    facts: [version === 1 ? ['task.progress', own] : ['task.progress', own, 0, version]],
  };
  return Buffer.from(
    JSON.stringify({
      format: 1,
      first: 5,
      count: 1,
      epoch: 1,
      previous: PREVIOUS,
      who: [ANT],
      commits: [commit],
    }),
  );
};
const read = (bytes: Buffer): unknown =>
  withDefinition(
    'task.progress',
    { version: 3, earlier: EARLIER },
    () => decodeBlock(bytes, 5).commits[0]?.facts[0]?.payload,
  );

describe('upcasters', () => {
  test('lift a payload step by step from the version that it was written in; the first version has no number', () => {
    expect(read(written(1, { percent: 40 }))).toEqual({ taskId: 't1', progress: 40 });
    expect(read(written(2, { done: 40 }))).toEqual({ taskId: 't1', progress: 40 });
    expect(read(written(3, { progress: 40 }))).toEqual({ taskId: 't1', progress: 40 });
  });

  test('inherit from the command the fields of the version that was written', () => {
    const commit = {
      at: 1_000,
      by: 0,
      do: 'task.progress',
      in: { taskId: 't1', percent: 40, progress: 7 },
      facts: [['task.progress', 0, 0, 1]],
    };
    const bytes = Buffer.from(
      JSON.stringify({
        format: 1,
        first: 5,
        count: 1,
        epoch: 1,
        previous: PREVIOUS,
        who: [ANT],
        commits: [commit],
      }),
    );
    expect(read(bytes)).toEqual({ taskId: 't1', progress: 40 });
  });

  test('a later version is written with its number, and read again', () => {
    const bytes = withDefinition('task.progress', { version: 3, earlier: EARLIER }, () =>
      encoded(
        placed(
          [
            {
              command: { payload: { taskId: 't1' } },
              facts: [{ type: 'task.progress', payload: { taskId: 't1', progress: 1 } }],
            },
          ],
          5,
        ),
      ),
    );
    expect(bytes.toString()).toContain('["task.progress",{"progress":1},0,3]');
    expect(read(bytes)).toEqual({ taskId: 't1', progress: 1 });
  });

  test('an unknown version is refused, never guessed, with its sequence', () => {
    const unknown = expect.objectContaining({
      code: 'FORMAT_UNSUPPORTED',
      details: { type: 'task.progress', version: 4, known: 3, sequence: 5 },
    }) as Error;
    expect(() => read(written(4, { progress: 1 }))).toThrow(unknown);
    expect(() => decodeBlock(written(2, { done: 1 }), 5)).toThrow(
      expect.objectContaining({ code: 'FORMAT_UNSUPPORTED' }) as Error,
    );
    expect(() =>
      upcast(
        'task.progress',
        { version: 2, earlier: [] },
        { version: 1, payload: {}, sequence: 1 },
      ),
    ).toThrow(expect.objectContaining({ code: 'FORMAT_UNSUPPORTED' }) as Error);
  });

  test('an unknown type is refused, with its sequence', () => {
    const commit = {
      at: 1_000,
      by: 0,
      do: 'task.progress',
      in: {},
      facts: [['task.started'], ['task.teleported']],
    };
    const bytes = Buffer.from(
      JSON.stringify({
        format: 1,
        first: 5,
        count: 2,
        epoch: 1,
        previous: PREVIOUS,
        who: [ANT],
        commits: [commit],
      }),
    );
    expect(() => decodeBlock(bytes, 5)).toThrow(
      expect.objectContaining({
        code: 'FORMAT_UNSUPPORTED',
        details: { sequence: 6, type: 'task.teleported' },
      }) as Error,
    );
    expect(definitionOf('toString')).toBeUndefined();
  });
});

const good = () => JSON.parse(encoded(placed([CREATE], 5)).toString()) as Record<string, unknown>;

describe('a block that is none', () => {
  test.each<[string, () => Buffer, string]>([
    ['text that is no JSON', () => Buffer.from('{"format":1'), 'LOG_CORRUPT'],
    ['JSON that is no block', () => Buffer.from('[]'), 'LOG_CORRUPT'],
    ['null', () => Buffer.from('null'), 'LOG_CORRUPT'],
    [
      'another format',
      () => Buffer.from(JSON.stringify({ ...good(), format: 3 })),
      'FORMAT_UNSUPPORTED',
    ],
    ['another count', () => Buffer.from(JSON.stringify({ ...good(), count: 2 })), 'LOG_CORRUPT'],
    [
      'a commit of nobody',
      () => Buffer.from(JSON.stringify({ ...good(), who: [] })),
      'LOG_CORRUPT',
    ],
  ])('%s is refused with its sequence', (_name, bytes, code) => {
    expect(() => decodeBlock(bytes(), 5)).toThrow(
      expect.objectContaining({
        code,
        details: expect.objectContaining({ sequence: 5 }) as unknown,
      }) as Error,
    );
  });
});
