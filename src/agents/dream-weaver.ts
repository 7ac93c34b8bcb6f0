/**
 * The Dream Weaver at work: plans, generates and refines a dream, by the legal moves of its phase (specification, "Dream Weaver
 * State"), and writes down the files that each phase made, with how good they are.
 *
 * A session that has begun the dream before goes on with the phase that it is in: it runs that once more. How it is woven,
 * `weave.ts` says; what it reads, `context-documents.ts`; what it made, `artifacts.ts`. Whoever registered the session stops it.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { refuse, Refused } from '../core/errors.ts';
import { randomIds, type IdSource } from '../core/ids.ts';
import { isoTime } from '../core/time.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { Artifact } from '../events/state-schemas.ts';
import {
  artifactsAfter,
  filesIn,
  writtenSince,
  type FilesSeen,
  type MadeFile,
} from './artifacts.ts';
import { checkOptions, checkSession } from './check-options.ts';
import { withDocuments, type ContextDocument } from './context-documents.ts';
import { DONE_BEFORE, DreamState, phaseAfter, type DreamData } from './dream-state.ts';
import { ofTask, takeTask, TaskLost } from './dream-task.ts';
import { runs } from './held-task.ts';
import { showingLife } from './signs-of-life.ts';
import { Vigil } from './vigil.ts';
import {
  weavePhase,
  type Dream,
  type DreamPhase,
  type Quality,
  type Weave,
  type Woven,
} from './weave.ts';

/** A Dream Weaver's work. */
export interface DreamOptions {
  readonly dream: Dream;
  /** Where its files go, and where a command runs. It has to be there. */
  readonly directory: string;
  readonly weave: Weave;
  /** What it reads: paths, seen from the directory. Those that do not fit into the window are left out. */
  readonly documents?: readonly string[];
  /** The room in its context window, in estimated tokens; 0, when absent, is no budget. */
  readonly maxTokens?: number;
  /** The task that it does: claimed, started, brought forward and ended with the dream. */
  readonly taskId?: string;
  /** How often it may generate; 3 when absent. */
  readonly roundsMax?: number;
  /** Told of each phase that is over. */
  readonly onPhase?: (phase: DreamPhase, artifacts: readonly Artifact[]) => void;
  /** Ends it in the middle of a phase, which then counts for nothing. The task stays with the session. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly ids?: IdSource;
}

/** How a dream ended. */
export type DreamEnd = {
  /** The phase that it is in. */
  readonly phase: DreamData['phase'];
  readonly artifacts: readonly Artifact[];
  readonly quality: Quality;
  readonly rounds: number;
  /** Sentences: documents that were left out, scores that are none, a round too many. */
  readonly told: readonly string[];
} & ({ readonly how: 'complete' | 'cancelled' } | DreamFailure);

/** A phase failed; or somebody cancelled the task, took it away, or it ran out of time. */
export interface DreamFailure {
  readonly how: 'failed';
  readonly code: 'PHASE_FAILED' | 'TASK_LOST';
  readonly reason: string;
}

const ROUNDS_MAX = 3;

/**
 * Weaves a dream to its end. That a phase fails, or the task is lost, is an outcome.
 * @throws {Refused} `INVALID_INPUT` for options that cannot be meant; `FORBIDDEN` when the session is no Dream Weaver's; `ILLEGAL_TRANSITION` while another dream is not complete;
 * `TASK_TAKEN` and others when the task cannot be taken; `SESSION_OFFLINE`, `CLOSED`, `HALTED`
 */
export async function runDreamWeaver(
  session: AgentSession,
  options: DreamOptions,
): Promise<DreamEnd> {
  checkSession('runDreamWeaver', session);
  const { agentType } = session.identity;
  if (agentType !== 'dream_weaver') {
    throw new Refused(
      refuse('FORBIDDEN', `A ${agentType} session does not dream: register a dream_weaver.`, {
        agentType,
      }),
    );
  }
  checkOptions('runDreamWeaver', options);
  const { clock = systemClock, signal } = options;
  return showingLife(session, { clock, signal }, async (end) =>
    new Weaving(session, { ...options, clock, signal: end }).run(),
  );
}

/** One dream of one session. */
class Weaving {
  readonly #session: AgentSession;
  readonly #options: RunOptions;
  readonly #state: DreamState;
  readonly #told: string[] = [];
  #goal: string;
  #documents: readonly ContextDocument[] = [];

  constructor(session: AgentSession, options: RunOptions) {
    this.#session = session;
    this.#options = options;
    this.#state = new DreamState(session, options);
    this.#goal = options.dream.prompt;
  }

  async run(): Promise<DreamEnd> {
    const { dream, taskId, signal } = this.#options;
    this.#state.checkFree(dream);
    if (taskId !== undefined) this.#goal = await takeTask(this.#session, taskId);
    await this.#begin();
    try {
      for (;;) {
        const { phase } = this.#state.data;
        if (phase === 'complete') break;
        const done = await this.#weave(phase);
        if (signal.aborted) return this.#ended({ how: 'cancelled' });
        if (taskId !== undefined && !runs(this.#session, taskId))
          throw new TaskLost(this.#session, taskId);
        if (!done.ok) return await this.#fail(done.reason);
        await this.#record(phase, done);
      }
      await this.#complete();
      return this.#ended({ how: 'complete' });
    } catch (error) {
      if (!(error instanceof TaskLost)) throw error;
      return this.#ended({ how: 'failed', code: 'TASK_LOST', reason: error.message });
    }
  }

  #ended(how: How): DreamEnd {
    const { phase, artifacts, quality, round = 1 } = this.#state.data;
    return { ...how, phase, artifacts, quality, rounds: round, told: this.#told };
  }

  /** Another dream, unless it is the one that this session has begun; and what it reads. */
  async #begin(): Promise<void> {
    const { dream, documents = [], directory, maxTokens } = this.#options;
    if (this.#state.data.dreamId !== dream.dreamId) await this.#state.begin(dream);
    const { contextWindow } = this.#state.data;
    const room = { ...contextWindow, maxTokens: maxTokens ?? contextWindow.maxTokens };
    const context = await withDocuments(room, documents, directory);
    this.#documents = context.documents;
    this.#told.push(...context.leftOut);
    await this.#state.fill(context.window);
  }

  /** Does a phase: what it said and made, or why it failed. Nothing is written. */
  async #weave(phase: DreamPhase): Promise<Done | { readonly ok: false; readonly reason: string }> {
    const { directory, dream, taskId, clock, signal, weave } = this.#options;
    const { round = 1 } = this.#state.data;
    const told = { phase, round, dream, goal: this.#goal, taskId, directory };
    const given = { documents: this.#documents, session: this.#session };
    const vigil =
      taskId === undefined ? undefined : new Vigil(this.#session, { taskId, clock, signal });
    try {
      const before = await filesIn(directory);
      const end = vigil?.signal ?? signal;
      const woven = await weavePhase(weave, { ...told, ...given, signal: end });
      const files = await filesIn(directory);
      return { ok: true, woven, files, made: await writtenSince(before, files) };
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) };
    } finally {
      await vigil?.close();
    }
  }

  /** The task is asked first: nobody goes on with a dream whose task is lost. */
  async #record(phase: DreamPhase, { woven, files, made }: Done): Promise<void> {
    const { taskId, clock, ids = randomIds, onPhase } = this.#options;
    const { round = 1, quality, artifacts } = this.#state.data;
    const next = phaseAfter(phase, this.#wantsAnother(woven, round));
    if (taskId !== undefined && next !== 'complete') {
      const words = `${phase} is over, round ${round}`;
      const { tasks } = this.#session;
      await ofTask(this.#session, taskId, async () =>
        tasks.progress(taskId, DONE_BEFORE[next], words),
      );
    }
    const at = isoTime(clock.wallMs());
    const after = artifactsAfter(artifacts, made, { files, phase, round, at, drawId: ids });
    await this.#state.advance({
      phase: next,
      round: phase === 'refining' && next === 'generating' ? round + 1 : round,
      quality: { ...quality, ...this.#scores(woven.quality ?? {}) },
      artifacts: after,
    });
    onPhase?.(phase, after);
  }

  #wantsAnother({ again = false }: Woven, round: number): boolean {
    const { roundsMax = ROUNDS_MAX } = this.#options;
    if (!again || round < roundsMax) return again;
    this.#told.push(`another round was asked for, and there are at most ${roundsMax}`);
    return false;
  }

  /** The scores that are some; the others stay as they are. */
  #scores(given: Partial<Quality>): Partial<Quality> {
    const all = Object.entries(given);
    for (const [name, score] of all.filter((one) => !isScore(one))) {
      this.#told.push(`${name} is no score from 0 to 1: ${String(score)}`);
    }
    return Object.fromEntries(all.filter(isScore));
  }

  async #complete(): Promise<void> {
    const { taskId, dream } = this.#options;
    if (taskId === undefined) return;
    const { artifacts, quality } = this.#state.data;
    const made = artifacts.map(({ path, size, metadata }) => {
      return { path, size, sha256: metadata['sha256'] };
    });
    const result = { dreamId: dream.dreamId, artifacts: made, quality };
    await ofTask(this.#session, taskId, async () => this.#session.tasks.complete(taskId, result));
  }

  /** The dream stays in the phase that failed. */
  async #fail(why: string): Promise<DreamEnd> {
    const { taskId } = this.#options;
    const code = 'PHASE_FAILED' as const;
    const reason = `${this.#state.data.phase}: ${why}`;
    if (taskId !== undefined) {
      const error = { code, message: reason };
      await ofTask(this.#session, taskId, async () =>
        this.#session.tasks.fail(taskId, error),
      ).catch(ignoreLoss);
    }
    return this.#ended({ how: 'failed', code, reason });
  }
}

type RunOptions = DreamOptions & { readonly clock: Clock; readonly signal: AbortSignal };

type How = { readonly how: 'complete' | 'cancelled' } | DreamFailure;

/** What a phase said, and the files there are after it. */
interface Done {
  readonly ok: true;
  readonly woven: Woven;
  readonly files: FilesSeen;
  readonly made: readonly MadeFile[];
}

function isScore([, score]: readonly [string, unknown]): boolean {
  return typeof score === 'number' && score >= 0 && score <= 1;
}

/** That the phase failed is what there is to say. */
function ignoreLoss(error: unknown): void {
  if (!(error instanceof TaskLost)) throw error;
}
