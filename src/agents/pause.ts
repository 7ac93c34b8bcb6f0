/**
 * Waiting, as agents do it: by the clock they are given, until somebody cancels.
 *
 * A clock's timers do not keep the process alive, and an agent that waits for its next turn should.
 */
import type { Clock } from '../core/clock.ts';

/** Node's longest timer; it only has to be longer than nothing. */
const FOR_LONG_MS = 2 ** 31 - 1;

/** By which clock, and until when. */
export interface Waiting {
  readonly clock: Clock;
  /** Ends the wait early, which is no error. */
  readonly signal?: AbortSignal | undefined;
}

/** Waits for some milliseconds, or until the signal aborts; not at all when there are none. */
export async function pause(ms: number, { clock, signal }: Waiting): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return;
  const keepAlive = setInterval(() => {}, FOR_LONG_MS);
  try {
    await new Promise<void>((resolve) => {
      const cancel = clock.schedule(ms, done);
      function done(): void {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      }
      signal?.addEventListener('abort', done, { once: true });
    });
  } finally {
    clearInterval(keepAlive);
  }
}

/** The outcome of some work, or `late` when it took longer than its time; `cancelled` when the signal aborted before. */
export type InTime<T> =
  { readonly how: 'done'; readonly value: T } | { readonly how: 'late' | 'cancelled' };

/**
 * Gives some work its time, and a signal that aborts when that is over. Work which does not heed the signal goes on without
 * anybody who waits for it. What it throws in time is thrown.
 */
export async function inTime<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  { clock, signal, timeoutMs }: Waiting & { readonly timeoutMs: number },
): Promise<InTime<T>> {
  const over = new AbortController();
  const cancel = () => over.abort(signal?.reason);
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  const working = (async () => ({ how: 'done', value: await work(over.signal) }) as const)();
  const limit = pause(timeoutMs, { clock, signal: over.signal }).then(
    () => ({ how: signal?.aborted === true ? 'cancelled' : 'late' }) as const,
  );
  try {
    return await Promise.race([working, limit]);
  } finally {
    signal?.removeEventListener('abort', cancel);
    over.abort();
    working.catch(() => {}); // what it throws when nobody waits any more concerns nobody
  }
}
