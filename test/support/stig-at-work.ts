/** `stig` while it runs: what it prints, when the command that it runs is there, and when that is gone. */
import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { PROGRAM, type Ran } from './run-stig.ts';

/** Where it runs. */
export interface Place {
  readonly cwd: string;
  readonly swarm: string;
}

/** The lines of what was printed with `--json`. */
export function parsedLines(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A program that was started, and is ended from outside. */
export class StigAtWork {
  readonly child: ChildProcessWithoutNullStreams;
  out = '';
  error = '';
  readonly #cwd: string;
  readonly #exit: Promise<unknown[]>;

  constructor(words: readonly string[], { cwd, swarm }: Place) {
    const env = { ...process.env, STIGMERGY_DIR: swarm, NO_COLOR: '1' };
    this.#cwd = cwd;
    this.child = spawn(process.execPath, [PROGRAM, ...words], { cwd, env });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.error += text));
    this.#exit = once(this.child, 'close');
  }

  /** Waits until a pattern matches what it has printed so often. */
  async printed(pattern: RegExp, times = 1): Promise<void> {
    while ([...this.out.matchAll(pattern)].length < times) {
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.out}${this.error}`);
      await delay(10);
    }
  }

  /** The id of the command that it runs, once that has written it to the file `pid`. */
  async pid(): Promise<number> {
    for (;;) {
      const text = await readFile(join(this.#cwd, 'pid'), 'utf8').catch(() => '');
      if (text.endsWith('\n')) return Number(text);
      await delay(10);
    }
  }

  /** Sends it a signal, and waits for its end. */
  async end(signal: NodeJS.Signals): Promise<Ran> {
    this.child.kill(signal);
    const [status] = await this.#exit;
    return { status: Number(status), out: this.out, error: this.error };
  }
}

/** Starts it; the file `pid` of a run before is taken away. */
export async function startStig(words: readonly string[], place: Place): Promise<StigAtWork> {
  await rm(join(place.cwd, 'pid'), { force: true });
  return new StigAtWork(words, place);
}

/** Waits until a process is gone, or only its parent has not asked for it. */
export async function gone(pid: number): Promise<void> {
  for (;;) {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]).catch(
      () => ({ stdout: '' }),
    );
    if (stdout.trim() === '' || stdout.startsWith('Z')) return;
    await delay(10);
  }
}
