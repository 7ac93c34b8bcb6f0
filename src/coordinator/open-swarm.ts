/** How a swarm is opened: the engine, the log, the state out of it, and then the ownership of both (I8). */
import type { AccessRules } from '../access/access-rules.ts';
import { Fault } from '../core/errors.ts';
import { EventLog } from '../events/log.ts';
import { openLevelEngine, openMemoryEngine, type Engine } from '../storage/engine.ts';
import { checkOptions, wantedSettings, type OpenOptions } from './open-options.ts';
import type { Projector } from '../projections/projector.ts';
import { loadLanguage } from '../protocol/expression-language.ts';
import { recover } from './recovery.ts';
import { Swarm } from './swarm.ts';

/**
 * Opens a swarm: recovers its state from the log, takes ownership, and records that it did.
 *
 * Throws the faults of the directory (`DIRECTORY_NOT_WRITABLE`, `NOT_A_SWARM`, `SWARM_HELD`, …) and of the log (`LOG_CORRUPT`,
 * `LOG_TRUNCATED`, `FORMAT_UNSUPPORTED`), `INVALID_INPUT` for a configuration that cannot be honoured, and `ALREADY_EXISTS` with `expectEmpty`.
 *
 * @example
 * const swarm = await openSwarm({ directory: './.stigmergy' });
 * const pulse = await swarm.register({ agentType: 'pulse', agentId: 'pulse-1' });
 * const task = await pulse.tasks.create({ goal: 'index src' });
 * await swarm.close();
 */
export async function openSwarm(options: OpenOptions = {}): Promise<Swarm> {
  checkOptions(options);
  wantedSettings(options, undefined); // before anything is touched
  const engine =
    options.directory === undefined
      ? await openMemoryEngine()
      : await openLevelEngine(options.directory, { create: options.readonly !== true });
  return openSwarmOver(engine, options);
}

/** Opens a swarm over an engine, which it closes, also when it cannot be opened. */
export async function openSwarmOver(
  engine: Engine,
  options: OpenOptions,
  rules?: AccessRules,
): Promise<Swarm> {
  const isReadonly = options.readonly === true;
  try {
    const log = EventLog.read(engine.database);
    log.checkLength(options.expectSequence ?? 0);
    if (options.expectEmpty === true && log.head.sequence > 0) throw notEmpty(options.directory);
    const { onProgress } = options;
    const { projector, checkpoint } = await recover(log, {
      ...(onProgress && { onProgress: (at: number) => onProgress(at, log.head.sequence) }),
    });
    const owned = isReadonly ? log : await EventLog.own(engine.database, log.head);
    if (isReadonly && log.head.sequence === 0) {
      throw new Fault('DIRECTORY_NOT_FOUND', 'There is no swarm to read: its log is empty.', {});
    }
    const swarm = new Swarm({ engine, log: owned, projector, checkpoint, options, rules });
    if (!isReadonly) {
      if (hasConductor(projector)) await loadLanguage();
      await swarm.begin(options);
    }
    return swarm;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Whether somebody may write routing rules. */
function hasConductor(projector: Projector): boolean {
  return [...projector.liveSessions()].some(({ identity }) => identity.agentType === 'conductor');
}

function notEmpty(directory = 'The log'): Fault {
  const message = `${directory} has a swarm already. Name another directory, or delete this one.`;
  return new Fault('ALREADY_EXISTS', message, { details: { directory } });
}
