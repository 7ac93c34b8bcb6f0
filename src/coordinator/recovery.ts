/**
 * From a log to the state: the newest good checkpoint and the tail after it, or everything from zero (I1).
 *
 * Reading verifies the chain from where it starts. A checkpoint that does not load, or does not fit the log, is passed over:
 * it is a cache, and the log is the truth.
 */
import { CheckpointStore, type CheckpointRecord } from '../events/checkpoint-store.ts';
import { firstSequence, lastSequence } from '../events/envelope.ts';
import { LOG_START, type EventLog, type LogPosition } from '../events/log.ts';
import { CHECKPOINT_FORMAT, loadState, type CheckpointHeader } from '../projections/checkpoint.ts';
import { Projector } from '../projections/projector.ts';

/** A moment of the past: after a sequence, or at a time in milliseconds since 1970. */
export type Moment = { readonly sequence: number } | { readonly timeMs: number };

/** How a recovery is done. */
export interface RecoveryOptions {
  /** The last moment that is wanted; the end of the log when absent. A commit that reaches beyond it is left out. */
  readonly upTo?: Moment;
  /** False replays from zero, whatever is saved. */
  readonly useCheckpoints?: boolean;
  /** Told the sequence that was reached, block by block. */
  readonly onProgress?: (sequence: number) => void;
}

/** The state, and where it was read from. */
export interface Recovered {
  readonly projector: Projector;
  /** The sequence of the checkpoint it started from; 0 when it was replayed from the beginning. */
  readonly checkpoint: number;
}

/** Rebuilds the state. Throws `LOG_CORRUPT` and `FORMAT_UNSUPPORTED` with the sequence that they are about. */
export async function recover(log: EventLog, options: RecoveryOptions = {}): Promise<Recovered> {
  await log.checkEnd(await new CheckpointStore(log.database).newest());
  const upTo = options.upTo ?? log.head;
  const start = options.useCheckpoints === false ? undefined : await newestGood(log, upTo);
  const projector = start?.projector ?? new Projector();
  const after: LogPosition = start?.record ?? LOG_START;
  await replay(log, projector, { after, upTo, ...options });
  return { projector, checkpoint: after.sequence };
}

async function replay(
  log: EventLog,
  projector: Projector,
  { after, upTo, onProgress }: { after: LogPosition; upTo: Moment } & RecoveryOptions,
): Promise<void> {
  for await (const { block } of log.blocks(after)) {
    for (const commit of block.commits) {
      if (isBeyond(upTo, { sequence: lastSequence(commit), timeMs: commit.command.timeMs })) return;
      projector.apply(commit);
    }
    onProgress?.(projector.sequence);
  }
}

function isBeyond(
  moment: Moment,
  { sequence, timeMs }: { readonly sequence: number; readonly timeMs: number },
): boolean {
  return 'sequence' in moment ? sequence > moment.sequence : timeMs > moment.timeMs;
}

interface Start {
  readonly projector: Projector;
  readonly record: CheckpointRecord<CheckpointHeader>;
}

async function newestGood(log: EventLog, upTo: Moment): Promise<Start | undefined> {
  const store = new CheckpointStore(log.database);
  for (const record of await store.list<CheckpointHeader>(log.head.sequence)) {
    if (record.header.format !== CHECKPOINT_FORMAT || isBeyond(upTo, record.header)) continue;
    const slices = await store.read(record);
    if (slices === undefined) continue;
    const projector = loadState(record.header, slices);
    if (await refillRing(log, projector, record)) return { projector, record };
  }
  return undefined;
}

/** Reads the events of the ring again; false when the log before the checkpoint does not lead to it. */
async function refillRing(
  log: EventLog,
  projector: Projector,
  { sequence, hash, header: { ringFrom } }: CheckpointRecord<CheckpointHeader>,
): Promise<boolean> {
  const limits = projector.swarm?.limits;
  if (limits === undefined) return false;
  const from = ringFrom ?? sequence;
  const position = await log.positionBefore(from);
  for await (const stored of log.blocks(position)) {
    for (const commit of stored.block.commits) {
      if (firstSequence(commit) > sequence) break;
      projector.ring.push(commit, limits, from);
    }
    const last = stored.block.first + stored.block.count - 1;
    if (last >= sequence) return last === sequence && stored.hash === hash;
  }
  return false;
}
