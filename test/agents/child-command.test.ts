/** Real commands: what is kept of them, and that nothing of them outlives them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OUTPUT_CHARS_MAX, runChild, type ChildCommand } from '../../src/agents/child-command.ts';

let cwd = '';

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'stigmergy-child-'));
});

afterEach(async () => {
  await rm(cwd, { recursive: true });
});

async function shell(script: string, more: Partial<ChildCommand> = {}) {
  return runChild({ command: ['sh', '-c', script], cwd, env: {}, timeoutMs: 30_000, ...more });
}

/** Whether a process is there and has not ended; a zombie that nobody has asked for is none. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat !== undefined) return !/\) Z /.test(stat);
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux';
  } catch {
    return false;
  }
}

/** The number that a script wrote into a file, once it is there. */
async function pidIn(name: string): Promise<number> {
  for (;;) {
    const text = await readFile(join(cwd, name), 'utf8').catch(() => '');
    if (text.endsWith('\n')) return Number(text);
    await delay(5);
  }
}

/** Waits until a process is gone; a test that waits in vain runs into its time. */
async function gone(pid: number): Promise<boolean> {
  while (await isAlive(pid)) await delay(5);
  return true;
}

describe('what is told of a command', () => {
  test('both streams, standard output alone, and its exit status', async () => {
    expect(await shell('echo out; echo err >&2; exit 3')).toEqual({
      how: 'exited',
      exitCode: 3,
      output: expect.stringMatching(/^(out\nerr|err\nout)\n$/) as string,
      stdout: 'out\n',
      reason: undefined,
      durationMs: expect.any(Number) as number,
    });
  });

  test('it runs where it is told, with what it is told, beside the variables of this process', async () => {
    process.env['STIGMERGY_TEST_TAKEN'] = 'here';
    const env = { GIVEN: 'a "b"\n$c', STIGMERGY_TEST_TAKEN: undefined };
    const script = 'pwd; printf "%s|" "$GIVEN" "${STIGMERGY_TEST_TAKEN-gone}" "${PATH:+path}"; cat';
    const { stdout } = await shell(script, { env, input: 'from input' });
    delete process.env['STIGMERGY_TEST_TAKEN'];
    expect(stdout).toBe(`${cwd}\na "b"\n$c|gone|path|from input`);
  });

  test('no shell reads its arguments, and its standard input is empty', async () => {
    const command = ['node', '-e', 'console.log(process.argv[1])', '$HOME; echo *'] as const;
    const { stdout } = await runChild({ command, cwd, env: {}, timeoutMs: 30_000 });
    expect(stdout).toBe('$HOME; echo *\n');
    expect((await shell('cat; echo end')).stdout).toBe('end\n');
  });

  test('pieces are told as they come, and characters are not torn apart', async () => {
    let told = '';
    const script = `printf '\\303'; sleep 0.1; printf '\\244\\n'`;
    const { output } = await shell(script, { onOutput: (text) => (told += text) });
    expect([output, told]).toEqual(['ä\n', 'ä\n']);
  });

  test('the end of a long output is kept', async () => {
    const print = `node -e 'process.stdout.write("x".repeat(1e6) + "the end")'`;
    const { output } = await shell(print);
    expect(output).toHaveLength(OUTPUT_CHARS_MAX);
    expect(output.endsWith('xthe end')).toBe(true);
    const { output: less, stdout } = await shell(print, { outputCharsMax: 7 });
    expect([less, stdout]).toEqual(['the end', 'the end']);
  });

  test.each([
    ['a program that is not there', { command: ['no-such-program-here'] as const }, /ENOENT/],
    ['a directory that is not there', { cwd: '/no/such/directory' }, /directory/],
    ['a variable that no system takes', { env: { A: 'a\0b' } }, /null bytes/],
  ])('%s is told, and thrown by nobody', async (_name, more, reason) => {
    const end = await shell('true', more);
    expect(end).toMatchObject({ how: 'not started', exitCode: null, output: '' });
    expect(end.reason).toMatch(reason);
  });

  test('a command that does not read its input is no error', async () => {
    const end = await shell('exit 0', { input: 'x'.repeat(1_000_000) });
    expect(end).toMatchObject({ how: 'exited', exitCode: 0 });
  });

  test('one that a signal ended has no exit status', async () => {
    const end = await shell('kill -9 $$');
    expect(end).toMatchObject({ how: 'exited', exitCode: null, reason: 'SIGKILL' });
  });
});

describe('its end', () => {
  test('when its time is over it is asked to end, with all that it started', async () => {
    const script = 'trap "echo asked; exit 7" TERM; sleep 60 & echo $! > pid; wait';
    const end = await shell(script, { timeoutMs: 500 });
    expect(end).toMatchObject({ how: 'timeout', exitCode: 7, stdout: 'asked\n' });
    expect(await gone(await pidIn('pid'))).toBe(true);
  });

  test('a signal cancels it', async () => {
    const stop = new AbortController();
    const running = shell('echo $$ > pid; sleep 60', { signal: stop.signal });
    const pid = await pidIn('pid');
    stop.abort();
    expect(await running).toMatchObject({ how: 'cancelled', exitCode: null, reason: 'SIGTERM' });
    expect(await gone(pid)).toBe(true);
  });

  test('a signal that was given before cancels it at once', async () => {
    const end = await shell('sleep 60', { signal: AbortSignal.abort() });
    expect(end.how).toBe('cancelled');
  });

  test('what a listener throws ends it, and is thrown when it has ended', async () => {
    let heard = 0;
    const running = shell('echo $$ > pid; while :; do echo more; sleep 0.02; done', {
      onOutput: () => {
        heard += 1;
        throw new Error('the screen is full');
      },
    });
    await expect(running).rejects.toThrow('the screen is full');
    expect(heard).toBe(1);
    expect(await gone(await pidIn('pid'))).toBe(true);
  });

  test('one that does not listen is killed', async () => {
    const stop = new AbortController();
    const running = shell('trap "" TERM; echo $$ > pid; while :; do sleep 1; done', {
      signal: stop.signal,
    });
    await pidIn('pid');
    stop.abort();
    expect(await running).toMatchObject({ how: 'cancelled', reason: 'SIGKILL' });
  });

  test('what it leaves behind is not waited for, and ends', async () => {
    const end = await shell('sleep 60 & echo $! > pid; echo done', { timeoutMs: 20_000 });
    expect(end).toMatchObject({ how: 'exited', exitCode: 0, stdout: 'done\n' });
    expect(await gone(await pidIn('pid'))).toBe(true);
    const quiet = await shell('sleep 60 > /dev/null 2>&1 & echo $! > quiet');
    expect(quiet).toMatchObject({ how: 'exited', exitCode: 0 });
    expect(await gone(await pidIn('quiet'))).toBe(true);
  });

  test.runIf(process.platform === 'linux')(
    'what left its group and keeps its output open does not keep it waiting either',
    async () => {
      const end = await shell('setsid sh -c "echo \\$\\$ > pid; sleep 60" & echo done', {
        timeoutMs: 20_000,
      });
      expect(end).toMatchObject({ how: 'exited', exitCode: 0, stdout: 'done\n' });
      process.kill(-(await pidIn('pid')), 'SIGKILL');
    },
  );
});
