/** Refusals that are over in a moment: an agent that works at intervals tries again at its next turn. */
import { Refused, type ErrorCode } from '../core/errors.ts';

const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['OVERLOADED', 'PATH_LOCKED']);

/** Whether an error is such a refusal. */
export function isPassing(error: unknown): boolean {
  return error instanceof Refused && PASSING.has(error.code);
}
