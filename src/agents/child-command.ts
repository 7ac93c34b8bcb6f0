/**
 * Runs a command of the user's: what it prints is kept up to a bound, and it ends in time.
 *
 * The command gets a process group of its own, so that what it started ends with it. What left the group and keeps the output
 * open is not waited for.
 */
import type { ChildProcess } from 'node:child_process';

/** What is run, and for how long. */
export interface ChildCommand {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  /** Beside the variables of this process; undefined takes one of them away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input; which is empty when absent. */
  readonly input?: string | undefined;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** When it is ended, in milliseconds. */
  readonly timeoutMs: number;
  /** How many characters of its output are kept, from the end; {@link OUTPUT_CHARS_MAX} when absent. */
  readonly outputCharsMax?: number | undefined;
  /** Told what it prints, piece by piece. What it throws ends the command. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

/** How a command ended. */
export interface ChildEnd {
  /** `exited` by itself; ended by us on `timeout` or when it was `cancelled`; or the program could not be `started`. */
  readonly how: 'exited' | 'timeout' | 'cancelled' | 'not started';
  /** Its exit status; null when it did not exit by itself. */
  readonly exitCode: number | null;
  /** The end of what it printed, on both streams: at most `outputCharsMax` characters. */
  readonly output: string;
  /** The end of what it printed on standard output alone. */
  readonly stdout: string;
  /** Why it did not exit by itself, or by which signal; undefined when it did. */
  readonly reason: string | undefined;
  readonly durationMs: number;
}

/** The most of its output that is kept: a build's last words, not its whole story. */
export const OUTPUT_CHARS_MAX = 262_144;
/** How long a command may take to end after it was asked to. */
const LAST_WORDS_MS = 5_000;
/** How long what a command left behind may keep its output open. */
const LEFTOVERS_MS = 500;

/** Runs a command to its end. Never throws for what the command does, but what its listener throws, when the command has ended. */
export async function runChild(child: ChildCommand): Promise<ChildEnd> {
  const { command, cwd, env, input, outputCharsMax = OUTPUT_CHARS_MAX } = child;
  const startedMs = performance.now();
  const listener = new Listener(child);
  const [program, ...args] = command;
  const { execa } = await import('execa'); // a tenth of a second that only those pay who run something
  const running = execa(program, args, {
    cwd,
    env,
    input: input ?? '',
    all: true,
    buffer: false,
    reject: false,
    detached: true, // a group of its own
  });
  const kept = { output: '', stdout: '' };
  const keep = (name: keyof typeof kept, text: string) => {
    kept[name] = (kept[name] + text).slice(-outputCharsMax);
  };
  running.stdout.setEncoding('utf8').on('data', (text: string) => keep('stdout', text));
  running.all.setEncoding('utf8').on('data', (text: string) => {
    keep('output', text);
    listener.hear(text);
  });
  const ender = endInTime(running, { ...child, signal: listener.signal });
  const { exitCode, signal: killedBy, originalMessage } = await running;
  const endedBy = ender.done();
  listener.rethrow();
  const exited = exitCode !== undefined;
  const wasStarted = running.pid !== undefined;
  return {
    how: endedBy ?? (wasStarted ? 'exited' : 'not started'),
    exitCode: exited ? exitCode : null,
    ...kept,
    reason: exited ? undefined : (killedBy ?? originalMessage ?? endedBy),
    durationMs: performance.now() - startedMs,
  };
}

/** Who hears what a command prints: an event of a stream has nobody above it who could catch what he throws. */
class Listener {
  readonly #onOutput: ChildCommand['onOutput'];
  readonly #deaf = new AbortController();
  #thrown: { readonly error: unknown } | undefined;
  /** Aborts when that of the command does, and when the listener threw. */
  readonly signal: AbortSignal;

  constructor({ onOutput, signal }: ChildCommand) {
    const own = this.#deaf.signal;
    this.#onOutput = onOutput;
    this.signal = signal === undefined ? own : AbortSignal.any([signal, own]);
  }

  hear(text: string): void {
    if (this.#thrown !== undefined) return;
    try {
      this.#onOutput?.(text);
    } catch (error) {
      this.#thrown = { error };
      this.#deaf.abort();
    }
  }

  rethrow(): void {
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }
}

/**
 * Ends a group when its time is over or somebody cancels: first it is asked to, then it is killed. Once the command itself has
 * ended, what it left behind has to go.
 */
function endInTime(
  running: ChildProcess,
  { signal, timeoutMs }: Pick<ChildCommand, 'signal' | 'timeoutMs'>,
): { done(): 'timeout' | 'cancelled' | undefined } {
  const { pid } = running;
  let endedBy: 'timeout' | 'cancelled' | undefined;
  let hasEnded = false;
  const timers: NodeJS.Timeout[] = [];
  const later = (ms: number, callback: () => void) => timers.push(setTimeout(callback, ms));
  const end = (by: 'timeout' | 'cancelled') => {
    if (endedBy !== undefined || hasEnded) return;
    endedBy = by;
    killGroup(pid, 'SIGTERM');
    later(LAST_WORDS_MS, () => killGroup(pid, 'SIGKILL'));
  };
  const cancel = () => end('cancelled');
  later(timeoutMs, () => end('timeout'));
  signal?.addEventListener('abort', cancel, { once: true });
  running.once('exit', () => {
    hasEnded = true;
    later(LEFTOVERS_MS, () => killGroup(pid, 'SIGKILL'));
    later(2 * LEFTOVERS_MS, () => {
      running.stdout?.destroy(); // somebody outside the group has it open
      running.stderr?.destroy();
    });
  });
  if (signal?.aborted === true) cancel();
  return {
    done() {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      killGroup(pid, 'SIGKILL'); // what it left behind
      return endedBy;
    },
  };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
