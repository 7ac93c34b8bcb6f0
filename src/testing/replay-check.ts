/**
 * Checks I1 from outside: what a swarm showed while it ran is what its log gives, from zero and from every checkpoint.
 *
 * Asks no test runner for anything: a difference is an Error that names the first view and row in which it shows.
 */
import { canonicalJson } from '../core/json.ts';
import { CheckpointStore } from '../events/checkpoint-store.ts';
import { EventLog } from '../events/log.ts';
import { hashState, stateLines } from '../projections/saved-views.ts';
import { Projector } from '../projections/projector.ts';
import { toSwarmState, type SwarmState } from '../projections/swarm-state.ts';
import { recover } from '../coordinator/recovery.ts';
import { openLevelEngine } from '../storage/engine.ts';

/** What a swarm showed just before it was closed. */
export interface LiveState {
  readonly sequence: number;
  readonly stateHash: string;
  /** `SwarmState` in canonical JSON. */
  readonly state: string;
}

/** What a check compared. */
export interface ReplayReport {
  readonly sequence: number;
  readonly stateHash: string;
  /** The sequences of the checkpoints from which the state was rebuilt too. */
  readonly checkpoints: readonly number[];
}

/** Keeps what a swarm shows now, for {@link checkReplay} after it is closed. */
export function liveState(swarm: {
  readonly sequence: number;
  readonly stateHash: string;
  readonly state: SwarmState;
}): LiveState {
  const { sequence, stateHash, state } = swarm;
  return { sequence, stateHash, state: canonicalJson(state) };
}

/**
 * Rebuilds the state of a closed swarm from zero and from every checkpoint, and compares each with what was kept live.
 * Closes nothing of the caller's and changes nothing in the directory.
 *
 * @throws Error that names the first view and row, or the first path of `SwarmState`, that differs
 *
 * @example
 * const live = liveState(swarm);
 * await swarm.close();
 * await checkReplay(directory, live);
 */
export async function checkReplay(directory: string, live: LiveState): Promise<ReplayReport> {
  const engine = await openLevelEngine(directory, { create: false });
  try {
    return await checkReplayOf(EventLog.read(engine.database), live);
  } finally {
    await engine.close();
  }
}

/** The same for an open log, for example one over a database in memory. */
export async function checkReplayOf(log: EventLog, live: LiveState): Promise<ReplayReport> {
  const records = await new CheckpointStore(log.database).list(log.head.sequence);
  const fromZero = new Projector();
  const hashAt = new Map<number, string>();
  for await (const { block } of log.blocks()) {
    for (const commit of block.commits) fromZero.apply(commit);
    const { sequence } = fromZero;
    if (records.some((one) => one.sequence === sequence)) hashAt.set(sequence, hashState(fromZero));
  }
  checkState('from zero', fromZero, live);
  for (const { sequence, hash } of records) {
    const name = `from the checkpoint at ${sequence}`;
    const { projector, checkpoint } = await recover(log, { upTo: { sequence } });
    if (checkpoint !== sequence) throw new Error(`The checkpoint at ${sequence} was not used.`);
    if (hashState(projector) !== hashAt.get(sequence)) {
      const { projector: then } = await recover(log, { upTo: { sequence }, useCheckpoints: false });
      compareRows(`${name}, at its sequence`, then, projector);
    }
    for await (const { block } of log.blocks({ sequence, hash })) {
      for (const commit of block.commits) projector.apply(commit);
    }
    if (hashState(projector) !== live.stateHash) compareRows(name, fromZero, projector);
    checkState(name, projector, live);
    checkCounts(name, fromZero, projector);
  }
  return {
    sequence: fromZero.sequence,
    stateHash: live.stateHash,
    checkpoints: records.map(({ sequence }) => sequence),
  };
}

function checkState(name: string, projector: Projector, live: LiveState): void {
  if (projector.sequence !== live.sequence) {
    throw new Error(
      `Replayed ${name}, the log ends at ${projector.sequence}; live it was at ${live.sequence}.`,
    );
  }
  const state = canonicalJson(toSwarmState(projector));
  if (state !== live.state) {
    const path = firstDifference(JSON.parse(live.state), JSON.parse(state), []);
    throw new Error(`Replayed ${name}, the state differs from the live one at ${path}.`);
  }
  if (hashState(projector) !== live.stateHash) {
    throw new Error(
      `Replayed ${name}, the state hash differs from the live one, and SwarmState does not: a view that it does not show differs.`,
    );
  }
}

/** Throws for the first row in which two states differ. */
function compareRows(name: string, expected: Projector, found: Projector): void {
  const [expectedRows, foundRows] = [[...stateLines(expected)], [...stateLines(found)]];
  const differs = expectedRows.findIndex((row, at) => row !== foundRows[at]);
  const at = differs === -1 ? expectedRows.length : differs;
  throw new Error(
    `Replayed ${name}, the first row that differs is ${foundRows[at] ?? 'missing'}; from zero it is ${expectedRows[at] ?? 'missing'}.`,
  );
}

/** Counts are derived, not shown, and decide: limits are kept to by them. */
function checkCounts(name: string, expected: Projector, found: Projector): void {
  const [wanted, counted] = [canonicalJson(expected.counts), canonicalJson(found.counts)];
  if (wanted !== counted)
    throw new Error(`Replayed ${name}, the counts are ${counted}; from zero they are ${wanted}.`);
}

function firstDifference(live: unknown, replayed: unknown, trail: readonly string[]): string {
  if (isObject(live) && isObject(replayed)) {
    for (const key of new Set([...Object.keys(live), ...Object.keys(replayed)])) {
      if (canonicalJson(live[key] ?? null) !== canonicalJson(replayed[key] ?? null)) {
        return firstDifference(live[key], replayed[key], [...trail, key]);
      }
    }
  }
  return `${trail.join('.')} (live ${JSON.stringify(live)}, replayed ${JSON.stringify(replayed)})`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
