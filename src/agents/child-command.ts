/**
 * Runs a command of the user's: what it prints is kept up to a bound, and it ends in time.
 *
 * The command gets a process group of its own, so that what it started ends with it.
 */
import { execa } from 'execa';

/** What is run, and for how long. */
export interface ChildCommand {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  /** Beside the variables of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Written to its standard input; which is empty when absent. */
  readonly input?: string | undefined;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** When it is ended, in milliseconds. */
  readonly timeoutMs: number;
  /** Told what it prints, piece by piece. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

/** How a command ended. */
export interface ChildEnd {
  /** `exited` by itself; ended by us on `timeout` or when it was `cancelled`; or the program could not be `started`. */
  readonly how: 'exited' | 'timeout' | 'cancelled' | 'not started';
  /** Its exit status; null when it did not exit by itself. */
  readonly exitCode: number | null;
  /** The end of what it printed, on both streams: at most {@link OUTPUT_CHARS_MAX} characters. */
  readonly output: string;
  /** Why it did not exit by itself, or by which signal; undefined when it did. */
  readonly reason: string | undefined;
  readonly durationMs: number;
}

/** The most of its output that is kept: a build's last words, not its whole story. */
export const OUTPUT_CHARS_MAX = 262_144;
/** How long a command may take to end after it was asked to. */
const LAST_WORDS_MS = 5_000;

/** Runs a command to its end. Never throws for what the command does. */
export async function runChild(child: ChildCommand): Promise<ChildEnd> {
  const { command, cwd, env, input, signal, timeoutMs, onOutput } = child;
  const startedMs = performance.now();
  const [program, ...args] = command;
  const running = execa(program, args, {
    cwd,
    env,
    input: input ?? '',
    all: true,
    buffer: false,
    reject: false,
    detached: true, // a group of its own
  });
  let output = '';
  running.all.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-OUTPUT_CHARS_MAX);
    onOutput?.(text);
  });
  const ender = endInTime(running, { signal, timeoutMs });
  const { exitCode, signal: killedBy, originalMessage } = await running;
  const endedBy = ender.done();
  const exited = exitCode !== undefined;
  const wasStarted = running.pid !== undefined;
  return {
    how: endedBy ?? (wasStarted ? 'exited' : 'not started'),
    exitCode: exited ? exitCode : null,
    output,
    reason: exited ? undefined : (killedBy ?? originalMessage ?? endedBy),
    durationMs: performance.now() - startedMs,
  };
}

/** Ends a group when its time is over or somebody cancels: first it is asked to, then it is killed. */
function endInTime(
  { pid }: { readonly pid?: number | undefined },
  { signal, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
): { done(): 'timeout' | 'cancelled' | undefined } {
  let endedBy: 'timeout' | 'cancelled' | undefined;
  let lastWords: NodeJS.Timeout | undefined;
  const end = (by: 'timeout' | 'cancelled') => {
    if (endedBy !== undefined) return;
    endedBy = by;
    killGroup(pid, 'SIGTERM');
    lastWords = setTimeout(() => killGroup(pid, 'SIGKILL'), LAST_WORDS_MS);
  };
  const cancel = () => end('cancelled');
  const timer = setTimeout(() => end('timeout'), timeoutMs);
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  return {
    done() {
      clearTimeout(timer);
      clearTimeout(lastWords);
      signal?.removeEventListener('abort', cancel);
      if (endedBy !== undefined) killGroup(pid, 'SIGKILL'); // what it left behind
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
