/** What a Dream Weaver writes of its dream in the state of its session (specification, "Dream Weaver State"). */
import { refuse, Refused } from '../core/errors.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { DreamWeaverState } from '../events/state-schemas.ts';
import { untilPassed } from './passing-refusal.ts';
import type { Waiting } from './pause.ts';
import type { Dream, DreamPhase, Quality } from './weave.ts';

/** The data of a Dream Weaver session, with what is ours. */
export type DreamData = DreamWeaverState['data'] & {
  /** Which time it generates and refines, from 1; absent before its first dream. */
  readonly round?: number;
};

/** Where a phase leads, and what it made. */
export type Advance = Pick<DreamData, 'phase' | 'quality' | 'artifacts'> & {
  readonly round: number;
};

/** How far a dream is in a phase, in per cent. */
export const DONE_BEFORE: Readonly<Record<DreamData['phase'], number>> = {
  planning: 0,
  generating: 20,
  refining: 60,
  complete: 100,
};

const NO_QUALITY: Quality = { coherence: 0, relevance: 0, creativity: 0 };

/** The dream of a session. Its moves are legal ones, or refused (`ILLEGAL_TRANSITION`). */
export class DreamState {
  readonly #session: AgentSession;
  readonly #waiting: Waiting;
  readonly #path: string;

  constructor(session: AgentSession, waiting: Waiting) {
    this.#session = session;
    this.#waiting = waiting;
    this.#path = `agents.dream_weaver[${JSON.stringify(session.identity.sessionId)}]`;
  }

  /** As folded now. */
  get data(): DreamData {
    return this.#session.get(`${this.#path}.data`) as DreamData;
  }

  /** Throws `ILLEGAL_TRANSITION` while another dream is in the middle: the coordinator would refuse to begin this one. */
  checkFree({ dreamId }: Dream): void {
    const { dreamId: other, phase } = this.data;
    if (other === dreamId || phase === 'planning' || phase === 'complete') return;
    const details = { path: `${this.#path}.data.dreamId`, from: other, to: dreamId, phase };
    throw new Refused(
      refuse(
        'ILLEGAL_TRANSITION',
        `The dream ${other ?? ''} is ${phase}: end its session.`,
        details,
      ),
    );
  }

  /** Begins another dream. */
  async begin({ dreamId, dreamType, prompt }: Dream): Promise<void> {
    await this.#write({
      dreamId,
      dreamType,
      prompt,
      phase: 'planning',
      round: 1,
      artifacts: [],
      contextWindow: { documents: [], maxTokens: 0, usedTokens: 0 },
      quality: NO_QUALITY,
    });
  }

  async fill(contextWindow: DreamData['contextWindow']): Promise<void> {
    await this.#write({ contextWindow });
  }

  /** What a phase made and where it leads, in one commit. Of more artifacts than the state keeps, the newest. */
  async advance(step: Advance): Promise<void> {
    try {
      await this.#write(step);
    } catch (error) {
      const { artifacts } = step;
      const max =
        error instanceof Refused && error.code === 'LIMIT_EXCEEDED' && error.details['max'];
      if (typeof max !== 'number' || artifacts.length <= max) throw error;
      await this.#write({ ...step, artifacts: artifacts.slice(-max) });
    }
  }

  async #write(newValue: Partial<DreamData>): Promise<void> {
    const { phase } = newValue;
    const progress = phase && { current: DONE_BEFORE[phase], message: phase };
    const ask = async () =>
      this.#session.updateAll([
        { path: `${this.#path}.data`, newValue, merge: true },
        ...(progress === undefined
          ? []
          : [{ path: `${this.#path}.progress`, newValue: progress, merge: true }]),
      ]);
    await untilPassed(ask, this.#waiting);
  }
}

/** The phase after one; after refining another round of generating, when that is wanted. */
export function phaseAfter(phase: DreamPhase, again: boolean): DreamData['phase'] {
  switch (phase) {
    case 'planning':
      return 'generating';
    case 'generating':
      return 'refining';
    case 'refining':
      return again ? 'generating' : 'complete';
  }
}
