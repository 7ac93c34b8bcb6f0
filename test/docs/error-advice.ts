/** When each code of the one table of errors happens, and what to do then: the part of `docs/errors.md` that is written by hand. */
import type { ErrorCode } from '../../src/core/errors.ts';

/** What the page says about a code beside the table's own entry. */
export interface Advice {
  readonly when: string;
  readonly todo: string;
}

export const ADVICE: Readonly<Record<ErrorCode, Advice>> = {
  INVALID_INPUT: {
    when: 'A command has a field too many, too few or of another type; a value is none that JSON can carry (`NaN`, a `Date`, a key such as `__proto__`); a direct write would leave the path in another shape than the specification gives it; `openSwarm` was given a configuration or a limit out of range; or `stig` was given an option that it does not know.',
    todo: 'Read the details: they name each field and what is wrong with it. Correct the input.',
  },
  INVALID_PATH: {
    when: 'A path has a character that only a quoted key may have, holds a wildcard where one place is meant, or leads through a value that has nothing below it.',
    todo: 'The details name the position at which reading stopped. Write keys other than letters, digits, `_` and `-` as `["key"]`.',
  },
  UNKNOWN_COMMAND: {
    when: 'The type of a command given to `dispatch` is none of `docs/commands.md`.',
    todo: 'The details list the types that are known.',
  },
  PAYLOAD_TOO_LARGE: {
    when: 'A payload has more characters, more values or more levels than `payloadCharsMax`, `payloadNodesMax` or `payloadDepthMax` allow. An object that contains itself has too many levels.',
    todo: 'Keep large content elsewhere and put a reference to it into the swarm, or open the swarm with a higher limit. Refer to an object that contains itself by an id.',
  },
  UNKNOWN_SESSION: {
    when: 'A handle speaks for a session that this log has never seen, or `swarm.session` names one that does not belong to the agent it names.',
    todo: 'Register a session with `swarm.register`.',
  },
  SESSION_OFFLINE: {
    when: 'The session was stopped, or it stayed silent for longer than the heartbeat deadline and the grace period after it.',
    todo: 'Register a new session. What the old one held was given back, so do not go on as if it were still held.',
  },
  FORBIDDEN: {
    when: 'The command table has no place for this role (a Guardian that creates a task, a Pulse session that stops another one), a task requires a capability that the agent did not declare, a task is assigned or offered to a Guardian, a handoff is offered to somebody else or by the caller itself, or a path belongs to another session.',
    todo: 'Ask with a handle whose role may do it: see `docs/commands.md`. The details name the capabilities that are missing.',
  },
  NOT_HOLDER: {
    when: 'The session does not hold the task, the lock or the handoff that its command is about: it never did, or it lost it in the meantime. A handoff cannot be completed when its requester has lost the task.',
    todo: 'Stop working on it. Claim or acquire it again if it is still to be done. A result that came too late is in the log, as `task.late_completion`.',
  },
  NOT_FOUND: {
    when: 'A command names a task, a session, a lock or a handoff that does not exist. A lock that was released or has expired does not exist any more. `stig state` and the history say it of a path or a moment that the log does not have, `stig locks` of a resource that nobody holds or waits for, and `stig tasks` of a task that does not exist at the moment shown.',
    todo: 'For a lock: treat what it protected as lost, and acquire a new one. Otherwise check the id, path or sequence.',
  },
  ALREADY_EXISTS: {
    when: 'The id of a new session, task, lock request or handoff is taken, an agent registers as another kind than before, or a directory that shall hold a new swarm (`expectEmpty`, `stig import`) has one.',
    todo: 'Leave the id out, so that a fresh one is drawn, or name another directory; or take the answer as a sign that an earlier attempt succeeded, and look at the thing.',
  },
  ILLEGAL_TRANSITION: {
    when: 'The state machine of the thing does not allow it now: to complete a task that is not running, to resume a session that is not paused, to accept a handoff that has ended.',
    todo: 'The details name the state. Read the thing again and decide anew.',
  },
  VERSION_CONFLICT: {
    when: 'A `state.update` with `expectedVersion` meets another version. `update` of a handle answers with `success: false` and the conflict instead of throwing.',
    todo: 'Read the path again (the details hold its version and value), decide anew, and write with the new version.',
  },
  NOTHING_TO_CLAIM: {
    when: '`task.claim` without an id, while no pending task is without a holder that this session could take: see `docs/tasks.md`. `claimNext` answers null instead of throwing.',
    todo: 'Ask again later.',
  },
  TASK_TAKEN: {
    when: '`task.claim` names a task that is assigned already. Of several sessions that claim one task, one wins and the others are told this.',
    todo: 'The details name its holder and since when. Claim another one.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    when: 'A session gives a command with an idempotency key that it used for another command within `idempotencyWindowMs`.',
    todo: 'Draw a new key for each command; repeat a command with its key and without a change.',
  },
  STALE_TOKEN: {
    when: 'A command carries a `fencingToken` that is not the token of a lock which its session holds at that moment: the lock expired, was released or forced, or was upgraded and has a new token.',
    todo: 'Treat what the lock protected as lost: acquire it again, read anew, and write with the new token.',
  },
  TASK_BLOCKED: {
    when: 'A task is claimed or started before all that it depends on are complete, created with a dependency that failed or was cancelled, or completed while subtasks of it are open.',
    todo: 'The details name the tasks that are in the way. Ask again when they have ended.',
  },
  TASK_LOST: {
    when: 'A session claims the task that it lost last (it timed out, was taken from it, or it failed and shall be retried), while another session can take it, and for no longer than `lostPreferenceMs`.',
    todo: 'Claim another task. The details say until when this one is left to others; it may have it sooner when nobody else can take it, or when somebody else has lost it since.',
  },
  DEPENDENCY_CYCLE: {
    when: 'A new task depends on a task that cannot end before the new one does: its own parent, for example.',
    todo: 'The details name the way round. Leave one of the dependencies out.',
  },
  AT_CAPACITY: {
    when: 'A session claims or starts a task while its agent holds as many as its `capacity` says, or has as many in its queue as `tasksPerSessionMax` allows.',
    todo: 'Finish one first, register the agent with a greater capacity, or leave the task to another agent.',
  },
  DEADLOCK: {
    when: 'A request for a lock, or an upgrade, closes a circle of sessions that wait for each other; the waiter with the lowest priority, and of those the youngest, is refused. Also when a second session asks to upgrade its lock on a resource while one waits to: both would wait for ever.',
    todo: 'The details hold the circle. Release what you hold, then acquire all of it again, in the same order as the others.',
  },
  PATH_LOCKED: {
    when: 'A write or a command is about a part of the state on which another session holds an exclusive lock: a resource that begins with `state/`.',
    todo: 'The details name the lock and its holder. Acquire a lock on it first, or try again when it is free.',
  },
  LOCK_HELD: {
    when: '`lock.acquire` or `lock.upgrade` with a timeout of 0 while the lock cannot be granted at once; or another holder of the resource waits to upgrade already, since one upgrade waits at a time. A handle answers null for it.',
    todo: 'Wait with a timeout; for a second upgrade ask again when the first has ended. The details name the holders.',
  },
  ACTOR_OWNED_PATH: {
    when: 'A direct write names a path that follows from commands, such as the status of a task.',
    todo: 'Use the command that the details name.',
  },
  LIMIT_EXCEEDED: {
    when: 'A limit of `src/core/limits.ts`, or `config.maxConcurrentAgents`, is reached or would be passed.',
    todo: 'The details name the limit. Ask again when something has ended, ask for less, or open the swarm with a higher limit.',
  },
  OVERLOADED: {
    when: 'So many commands were offered and not yet synced that the log takes no more (`BACKLOG_COMMITS_MAX`, `BACKLOG_CHARS_MAX` in `src/events/log.ts`). The command was not decided.',
    todo: 'Wait for some of the answers that are due, then ask again.',
  },
  READ_ONLY: {
    when: 'A command is given to a swarm that was opened with `readonly: true`.',
    todo: 'Open it for writing, when no other owner has it.',
  },
  CLOSED: {
    when: 'A command or a read reaches a swarm after `close` was called.',
    todo: 'Open the swarm again.',
  },
  HALTED: {
    when: 'An earlier write to the log failed, or a rule of the coordinator was broken. Commands and reads are refused from then on, because the state in memory may be ahead of the log.',
    todo: 'Close the swarm and open it again: its state is then rebuilt from what is durable. The details, and the cause of the fault, name the code of the first failure.',
  },
  INTERNAL: {
    when: 'Something happened that the code holds to be impossible.',
    todo: 'Report it with the message; run `stig` with `STIGMERGY_DEBUG=1` to see the stack. The log itself can be checked with `stig verify`.',
  },
  DIRECTORY_NOT_FOUND: {
    when: 'The directory does not exist, or holds no swarm, and was opened for looking only: by `stig log`, `state` or `verify`, or with `readonly: true`. `stig demo` and `stig bench` say it of the directory that they are given.',
    todo: 'Name another one with `--dir`, or make a swarm there first.',
  },
  DIRECTORY_NOT_READABLE: {
    when: 'The operating system refuses to list the directory or to read its marker.',
    todo: 'The details hold the reason of the system. Give the process the right to read.',
  },
  DIRECTORY_NOT_WRITABLE: {
    when: 'The directory cannot be made or written to, or its disk is full. A reader needs this too, since it takes the same lock as an owner.',
    todo: 'The details hold the reason of the system. Give the process the right to write, or make room.',
  },
  NO_SOURCES: {
    when: '`stig demo` was given a directory without a JavaScript or TypeScript source.',
    todo: 'Name a directory that holds some.',
  },
  NOT_A_REPOSITORY: {
    when: 'A Pulse is to work in a directory that is not there, or that git does not know as part of a work tree: a bare repository has none. The details hold the words of git.',
    todo: 'Name a directory of a repository, or make one with `git init`.',
  },
  WORK_TREE_DIRTY: {
    when: 'A Pulse is to work on another branch than the one that is checked out, and files that git tracks have changes that are not committed: they would go along.',
    todo: 'Commit or stash them, or let it work on the branch that is checked out.',
  },
  GIT_FAILED: {
    when: 'git is not installed, or did not do what a Pulse asked of it: a branch that is checked out in another work tree, a lock that another git left behind.',
    todo: 'The message holds the words of git.',
  },
  NOT_A_SWARM: {
    when: 'The directory holds other files and no `stigmergy.json`, its `stigmergy.json` is not one of ours, or the path is a file.',
    todo: 'Choose an empty or a new directory. Nothing was changed in this one.',
  },
  SWARM_HELD: {
    when: 'Another process, or another handle of this one, has the swarm open.',
    todo: 'The details name the process. Wait until it ends, or work on a copy of the directory.',
  },
  FORMAT_UNSUPPORTED: {
    when: 'The directory, a block, an event or a command was written in a version that this program does not know.',
    todo: 'Use the newer program that wrote it.',
  },
  LOG_CORRUPT: {
    when: 'What is stored is not what was written: a block is missing, damaged or does not follow the one before it, the head does not fit, or a payload has not the shape of its type. Found at opening, or by `stig verify`.',
    todo: 'The details name the sequence at which it shows. Restore the directory from a copy; nothing is repaired by itself.',
  },
  DECISION_DIFFERS: {
    when: '`stig verify` decided a recorded command again, on the state that it met, and got other facts than the log has: the log was changed by hand, or the program decides differently than the one that wrote it.',
    todo: 'The details name the sequence. Verify with the version that wrote the log; if that succeeds, report it.',
  },
  STATE_DIFFERS: {
    when: '`stig verify` found that the newest checkpoint and the events after it give another state than all events from zero.',
    todo: 'The log is sound: delete the checkpoint, or restore the directory from a copy. Please report it.',
  },
  LOG_TRUNCATED: {
    when: '`openSwarm` was given `expectSequence`, and the log ends before it: acknowledged events are gone.',
    todo: 'Restore the directory from a copy that reaches as far.',
  },
  LOG_FENCED: {
    when: 'Somebody else took ownership of the same log while this owner had it open; nothing of the block in question was written.',
    todo: 'Close this one. Find out how two owners came to one log: the lock of the directory should have kept the second out.',
  },
  LOG_UNKNOWN: {
    when: 'The database reported that a synced write failed. The commands of that block may be durable or not.',
    todo: 'Do not take the commands as done, nor as undone: close the swarm, see to the disk, open it again, and look.',
  },
};
