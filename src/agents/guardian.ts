/**
 * The Guardian at work: looks at its swarm at an interval, and writes `global.health` when that has changed, with its own
 * permission (specification, "Permission Matrix"). The alert that goes with a worse status is the coordinator's.
 *
 * From when on something is wrong, `config.health` says, read at every look. What is looked at: `health-figures.ts`; what it
 * amounts to: `health.ts`. Several Guardians may watch one swarm. Whoever registered the session stops it.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { refuse, Refused } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import { thresholdsOf } from '../events/health-thresholds.ts';
import type { SwarmConfig, SwarmHealth } from '../events/system.ts';
import { checkOptions, checkSession } from './check-options.ts';
import { deriveHealth, nextHealth } from './health.ts';
import {
  diskFigures,
  figuresOf,
  lookAt,
  withLook,
  type Look,
  type LogView,
} from './health-figures.ts';
import { probed, type Probe } from './guardian-probe.ts';
import { isPassing } from './passing-refusal.ts';
import { pause } from './pause.ts';
import { showingLife } from './signs-of-life.ts';

/** A Guardian's work. */
export interface GuardianOptions {
  /** Between two looks, in milliseconds. */
  readonly intervalMs: number;
  /** Whose disk is looked at: where the log is; none when absent. */
  readonly directory?: string;
  /** What a session cannot see of the log: the open swarm itself, for example; nothing is said of it when absent. */
  readonly log?: LogView;
  /** Asked at every look: what it says is wrong is an issue, and the swarm is `degraded`. */
  readonly probe?: Probe;
  /** So many looks in a row have to be better before the status gets better; as `config.health` says when absent. */
  readonly calmLooks?: number;
  /** Told of each health that this Guardian wrote and that differs from the one before. */
  readonly onHealth?: (health: SwarmHealth) => void;
  /** Ends it. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Watches until the signal aborts. A write that is refused only for the moment (`OVERLOADED`, `PATH_LOCKED`) is made at the next
 * look, if it is still right then; every other refusal ends it.
 * @throws {Refused} `INVALID_INPUT` for options that cannot be meant; `FORBIDDEN` when the session may not write the health; `SESSION_OFFLINE`, `CLOSED`, `HALTED` and others
 * when it cannot go on
 */
export async function runGuardian(session: AgentSession, options: GuardianOptions): Promise<void> {
  checkSession('runGuardian', session);
  checkOptions('runGuardian', options);
  const { clock = systemClock, intervalMs, signal } = options;
  const watch = new HealthWatch(session, options);
  await showingLife(session, { clock, signal }, async (end) => {
    while (!end.aborted) {
      await watch.look(end).catch((error: unknown) => {
        if (!isPassing(error)) throw error;
      });
      await pause(intervalMs, { clock, signal: end });
    }
  });
}

/** What one Guardian remembers from look to look. */
export class HealthWatch {
  readonly #session: AgentSession;
  readonly #options: GuardianOptions;
  readonly #clock: Clock;
  #looks: readonly Look[] = [];
  #calm = 0;

  /** Throws `FORBIDDEN` and `INVALID_INPUT` as {@link runGuardian} does. */
  constructor(session: AgentSession, options: GuardianOptions) {
    checkSession('HealthWatch', session);
    const { agentType } = session.identity;
    if (agentType !== 'guardian' && agentType !== 'conductor') {
      throw new Refused(
        refuse('FORBIDDEN', `A ${agentType} session may not write the health of the swarm.`, {
          agentType,
        }),
      );
    }
    checkOptions('HealthWatch', options);
    this.#session = session;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Looks once; the health that it wrote, undefined when that which is written stands, or the signal aborted before the probe had
   * told.
   */
  async look(signal = this.#options.signal): Promise<SwarmHealth | undefined> {
    const session = this.#session;
    const { directory, log, probe, onHealth } = this.#options;
    const context = { session, signal: signal ?? new AbortController().signal };
    const said = probe === undefined ? [] : await probed(probe, context);
    if (probe !== undefined && context.signal.aborted) return undefined;
    const read = session.read('global.health');
    const { value, version = 0 } = (read ?? {}) as { value: SwarmHealth; version?: number };
    const thresholds = thresholdsOf(session.get('global.config') as SwarmConfig);
    const now = lookAt(session, this.#clock.wallMs(), log);
    this.#looks = withLook(this.#looks, now, thresholds.failureWindowMs);
    const figures = figuresOf(session, { now, looks: this.#looks, log });
    const disk = directory === undefined ? undefined : await diskFigures(directory);
    const found = deriveHealth({ ...figures, disk, said }, thresholds);
    const { refreshMs } = thresholds;
    const calmLooks = this.#options.calmLooks ?? thresholds.calmLooks;
    const step = nextHealth({ written: value, found, calm: this.#calm, calmLooks });
    this.#calm = step.calm;
    const isOld = now.atMs - Date.parse(value.lastCheck) >= refreshMs;
    if (step.next === undefined && !isOld) return undefined;
    const { status, issues } = step.next ?? value;
    const newValue: SwarmHealth = { status, issues, lastCheck: isoTime(now.atMs) };
    await session.update({
      path: 'global.health',
      newValue,
      expectedVersion: version,
      onConflict: 'last-write-wins',
    });
    if (step.next !== undefined) onHealth?.(newValue);
    return newValue;
  }
}
