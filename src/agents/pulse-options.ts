/** What a Pulse can be told, and what it tells in the end. */
import type { AgentSession } from '../coordinator/agent-session.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { refuse, Refused } from '../core/errors.ts';
import type { TaskState } from '../events/task-state.ts';
import { checkOptions, checkSession } from './check-options.ts';
import type { PulseIterationEnd } from './pulse-iteration.ts';
import type { PulseFailureCode } from './pulse-verdict.ts';

/** How a Pulse works. */
export interface PulseOptions {
  /** What is to be done; that of the task when absent. */
  readonly goal?: string | undefined;
  /** A directory of the work tree of a git repository: the command runs in it. */
  readonly repository: string;
  /** A program and its arguments; no shell reads them. */
  readonly command: readonly [program: string, ...args: string[]];
  /** Is checked out before the first iteration, and made when there is no such branch; absent stays where it is. */
  readonly branchName?: string | undefined;
  /** 10 when absent; 0 for as many as it takes. */
  readonly maxIterations?: number | undefined;
  /** How long one run of the command may take, in milliseconds; half an hour when absent. */
  readonly iterationTimeoutMs?: number | undefined;
  /** So many iterations in a row without a signal fail the task; 3 when absent. */
  readonly unknownSignalsMax?: number | undefined;
  /** The task to work on; a new one with the goal when absent. */
  readonly taskId?: string | undefined;
  /** Variables for the command, beside those of this process and those that a Pulse sets. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Ends the work early. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Told what the command prints, piece by piece. What it throws ends the command, and then the run. */
  readonly onOutput?: ((text: string) => void) | undefined;
  /** Told of every iteration once its end is durable, and waited for. */
  readonly onIteration?: ((end: PulseIterationEnd) => void | Promise<void>) | undefined;
}

/** What became of the work. */
export interface PulseOutcome {
  /**
   * `complete`, `blocked` and `failed` end the task, or one attempt at it when its policy leaves it another. `paused` keeps it,
   * `cancelled` has given it back, and `lost` is that it was taken from the session, or ended by somebody else.
   */
  readonly status: 'complete' | 'blocked' | 'failed' | 'paused' | 'cancelled' | 'lost';
  /** With which code the task failed; null when it did not. */
  readonly code: PulseFailureCode | null;
  /** Why, for people. */
  readonly message: string;
  /** The task as it is now. */
  readonly task: TaskState;
  /** How many iterations the session has had for this task. */
  readonly iterations: number;
  /** The commits of all of them, the oldest first, as far as the state keeps them. */
  readonly commits: readonly string[];
  /** The files that they changed, from the top of the work tree. */
  readonly files: readonly string[];
}

/** What a Pulse was told, with all that it was not told. */
export interface PulseWork extends PulseOptions {
  readonly maxIterations: number;
  readonly iterationTimeoutMs: number;
  readonly unknownSignalsMax: number;
  readonly clock: Clock;
}

const TIMEOUT_MS_MAX = 2 ** 31 - 1; // Node fires longer ones at once
const MANY = 1_000_000;

/** Adds what was not said. Throws `INVALID_INPUT` for what cannot be. */
export function checkPulse(session: AgentSession, options: PulseOptions): PulseWork {
  checkSession('runPulse', session);
  checkOptions('runPulse', options);
  const { identity } = session;
  const work = {
    ...options,
    maxIterations: options.maxIterations ?? 10,
    iterationTimeoutMs: options.iterationTimeoutMs ?? 1_800_000,
    unknownSignalsMax: options.unknownSignalsMax ?? 3,
    clock: options.clock ?? systemClock,
  };
  const { goal, taskId, maxIterations, iterationTimeoutMs, unknownSignalsMax } = work;
  const rules: readonly (readonly [holds: boolean, message: string])[] = [
    [identity.agentType === 'pulse', `the session is that of a ${identity.agentType}`],
    [(goal ?? '') !== '' || taskId !== undefined, 'it needs a goal or a task'],
    [isWhole(maxIterations, 0, MANY), `maxIterations has to be a whole number, at most ${MANY}`],
    [
      isWhole(iterationTimeoutMs, 1, TIMEOUT_MS_MAX),
      `iterationTimeoutMs has to be a whole number from 1 to ${TIMEOUT_MS_MAX}`,
    ],
    [isWhole(unknownSignalsMax, 1, MANY), 'unknownSignalsMax has to be a whole number from 1'],
  ];
  const broken = rules.find(([holds]) => !holds);
  if (broken === undefined) return work;
  throw new Refused(refuse('INVALID_INPUT', `A Pulse cannot work like this: ${broken[1]}.`));
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}
