/**
 * Signs of life, while a session waits or does something that takes long: a silent one is taken for dead.
 *
 * The coordinator records a sign only when a third of the deadline has passed, so a short interval costs nothing.
 */
import type { AgentSession } from '../coordinator/agent-session.ts';
import { isPassing } from './passing-refusal.ts';
import { pause, type Waiting } from './pause.ts';

/** Between two signs: well below any deadline that makes sense. */
const BETWEEN_SIGNS_MS = 1_000;

/**
 * Does some work while the session shows life. The signal of the work aborts with that of the caller, and when the session can
 * show no life any more: then that is thrown when the work has returned.
 * @throws {Refused} `SESSION_OFFLINE`, `CLOSED`, `HALTED`; and what the work throws
 */
export async function showingLife<T>(
  session: AgentSession,
  { clock, signal }: Waiting,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const over = new AbortController();
  const cancel = () => end.abort(signal?.reason);
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  const lost: unknown[] = [];
  const signing = signUntil(session, { clock, signal: over.signal }, (reason) => {
    lost.push(reason);
    end.abort(reason);
  });
  try {
    const value = await work(end.signal);
    if (lost.length > 0) throw lost[0];
    return value;
  } finally {
    signal?.removeEventListener('abort', cancel);
    over.abort();
    await signing;
  }
}

/** A sign is given when its time has come, whether or not the one before is on the disk yet. */
async function signUntil(
  session: AgentSession,
  waiting: Waiting,
  onLost: (reason: unknown) => void,
): Promise<void> {
  let answered = Promise.resolve();
  while (waiting.signal?.aborted !== true) {
    const answer = session.heartbeat().catch((error: unknown) => {
      if (!isPassing(error)) onLost(error);
    });
    answered = answered.then(async () => answer);
    await pause(BETWEEN_SIGNS_MS, waiting);
  }
  await answered;
}
