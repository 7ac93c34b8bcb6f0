/** The Dream Weaver over a real swarm, real directories and real commands: phases, files, room and scores. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { artifactTypeOf, filesIn, writtenSince } from '../../src/agents/artifacts.ts';
import { estimateTokens, withDocuments } from '../../src/agents/context-documents.ts';
import { runDreamWeaver, type DreamOptions } from '../../src/agents/dream-weaver.ts';
import {
  scoresIn,
  type DreamPhase,
  type PhaseContext,
  type WeaveCommand,
  type WeaveFunctions,
} from '../../src/agents/weave.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { Swarm } from '../../src/coordinator/swarm.ts';
import { Refused } from '../../src/core/errors.ts';
import type { DreamWeaverState } from '../../src/events/state-schemas.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import { openTestSwarm } from '../support/open-test-swarm.ts';
import { until } from '../support/turns.ts';

const DREAM = {
  dreamId: 'd1',
  dreamType: 'research',
  prompt: 'why do ants walk in lines',
} as const;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'stigmergy-dream-'));
  onTestFinished(async () => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function opened(limits = {}) {
  const one = await openTestSwarm({ limits });
  const { swarm, clock } = one;
  const session = await swarm.register({
    agentType: 'dream_weaver',
    agentId: 'weaver',
    sessionId: 's1',
  });
  const directory = await emptyDirectory();
  const dream = async (more: Partial<DreamOptions> = {}, own = session) =>
    runDreamWeaver(own, { dream: DREAM, directory, weave: NOTHING, clock, ...more });
  return { one, swarm, clock, session, directory, dream };
}

const nothing = () => {};
const NOTHING: WeaveFunctions = { planning: nothing, generating: nothing, refining: nothing };

const dataOf = (session: AgentSession) =>
  session.get('agents.dream_weaver.s1.data') as DreamWeaverState['data'];
const taskOf = (swarm: Swarm, id: string) => swarm.get(`global.tasks["${id}"]`) as TaskState;

/** The phases that the log says, in order. */
function phasesOf(swarm: Swarm): readonly string[] {
  return swarm.events.query({ types: ['state.updated'] }).flatMap(({ payload }) => {
    const { newValue } = payload as { newValue: { phase?: string } };
    return newValue.phase === undefined ? [] : [newValue.phase];
  });
}

/** Writes a file in each phase. */
const writes: WeaveFunctions = {
  planning: async ({ directory }) => writeFile(join(directory, 'plan.md'), '# plan'),
  generating: async ({ directory }) => {
    await mkdir(join(directory, 'src'));
    await writeFile(join(directory, 'src', 'ants.ts'), 'export {};');
    await writeFile(join(directory, 'plan.md'), '# plan, done');
  },
  refining: async ({ directory }) => {
    await writeFile(join(directory, 'ants.csv'), 'ant,line\n');
    await rm(join(directory, 'src', 'ants.ts'));
    return { quality: { coherence: 0.8, relevance: 1 } };
  },
};

describe('a dream of functions', () => {
  test('walks through its phases, and keeps the files that each made', async () => {
    const { swarm, clock, session, directory, dream } = await opened();
    const seen: [DreamPhase, readonly string[]][] = [];
    const end = await dream({
      weave: writes,
      onPhase: (phase, artifacts) => seen.push([phase, artifacts.map(({ path }) => path)]),
    });
    const at = (...parts: string[]) => join(directory, ...parts);
    expect(end).toMatchObject({ how: 'complete', phase: 'complete', rounds: 1, told: [] });
    expect(seen).toEqual([
      ['planning', [at('plan.md')]],
      ['generating', [at('plan.md'), at('src', 'ants.ts')]],
      ['refining', [at('plan.md'), at('ants.csv')]],
    ]);
    const now = new Date(clock.wallMs()).toISOString();
    expect(dataOf(session)).toMatchObject({
      ...DREAM,
      phase: 'complete',
      quality: { coherence: 0.8, relevance: 1, creativity: 0 },
      artifacts: [
        {
          type: 'document',
          path: at('plan.md'),
          size: 12,
          createdAt: now,
          metadata: { sha256: sha256('# plan, done'), phase: 'generating', changedAt: now },
        },
        {
          type: 'data',
          path: at('ants.csv'),
          size: 9,
          metadata: { sha256: sha256('ant,line\n'), phase: 'refining', round: 1 },
        },
      ],
    });
    expect(dataOf(session).artifacts).toEqual(end.artifacts);
    expect(phasesOf(swarm)).toEqual(['planning', 'generating', 'refining', 'complete']);
    expect(session.get('agents.dream_weaver.s1.progress.current')).toBe(100);
  });

  test('generates again as often as it asks, and no more than it may', async () => {
    const { swarm, dream } = await opened();
    const rounds: number[] = [];
    const weave: WeaveFunctions = {
      ...NOTHING,
      refining: ({ round }) => {
        rounds.push(round);
        return { again: true };
      },
    };
    const end = await dream({ weave, roundsMax: 2 });
    expect(rounds).toEqual([1, 2]);
    expect(end).toMatchObject({ how: 'complete', rounds: 2 });
    expect(end.told).toEqual(['another round was asked for, and there are at most 2']);
    expect(phasesOf(swarm)).toEqual([
      'planning',
      'generating',
      'refining',
      'generating',
      'refining',
      'complete',
    ]);
  });

  test('keeps no score that is none', async () => {
    const { session, dream } = await opened();
    const bad = { coherence: 1.5, relevance: Number.NaN, creativity: 0.5 };
    const end = await dream({ weave: { ...NOTHING, planning: () => ({ quality: bad }) } });
    expect(dataOf(session).quality).toEqual({ coherence: 0, relevance: 0, creativity: 0.5 });
    expect(end.told).toEqual([
      'coherence is no score from 0 to 1: 1.5',
      'relevance is no score from 0 to 1: NaN',
    ]);
  });

  test('that fails stays in its phase, and goes on there when it is tried again, after a restart too', async () => {
    const { one, swarm, directory, session, clock, dream } = await opened();
    const tried: string[] = [];
    let works = false;
    const weave: WeaveFunctions = {
      planning: ({ directory: own }) => writeFile(join(own, 'plan.md'), 'p'),
      generating: ({ phase }) => {
        tried.push(phase);
        if (!works) throw new Error('no idea');
      },
      refining: nothing,
    };
    expect(await dream({ weave })).toMatchObject({
      how: 'failed',
      code: 'PHASE_FAILED',
      reason: 'generating: no idea',
      phase: 'generating',
      artifacts: [{ path: join(directory, 'plan.md') }],
    });
    expect(swarm.get('agents.dream_weaver.s1.data.phase')).toBe('generating');
    const other = { ...DREAM, dreamId: 'd2' };
    const refused = { code: 'ILLEGAL_TRANSITION' };
    await expect(dream({ dream: other })).rejects.toMatchObject(refused);
    works = true;
    const again = await one.reopen();
    const own = again.session(session.identity);
    const end = await runDreamWeaver(own, { dream: DREAM, directory, weave, clock });
    expect(end).toMatchObject({
      how: 'complete',
      artifacts: [{ path: join(directory, 'plan.md') }],
    });
    expect(tried).toEqual(['generating', 'generating']);
  });

  test('that is complete is not dreamt again, and makes room for another one', async () => {
    const { session, dream } = await opened();
    await dream({ weave: writes });
    const never: WeaveFunctions = {
      ...NOTHING,
      planning: () => {
        throw new Error('never');
      },
    };
    expect(await dream({ weave: never })).toMatchObject({ how: 'complete' });
    const other = { ...DREAM, dreamId: 'd2', prompt: 'p2' };
    expect(await dream({ dream: other })).toMatchObject({ how: 'complete', artifacts: [] });
    expect(dataOf(session)).toMatchObject({ ...other, phase: 'complete', artifacts: [] });
  });

  test('that is cancelled in the middle leaves its phase as it was', async () => {
    const { session, dream } = await opened();
    const over = new AbortController();
    let begun = false;
    const weave: WeaveFunctions = {
      ...NOTHING,
      generating: async ({ signal }) => {
        begun = true;
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({}));
        });
      },
    };
    const end = dream({ weave, signal: over.signal });
    await until(() => begun, 'generating');
    over.abort();
    expect(await end).toMatchObject({ how: 'cancelled', phase: 'generating' });
    expect(dataOf(session).phase).toBe('generating');
  });

  test('shows life while a phase takes long', async () => {
    const { swarm, clock, dream } = await opened();
    let finish: (() => void) | undefined;
    const weave: WeaveFunctions = {
      ...NOTHING,
      planning: async () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    };
    const end = dream({ weave });
    await until(() => finish !== undefined, 'planning');
    await clock.advance(120_000);
    finish?.();
    expect(await end).toMatchObject({ how: 'complete' });
    expect(swarm.get('agents.dream_weaver.s1.errors.count')).toBe(0);
  });

  test('waits while somebody has locked its state', async () => {
    const { swarm, clock, session, dream } = await opened();
    const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss' });
    const resource = 'state/agents/dream_weaver/**';
    let lockId = '';
    const weave: WeaveFunctions = {
      ...NOTHING,
      generating: async () => {
        const lock = await boss.locks.acquire({ resource, type: 'exclusive', ttl: 60_000 });
        lockId = lock?.id ?? '';
      },
    };
    const end = dream({ weave });
    end.catch(nothing); // awaited below
    const attempts = () => swarm.access.denials.byCode.PATH_LOCKED ?? 0;
    await until(() => attempts() === 1, 'the first attempt');
    await clock.advance(1_000);
    await until(() => attempts() === 2, 'the second attempt');
    expect(dataOf(session).phase).toBe('generating');
    await boss.locks.release(lockId);
    await clock.advance(1_000);
    expect(await end).toMatchObject({ how: 'complete' });
  });

  test('is for Dream Weavers', async () => {
    const { swarm, dream } = await opened();
    const pulse = await swarm.register({ agentType: 'pulse', agentId: 'p' });
    await expect(dream({}, pulse)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('its task', () => {
  test('is claimed, brought forward and completed', async () => {
    const { swarm, session, directory, dream } = await opened();
    const { id } = await session.tasks.create({ goal: 'the report' });
    const goals: string[] = [];
    const keep = ({ goal }: PhaseContext) => {
      goals.push(goal);
    };
    const weave = { ...writes, planning: keep };
    expect(await dream({ weave, taskId: id })).toMatchObject({ how: 'complete' });
    expect(goals).toEqual(['the report']);
    expect(taskOf(swarm, id)).toMatchObject({
      status: 'complete',
      assignedTo: { sessionId: 's1' },
      result: {
        dreamId: 'd1',
        artifacts: [
          { path: join(directory, 'plan.md'), sha256: sha256('# plan, done') },
          { path: join(directory, 'ants.csv'), size: 9 },
        ],
        quality: { coherence: 0.8 },
      },
    });
    const told = swarm.events.query({ types: ['task.progress'] });
    expect(told.map(({ payload }) => (payload as { progress: number }).progress)).toEqual([20, 60]);
  });

  test('fails with the phase', async () => {
    const { swarm, session, dream } = await opened();
    const { id } = await session.tasks.create({ goal: 'g' });
    const weave: WeaveFunctions = {
      ...NOTHING,
      refining: () => {
        throw new Error('no idea');
      },
    };
    await dream({ weave, taskId: id });
    expect(taskOf(swarm, id)).toMatchObject({
      status: 'failed',
      error: { code: 'PHASE_FAILED', message: 'refining: no idea' },
    });
  });

  test('that somebody else has is left to it, and nothing is begun', async () => {
    const { swarm, session, dream } = await opened();
    const pulse = await swarm.register({ agentType: 'pulse', agentId: 'p' });
    const { id } = await pulse.tasks.create({ goal: 'g' });
    await pulse.tasks.claim({ taskId: id, start: true });
    await expect(dream({ taskId: id })).rejects.toMatchObject({ code: 'TASK_TAKEN' });
    await expect(dream({ taskId: 'none' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(dataOf(session).dreamId).toBeNull();
  });

  test('may be assigned, or running, when it begins', async () => {
    const { swarm, session, dream } = await opened();
    const boss = await swarm.register({ agentType: 'conductor', agentId: 'boss' });
    for (const begins of [false, true]) {
      const { id } = await boss.tasks.create({ goal: 'g' });
      await boss.tasks.assign(id, session.identity);
      if (begins) await session.tasks.start(id);
      await dream({ taskId: id, dream: { ...DREAM, dreamId: id } });
      expect(taskOf(swarm, id)).toMatchObject({ status: 'complete', attempts: 1 });
    }
  });

  test.each([
    [
      'is cancelled',
      async (swarm: Swarm, taskId: string) =>
        swarm.dispatch({ type: 'task.cancel', payload: { taskId } }),
    ],
    [
      'is taken away',
      async (swarm: Swarm, taskId: string) =>
        swarm.dispatch({ type: 'task.requeue', payload: { taskId } }),
    ],
  ] as const)('that %s in the middle ends the dream', async (_name, lose) => {
    const { swarm, clock, session, dream } = await opened();
    const { id } = await session.tasks.create({ goal: 'g' });
    let isLost = false;
    const weave: WeaveFunctions = {
      ...NOTHING,
      generating: async ({ signal }) => {
        await lose(swarm, id);
        isLost = true;
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({}));
        });
      },
    };
    const ended = dream({ weave, taskId: id });
    await until(() => isLost, 'generating');
    await clock.advance(1_000);
    expect(await ended).toMatchObject({
      how: 'failed',
      code: 'TASK_LOST',
      phase: 'generating',
      reason: expect.stringMatching(/cancelled|pending/) as unknown,
    });
    expect(taskOf(swarm, id).status).not.toBe('failed');
  });
});

function script(code: string): WeaveCommand {
  return { command: [process.execPath, '-e', code] };
}

describe('a dream of commands', () => {
  test('runs one for each phase, which knows what to do, and reads what it says', async () => {
    const { swarm, session, directory, dream } = await opened();
    const { id } = await session.tasks.create({ goal: 'the report' });
    await writeFile(join(directory, 'notes.md'), 'notes');
    const code = `
      const { writeFileSync, appendFileSync } = require('node:fs');
      const { env } = process;
      const own = Object.entries(env).filter(([name]) => name.startsWith('STIGMERGY_'));
      writeFileSync(env.STIGMERGY_PHASE + env.STIGMERGY_ROUND + '.json', JSON.stringify(Object.fromEntries(own)));
      console.log('QUALITY: coherence=0.' + env.STIGMERGY_ROUND + ' relevance=often');
      if (env.STIGMERGY_PHASE === 'refining' && env.STIGMERGY_ROUND === '1') console.error('AGAIN: too short');
    `;
    const end = await dream({ weave: script(code), taskId: id, documents: ['notes.md'] });
    expect(end).toMatchObject({
      how: 'complete',
      rounds: 2,
      quality: { coherence: 0.2, relevance: 0 },
    });
    expect(end.told).toContain('relevance is no score from 0 to 1: NaN');
    expect(end.artifacts.map(({ path }) => path)).toEqual(
      ['planning1', 'generating1', 'refining1', 'generating2', 'refining2'].map((name) =>
        join(directory, `${name}.json`),
      ),
    );
    const told = JSON.parse(await readFile(join(directory, 'generating2.json'), 'utf8')) as unknown;
    expect(told).toEqual({
      STIGMERGY_AGENT_ID: 'weaver',
      STIGMERGY_AGENT_TYPE: 'dream_weaver',
      STIGMERGY_SESSION_ID: 's1',
      STIGMERGY_TASK_ID: id,
      STIGMERGY_GOAL: 'the report',
      STIGMERGY_PROMPT: DREAM.prompt,
      STIGMERGY_DREAM_ID: 'd1',
      STIGMERGY_DREAM_TYPE: 'research',
      STIGMERGY_PHASE: 'generating',
      STIGMERGY_ROUND: '2',
      STIGMERGY_DOCUMENTS: 'notes.md',
    });
    expect(taskOf(swarm, id).status).toBe('complete');
  });

  test.each([
    ['whose exit status is not 0', script('console.log("words"); process.exit(4)'), 'words'],
    ['that cannot be started', { command: ['/nowhere/at-all'] } as const, 'ENOENT'],
    ['that takes too long', { ...script('setInterval(() => {}, 1000)'), timeoutMs: 300 }, '300 ms'],
  ])('%s fails', async (_name, weave, words) => {
    const { dream } = await opened();
    const end = await dream({ weave });
    expect(end).toMatchObject({
      how: 'failed',
      code: 'PHASE_FAILED',
      phase: 'planning',
      reason: expect.stringContaining(words) as unknown,
    });
  });

  test('may be asked for more than a variable holds: it reads the prompt whole', async () => {
    const { dream, directory } = await opened();
    const prompt = `${'ä€'.repeat(25_000)}\0end`;
    const code = `
      const { writeFileSync, readFileSync } = require('node:fs');
      if (process.env.STIGMERGY_PHASE !== 'planning') process.exit(0); // without a look at its input
      writeFileSync('asked', readFileSync(0, 'utf8'));
      console.log('QUALITY: coherence=' + (process.env.STIGMERGY_PROMPT.length === 40000 ? 1 : 0));
    `;
    const end = await dream({ dream: { ...DREAM, prompt }, weave: script(code) });
    expect(end).toMatchObject({ how: 'complete', quality: { coherence: 1 } });
    expect(await readFile(join(directory, 'asked'), 'utf8')).toBe(prompt);
  });

  test('is ended with the dream', async () => {
    const { directory, dream } = await opened();
    const over = new AbortController();
    const code = `require('node:fs').writeFileSync('pid', String(process.pid)); setInterval(() => {}, 1000);`;
    let printed = '';
    const weave: WeaveCommand = {
      command: [process.execPath, '-e', `${code} console.log('begun')`],
      onOutput: (text) => {
        printed += text;
      },
    };
    const end = dream({ weave, signal: over.signal });
    await until(() => printed.includes('begun'), 'the command');
    over.abort();
    expect(await end).toMatchObject({ how: 'cancelled', phase: 'planning' });
    const pid = Number(await readFile(join(directory, 'pid'), 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('no output keeps it busy', () => {
    const hostile = `QUALITY:${' coherence=0.1'.repeat(20_000)}\nQUALITY: ${'='.repeat(100_000)}`;
    expect(scoresIn(hostile)).toEqual({ coherence: 0.1 });
    expect(scoresIn('QUALITY: coherence=0.5 mood=1\nno QUALITY: relevance=1')).toEqual({
      coherence: 0.5,
    });
  });
});

describe('its context window', () => {
  test('holds the documents that fit, and it is told which do not', async () => {
    const { session, directory, dream } = await opened();
    const write = async (name: string, chars: number) =>
      writeFile(join(directory, name), 'a'.repeat(chars));
    await write('small.md', 41); // 11 tokens
    await write('large.md', 400); // 100
    await write('rest.md', 36); // 9
    await write('one.md', 1);
    const read: string[] = [];
    const weave: WeaveFunctions = {
      ...NOTHING,
      planning: ({ documents }) => {
        for (const { name, tokens } of documents) read.push(`${name} ${tokens}`);
      },
    };
    const documents = ['small.md', 'large.md', 'none.md', 'rest.md', 'one.md', 'small.md'];
    const end = await dream({ weave, documents, maxTokens: 20 });
    expect(read).toEqual(['small.md 11', 'rest.md 9']);
    expect(end.told).toEqual([
      'large.md was left out: it does not fit into the 9 tokens that are left',
      'none.md was left out: it cannot be read: ENOENT',
      'one.md was left out: it does not fit into the 0 tokens that are left',
    ]);
    expect(dataOf(session).contextWindow).toEqual({
      documents: ['small.md', 'rest.md'],
      maxTokens: 20,
      usedTokens: 20,
    });
  });

  test('without a budget holds all of them', async () => {
    const { session, directory, dream } = await opened();
    await writeFile(join(directory, 'a.md'), 'a'.repeat(40_000));
    await dream({ documents: ['a.md'] });
    expect(dataOf(session).contextWindow).toEqual({
      documents: ['a.md'],
      maxTokens: 0,
      usedTokens: 10_000,
    });
  });

  test('is never exceeded, whatever the documents are, and counts none twice', async () => {
    const directory = await emptyDirectory();
    const text = fc.string({ unit: 'grapheme', maxLength: 60 });
    const property = fc.asyncProperty(
      fc.array(text, { maxLength: 8 }),
      fc.integer({ min: 1, max: 60 }),
      async (texts, maxTokens) => {
        await Promise.all(texts.map(async (one, at) => writeFile(join(directory, `${at}`), one)));
        const names = texts.map((_text, at) => String(at));
        const empty = { documents: [], maxTokens, usedTokens: 0 };
        const { window, documents, leftOut } = await withDocuments(empty, names, directory);
        expect(window.usedTokens).toBeLessThanOrEqual(maxTokens);
        const counted = documents.map(({ name }) => estimateTokens(texts[Number(name)] ?? ''));
        expect(window.usedTokens).toBe(counted.reduce((sum, tokens) => sum + tokens, 0));
        expect(documents.length + leftOut.length).toBe(texts.length);
        const again = await withDocuments(window, window.documents, directory);
        expect(again).toEqual({ window, documents, leftOut: [] });
      },
    );
    await fc.assert(property, { seed: 8, numRuns: 100 });
  });
});

async function writeByRound({ directory, round }: PhaseContext): Promise<void> {
  await writeFile(join(directory, 'a.md'), round === 1 ? 'one' : 'two');
}

describe('what a phase made', () => {
  test('is what was written since, and nothing that is nobody’s', async () => {
    const directory = await emptyDirectory();
    const at = (...parts: string[]) => join(directory, ...parts);
    await writeFile(at('old.md'), 'old');
    await utimes(at('old.md'), 1, 1);
    await writeFile(at('kept.md'), 'same length');
    const before = await filesIn(directory);
    await writeFile(at('kept.md'), 'other words'); // at once, and as long as before
    await mkdir(at('deep', 'er'), { recursive: true });
    await writeFile(at('deep', 'er', 'new.png'), '');
    for (const hidden of ['.git', 'node_modules', '.stigmergy']) {
      await mkdir(at(hidden));
      await writeFile(at(hidden, 'file'), 'x');
    }
    await symlink('/etc', at('link'));
    const made = await writtenSince(before, await filesIn(directory));
    expect(made).toEqual([
      { path: at('deep', 'er', 'new.png'), size: 0, sha256: sha256('') },
      { path: at('kept.md'), size: 11, sha256: sha256('other words') },
    ]);
    expect(await writtenSince(await filesIn(directory), await filesIn(directory))).toEqual([]);
  });

  test('is seen when it was written so soon that its times are the same', async () => {
    const directory = await emptyDirectory();
    const path = join(directory, 'a.md');
    await writeFile(path, 'one');
    const seen = await filesIn(directory);
    expect(await writtenSince(seen, seen)).toEqual([]);
    await writeFile(path, 'two');
    expect(await writtenSince(seen, seen)).toEqual([{ path, size: 3, sha256: sha256('two') }]);
  });

  test('keeps its id when it is made anew, and is no other when it is the same', async () => {
    const { dream } = await opened();
    const seen: unknown[] = [];
    const end = await dream({
      weave: {
        planning: writeByRound,
        generating: writeByRound,
        refining: async (context) => {
          await writeByRound(context);
          return { again: context.round === 1 };
        },
      },
      onPhase: (phase, [artifact]) => seen.push([phase, artifact?.id, artifact?.metadata['phase']]),
    });
    const id = end.artifacts[0]?.id;
    expect(seen).toEqual([
      ['planning', id, 'planning'],
      ['generating', id, 'planning'],
      ['refining', id, 'planning'],
      ['generating', id, 'generating'],
      ['refining', id, 'generating'],
    ]);
    expect(end.artifacts).toMatchObject([{ metadata: { sha256: sha256('two'), round: 2 } }]);
  });

  test('is no more than the state keeps: the newest', async () => {
    const { session, dream } = await opened({ artifactsMax: 3 });
    const end = await dream({
      weave: {
        ...NOTHING,
        generating: async ({ directory }) => {
          for (const name of ['a', 'b', 'c', 'd', 'e'])
            await writeFile(join(directory, name), name);
        },
      },
    });
    expect(end.how).toBe('complete');
    expect(dataOf(session).artifacts.map(({ path }) => path.at(-1))).toEqual(['c', 'd', 'e']);
  });

  test('in a directory that is not there is nothing, and the phase fails', async () => {
    const { directory, dream } = await opened();
    const end = await dream({ directory: join(directory, 'nowhere') });
    expect(end).toMatchObject({
      how: 'failed',
      reason: expect.stringContaining('ENOENT') as unknown,
    });
  });

  test.each([
    ['report.md', 'document'],
    ['REPORT.PDF', 'document'],
    ['src/a.test.ts', 'code'],
    ['graph.svg', 'diagram'],
    ['table.csv', 'data'],
    ['Makefile', 'data'],
  ])('%s is a %s', (path, type) => {
    expect(artifactTypeOf(path)).toBe(type);
  });
});

const fate = fc.record({
  fails: fc.constantFrom('planning', 'generating', 'refining', null, null, null),
  again: fc.boolean(),
  other: fc.boolean(),
  restarts: fc.boolean(),
});

test('whatever becomes of its phases, the log has legal moves only', async () => {
  let completed = 0;
  const property = fc.asyncProperty(
    fc.array(fate, { minLength: 1, maxLength: 6 }),
    async (fates) => {
      const { one, session, directory, clock } = await opened();
      let own = session;
      let number = 1;
      for (const { fails, again, other, restarts } of fates) {
        if (restarts) own = (await one.reopen()).session(session.identity);
        if (other) number += 1;
        const perform = ({ phase, round }: PhaseContext) => {
          if (phase === fails) throw new Error('fate');
          return { again: again && round === 1 };
        };
        const weave = { planning: perform, generating: perform, refining: perform };
        const dream = { ...DREAM, dreamId: `d${number}` };
        try {
          const end = await runDreamWeaver(own, { dream, directory, weave, clock });
          expect(end.how).toBe(fails === null || end.phase === 'complete' ? 'complete' : 'failed');
          if (end.how === 'complete') completed += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(Refused);
          expect(error).toMatchObject({ code: 'ILLEGAL_TRANSITION' });
          expect(['generating', 'refining']).toContain(dataOf(own).phase);
        }
      }
      const phases = phasesOf(one.swarm);
      for (const [at, phase] of phases.entries()) {
        const way = `${phases[at - 1] ?? 'planning'} ${phase}`;
        expect([
          'planning planning',
          'planning generating',
          'generating refining',
          'refining generating',
          'refining complete',
          'complete planning',
        ]).toContain(way);
      }
      await one.close(); // and compares with the log
    },
  );
  await fc.assert(property, { seed: 9, numRuns: 40 });
  expect(completed).toBeGreaterThan(40);
}, 60_000);
