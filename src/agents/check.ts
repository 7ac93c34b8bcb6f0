/**
 * What a Heartbeat checks: a check measures something and says what is wrong, or throws when it cannot measure.
 *
 * A finding is known by the type of its check and its summary. So a summary says what is wrong in words that stay the same while
 * it is wrong; figures belong in the details.
 */
import type { Clock } from '../core/clock.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { Priority } from '../events/identity.ts';
import { inTime } from './pause.ts';

/** Something that a check found to be wrong. */
export interface Found {
  readonly priority: Priority;
  /** What is wrong, in words that do not change while it is; figures go into the details. */
  readonly summary: string;
  /** JSON. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a check measures with. */
export interface CheckContext {
  /** The session that checks; it reads the swarm. */
  readonly session: AgentSession;
  readonly clock: Clock;
  /** Aborts when the time of the check is over, or nobody wants to know any more. */
  readonly signal: AbortSignal;
}

/** One thing that is checked. */
export interface Check {
  /** `HeartbeatCheck.type`; one of `email`, `calendar`, `weather` and `mentions` measures that target. */
  readonly type: string;
  /** How long it may take, in milliseconds; {@link CHECK_TIMEOUT_MS} when absent. */
  readonly timeoutMs?: number;
  /** What is wrong; nothing when all is well. Throws when it could not be measured. */
  measure(context: CheckContext): readonly Found[] | Promise<readonly Found[]>;
  /** Gives back what it keeps to measure; called once, at the end, and waited for. */
  close?(): void | Promise<void>;
}

/** How long a check may take that does not say: a network's patience. */
export const CHECK_TIMEOUT_MS = 30_000;
/** A summary is a line for a person. */
const SUMMARY_CHARS_MAX = 1_000;

/** What came of a check: what it found, why it could not measure, or that it was cancelled. */
export type Measured =
  | { readonly how: 'success'; readonly found: readonly Found[] }
  | { readonly how: 'failed'; readonly reason: string }
  | { readonly how: 'cancelled' };

/** Carries out a check, in its time. */
export async function measure(check: Check, context: CheckContext): Promise<Measured> {
  const { timeoutMs = CHECK_TIMEOUT_MS } = check;
  const { clock, signal } = context;
  try {
    const outcome = await inTime(async (end) => check.measure({ ...context, signal: end }), {
      clock,
      signal,
      timeoutMs,
    });
    if (signal.aborted) return { how: 'cancelled' };
    return outcome.how === 'done'
      ? { how: 'success', found: outcome.value.map(clipped) }
      : { how: 'failed', reason: `it took longer than ${timeoutMs} ms` };
  } catch (error) {
    if (signal.aborted) return { how: 'cancelled' };
    return { how: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

function clipped(found: Found): Found {
  return { ...found, summary: found.summary.slice(0, SUMMARY_CHARS_MAX) };
}
