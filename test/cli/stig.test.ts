/** `stig` as its users run it: the built program, in a process of its own. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runStig, type Ran } from '../support/run-stig.ts';

let home: string;
let swarm: string;

async function stig(...words: string[]): Promise<Ran> {
  return runStig(words, { cwd: home, swarm });
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

interface TaskEvent extends Record<string, unknown> {
  readonly type: string;
  readonly source: { readonly agentId: string };
  readonly payload: { readonly taskId: string; readonly reason?: string };
}

interface Artifact {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  readonly metadata: { readonly sha256: string };
}

interface DemoStory {
  readonly events: number;
  readonly sameState: boolean;
  readonly tasks: number;
  readonly badlyEnded: string[];
  readonly handover: { type: string; sequence: number }[];
  readonly disputes: { type: string; source: object; payload: object }[];
  readonly stateHash: string;
  readonly decisions: {
    counts: { route?: number; handoff?: number };
    told: { payload: { newValue: { type: string; input: object; output: object } } }[];
  };
  readonly counted: { sources: number; lines: number; functions: number };
  readonly sameCount: boolean;
  readonly report: { taskId: string; path: string; bytes: number; sha256: string };
  readonly archive: {
    directory: string;
    taskId: string;
    iterations: { signal: string; commitHash: string; filesModified: string[] }[];
  } | null;
  readonly death: {
    agentId: string;
    sessionId: string;
    sequence: number;
    taskId: string;
    file: string;
    finishedBy: string;
    timeline: { type: string; sequence: number; id: string }[];
  };
}

let story: DemoStory;
let shown: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stig-'));
  swarm = join(home, 'swarm');
  await mkdir(join(home, 'project/lib'), { recursive: true });
  for (let index = 0; index < 24; index++) {
    const text = `import { a } from './m${index + 1}.ts';\n// part ${index}\nexport function f${index}() {\n  return a;\n}\n`;
    await writeFile(join(home, `project/lib/m${index}.ts`), text);
  }
  // As if a hook of git had called it, of somebody whose settings are broken.
  const settings = join(home, 'settings');
  await writeFile(settings, '[commit\n');
  const ofHook = { GIT_DIR: '/nowhere', GIT_AUTHOR_DATE: 'never', GIT_CONFIG_GLOBAL: settings };
  for (const [name, value] of Object.entries(ofHook)) vi.stubEnv(name, value);
  const first = await stig('demo', 'project', '--json');
  vi.unstubAllEnvs();
  expect(first.error).toBe('');
  story = jsonLines(first.out)[0] as unknown as DemoStory;
  shown = (await stig('demo', 'project', '--dir', 'shown')).out;
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

describe('stig demo', () => {
  it('[I1] finds the state the same after it was rebuilt from the log, and each task ended exactly once', () => {
    expect(story.sameState).toBe(true);
    expect(story.tasks).toBe(26); // one per source, the report, and its commit
    expect(story.badlyEnded).toEqual([]);
  });

  it('[I9] tells of the death as events: the lock expires, the session errs and ends, the task goes back', () => {
    const types = story.death.timeline
      .filter(({ sequence }) => sequence > story.death.sequence)
      .map(({ type }) => type);
    const inOrder = [
      'lock.expired',
      'agent.errored',
      'agent.stopped',
      'task.requeued',
      'task.completed',
    ];
    expect(types.filter((type) => inOrder.includes(type))).toEqual(inOrder);
    expect(story.death.finishedBy).not.toBe(story.death.agentId);
  });

  it('sends the tasks by the rules of the Conductor: the report last, and again what somebody who died was at', () => {
    const told = story.decisions.told.map(({ payload }) => payload.newValue);
    const { agentId, taskId } = story.death;
    const ofDeath = told.filter(({ input }) => (input as { taskId: string }).taskId === taskId);
    expect(ofDeath).toMatchObject([
      { type: 'route', output: { rule: 'sources', assignedTo: { agentId } } },
      {
        type: 'route',
        output: { rule: 'sources', assignedTo: { agentId: story.death.finishedBy } },
      },
    ]);
    const ofReport = told.filter(
      ({ input }) => (input as { taskId: string }).taskId === story.report.taskId,
    );
    expect(ofReport).toMatchObject([
      { type: 'route', output: { rule: 'report', target: 'conductor' } },
    ]);
    const requested = story.handover.find(({ type }) => type === 'handoff.requested');
    const last = story.death.timeline.findLast(({ type }) => type === 'task.completed');
    expect(requested?.sequence).toBeGreaterThan(last?.sequence ?? Infinity);
    expect(shown).toContain('the rule report holds while loads.pulse.tasks == 0');
  });

  it('gives others what waited with somebody who died, as a handoff or when that one is given up', async () => {
    const { agentId, sessionId, sequence } = story.death;
    const place = `agents.pulse.${sessionId}.taskQueue`;
    const then = await stig('state', place, '--at', String(sequence), '--json');
    const waiting = (jsonLines(then.out)[0] as unknown as { id: string }[]).map(({ id }) => id);
    expect(waiting.length).toBeGreaterThan(0);
    const events = jsonLines((await stig('log', '--json', '--type', 'task.*')).out) as TaskEvent[];
    const ofWaiting = events.filter(({ payload }) => waiting.includes(payload.taskId));
    const ends = ofWaiting.filter(({ type }) => type === 'task.completed');
    expect(ends.map(({ payload }) => payload.taskId).toSorted()).toEqual(waiting.toSorted());
    expect(ends.map(({ source }) => source.agentId)).not.toContain(agentId);
    const { route, handoff = 0 } = story.decisions.counts;
    const given = events.filter(({ payload }) => payload.reason === 'session_offline').length;
    expect(handoff + given).toBe(waiting.length + 1); // and what it was at
    expect(route).toBe(24 + 1 + given); // one per source, the report, and what was given back
  });

  it('counts what the sessions found, each source exactly once', () => {
    expect(story.counted).toEqual({ sources: 24, lines: 24 * 5, functions: 24 });
    expect(story.sameCount).toBe(true);
  });

  it('commits the report, and shows the hashes that git reports', async () => {
    const { directory, iterations } = story.archive ?? { directory: '', iterations: [] };
    const git = (...words: string[]) =>
      execFileSync('git', ['-C', directory, ...words], { encoding: 'utf8' });
    const hashes = git('log', '--reverse', '--format=%H').trim().split('\n');
    expect(iterations).toMatchObject([
      { signal: 'CONTINUE', commitHash: hashes[0], filesModified: ['report.md'] },
      { signal: 'COMPLETE', commitHash: hashes[1], filesModified: ['contents.md'] },
    ]);
    expect(git('show', 'HEAD:report.md')).toBe(await readFile(story.report.path, 'utf8'));
    expect(git('log', '-1', '--format=%an')).toBe('pulse-git\n');
    expect(shown).toMatch(/iteration 2 +COMPLETE +[0-9a-f]{12} +contents.md/);
  });

  it('leaves the commit out where there is no git, and says so', async () => {
    const bin = join(home, 'bin');
    await mkdir(bin);
    await symlink('/bin/sh', join(bin, 'sh'));
    vi.stubEnv('PATH', bin);
    const { out, status } = await stig('demo', 'project', '--dir', 'without-git');
    vi.unstubAllEnvs();
    expect(status).toBe(0);
    expect(out).toContain('git is not installed, so no Pulse commits the report');
    expect(out).toContain('each of the 25 tasks of this run ended exactly once');
  });

  it('tells what happens while it happens, from the events', () => {
    const inOrder = [
      'heartbeat may not write global.health.status: FORBIDDEN',
      /(pulse-\d) dies without a word/,
      /the lock on lib\/m\d+\.ts has run out/,
      /pulse-\d shows no sign of life/,
      /pulse-\d is given up/,
      'what it was at goes back, for somebody else',
      /pulse-\d finishes it/,
      'the Conductor handed the report over to dream-weaver',
      'nobody reads report.md any more: it may be written',
      /pulse-git: iteration 1 +CONTINUE/,
    ];
    let rest = shown;
    for (const text of inOrder) {
      const at = rest.search(typeof text === 'string' ? text.replaceAll('.', '\\.') : text);
      expect([text, at > 0]).toEqual([text, true]);
      rest = rest.slice(at);
    }
    expect(shown).toMatch(/guardian-\d finds the swarm degraded: pulse-\d is in error/);
  });

  it('tells how the report changed hands, and how the lock on it became exclusive', () => {
    const types = story.handover.map(({ type }) => type);
    const inOrder = [
      'handoff.requested',
      'handoff.accepted',
      'handoff.completed',
      'lock.upgrade_requested',
      'lock.contention',
      'lock.upgraded',
      'task.completed',
    ];
    expect(types.filter((type) => inOrder.includes(type))).toEqual(inOrder);
  });

  it('tells who was denied what', () => {
    const denied = story.disputes.filter(({ type }) => type === 'access.denied');
    expect(denied).toMatchObject([
      {
        source: { agentId: 'heartbeat' },
        payload: { operation: 'write', subject: 'global.health.status', code: 'FORBIDDEN' },
      },
    ]);
    expect(shown).toContain('subject=global.health.status');
  });

  it('shows what each session says of its work', async () => {
    const { out } = await stig('state', '--at', String(story.death.sequence));
    expect(out).toMatch(/pulse-1 .*\d+ % \d+ tasks are left, until [\d:.]+ +\d+ KiB, \d+ ms CPU/);
    expect(out).toMatch(/denied 1/);
  });

  it('ends with commands that work as they are printed', async () => {
    const commands = [...shown.matchAll(/^ {2}(?:npx )?stig (.+)$/gm)].map(
      ([, words]) => words ?? '',
    );
    expect(commands.length).toBeGreaterThanOrEqual(3);
    for (const words of commands) {
      const split = [...words.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
        ([, a, b, c]) => a ?? b ?? c ?? '',
      );
      const { status, out } = await stig(...split);
      expect([words, status]).toEqual([words, 0]);
      expect(out.trim()).not.toBe('');
    }
  });

  it('writes the report that its state names', async () => {
    const { out } = await stig('state', 'agents.dream_weaver', '--json');
    const [session] = Object.values(jsonLines(out)[0] ?? {}) as {
      data: { phase: string; artifacts: Artifact[] };
    }[];
    expect(session?.data.phase).toBe('complete');
    const [artifact] = session?.data.artifacts ?? [];
    const report = await readFile(artifact?.path ?? '');
    const sha256 = createHash('sha256').update(report).digest('hex');
    expect(artifact).toMatchObject({ type: 'document', size: report.byteLength });
    expect(artifact?.metadata.sha256).toBe(sha256);
    expect(story.report).toMatchObject({ path: artifact?.path, bytes: report.byteLength, sha256 });
    expect(await readdir(dirname(story.report.path))).toEqual(['report.md']); // the draft is gone
  });

  it('works on the same swarm again, over the dead of the run before', async () => {
    const { out, status } = await stig('demo', 'project', '--dir', 'shown', '--json');
    expect(status).toBe(0);
    expect(jsonLines(out)[0]).toMatchObject({ sameState: true, sameCount: true, badlyEnded: [] });
    const { iterations } = (jsonLines(out)[0] as unknown as DemoStory).archive ?? {};
    expect(iterations).toMatchObject([{ signal: 'CONTINUE' }, { signal: 'COMPLETE' }]);
  });
});

describe('stig log', () => {
  it('[I4] prints every event once, in order', async () => {
    const { out } = await stig('log', '--json');
    const sequences = jsonLines(out).map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: story.events }, (_, index) => index + 1));
  });

  it('filters by type, source, sequence and time, and pages', async () => {
    const all = jsonLines((await stig('log', '--json')).out);
    const completed = all.filter(({ type }) => type === 'task.completed');
    const page = await stig(
      'log',
      '--json',
      '--type',
      'task.completed',
      '--offset',
      '2',
      '--limit',
      '3',
    );
    expect(jsonLines(page.out)).toEqual(completed.slice(2, 5));

    const byGuardian = await stig('log', '--json', '--source', 'guardian-1');
    expect(jsonLines(byGuardian.out)).toEqual(
      all.filter(({ source }) => (source as { agentId: string }).agentId === 'guardian-1'),
    );
    const range = await stig('log', '--json', '--from', '10', '--to', '20');
    expect(jsonLines(range.out)).toEqual(all.slice(9, 20));
    const time = String(all[30]?.['timestamp']);
    const later = await stig('log', '--json', '--after', time);
    expect(jsonLines(later.out)).toEqual(all.filter(({ timestamp }) => String(timestamp) > time));
  });

  it('follows one chain of cause and effect', async () => {
    const errored = story.death.timeline.find(({ type }) => type === 'agent.errored');
    const { out } = await stig('log', '--json', '--correlation', errored?.id ?? '');
    const types = jsonLines(out).map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(['agent.errored', 'agent.stopped', 'task.requeued']),
    );
  });

  it('shows no control character that an agent wrote', async () => {
    const { openSwarm } = await import('stigmergy');
    const directory = join(home, 'hostile');
    const hostile = await openSwarm({ directory });
    const session = await hostile.register({ agentType: 'pulse', agentId: 'p' });
    const task = await session.tasks.create({ goal: '\u001b[2Jgone\u009b1A\u202e' });
    await session.tasks.claim({ taskId: task.id, start: true });
    await hostile.close();
    for (const words of [['log'], ['state'], ['state', 'global.tasks'], ['log', '--json']]) {
      const { out } = await stig(...words, '--dir', directory);
      expect(out).toContain('gone');
      // eslint-disable-next-line no-control-regex -- that there is none is what is tested
      expect(out).not.toMatch(/[\u001b\u009b\u202e]/);
    }
  });
});

describe('stig log of nothing', () => {
  it('says so beside the result, which is empty', async () => {
    const { status, out, error } = await stig('log', '--json', '--from', '99999');
    expect([status, out]).toEqual([0, '']);
    expect(error).toContain('no event matches');
  });

  it('cannot show the newest and the oldest at once', async () => {
    const { status, error } = await stig('log', '--last', '3', '--limit', '2');
    expect([status, error]).toEqual([2, expect.stringContaining('INVALID_INPUT')]);
  });

  it('shows the newest with --last', async () => {
    const { out } = await stig('log', '--json', '--last', '3');
    const sequences = jsonLines(out).map(({ sequence }) => sequence);
    expect(sequences).toEqual([story.events - 2, story.events - 1, story.events]);
  });
});

describe('stig state', () => {
  it('shows who held the lock and the task at the moment before the death', async () => {
    const { out } = await stig('state', '--json', '--at', String(story.death.sequence));
    const state = jsonLines(out)[0] as {
      locks: { locks: Record<string, { resource: string; holder: { agentId: string } }> };
      global: { tasks: Record<string, { status: string; assignedTo: { agentId: string } }> };
    };
    const lock = Object.values(state.locks.locks).find(
      ({ resource }) => resource === story.death.file,
    );
    expect(lock?.holder.agentId).toBe(story.death.agentId);
    const task = state.global.tasks[story.death.taskId];
    expect([task?.status, task?.assignedTo.agentId]).toEqual(['running', story.death.agentId]);
  });

  it('takes a time and an event id as moments too', async () => {
    const [event] = jsonLines((await stig('log', '--json', '--from', '30', '--limit', '1')).out);
    for (const moment of [String(event?.['id']), String(event?.['timestamp'])]) {
      const { out, status } = await stig('state', 'global.metrics', '--json', '--at', moment);
      expect(status).toBe(0);
      expect(jsonLines(out)[0]).toHaveProperty('totalTasksCompleted');
    }
  });
});

describe('stig verify', () => {
  it('prints what was verified, with the hash of the state that was live', async () => {
    const { out, status } = await stig('verify', '--json');
    expect(status).toBe(0);
    expect(jsonLines(out)[0]).toMatchObject({
      ok: true,
      events: story.events,
      stateHash: story.stateHash,
      damagedCheckpoints: 0,
    });
  });
});

describe('[I2] an end that was cut off', () => {
  it('is found by whoever kept the sequence that it was told', async () => {
    const whole = await stig('verify', '--expect', String(story.events));
    expect(whole.status).toBe(0);
    const { status, out } = await stig('verify', '--json', '--expect', String(story.events + 1));
    expect(status).toBe(1);
    expect(jsonLines(out)[0]).toMatchObject({ ok: false, code: 'LOG_TRUNCATED' });
  });
});

describe('wrong input', () => {
  const cases: [words: string[], status: number, code: string][] = [
    [['frobnicate'], 2, 'INVALID_INPUT'],
    [['log', '--limit', '-3'], 2, 'INVALID_INPUT'],
    [['log', '--after', 'yesterday'], 2, 'INVALID_INPUT'],
    [['log', '--nonsense'], 2, 'INVALID_INPUT'],
    [['log', '--type', 'task.bogus'], 2, 'INVALID_INPUT'],
    [['state', 'global..x'], 2, 'INVALID_PATH'],
    [['state', 'locks.__proto__'], 2, 'INVALID_PATH'],
    [['state', 'nowhere.at.all'], 1, 'NOT_FOUND'],
    [['state', '--at', 'nonsense'], 2, 'INVALID_INPUT'],
    [['state', '--at', '999999'], 1, 'NOT_FOUND'],
    [['verify', '--dir', '/nonexistent'], 2, 'DIRECTORY_NOT_FOUND'],
    [['verify', '--dir', 'project'], 2, 'NOT_A_SWARM'],
    [['demo', '/nonexistent'], 2, 'DIRECTORY_NOT_FOUND'],
    [['demo', 'project', '--agents', '1'], 2, 'INVALID_INPUT'],
    [['bench', 'nothing-of-this-name'], 2, 'INVALID_INPUT'],
  ];
  it.each(cases)('%j ends with status %i and %s, in one line', async (words, status, code) => {
    const ran = await stig(...words);
    expect([ran.status, ran.out]).toEqual([status, '']);
    expect(ran.error).toMatch(new RegExp(`^stig: error \\[${code}\\] [^\\n]+\\n$`));
  });

  it('[I8] a directory that another process holds is refused with that process', async () => {
    const { openSwarm } = await import('stigmergy');
    const directory = join(home, 'held');
    const held = await openSwarm({ directory });
    const ran = await stig('state', '--dir', directory);
    await held.close();
    expect(ran.status).toBe(2); // 1 would say that something does not hold
    expect(ran.error).toContain('[SWARM_HELD]');
    expect(ran.error).toContain(`process ${process.pid}`);
  });

  it('help is no error', async () => {
    const { status, out } = await stig('--help');
    expect(status).toBe(0);
    expect(out).toContain('stig demo');
  });
});
