/**
 * The proof that a log is sound.
 *
 * Covers, from the first event on: blocks whole, contiguous and chained up to the head (I4); every payload of the shape that
 * the catalogue says; every recorded command decided again, on the state it met, to the recorded facts (I6), but for those
 * that were denied before they were decided; and the state from zero equal to the state from the newest checkpoint (I1). Says the sequence at which the first of these fails.
 */
import { isRightDenial, saysDenied } from '../actors/access.ts';
import { decide, recordsDenials, triesTooOften } from '../actors/decide.ts';
import { Fault, type ErrorCode } from '../core/errors.ts';
import { canonicalJson } from '../core/json.ts';
import { CheckpointStore } from '../events/checkpoint-store.ts';
import { corrupt } from '../events/block.ts';
import { definitionOf } from '../events/catalog.ts';
import { firstSequence, type Commit, type Fact, type RecordedCommand } from '../events/envelope.ts';
import type { EventLog } from '../events/log.ts';
import { Projector } from '../projections/projector.ts';
import { hashState } from '../projections/saved-views.ts';
import { COMMANDS, type CommandType } from '../protocol/commands.ts';
import { isPartType, type CommandPart } from '../protocol/compound.ts';
import { liftCommand } from '../protocol/lift.ts';
import { recover } from '../coordinator/recovery.ts';

/** What was verified, or where it failed first. */
export type Verification =
  | {
      readonly ok: true;
      readonly events: number;
      readonly commits: number;
      readonly blocks: number;
      readonly bytes: number;
      /** Commits that an earlier version of this program decided by other rules: folded, and not decided again. */
      readonly earlierRules: number;
      readonly epoch: number;
      /** The hash of the last block: quote it to prove later that nothing before it was changed. */
      readonly headHash: string;
      readonly stateHash: string;
      /** The sequence of the newest checkpoint that was compared; 0 when there is none. */
      readonly checkpoint: number;
      /** Checkpoints that could not be loaded. They are caches: nothing is lost. */
      readonly damagedCheckpoints: number;
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly sequence: number;
      readonly message: string;
    };

/** How a log is verified. */
export interface VerifyOptions {
  /** The last sequence that somebody was told; a log that ends before it has lost its end. */
  readonly expectSequence?: number;
  /** Told the sequence that was reached, block by block. */
  readonly onProgress?: (sequence: number) => void;
}

/** Verifies a whole log. */
export async function verifyLog(
  log: EventLog,
  { expectSequence = 0, onProgress }: VerifyOptions = {},
): Promise<Verification> {
  try {
    const verification = await verifyAll(log, onProgress);
    log.checkLength(expectSequence);
    return verification;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const sequence = Number(error.details['sequence'] ?? 0);
    return { ok: false, code: error.code, sequence, message: error.message };
  }
}

async function verifyAll(
  log: EventLog,
  onProgress?: (sequence: number) => void,
): Promise<Verification> {
  const projector = new Projector();
  const count = { commits: 0, blocks: 0, bytes: 0, earlierRules: 0 };
  for await (const { block, bytes } of log.blocks()) {
    for (const commit of block.commits) {
      verifyCommit(projector, commit);
      if (isOfEarlierRules(commit.command)) count.earlierRules += 1;
      projector.apply(commit);
    }
    count.blocks += 1;
    count.commits += block.commits.length;
    count.bytes += bytes;
    onProgress?.(projector.sequence);
  }
  const stateHash = hashState(projector);
  const { sequence, hash, epoch } = log.head;
  const checkpoints = await verifyCheckpoints(log, stateHash);
  return { ok: true, events: sequence, ...count, epoch, headHash: hash, stateHash, ...checkpoints };
}

function verifyCommit(projector: Projector, commit: Commit): void {
  for (const fact of commit.facts) verifyShape(fact);
  const sequence = firstSequence(commit);
  if (commit.command.timeMs < projector.timeMs)
    throw corrupt(sequence, 'its time is before that of the event before it');
  if (saysDenied(commit)) return verifyDenial(projector, commit);
  if (isOfEarlierRules(commit.command)) return;
  const decided = decide(projector, liftCommand(commit.command, sequence));
  if (!decided.ok && decided.code !== commit.refused) {
    throw differs(sequence, commit, `it is refused with ${decided.code}`);
  }
  if (decided.ok && commit.refused !== undefined) throw differs(sequence, commit, 'it is accepted');
  if (shapeOf(decided.facts) !== shapeOf(commit.facts)) {
    throw differs(sequence, commit, 'it gives other facts');
  }
}

/** Who may ask for what is no part of a decision; that it was denied is one fact, about this command, where that is recorded. */
function verifyDenial(projector: Projector, commit: Commit): void {
  const sequence = firstSequence(commit);
  const { sessionId } = commit.command.source;
  if (!isRightDenial(liftCommand(commit.command, sequence), commit)) {
    throw differs(sequence, commit, 'what its denial left behind is not the one fact about it');
  }
  const isTooMuch = triesTooOften(projector, sessionId, commit.command.timeMs);
  if (isTooMuch || !recordsDenials(projector, sessionId)) {
    throw differs(sequence, commit, 'its denial is not one that is recorded');
  }
}

function isOfEarlierRules({ type, version, payload }: RecordedCommand): boolean {
  if (type === 'compound.apply') {
    const { commands } = payload as { readonly commands: readonly CommandPart[] };
    return commands.some(
      (part) => isPartType(part.type) && (part.version ?? 1) < COMMANDS[part.type].rulesSince,
    );
  }
  return Object.hasOwn(COMMANDS, type) && version < COMMANDS[type as CommandType].rulesSince;
}

function verifyShape({ type, payload, sequence }: Fact): void {
  const issue = definitionOf(type)?.schema.safeParse(payload).error?.issues[0];
  if (issue === undefined) return;
  throw new Fault(
    'LOG_CORRUPT',
    `The payload of ${type} at sequence ${sequence} is not of its shape: ${issue.path.join('.')}: ${issue.message}.`,
    {
      details: { sequence, type },
    },
  );
}

function shapeOf(facts: readonly Fact[]): string {
  return canonicalJson(facts.map(({ type, payload, sequence }) => [type, payload, sequence]));
}

function differs(sequence: number, { command }: Commit, how: string): Fault {
  return new Fault(
    'DECISION_DIFFERS',
    `The command ${command.type} at sequence ${sequence}, decided again: ${how}.`,
    {
      details: { sequence, command: command.type },
    },
  );
}

/** Rebuilds the state from the newest checkpoint, and compares. */
async function verifyCheckpoints(log: EventLog, stateHash: string) {
  const store = new CheckpointStore(log.database);
  const records = await store.list(log.head.sequence);
  let damagedCheckpoints = 0;
  for (const record of records) {
    if ((await store.read(record)) === undefined) damagedCheckpoints += 1;
  }
  const { projector, checkpoint } = await recover(log);
  if (checkpoint > 0 && hashState(projector) !== stateHash) {
    throw new Fault(
      'STATE_DIFFERS',
      `The state from the checkpoint at sequence ${checkpoint} is not the state from zero. The log is sound; delete the checkpoint.`,
      {
        details: { sequence: checkpoint },
      },
    );
  }
  return { checkpoint, damagedCheckpoints };
}
