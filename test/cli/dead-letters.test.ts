/** `stig deadletters` and `stig subscriptions`: what subscriptions could not handle, shown, delivered again and given up. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { openSwarm, type SwarmEvent } from 'stigmergy';
import { ManualClock } from 'stigmergy/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { letterTable, type ShownLetter } from '../../src/cli/dead-letter-table.ts';
import { thingNamed } from '../../src/cli/named.ts';
import { runStig, type Ran } from '../support/run-stig.ts';

const START_MS = Date.UTC(2025, 0, 1, 10, 24);
/** What a handler complains of: a clear screen, a line of its own, text that runs backwards. */
const HOSTILE = '\u001b[2Jno paper\n\u202e in the printer';

/** The story below, and where a test looks: at it, or at a copy that it may change. */
let told: string;
let directory: string;
/** Sequences of the story, and the id of the subscription without a name. */
const at = { empty: 0, first: 0, second: 0, third: 0, end: 0 };
let nameless: string;

function fails({ payload }: SwarmEvent): void {
  throw new Error(`nothing to send for ${JSON.stringify(payload)}`);
}

function hostile(): void {
  throw new Error(HOSTILE);
}

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

async function idsOf(...words: string[]): Promise<unknown[]> {
  return (await jsonLines('deadletters', 'list', ...words)).map(({ id }) => id);
}

/** The letters that wait to be delivered again. */
async function queuedLetters(): Promise<Record<string, unknown>[]> {
  return (await jsonLines('deadletters')).filter(({ status }) => status === 'queued');
}

/** The types of the events after the story, without those of opening. */
async function typesSince(): Promise<unknown[]> {
  const events = await jsonLines('log', '--from', String(at.end + 1));
  return events.map(({ type }) => type).filter((type) => type !== 'system.resumed');
}

beforeAll(async () => {
  told = await mkdtemp(join(tmpdir(), 'stig-letters-'));
  const clock = new ManualClock(START_MS);
  const swarm = await openSwarm({ directory: told, clock });
  const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant', heartbeatTimeout: 0 });
  const options = { onError: 'dead-letter', backoff: { baseMs: 0, maxMs: 0 } } as const;
  swarm.events.subscribe({ type: 'app.order' }, fails, { name: 'invoices', ...options });
  ant.events.subscribe({ type: 'app.mail' }, hostile, { name: 'mail', maxRetries: 2, ...options });
  ({ id: nameless } = swarm.events.subscribe({ type: 'app.note' }, hostile, options));
  await swarm.durable();
  at.empty = swarm.sequence;
  const emit = async (type: string, letters: number) => {
    swarm.events.emit({ type, payload: letters });
    const { sequence } = swarm;
    await vi.waitFor(async () => {
      await clock.advance(0);
      expect(swarm.events.deadLetters.list()).toHaveLength(letters);
    });
    await swarm.durable();
    return sequence;
  };
  at.first = await emit('app.order', 1);
  at.second = await emit('app.order', 2);
  await clock.advance(86_400_000);
  at.third = await emit('app.mail', 3);
  await emit('app.note', 4);
  at.end = swarm.sequence;
  await swarm.close();
  directory = told;
});

/** Gives each test of a group a copy, which is sound afterwards, whatever was done to it. */
function onCopies(): void {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stig-letters-'));
    await cp(told, directory, { recursive: true });
  });
  afterEach(async () => {
    expect(await jsonLines('verify')).toMatchObject([{ ok: true }]);
    await rm(directory, { recursive: true });
    directory = told;
  });
}

afterAll(async () => {
  await rm(told, { recursive: true });
});

describe('stig deadletters', () => {
  it('shows what could not be handled, why, and whose it is', async () => {
    const { status, out, error } = await stig('deadletters');
    expect([status, error]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`^sequence ${at.end} 2025-01-02T10:24:00\\.\\d{3}Z\n\n`));
    expect(rowsOf(out, 'invoices/')).toEqual(
      [at.first, at.second].map((sequence, index) => [
        `invoices/${sequence}`,
        'invoices',
        'operator',
        String(sequence),
        'app.order',
        '1',
        '2025-01-01 10:24:00.000',
        'dead',
        `HANDLER_FAILED nothing to send for ${index + 1}`,
      ]),
    );
    expect(rowsOf(out, 'mail/')).toEqual([
      [
        `mail/${at.third}`,
        'mail',
        'ant',
        String(at.third),
        'app.mail',
        '3',
        '10:24:00.000',
        'dead',
        'HANDLER_FAILED \\u001b[2Jno paper\\u000a\\u202e in the printer',
      ],
    ]);
    expect(rowsOf(out, nameless)).toHaveLength(1);
    expect(out).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  });

  it('prints a line per letter for programs, and is the same as list', async () => {
    const lines = await jsonLines('deadletters');
    expect(lines.map(({ eventSequence }) => eventSequence)).toEqual(
      lines.map(({ eventSequence }) => Number(eventSequence)).toSorted((a, b) => a - b),
    );
    const [event] = await jsonLines('log', '--from', String(at.third), '--limit', '1');
    expect(lines[2]).toEqual({
      id: `mail/${at.third}`,
      subscription: 'mail',
      agentId: 'ant',
      eventId: event?.['id'],
      eventSequence: at.third,
      eventType: 'app.mail',
      attempts: 3,
      error: { code: 'HANDLER_FAILED', message: HOSTILE },
      timestamp: expect.stringMatching(/^2025-01-02T10:24:00/) as string,
      status: 'dead',
    });
    expect(await jsonLines('deadletters', 'list')).toEqual(lines);
    expect((await stig('deadletters', '--json')).out).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  });

  it('leads to events whose types are for applications to say', async () => {
    const orders = await jsonLines('log', '--type', 'app.order');
    expect(orders.map(({ sequence }) => sequence)).toEqual([at.first, at.second]);
    expect(await jsonLines('log', '--type', 'app.*')).toHaveLength(4);
    expect(await stig('log', '--type', 'ap.order')).toMatchObject({ status: 2, out: '' });
  });

  it('shows those of one subscription, and the oldest of many', async () => {
    expect(await idsOf('--subscription', 'mail')).toEqual([`mail/${at.third}`]);
    const { out, error } = await stig('deadletters', '--limit', '1');
    expect(rowsOf(out, 'invoices/')).toHaveLength(1);
    expect(error).toBe('3 more; all of them with --limit 4\n');
  });

  it('shows a moment of the past, and says when there were none', async () => {
    const moment = ['--at', String(at.second)];
    expect(await idsOf(...moment)).toEqual([`invoices/${at.first}`]);
    const none = await stig('deadletters', '--at', String(at.empty));
    expect([none.status, none.error]).toEqual([0, '']);
    expect(none.out).toContain('\n\n  there are no dead letters\n');
    const ofMail = await stig('deadletters', '--subscription', 'mail', ...moment);
    expect(ofMail.out).toContain('  there are no dead letters of the subscription mail\n');
    expect(await idsOf('--subscription', 'mail', ...moment)).toEqual([]);
  });
});

describe('stig deadletters retry', () => {
  onCopies();

  it('has an event delivered again when its subscription is next there', async () => {
    const retried = await stig('deadletters', 'retry', 'mail');
    expect(retried).toMatchObject({ status: 0, error: '' });
    expect(retried.out).toBe(`mail/${at.third} is delivered again when mail is next there\n`);
    expect(await jsonLines('deadletters', '--subscription', 'mail')).toMatchObject([
      { status: 'queued', attempts: 3 },
    ]);
    const swarm = await openSwarm({ directory });
    const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
    const handled: unknown[] = [];
    ant.events.subscribe({ type: 'app.mail' }, ({ sequence }) => void handled.push(sequence), {
      name: 'mail',
    });
    await vi.waitFor(() => expect(swarm.events.deadLetters.list('mail')).toEqual([]));
    await swarm.close();
    expect(handled).toEqual([at.third]);
    expect(await typesSince()).toContain('deadletter.resolved');
  });

  it('takes several, one of them twice, and says of each what it is now', async () => {
    const words = [`invoices/${at.first}`, `invoices/${at.first}`, `invoices/${at.second}`];
    const lines = await jsonLines('deadletters', 'retry', ...words);
    expect(lines).toMatchObject([
      { id: `invoices/${at.first}`, status: 'queued' },
      { id: `invoices/${at.second}`, status: 'queued' },
    ]);
    expect(await typesSince()).toEqual(['deadletter.requeued', 'deadletter.requeued']);
    const again = await stig('deadletters', 'retry', `invoices/${at.first}`);
    expect(again).toMatchObject({ status: 0 });
    expect(again.out).toContain('waits already');
    expect(await typesSince()).toHaveLength(2);
  });

  it('takes all of a subscription, or all that there are', async () => {
    await stig('deadletters', 'retry', '--all', '--subscription', 'invoices');
    expect((await queuedLetters()).map(({ subscription }) => subscription)).toEqual([
      'invoices',
      'invoices',
    ]);
    await stig('deadletters', 'retry', '--all');
    expect(await queuedLetters()).toHaveLength(4);
  });

  it('warns of letters that nobody may come for', async () => {
    const { status, error } = await stig('deadletters', 'retry', nameless);
    expect(status).toBe(0);
    expect(error).toContain(`there is no durable subscription ${nameless} now`);
  });
});

describe('stig deadletters drop', () => {
  onCopies();

  it('gives events up, with a reason, and leaves the others', async () => {
    const dropped = await stig('deadletters', 'drop', `invoices/${at.first}`, '--reason', 'a test');
    expect(dropped).toMatchObject({
      status: 0,
      out: `invoices/${at.first} is dropped\n`,
      error: '',
    });
    const [, event] = await jsonLines('log', '--from', String(at.end + 1));
    expect(event).toMatchObject({
      type: 'deadletter.dropped',
      payload: { letterId: `invoices/${at.first}`, reason: 'a test' },
      source: { agentId: 'operator' },
    });
    expect(await idsOf('--subscription', 'invoices')).toEqual([`invoices/${at.second}`]);
  });

  it('takes all of a subscription, also of one without a name, then all that there are', async () => {
    const words = ['drop', '--all', '--subscription', nameless];
    expect(await jsonLines('deadletters', ...words)).toMatchObject([
      { subscription: nameless, status: 'dropped' },
    ]);
    expect(await idsOf()).toHaveLength(3);
    await stig('deadletters', 'drop', '--all');
    expect(await idsOf()).toEqual([]);
    const nothing = await stig('deadletters', 'drop', '--all');
    expect(nothing).toEqual({ status: 0, out: '  there are no dead letters\n', error: '' });
    expect(await typesSince()).toHaveLength(4);
  });
});

describe('stig subscriptions', () => {
  it('shows how far each is, and how much it could not handle', async () => {
    const { status, out, error } = await stig('subscriptions');
    expect(status).toBe(0);
    const row = (name: string, agent: string, through: number, letters: string) => [
      name,
      agent,
      String(through),
      String(at.end - through),
      '2025-01-01 10:24:00.000',
      letters,
    ];
    expect(rowsOf(out, 'invoices')).toEqual([row('invoices', 'operator', at.second, '2')]);
    expect(rowsOf(out, 'mail')).toEqual([row('mail', 'ant', at.third, '1')]);
    expect(error).toMatch(/^1 dead letters are of subscriptions that are not listed/);
  });

  it('prints a line for each for programs, at any moment', async () => {
    expect(await jsonLines('subscriptions', '--at', String(at.second))).toEqual([
      {
        name: 'invoices',
        agentId: 'operator',
        through: at.first,
        behind: at.second - at.first,
        createdAt: '2025-01-01T10:24:00.000Z',
        deadLetters: 1,
      },
      expect.objectContaining({ name: 'mail', deadLetters: 0 }),
    ]);
    const none = await stig('subscriptions', 'list', '--at', '2');
    expect(none.out).toContain('  there are no durable subscriptions\n');
  });
});

describe('stig subscriptions remove', () => {
  onCopies();

  it('takes one away, and says that its letters stay', async () => {
    const { status, out, error } = await stig('subscriptions', 'remove', 'invoices');
    expect([status, out]).toEqual([0, 'invoices is removed\n']);
    expect(error).toContain('2 dead letters of it stay');
    expect(await jsonLines('subscriptions')).toMatchObject([{ name: 'mail' }]);
    expect(await idsOf('--subscription', 'invoices')).toHaveLength(2);
    expect(await jsonLines('subscriptions', 'remove', 'mail')).toEqual([
      { name: 'mail', status: 'removed', deadLetters: 1 },
    ]);
  });
});

describe('what is refused', () => {
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stig-letters-'));
    await cp(told, directory, { recursive: true });
  });

  afterAll(async () => {
    expect(await typesSince()).toEqual([]); // nothing has changed
    await rm(directory, { recursive: true });
    directory = told;
  });

  it.each([
    [['deadletters', 'retry'], 2, 'INVALID_INPUT'],
    [['deadletters', 'drop'], 2, 'INVALID_INPUT'],
    [['deadletters', 'drop', ''], 2, 'INVALID_INPUT'],
    [['deadletters', 'retry', 'invoices/'], 2, 'INVALID_INPUT'],
    [['deadletters', 'retry', 'nothing-of-this-id'], 1, 'NOT_FOUND'],
    [['deadletters', 'retry', 'mail', '\u009b1A\u202e'], 1, 'NOT_FOUND'],
    [['deadletters', 'drop', 'mail', '--all'], 2, 'INVALID_INPUT'],
    [['deadletters', 'drop', 'mail', '--subscription', 'mail'], 2, 'INVALID_INPUT'],
    [['deadletters', 'drop', '--all', '--subscription', 'mial'], 1, 'NOT_FOUND'],
    [['deadletters', 'drop', '--all', '--subscription', ''], 1, 'NOT_FOUND'],
    [['deadletters', '--subscription', '__proto__'], 1, 'NOT_FOUND'],
    [['deadletters', '--at', 'nonsense'], 2, 'INVALID_INPUT'],
    [['deadletters', '--at', '999999'], 1, 'NOT_FOUND'],
    [['deadletters', '--limit', '0'], 2, 'INVALID_INPUT'],
    [['deadletters', 'bury'], 2, 'INVALID_INPUT'],
    [['subscriptions', 'remove'], 2, 'INVALID_INPUT'],
    [['subscriptions', 'remove', 'invoic'], 1, 'NOT_FOUND'],
    [['subscriptions', 'remove', '\u001b[2J'], 2, 'INVALID_INPUT'],
    [['subscriptions', '--at', '0'], 1, 'NOT_FOUND'],
  ])('%j is %d, %s, in one line', async (words, status, code) => {
    const ran = await stig(...words);
    expect([ran.status, ran.out]).toEqual([status, '']);
    expect(ran.error).toMatch(new RegExp(`^stig: error \\[${code}\\] [^\\p{Cc}\\u202e]+\\n$`, 'u'));
  });

  const ways = [
    ['deadletters'],
    ['deadletters', 'retry', '--all'],
    ['deadletters', 'drop', '--all'],
    ['subscriptions'],
    ['subscriptions', 'remove', 'mail'],
  ];
  it('a reason that is too long for an event', async () => {
    const ran = await stig('deadletters', 'drop', 'mail', '--reason', 'x'.repeat(65_537));
    expect([ran.status, ran.out]).toEqual([2, '']);
    expect(ran.error).toContain('[INVALID_INPUT]');
  });

  it('a swarm that somebody else has open', async () => {
    const swarm = await openSwarm({ directory });
    for (const words of ways) {
      const ran = await stig(...words);
      expect([ran.status, ran.out]).toEqual([2, '']);
      expect(ran.error).toContain('[SWARM_HELD]');
    }
    await swarm.close();
  });

  it('a directory without a swarm, which stays without one', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'stig-none-'));
    for (const words of ways) {
      const ran = await stig(...words, '--dir', empty);
      expect([ran.status, ran.out]).toEqual([2, '']);
      expect(ran.error).toMatch(/^stig: error \[[A-Z_]+\] .*\n$/);
    }
    expect(await readdir(empty)).toEqual([]);
    await rm(empty, { recursive: true });
  });
});

it.each([
  ['n/1', 'n/1'],
  ['n/2', 'n/2'],
  ['m', 'm/1'],
  ['n', 'INVALID_INPUT'],
  ['x', 'NOT_FOUND'],
])('of n/1, n/12, n/2 and m/1, %s names %s', (name, found) => {
  expect(named(name, ['n/1', 'n/12', 'n/2', 'm/1'])).toBe(found);
});

it('an empty id, of a variable that is not set, does not name the only one there is', () => {
  expect(named('', ['n/1'])).toBe('INVALID_INPUT');
});

/** The id of what a name means, or the code of why it means nothing. */
function named(name: string, ids: readonly string[]): unknown {
  const things = ids.map((id) => ({ id }));
  try {
    return thingNamed(name, { things, kind: 'letter', sequence: 1, list: 'stig' }).id;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('the table', () => {
  const letter: ShownLetter = {
    id: 'n/7',
    subscription: 'a-name-that-is-longer-than-its-column',
    agentId: 'ant',
    eventId: 'e-7',
    eventSequence: 7,
    eventType: 'app.x',
    attempts: 1_234,
    error: { code: 'HANDLER_FAILED', message: 'm'.repeat(500) },
    timestamp: '2025-01-01T10:24:00.000Z',
    status: 'dead',
  };

  it.each([120, 200])('fills a terminal of %i columns, and no more', (columns) => {
    const drawn = letterTable([letter], { shownMs: START_MS, columns });
    const [, row] = stripVTControlCharacters(drawn).split('\n');
    expect(row).toHaveLength(columns);
    expect(row).toMatch(/^ {2}n\/7 .* a-name-that-is-… .* HANDLER_FAILED m+…$/);
  });
});
