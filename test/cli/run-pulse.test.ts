/** `stig run pulse` as its users run it: the built program, real commands, real repositories. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openSwarm } from 'stigmergy';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { shellWords } from '../../src/cli/shell-words.ts';
import { makeRepository, type TestRepository } from '../support/git-repository.ts';
import { PROGRAM, runStig, type Ran } from '../support/run-stig.ts';
import { gone, parsedLines, startStig, type StigAtWork } from '../support/stig-at-work.ts';

const TWO_COMMITS = `echo from the command
  echo $STIGMERGY_ITERATION > "part $STIGMERGY_ITERATION"
  git add --all; git commit --quiet --message step
  echo "SUMMARY: wrote part $STIGMERGY_ITERATION"
  if [ $STIGMERGY_ITERATION = 2 ]; then echo COMPLETE; else echo CONTINUE; fi`;
const WAITS = 'echo $$ > pid; sleep 60 & wait';

let home = '';
let repository: TestRepository;
let swarm = '';

beforeEach(async () => {
  repository = await makeRepository();
  home = await realpath(await mkdtemp(join(tmpdir(), 'stig-run-')));
  swarm = join(home, 'swarm');
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

async function stig(...words: string[]): Promise<Ran> {
  return runStig(words, { cwd: repository.directory, swarm });
}

/** Runs a shell script as a Pulse. */
async function pulse(script: string, ...flags: string[]): Promise<Ran> {
  return stig('run', 'pulse', ...flags, '--', 'sh', '-c', script);
}

async function jsonLines(...words: string[]): Promise<Record<string, unknown>[]> {
  return parsedLines((await stig(...words, '--json')).out);
}

/** Starts a Pulse that is ended from outside; resolves when its command runs, with the id of that. */
async function start(
  script: string,
  ...flags: string[]
): Promise<{ readonly running: StigAtWork; readonly pid: number }> {
  const words = ['run', 'pulse', ...flags, '--', 'sh', '-c', script];
  const running = await startStig(words, { cwd: repository.directory, swarm });
  return { running, pid: await running.pid() };
}

describe('stig run pulse', () => {
  test('shows every iteration while it happens, and what came of them', async () => {
    const { out, error, status } = await pulse(TWO_COMMITS, '--goal', 'port it', '--branch', 'fix');
    const lines = out.trimEnd().split('\n');
    const [task] = await jsonLines('tasks');
    expect(lines).toEqual([
      expect.stringMatching(
        /^iteration 1 {2}CONTINUE {2}\S+ m?s {2}1 commit {2}1 file {2}wrote part 1$/,
      ),
      expect.stringMatching(
        /^iteration 2 {2}COMPLETE {2}\S+ m?s {2}1 commit {2}1 file {2}wrote part 2$/,
      ),
      `complete: 2 iterations, 2 commits, 2 files; task ${String(task?.['id'])} is complete`,
    ]);
    expect(error.match(/^from the command$/gm)).toHaveLength(2);
    expect(status).toBe(0);
    const hashes = repository.lines('log', '--reverse', '--format=%H', 'fix');
    expect(task).toMatchObject({
      goal: 'port it',
      status: 'complete',
      result: { iterations: 2, commits: hashes, files: ['part 1', 'part 2'] },
    });
    const [session] = await jsonLines('get', 'agents.pulse.*');
    expect(session?.['value']).toMatchObject({
      agentId: 'pulse',
      status: 'offline',
      data: { branchName: 'fix', commitHashes: hashes, totalCommits: 2, startedBy: 'stig run' },
    });
    expect((await stig('verify')).status).toBe(0);
  });

  test('prints a line of JSON each for programs, and shows nothing of the command when told so', async () => {
    const flags = ['--goal', 'g', '--agent', 'ant', '--json', '--quiet'];
    const { out, error, status } = await pulse(TWO_COMMITS, ...flags);
    const hashes = repository.lines('log', '--reverse', '--format=%H');
    const iteration = { status: 'complete', exitCode: 0 };
    expect(parsedLines(out)).toMatchObject([
      { ...iteration, number: 1, signal: 'CONTINUE', commits: [hashes[0]] },
      { ...iteration, number: 2, signal: 'COMPLETE', commits: [hashes[1]] },
      { outcome: 'complete', code: null, iterations: 2, commits: hashes, taskStatus: 'complete' },
    ]);
    expect([error, status]).toEqual(['', 0]);
  });

  test('its command knows its task, itself and the swarm', async () => {
    await stig('run', 'pulse', '--goal', 'g', '--', 'sh', '-c', 'env > env; echo COMPLETE');
    const text = await readFile(join(repository.directory, 'env'), 'utf8');
    const [task] = await jsonLines('tasks');
    const expected = [
      'GOAL=g',
      `TASK_ID=${String(task?.['id'])}`,
      'AGENT_ID=pulse',
      'AGENT_TYPE=pulse',
      'ITERATION=1',
      'BRANCH=main',
      `DIR=${swarm}`,
    ];
    for (const line of expected) expect(text.split('\n')).toContain(`STIGMERGY_${line}`);
  });

  test.each([
    ['echo no key; echo BLOCKED', [], /^blocked: 1 iteration, .* is failed\n {2}no key$/m],
    ['exit 3', [], /^failed \(COMMAND_FAILED\): .*\n {2}exit status 3$/m],
    ['echo CONTINUE', ['--max-iterations', '2'], /^failed \(MAX_ITERATIONS\): 2 iterations/m],
    [
      'sleep 60',
      ['--timeout', '1'],
      /^failed \(COMMAND_FAILED\): .*\n {2}not done within 1000 ms$/m,
    ],
  ] as const)('%s: exit status 1, and why', async (script, flags, said) => {
    const { out, status } = await pulse(script, '--goal', 'g', ...flags);
    expect(out).toMatch(said);
    expect(status).toBe(1);
  });

  test('what a command says is harmless for a terminal', async () => {
    const { out } = await pulse(
      `printf 'SUMMARY: a\\033]0;b\\007\\342\\200\\256c\\nCOMPLETE'`,
      '--goal',
      'g',
    );
    for (const hostile of ['\u001b', '\u0007', '\u202e']) expect(out).not.toContain(hostile);
  });

  test('a swarm in the work tree is not committed', async () => {
    swarm = join(repository.directory, '.stigmergy');
    const { status } = await pulse(TWO_COMMITS, '--goal', 'g', '--branch', 'fix');
    expect(status).toBe(0);
    expect(repository.lines('ls-files')).toEqual(['part 1', 'part 2']);
    expect(repository.git('status', '--porcelain')).toBe('');
    expect((await pulse('echo COMPLETE', '--goal', 'again', '--branch', 'main')).status).toBe(0);
  });

  test('works on a task that is there, named by the beginning of its id', async () => {
    const open = await openSwarm({ directory: swarm });
    const payload = { taskId: 'count-the-leaves', goal: 'count the leaves' };
    await open.dispatch({ type: 'task.create', payload });
    await open.close();
    const { status } = await pulse(
      'echo "SUMMARY: $STIGMERGY_GOAL"; echo COMPLETE',
      '--task',
      'count',
    );
    expect(status).toBe(0);
    const [task] = await jsonLines('tasks');
    expect(task).toMatchObject({ status: 'complete', result: { summary: 'count the leaves' } });
  });
});

/** The words after `go on with:`. */
function toGoOn(error: string): string {
  return /^go on with: stig (.*)$/m.exec(error)?.[1] ?? '';
}

/** Lets a shell read what was printed, as somebody who copies it does. */
async function paste(words: string): Promise<string> {
  const env = { ...process.env, STIGMERGY_DIR: swarm, NO_COLOR: '1' };
  const line = `${shellWords([process.execPath, PROGRAM])} ${words}`;
  const run = promisify(execFile)('sh', ['-c', line], { cwd: repository.directory, env });
  return (await run).stdout;
}

describe('a pause', () => {
  const script = `if [ $STIGMERGY_ITERATION = 2 ]; then echo COMPLETE; else echo "it's late"; echo PAUSE; fi`;

  test('keeps the session and the task, and says how to go on', async () => {
    const { out, error, status } = await pulse(script, '--goal', 'g', '--max-iterations', '3');
    expect(out).toMatch(/^paused: 1 iteration, .* is running\n {2}it's late$/m);
    expect(status).toBe(1);
    const [other] = parsedLines((await pulse('echo COMPLETE', '--goal', 'other', '--json')).out);
    expect(other).toMatchObject({ signal: 'COMPLETE' }); // which leaves the paused one alone
    expect(await paste(toGoOn(error))).toMatch(/^iteration 2 .*\ncomplete: 2 iterations, /);
    const sessions = await jsonLines('get', 'agents.pulse.*.data.iterations');
    expect(sessions.map(({ value }) => (value as unknown[]).length)).toEqual([2, 1]);
  });

  test('whose session has ended meanwhile: the same words begin anew', async () => {
    const { error } = await pulse('echo PAUSE', '--goal', 'g');
    const open = await openSwarm({ directory: swarm });
    const [paused] = Object.values(open.state.agents['pulse'] ?? {});
    const payload = { sessionId: paused?.sessionId };
    await open.dispatch({ type: 'session.stop', payload });
    await open.close();
    const words = toGoOn(error).replace('PAUSE', 'COMPLETE');
    expect(await paste(words)).toMatch(/^iteration 1 .*\ncomplete: 1 iteration, /);
  });
});

describe('an end from outside', () => {
  test('Ctrl-C ends the command, hands the task back and says how to go on', async () => {
    const { running, pid } = await start(WAITS, '--goal', 'g');
    const { status, out, error } = await running.end('SIGINT');
    await gone(pid);
    expect(status).toBe(130);
    expect(out).toMatch(/^cancelled: 1 iteration, .* is pending$/m);
    const [task] = await jsonLines('tasks');
    expect(task).toMatchObject({ status: 'pending', assignedTo: null });
    expect(error).toContain(`go on with: stig run pulse --task ${String(task?.['id'])} `);
    expect((await pulse('echo COMPLETE', '--task', String(task?.['id']))).status).toBe(0);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s does the same', async (signal, status) => {
    const { running, pid } = await start(WAITS, '--goal', 'g');
    expect(await running.end(signal)).toMatchObject({ status });
    await gone(pid);
    expect(await jsonLines('tasks')).toMatchObject([{ status: 'pending' }]);
  });

  test('nobody reads any more what it prints', async () => {
    const { running, pid } = await start(
      'echo $$ > pid; sleep 0.2; echo CONTINUE',
      '--goal',
      'g',
      '--max-iterations',
      '0',
    );
    running.child.stdout.destroy();
    await once(running.child, 'exit');
    await gone(pid);
    expect(await jsonLines('tasks')).toMatchObject([{ status: 'pending' }]);
  });

  test('what a killed one left behind does not keep the task from the next', async () => {
    const { running, pid } = await start(WAITS, '--goal', 'g');
    await running.end('SIGKILL');
    process.kill(-pid, 'SIGKILL'); // nobody else ends what it had started
    const [task] = await jsonLines('tasks');
    expect(task).toMatchObject({ status: 'running' });
    const { status, error } = await pulse('echo COMPLETE', '--task', String(task?.['id']));
    expect([status, error]).toEqual([0, 'COMPLETE\n']);
    const [ended] = await jsonLines('tasks');
    expect(ended).toMatchObject({ status: 'complete', attempts: 2 });
  });

  test('one swarm has one owner', async () => {
    const { running } = await start(WAITS, '--goal', 'g');
    const { status, error } = await pulse('echo COMPLETE', '--goal', 'other');
    expect([status, error]).toEqual([2, expect.stringContaining('[SWARM_HELD]')]);
    await running.end('SIGINT');
  });
});

describe('bad usage', () => {
  const goal = ['--goal', 'g'];
  const command = ['--', 'true'];

  test.each([
    ['INVALID_INPUT', [...goal]],
    ['INVALID_INPUT', [...goal, '--']],
    ['INVALID_INPUT', [...command]],
    ['INVALID_INPUT', ['--goal', '', ...command]],
    ['INVALID_INPUT', [...goal, '--', 'no-such-program-here']],
    ['INVALID_INPUT', [...goal, '--', '']],
    ['INVALID_INPUT', [...goal, '--max-iterations', 'many', ...command]],
    ['INVALID_INPUT', [...goal, '--max-iterations', '-1', ...command]],
    ['INVALID_INPUT', [...goal, '--timeout', '0', ...command]],
    ['INVALID_INPUT', [...goal, '--timeout', '99999999', ...command]],
    ['INVALID_INPUT', [...goal, '--bogus', ...command]],
    ['INVALID_INPUT', [...goal, '--branch', 'a b', ...command]],
    ['INVALID_INPUT', [...goal, '--agent', 'a b', ...command]],
    ['INVALID_INPUT', [...goal, 'sh', '-c', 'true']],
    ['NOT_A_REPOSITORY', [...goal, '--repo', 'HOME', ...command]],
    ['NOT_A_REPOSITORY', [...goal, '--repo', 'HOME/nowhere', ...command]],
  ])('%s for %j: exit status 2, one line, and no task', async (code, words) => {
    const inHome = words.map((word) => word.replace('HOME', home));
    const { status, out, error } = await stig('run', 'pulse', ...inHome);
    expect([status, out]).toEqual([2, '']);
    expect(error).toMatch(new RegExp(`^stig: error \\[${code}\\] [^\\n]+\\n$`));
    const made =
      (await readdir(home)).length > 0 ? await openSwarm({ directory: swarm }) : undefined;
    expect(made?.state.global.tasks ?? {}).toEqual({});
    await made?.close();
  });

  test('what is seen before leaves no swarm behind', async () => {
    await pulse('true');
    await pulse('true', '--goal', 'g', '--repo', home);
    await stig('run', 'pulse', '--goal', 'g', '--', 'no-such-program-here');
    expect(await readdir(home)).toEqual([]);
  });

  test('a dirty tree, a task that is not there, a directory that is no swarm, a kind that is none', async () => {
    await repository.commit('file', '');
    await repository.write('file', 'changed');
    const dirty = await pulse('true', '--goal', 'g', '--branch', 'other');
    expect([dirty.status, dirty.error]).toEqual([2, expect.stringContaining('[WORK_TREE_DIRTY]')]);
    const none = await pulse('true', '--task', 'nothing');
    expect([none.status, none.error]).toEqual([1, expect.stringContaining('[NOT_FOUND]')]);
    const foreign = await pulse('true', '--goal', 'g', '--dir', repository.directory);
    expect([foreign.status, foreign.error]).toEqual([2, expect.stringContaining('[NOT_A_SWARM]')]);
    const kind = await stig('run', 'queen');
    expect([kind.status, kind.error]).toEqual([2, expect.stringContaining('[INVALID_INPUT]')]);
  });

  test('help is no error', async () => {
    for (const words of [
      ['run', '--help'],
      ['run', 'pulse', '--help'],
    ]) {
      const { status, out, error } = await stig(...words);
      expect([status, error]).toEqual([0, '']);
      expect(out).toContain('Usage: stig run');
    }
  });
});

test('words are written so that a shell reads them as they were', async () => {
  const words = ['plain', '', "it's", '$HOME `x` "y"', 'a\nb', '-x', '~', 'käse', '#no', '*'];
  const { stdout } = await promisify(execFile)('sh', ['-c', `printf '%s\\0' ${shellWords(words)}`]);
  expect(stdout.split('\0').slice(0, -1)).toEqual(words);
});
