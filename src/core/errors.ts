/**
 * The one table of error codes, and the two shapes in which they travel.
 *
 * A refusal is a value: somebody asked for what the rules do not allow, and nothing was appended (I10, I11).
 * A fault is thrown: the machine, the disk or the log let us down (I7). Both are explained in `docs/errors.md`.
 */

interface ErrorEntry {
  /** What it means, for a person. */
  readonly meaning: string;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** The HTTP status that says the same. */
  readonly http: number;
  /** The exit status of `stig`: 1 when what it checked or asked for does not hold, 2 when it could not be asked like this. */
  readonly exit: 1 | 2;
}

function entry(meaning: string, http: number, options: Partial<ErrorEntry> = {}): ErrorEntry {
  return { meaning, http, retryable: false, exit: 1, ...options };
}

const usage = { exit: 2 } as const;
const retryable = { retryable: true } as const;

/** Every code that this project refuses or fails with. Codes are stable; messages may improve. */
export const ERRORS = {
  // What was asked is malformed.
  INVALID_INPUT: entry('The input does not have the shape that the command asks for.', 400, usage),
  INVALID_PATH: entry('The text is not a state path.', 400, usage),
  UNKNOWN_COMMAND: entry('There is no command of that type.', 400, usage),
  PAYLOAD_TOO_LARGE: entry('The payload is larger or deeper than the limit.', 413, usage),
  // Who asks may not.
  UNKNOWN_SESSION: entry('No session with this identity was ever registered.', 401),
  SESSION_OFFLINE: entry('The session has ended; register a new one.', 409),
  FORBIDDEN: entry('The role of the caller may not ask for this.', 403),
  NOT_HOLDER: entry('The caller does not hold what the command is about.', 409),
  // The thing is not there, or not in a state that allows it.
  NOT_FOUND: entry('There is no such thing.', 404),
  ALREADY_EXISTS: entry('A thing with this id exists already.', 409),
  ILLEGAL_TRANSITION: entry('The thing is in a state in which this cannot happen.', 409),
  VERSION_CONFLICT: entry('The path was written since the version that the caller expected.', 409),
  IDEMPOTENCY_KEY_REUSED: entry('The idempotency key was used for another command.', 409, usage),
  STALE_TOKEN: entry('The fencing token is not that of a lock which the session holds now.', 409),
  NOTHING_TO_CLAIM: entry('No pending task fits this session.', 404, retryable),
  TASK_TAKEN: entry('The task is assigned to another session.', 409),
  TASK_BLOCKED: entry('Other tasks have to end before this can happen.', 409, retryable),
  TASK_LOST: entry('The session lost this task, and another session can take it.', 409, retryable),
  DEPENDENCY_CYCLE: entry('The tasks would wait for each other for ever.', 409, usage),
  AT_CAPACITY: entry('The agent holds as many tasks as it takes at once.', 409, retryable),
  DEADLOCK: entry(
    'The sessions would wait for each other for ever, and this one was chosen to give up.',
    409,
    retryable,
  ),
  PATH_LOCKED: entry(
    'Another session holds an exclusive lock on this part of the state.',
    423,
    retryable,
  ),
  LOCK_HELD: entry('The resource is locked by another session.', 409, retryable),
  ACTOR_OWNED_PATH: entry('An actor owns this path; use its command.', 409, usage),
  LIMIT_EXCEEDED: entry('A limit of the swarm is reached.', 429, retryable),
  // The coordinator cannot serve now.
  OVERLOADED: entry('Too many commands wait for the disk.', 503, retryable),
  READ_ONLY: entry('The swarm was opened for reading only.', 409),
  CLOSED: entry('The swarm is closed.', 409),
  HALTED: entry('A write failed, so nothing is acknowledged any more; open again.', 503),
  INTERNAL: entry('A rule of the coordinator itself was broken; please report it.', 500),
  // The directory and the log.
  DIRECTORY_NOT_FOUND: entry('There is no such directory, or no swarm in it.', 404, usage),
  DIRECTORY_NOT_READABLE: entry('The directory cannot be read.', 403, usage),
  DIRECTORY_NOT_WRITABLE: entry('The directory cannot be written to.', 403, usage),
  NO_SOURCES: entry('The directory holds no source file that can be analysed.', 404, usage),
  NOT_A_REPOSITORY: entry('The directory is not the work tree of a git repository.', 409, usage),
  WORK_TREE_DIRTY: entry(
    'The work tree has changes that are not committed, and another branch is to be checked out.',
    409,
    usage,
  ),
  GIT_FAILED: entry('git did not do what it was asked to.', 500),
  NOT_A_SWARM: entry('The directory holds something else than a swarm.', 409, usage),
  SWARM_HELD: entry('Another owner has the swarm open.', 423, { ...retryable, ...usage }),
  FORMAT_UNSUPPORTED: entry('The log was written in a format or version unknown here.', 409),
  LOG_CORRUPT: entry('The log does not verify; it is not served.', 500),
  DECISION_DIFFERS: entry(
    'A recorded command, decided again, gives other facts than the log has.',
    500,
  ),
  STATE_DIFFERS: entry('Two ways of rebuilding the state give different states.', 500),
  LOG_TRUNCATED: entry('The log ends before the sequence that the caller was told.', 500),
  LOG_FENCED: entry('A newer owner has taken the log; this one may not append.', 409),
  LOG_UNKNOWN: entry('A write failed and nobody can know whether it is durable.', 500),
} as const satisfies Record<string, ErrorEntry>;

/** A code of the table. */
export type ErrorCode = keyof typeof ERRORS;

/** A refusal: expected, harmless, and a value. It left the state as it was. */
export interface Refusal {
  readonly ok: false;
  readonly code: ErrorCode;
  /** What went wrong, with what, and what to do next. Free to improve; never match on it. */
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Makes a refusal. */
export function refuse(
  code: ErrorCode,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): Refusal {
  return { ok: false, code, message, details };
}

/**
 * What session handles throw for a refusal, so that a caller cannot overlook one.
 * `code` and `details` are those of the {@link Refusal}.
 */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.code = refusal.code;
    this.details = refusal.details;
  }
}

/** A fault: the disk, the log or a rule of ours failed. Carries a code of the table and its cause. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Marks a place that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new Fault('INTERNAL', `Unreachable: ${JSON.stringify(value)}`);
}

/** Throws a fault when something that cannot happen has happened; the reason says why it cannot. */
export function assert(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Fault('INTERNAL', reason);
}
