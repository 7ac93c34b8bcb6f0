/**
 * Telling somebody what a Heartbeat found: every notification that is not delivered yet, the oldest first.
 *
 * A notification is delivered at least once: when the process dies between the delivery and its record, it is delivered again.
 */
import { isoTime } from '../core/time.ts';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { HeartbeatFinding, Notification } from '../events/state-schemas.ts';
import { heartbeatData, heartbeatPath } from './heartbeat-record.ts';
import { inTime, type Waiting } from './pause.ts';

/** Tells somebody of a finding. When it throws, or takes too long, the notification stays pending. */
export type Deliver = (
  notification: Notification,
  context: {
    /** What it is about; undefined when the state does not keep it any more. */
    readonly finding: HeartbeatFinding | undefined;
    readonly signal: AbortSignal;
  },
) => void | Promise<void>;

/** How long a delivery may take that does not say, in milliseconds. */
export const DELIVERY_TIMEOUT_MS = 10_000;
/** After so many failures one after the other, the rest is for the next round: whoever delivers is down. */
const FAILURES_MAX = 3;

/** What came of the deliveries of one round. */
export interface Deliveries {
  readonly delivered: readonly Notification[];
  readonly failed: readonly { readonly notification: Notification; readonly reason: string }[];
}

/** Delivers what is pending. */
export async function deliverPending(
  session: AgentSession,
  {
    deliver,
    timeoutMs = DELIVERY_TIMEOUT_MS,
    clock,
    signal,
  }: Waiting & { readonly deliver: Deliver; readonly timeoutMs?: number | undefined },
): Promise<Deliveries> {
  const { findings, pendingNotifications } = heartbeatData(session);
  const delivered: Notification[] = [];
  const failed: { notification: Notification; reason: string }[] = [];
  let inARow = 0;
  for (const notification of pendingNotifications) {
    if (notification.deliveredAt !== null) continue;
    if (signal?.aborted === true || inARow === FAILURES_MAX) break;
    const finding = findings.find(({ id }) => id === notification.findingId);
    const reason = await attempt(async (end) => deliver(notification, { finding, signal: end }), {
      clock,
      signal,
      timeoutMs,
    });
    if (reason === undefined) {
      inARow = 0;
      await markDelivered(session, notification, clock.wallMs());
      delivered.push(notification);
    } else {
      inARow += 1;
      failed.push({ notification, reason });
    }
  }
  return { delivered, failed };
}

/** Why a delivery failed; undefined when it did not. */
async function attempt(
  work: (signal: AbortSignal) => Promise<void>,
  waiting: Waiting & { readonly timeoutMs: number },
): Promise<string | undefined> {
  try {
    const { how } = await inTime(work, waiting);
    if (how === 'done') return undefined;
    return how === 'late' ? `it took longer than ${waiting.timeoutMs} ms` : 'it was cancelled';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where it stands by now is looked up without a wait before the write: nobody can come between. */
async function markDelivered(
  session: AgentSession,
  { id, findingId }: Notification,
  atMs: number,
): Promise<void> {
  const { findings, pendingNotifications } = heartbeatData(session);
  const path = heartbeatPath(session);
  const index = pendingNotifications.findIndex((one) => one.id === id);
  const about = findings.findIndex((one) => one.id === findingId);
  const updates = [
    ...(index === -1
      ? []
      : [{ path: `${path}.pendingNotifications[${index}].deliveredAt`, newValue: isoTime(atMs) }]),
    ...(about === -1 ? [] : [{ path: `${path}.findings[${about}].notified`, newValue: true }]),
  ];
  if (updates.length > 0) await session.updateAll(updates);
}
