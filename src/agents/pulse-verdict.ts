/** What follows from the end of an iteration: what it said of itself, beside how its command ended. */
import type { PulseSignal } from '../events/state-schemas.ts';

/** The codes with which a Pulse fails a task. */
export const PULSE_FAILURE_CODES = [
  'BLOCKED', // its command said so
  'COMMAND_FAILED', // its command ended with another status than 0, by a signal, or not in time
  'GIT_FAILED', // what its command did cannot be read from the repository
  'MAX_ITERATIONS', // it has had as many as it may
  'NO_SIGNAL', // too many iterations in a row said nothing
] as const;

/** A code with which a Pulse fails a task. */
export type PulseFailureCode = (typeof PULSE_FAILURE_CODES)[number];

/** Why an iteration, and with it perhaps its task, failed. */
export interface PulseFailure {
  readonly code: PulseFailureCode;
  readonly message: string;
}

/** How an iteration ended. */
export interface IterationFinding {
  readonly signal: PulseSignal;
  readonly summary: string;
  /** How its command failed; null when it did not. */
  readonly failure: PulseFailure | null;
  /** How many iterations in a row have said nothing, this one included. */
  readonly unknownInARow: number;
}

/** What follows. */
export type PulseVerdict =
  | { readonly next: 'go on' }
  | { readonly next: 'pause' }
  | { readonly next: 'complete' }
  | { readonly next: 'fail'; readonly failure: PulseFailure };

/**
 * What a command said counts for more than the status with which it ended, but for its success: a command that failed has
 * completed nothing.
 */
export function verdictOn(
  { signal, summary, failure, unknownInARow }: IterationFinding,
  { unknownSignalsMax }: { readonly unknownSignalsMax: number },
): PulseVerdict {
  if (failure?.code === 'GIT_FAILED') return { next: 'fail', failure };
  switch (signal) {
    case 'BLOCKED':
      return fail('BLOCKED', summary === '' ? 'the command said BLOCKED and not why' : summary);
    case 'PAUSE':
      return { next: 'pause' };
    case 'CONTINUE':
      return { next: 'go on' };
    case 'COMPLETE':
      return failure === null ? { next: 'complete' } : failed(failure, summary);
    case 'UNKNOWN':
      if (failure !== null) return failed(failure, summary);
      if (unknownInARow < unknownSignalsMax) return { next: 'go on' };
      return fail('NO_SIGNAL', `${unknownInARow} iterations in a row ended without a signal`);
  }
}

/** That a command failed, and its last words. */
function failed({ code, message }: PulseFailure, summary: string): PulseVerdict {
  return fail(code, summary === '' || summary === message ? message : `${message}: ${summary}`);
}

function fail(code: PulseFailureCode, message: string): PulseVerdict {
  return { next: 'fail', failure: { code, message } };
}
