/** `stig` as its users run it: the built program, in a process of its own. */
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

interface DemoStory {
  readonly events: number;
  readonly sameState: boolean;
  readonly tasks: number;
  readonly badlyEnded: string[];
  readonly handover: { type: string }[];
  readonly disputes: { type: string; source: object; payload: object }[];
  readonly stateHash: string;
  readonly death: {
    agentId: string;
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
  const first = await stig('demo', 'project', '--json');
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
    expect(story.tasks).toBe(25); // one per source, and the report
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
      data: { phase: string; artifacts: { path: string; size: number }[] };
    }[];
    expect(session?.data.phase).toBe('complete');
    const report = await readFile(session?.data.artifacts[0]?.path ?? '');
    expect(report.byteLength).toBe(session?.data.artifacts[0]?.size);
  });

  it('works on the same swarm again, over the dead of the run before', async () => {
    const { out, status } = await stig('demo', 'project', '--dir', 'shown', '--json');
    expect(status).toBe(0);
    expect(jsonLines(out)[0]).toMatchObject({ sameState: true, badlyEnded: [] });
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
