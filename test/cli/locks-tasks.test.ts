/** `stig locks` and `stig tasks`, over a swarm whose clock the test moves: so every age is known. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { openSwarm } from 'stigmergy';
import { ManualClock } from 'stigmergy/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStig, type Ran } from '../support/run-stig.ts';
import { duration, timeOfDay } from '../../src/cli/moment.ts';
import { taskMoment, taskTable, type ShownTask } from '../../src/cli/task-tables.ts';

const START_MS = Date.UTC(2025, 0, 1, 10, 24);
const MODULES = 55;

let directory: string;

async function stig(...words: string[]): Promise<Ran> {
  return runStig(words, { swarm: directory });
}

async function jsonLines(...words: string[]): Promise<Record<string, unknown>[]> {
  const { out } = await stig(...words, '--json');
  const lines = out.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The cells of the rows of a table that begin with a word. */
function rowsOf(text: string, first: string): string[][] {
  const rows = text.split('\n').map((line) => line.trim().split(/ {2,}/));
  return rows.filter(([cell]) => cell?.startsWith(first));
}

/** Ids that do not differ in their beginning. */
function moduleId(number: number): string {
  return `analyse-module-${String(number).padStart(2, '0')}`;
}

/** Sequences of the story that is told below. */
const at = { held: 0, contended: 0, running: 0 };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stig-locks-'));
  const clock = new ManualClock(START_MS);
  const swarm = await openSwarm({ directory, clock });
  const [ada, bob, cyd] = await Promise.all(
    ['ada', 'bob', 'cyd'].map((agentId) => swarm.register({ agentType: 'pulse', agentId })),
  );
  if (ada === undefined || bob === undefined || cyd === undefined) throw new Error('three came');

  const resource = 'src/parser.ts';
  const lock = await ada.locks.acquire({ resource, type: 'exclusive', ttl: 60_000 });
  at.held = swarm.sequence;
  await clock.advance(1_000);
  const waits = [bob.locks.acquire({ resource, type: 'exclusive', timeout: 30_000 })];
  await clock.advance(2_000);
  waits.push(cyd.locks.acquire({ resource, type: 'shared', priority: 'critical' }));
  await clock.advance(5_000);
  await ada.locks.renew(lock?.id ?? '', 60_000);
  at.contended = swarm.sequence;

  for (let number = 1; number <= MODULES; number++) {
    const goal = `analyse module ${number}`;
    await ada.tasks.create({ taskId: moduleId(number), goal, priority: 'low' });
  }
  const hostile = { taskId: 'urgent-thing', goal: '\u001b[2Jport\nthe\u202e parser' };
  await ada.tasks.create({ ...hostile, priority: 'critical' });
  await bob.tasks.claim({ taskId: 'urgent-thing' });
  await clock.advance(1_500);
  await bob.tasks.start('urgent-thing');
  await cyd.tasks.claim({ taskId: 'analyse-module-03' });
  await clock.advance(500);
  await bob.tasks.progress('urgent-thing', 40, 'read it');
  at.running = swarm.sequence;
  await bob.tasks.complete('urgent-thing', { lines: 412 });
  const given = Promise.allSettled(waits); // closing ends them
  await swarm.close();
  await given;
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('stig locks', () => {
  it('shows who holds and who waits, in the order of service, as old as they were', async () => {
    const { out, status } = await stig('locks', '--at', String(at.contended));
    expect(status).toBe(0);
    expect(out).toMatch(/^sequence \d+ 2025-01-01T10:24:08\.000Z\n/);
    const [held, ...waiting] = rowsOf(out, 'src/parser.ts');
    const token = String(at.held);
    expect(held?.slice(1)).toEqual([
      'exclusive',
      'ada',
      token,
      '8 s',
      '10:25:08.000',
      '1 min',
      '1',
    ]);
    expect(waiting.map((cells) => cells.slice(1))).toEqual([
      ['1', 'shared', 'cyd', '10:23:03.000 (−1 min critical)', '5 s', '10:24:33.000'],
      ['2', 'exclusive', 'bob', '10:23:51.000 (−10 s normal)', '7 s', '10:24:31.000'],
    ]);
  });

  it('prints one object for programs, with the same', async () => {
    const lines = await jsonLines('locks', 'src/parser.ts', '--at', String(at.contended));
    expect(lines).toMatchObject([
      {
        sequence: at.contended,
        time: '2025-01-01T10:24:08.000Z',
        held: [{ fencingToken: at.held, renewCount: 1, ageMs: 8_000, expiresInMs: 60_000 }],
        waiting: [
          { position: 1, requester: { agentId: 'cyd' }, effectiveAt: '2025-01-01T10:23:03.000Z' },
          { position: 2, waitedMs: 7_000, deadline: '2025-01-01T10:24:31.000Z' },
        ],
      },
    ]);
  });

  it('takes a sequence, a time and an event id, and says when nothing is held', async () => {
    const [event] = await jsonLines('log', '--from', String(at.held), '--limit', '1');
    for (const moment of [String(at.held), '2025-01-01T10:24:00.000Z', String(event?.['id'])]) {
      const [report] = await jsonLines('locks', '--at', moment);
      expect(report).toMatchObject({ held: [{ ageMs: 0 }], waiting: [] });
    }
    expect((await stig('locks', '--at', '1')).out).toContain('no lock is held');
  });

  it('is what the overview shows too', async () => {
    // One after the other: a directory that one process has open is refused to every other.
    const locks = await stig('locks', '--at', String(at.contended));
    const state = await stig('state', '--at', String(at.contended));
    expect([locks.status, state.status]).toEqual([0, 0]);
    const tables = locks.out.split('\n\n').slice(1).join('\n\n').trim();
    expect(tables).toContain('src/parser.ts');
    expect(state.out).toContain(tables);
  });
});

describe('stig tasks', () => {
  it('shows the most urgent first, then the oldest, and how many more there are', async () => {
    const { out, error } = await stig('tasks', '--at', String(at.running));
    expect(rowsOf(out, 'urgent-thing')).toEqual([
      [
        'urgent-thing',
        '\\u001b[2Jport\\u000athe\\u202e parser',
        'running',
        'critical',
        'bob',
        '1',
        '40 %',
        '2 s',
        '10:24:09.500',
        '11:24:09.500',
      ],
    ]);
    const low = rowsOf(out, 'analyse-module');
    expect(low.map(([id]) => id)).toEqual(
      Array.from({ length: 49 }, (_, index) => moduleId(index + 1)),
    );
    expect(low[2]?.slice(2)).toEqual(['pending', 'low', 'cyd', '0', '0 %', '2 s', '10:24:09.500']);
    expect(error).toBe('6 more; all of them with --limit 56\n');
  });

  it('filters by status, and puts what has ended last', async () => {
    const running = await jsonLines('tasks', '--status', 'running', '--at', String(at.running));
    expect(running.map(({ id }) => id)).toEqual(['urgent-thing']);
    const both = await jsonLines('tasks', '--status', 'complete', 'pending', '--limit', '100');
    expect(both).toHaveLength(MODULES + 1);
    expect(both.at(-1)).toMatchObject({ id: 'urgent-thing', since: '2025-01-01T10:24:10.000Z' });
    expect((await stig('tasks', '--status', 'failed')).out).toContain('no task is like this');
  });

  it('shows one task with all its fields, by as much of its id as tells it from others', async () => {
    const { out } = await stig('tasks', 'urgent');
    expect(rowsOf(out, 'result')).toEqual([['result', '{"lines":412}']]);
    expect(rowsOf(out, 'message')).toEqual([['message', 'read it']]);
    const [task] = await jsonLines('tasks', 'urgent', '--at', String(at.running));
    expect(task).toMatchObject({ id: 'urgent-thing', status: 'running', progress: 40 });
  });

  it('shows deadlines and what is waited for, where tasks have them', () => {
    const bare = { id: 'a', goal: 'g', status: 'pending', priority: 'normal', assignedTo: null };
    const times = { createdAt: '2025-01-01T10:00:00.000Z', since: '2025-01-01T10:00:00.000Z' };
    const first = { ...bare, ...times, progress: 0, attempts: 0 } as unknown as ShownTask;
    const second = {
      ...first,
      id: 'b',
      deadline: '2025-01-02T09:00:00.000Z',
      dependsOn: ['a'],
      requires: ['rust'],
      notBefore: '2025-01-01T12:00:00.000Z',
    };
    const moment = taskMoment({ a: first, b: second }, Date.UTC(2025, 0, 1, 11));
    expect(taskTable([first], moment)).not.toContain('deadline');
    const drawn = stripVTControlCharacters(taskTable([first, second], moment));
    expect(rowsOf(drawn, 'b')[0]?.slice(-2)).toEqual([
      '2025-01-02 09:00:00.000',
      'task a, 12:00:00.000, rust',
    ]);
  });
});

describe('wrong input', () => {
  const cases: [words: string[], status: number, code: string][] = [
    [['locks', 'src/nobody.ts'], 1, 'NOT_FOUND'],
    [['locks', '__proto__'], 1, 'NOT_FOUND'],
    [['locks', '--at', 'nonsense'], 2, 'INVALID_INPUT'],
    [['tasks', 'nothing-of-this-id'], 1, 'NOT_FOUND'],
    [['tasks', '\u009b1A\u202e'], 1, 'NOT_FOUND'],
    [['tasks', 'analyse-module-0'], 2, 'INVALID_INPUT'],
    [['tasks', '--status', 'asleep'], 2, 'INVALID_INPUT'],
    [['tasks', '--limit', '0'], 2, 'INVALID_INPUT'],
    [['tasks', '--at', '999999'], 1, 'NOT_FOUND'],
  ];
  it.each(cases)('%j ends with status %i and %s, in one line', async (words, status, code) => {
    const ran = await stig(...words);
    expect([ran.status, ran.out]).toEqual([status, '']);
    expect(ran.error).toMatch(new RegExp(`^stig: error \\[${code}\\] [^\\p{Cc}\\u202e]+\\n$`, 'u'));
  });
});

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [12_345, '12.3 s'],
  [59_999, '59.9 s'],
  [60_000, '1 min'],
  [245_000, '4 min 5 s'],
  [12_000_000, '3 h 20 min'],
  [187_200_000, '2 d 4 h'],
])('%i ms are %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it('names the day only of another day', () => {
  expect(timeOfDay(START_MS, START_MS)).toBe('10:24:00.000');
  expect(timeOfDay(START_MS, START_MS + 86_400_000)).toBe('2025-01-01 10:24:00.000');
});
