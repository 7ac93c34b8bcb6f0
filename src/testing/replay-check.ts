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
  const rowsAt = new Map<number, readonly string[]>();
  for await (const { block } of log.blocks()) {
    for (const commit of block.commits) fromZero.apply(commit);
    const { sequence } = fromZero;
    if (records.some((record) => record.sequence === sequence)) rowsAt.set(sequence, rowsOf(fromZero));
  }
  checkState('from zero', fromZero, live);
  const rows = rowsOf(fromZero);
  for (const { sequence, hash } of records) {
    const name = `from the checkpoint at ${sequence}`;
    const { projector, checkpoint } = await recover(log, { upTo: { sequence } });
    if (checkpoint !== sequence) throw new Error(`The checkpoint at ${sequence} was not used.`);
    compareRows(`${name}, at its sequence`, rowsAt.get(sequence) ?? [], rowsOf(projector));
    for await (const { block } of log.blocks({ sequence, hash })) {
      for (const commit of block.commits) projector.apply(commit);
    }
    compareRows(name, rows, rowsOf(projector));
    checkState(name, projector, live);
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

/** Every row of a state, derived views and counts included. */
function rowsOf(projector: Projector): readonly string[] {
  return [...stateLines(projector), canonicalJson(['counts', projector.counts])];
}

function compareRows(name: string, expected: readonly string[], found: readonly string[]): void {
  const index = expected.findIndex((line, at) => line !== found[at]);
  if (index === -1 && expected.length === found.length) return;
  const at = index === -1 ? expected.length : index;
  throw new Error(
    `Replayed ${name}, the first row that differs is ${found[at] ?? 'missing'}; from zero it is ${expected[at] ?? 'missing'}.`,
  );
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
