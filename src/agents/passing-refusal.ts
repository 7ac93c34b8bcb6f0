/** Refusals that are over in a moment, and what an agent makes of them: it tries again. */
import { Refused, type ErrorCode } from '../core/errors.ts';
import { pause, type Waiting } from './pause.ts';

const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['OVERLOADED', 'PATH_LOCKED']);
/** Long enough for somebody to let go of a lock, and short against any work. */
const BETWEEN_ATTEMPTS_MS = 1_000;

/** Whether an error is such a refusal. */
export function isPassing(error: unknown): boolean {
  return error instanceof Refused && PASSING.has(error.code);
}

/** Asks again, as long as the refusal is a passing one and nobody cancels. */
export async function untilPassed<T>(ask: () => Promise<T>, waiting: Waiting): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || waiting.signal?.aborted === true) throw error;
      await pause(BETWEEN_ATTEMPTS_MS, waiting);
    }
  }
}
