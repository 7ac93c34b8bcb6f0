/** Every example runs as its user would run it, and prints what it should. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const EXAMPLES = new URL('../../examples/', import.meta.url).pathname;
const LINES_MAX = 60;

/** What each prints: all of it, since nothing in it depends on time or chance. */
const PRINTED: Readonly<Record<string, readonly string[]>> = {
  '01-first-swarm.mjs': [
    'claimed: index src/parser.ts, now running',
    'locked: src/parser.ts',
    'completed: 1',
    'result: {"functions":12}',
    'events: 12',
    'same state: true',
  ],
  '02-fencing-and-expiry.mjs': [
    'expired, and granted to: next',
    'tokens grow: true',
    'written: by the second',
    'refused: by the first',
    'release refused: NOT_FOUND',
    'renew refused: NOT_FOUND',
    'held at the end: 0',
  ],
  '03-optimistic-update.mjs': [
    'anna: written',
    'bert: conflict',
    'bert: finds {"steps":["measure"]}',
    'bert: written at the next try',
    'plan: {"steps":["measure","repair"]}, last written by bert',
    'resolved by merge-arrays: measure, paint, repair',
  ],
  '04-fenced-late-writer.mjs': [
    'exclusive, a new token: true',
    'written: the first plan',
    'PATH_LOCKED: a plan of somebody who holds nothing',
    'written: the second plan',
    'STALE_TOKEN: a late plan, with its old token',
    'PATH_LOCKED: a late plan, without a token',
    'current: true',
    'late: false',
    'the plan: the second plan',
  ],
  '05-handoff.mjs': [
    'offered: it wants a writer, with 2 notes',
    'bert: ILLEGAL_TRANSITION',
    'holder: anna',
    'coder: NOT_HOLDER',
    'complete: a better description',
    'handoff.requested',
    'handoff.requested -> handoff.accepted',
    'handoff.accepted -> handoff.completed',
    'too late: coder',
  ],
  '06-denied-write.mjs': [
    'ant: wrote agents.pulse.ant-1.data.goal',
    'bee: FORBIDDEN agents.pulse.ant-1.data.goal',
    'ant: FORBIDDEN global.config.maxConcurrentAgents',
    'ant: FORBIDDEN global.health.status',
    'owl: wrote global.health.status',
    'ant: ACTOR_OWNED_PATH agents.pulse.ant-1.status',
    'may read: true',
    'may write: agents.pulse.ant-1.**',
    'goal: count the leaves',
    'denied: bee agents.pulse.ant-1.data.goal',
    'denied: ant global.config.maxConcurrentAgents',
    'denied: ant global.health.status',
    'denials: 3',
  ],
  '07-shell-command-as-agent.mjs': [
    '1 CONTINUE wrote chapter 1 ["chapter 1.txt"]',
    '2 CONTINUE wrote chapter 2 ["chapter 2.txt"]',
    '3 COMPLETE wrote chapter 3 ["chapter 3.txt"]',
    'complete after 3 iterations and 3 commits',
    'git reports the same commits: true',
    'the task: complete 1 attempt',
  ],
  '08-routing-rules.mjs': [
    'left: again, since every dream_weaver is full',
    'left: song, since no rule matches',
    'route: lexer (critical) to ant, by code',
    'reject: print (high), by secrets',
    'route: parser (normal) to bee, by code',
    'route: report (low) to wren, by reports',
    'INVALID_INPUT at 0 there is no variable priority, only task and loads',
    'INVALID_INPUT at 10 it cannot be read: found = but expecting end of input',
    'INVALID_INPUT at 0 it gives no boolean',
  ],
};

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stigmergy-example-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

test('every example is run here, and told of in their README', async () => {
  const files = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.mjs'));
  expect(files.toSorted()).toEqual(Object.keys(PRINTED));
  const readme = await readFile(join(EXAMPLES, 'README.md'), 'utf8');
  for (const file of files) expect(readme).toContain(`[${file}](${file})`);
});

test.each(Object.entries(PRINTED))('%s', async (file, lines) => {
  const path = join(EXAMPLES, file);
  const run = promisify(execFile)(process.execPath, [path], { cwd: directory });
  const { stdout, stderr } = await run;
  expect(stderr).toBe('');
  expect(stdout.trimEnd().split('\n')).toEqual(lines);
  expect(await readdir(directory)).toEqual([]);
  expect((await readFile(path, 'utf8')).split('\n').length).toBeLessThanOrEqual(LINES_MAX);
});
