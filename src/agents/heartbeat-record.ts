/**
 * What a Heartbeat writes down of a check: the check, what is new of what it found, and who is to be told, in one commit.
 *
 * A finding is known by the type of its check and its summary. It is reported once; again when it had gone away, which a
 * successful run of its check says that does not find it, and the former report is delivered. Which ones have not gone away
 * stands in `openFindings`, a field of ours beside those of the specification, so that a restart does not report them anew.
 */
import { Refused } from '../core/errors.ts';
import type { IdSource } from '../core/ids.ts';
import { isoTime } from '../core/time.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { BatchEntry } from '../coordinator/state-writer.ts';
import { PRIORITIES } from '../events/identity.ts';
import type { HeartbeatCheck, HeartbeatFinding, HeartbeatState } from '../events/state-schemas.ts';
import type { Found, Measured } from './check.ts';

/** A finding that has not gone away. */
export interface OpenFinding {
  readonly type: string;
  readonly summary: string;
  readonly findingId: string;
}

/** The data of a Heartbeat session, with what is ours. */
export type HeartbeatData = HeartbeatState['data'] & {
  readonly openFindings?: readonly OpenFinding[];
};

/** A check that is over. */
export interface CheckRun {
  readonly type: string;
  readonly outcome: Exclude<Measured, { readonly how: 'cancelled' }> | { readonly how: 'skipped' };
  /** When it began, in milliseconds since 1970. */
  readonly atMs: number;
  readonly durationMs: number;
}

/** What was written of it. */
export interface Recorded {
  readonly check: HeartbeatCheck;
  /** Those that are new. */
  readonly findings: readonly HeartbeatFinding[];
}

/** So many findings of one run are kept apart: with their notifications they are one batch, and a person reads them. */
export const FINDINGS_PER_RUN_MAX = 25;

/** Where a Heartbeat keeps its data. */
export function heartbeatPath({ identity }: AgentSession): string {
  return `agents.heartbeat[${JSON.stringify(identity.sessionId)}].data`;
}

/** The data of a Heartbeat, as folded now. */
export function heartbeatData(session: AgentSession): HeartbeatData {
  return session.get(heartbeatPath(session)) as HeartbeatData;
}

/**
 * Writes down a check that is over. Nobody else writes between what is read here and what is written: there is no wait between.
 * A check whose findings cannot be kept, because they are no JSON for example, has failed.
 */
export async function recordRun(
  session: AgentSession,
  run: CheckRun,
  ids: IdSource,
): Promise<Recorded> {
  const { recorded, updates } = writesOf(heartbeatData(session), run, ids);
  const path = heartbeatPath(session);
  try {
    await session.updateAll(
      updates.map((update) => ({ ...update, path: `${path}.${update.path}` })),
    );
    return recorded;
  } catch (error) {
    const isUnfit = error instanceof Refused && UNFIT.has(error.code);
    if (!isUnfit || run.outcome.how !== 'success') throw error;
    const outcome = { how: 'failed', reason: error.message } as const;
    return recordRun(session, { ...run, outcome }, ids);
  }
}

const UNFIT: ReadonlySet<string> = new Set(['INVALID_INPUT', 'PAYLOAD_TOO_LARGE']);

function writesOf(
  data: HeartbeatData,
  { type, outcome, atMs, durationMs }: CheckRun,
  ids: IdSource,
): { readonly recorded: Recorded; readonly updates: readonly BatchEntry[] } {
  const timestamp = isoTime(atMs);
  const found = foundIn(type, outcome);
  const open = data.openFindings ?? [];
  const known = new Map([...undelivered(data), ...open.map(keyed)]);
  const findings = found
    .filter(({ summary }) => !known.has(keyOf({ type, summary })))
    .map((one): HeartbeatFinding => ({ id: ids(), ...complete(type, one), timestamp }));
  const check: HeartbeatCheck = {
    id: ids(),
    type,
    timestamp,
    duration: durationMs,
    status: outcome.how,
    findings: found.length,
  };
  for (const { id, summary } of findings) known.set(keyOf({ type, summary }), id);
  // A check that did not measure says nothing of what it had found before.
  const kept = outcome.how === 'success' ? open.filter((one) => one.type !== type) : open;
  const now = found.map(({ summary }): OpenFinding => {
    const findingId = known.get(keyOf({ type, summary })) ?? '';
    return { type, summary, findingId };
  });
  const after = [...new Map([...kept, ...now].map((one) => [keyOf(one), one])).values()];
  return {
    recorded: { check, findings },
    updates: [
      { path: 'lastCheck', newValue: timestamp },
      { path: 'checks', newValue: check, append: true },
      ...findings.flatMap((finding): BatchEntry[] => [
        { path: 'findings', newValue: finding, append: true },
        { path: 'pendingNotifications', newValue: notificationOf(finding, ids()), append: true },
      ]),
      ...(isSame(open, after) ? [] : [{ path: 'openFindings', newValue: after }]),
    ],
  };
}

/** What a run found, each once. That a check failed is a finding too: nobody measures what it was to measure. */
function foundIn(type: string, outcome: CheckRun['outcome']): readonly Found[] {
  switch (outcome.how) {
    case 'skipped':
      return [];
    case 'failed': {
      const details = { reason: outcome.reason };
      return [{ priority: 'high', summary: `the check ${type} failed`, details }];
    }
    case 'success': {
      const once = new Map(outcome.found.toReversed().map((one) => [one.summary, one]));
      return bounded([...once.values()].toReversed());
    }
  }
}

/** More than can be told are told as one, as urgent as the most urgent of them. */
function bounded(found: readonly Found[]): readonly Found[] {
  if (found.length <= FINDINGS_PER_RUN_MAX) return found;
  const told = found.slice(0, FINDINGS_PER_RUN_MAX - 1);
  const rest = found.slice(FINDINGS_PER_RUN_MAX - 1);
  const priority = PRIORITIES.find((one) => rest.some((other) => other.priority === one)) ?? 'low';
  const summary = 'and more than can be told one by one';
  return [...told, { priority, summary, details: { more: rest.length } }];
}

function complete(type: string, { priority, summary, details = {} }: Found) {
  return { type, priority, summary, details, notified: false };
}

function notificationOf({ id, priority, summary, timestamp }: HeartbeatFinding, own: string) {
  return { id: own, findingId: id, priority, summary, createdAt: timestamp, deliveredAt: null };
}

/** The findings that nobody was told of yet. */
function undelivered({
  findings,
  pendingNotifications,
}: HeartbeatData): readonly (readonly [key: string, findingId: string])[] {
  const waiting = new Set(
    pendingNotifications.flatMap(({ findingId, deliveredAt }) =>
      deliveredAt === null ? [findingId] : [],
    ),
  );
  return findings.filter(({ id }) => waiting.has(id)).map((one) => [keyOf(one), one.id]);
}

function keyed(open: OpenFinding): readonly [key: string, findingId: string] {
  return [keyOf(open), open.findingId];
}

function keyOf({ type, summary }: { readonly type: string; readonly summary: string }): string {
  return JSON.stringify([type, summary]);
}

function isSame(one: readonly OpenFinding[], other: readonly OpenFinding[]): boolean {
  return (
    one.length === other.length && one.every((open, at) => keyOf(open) === keyOf(other[at] ?? open))
  );
}
