/** A state for people: who is there, who holds which lock and which task, and what was done so far. */
import colors from 'picocolors';
import type { PastState } from '../history/history.ts';
import type { AgentState, SwarmState } from '../projections/swarm-state.ts';
import { isoTime } from '../core/time.ts';
import { count, harmless, table } from './output.ts';

/** Writes the overview of a moment. */
export function overview(past: PastState): string {
  const { state } = past;
  const parts = [
    `${colors.bold(`sequence ${count(past.sequence)}`)} ${colors.dim(isoTime(past.timeMs))}`,
    sessionsOf(state),
    locksOf(state),
    tasksOf(state),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function sessionsOf(state: SwarmState): string {
  const sessions = Object.values(state.agents).flatMap((ofType) => Object.values(ofType));
  const present = sessions.filter(({ status }) => status !== 'offline');
  const rows = present.map((session) => [
    session.agentId,
    session.agentType,
    statusOf(session),
    harmless(session.currentTask?.goal ?? '–'),
    session.lastActivityAt.slice(11, 23),
  ]);
  const shown = table(['agent', 'kind', 'status', 'works on', 'last seen (UTC)'], rows);
  const ended = sessions.length - present.length;
  const told =
    ended === 0
      ? ''
      : `  ${colors.dim(`${count(ended)} sessions have ended; --json shows them too`)}`;
  return [rows.length === 0 ? '' : shown, told].filter((part) => part !== '').join('\n');
}

function statusOf({ status }: AgentState): string {
  if (status === 'error' || status === 'offline') return colors.red(status);
  return status === 'busy' ? colors.green(status) : status;
}

/** The table of held locks and of who waits; empty when there are none. */
export function locksOf({ locks }: SwarmState): string {
  const held = Object.values(locks.locks).map((lock) => [
    lock.resource,
    lock.type,
    lock.holder.agentId,
    String(lock.fencingToken),
    lock.expiresAt.slice(11, 23),
  ]);
  const waiting = Object.values(locks.waitQueue).flatMap((queue) =>
    queue.map(({ resource, type, requester }) => [
      resource,
      type,
      `${requester.agentId} waits`,
      '',
      '',
    ]),
  );
  const rows = [...held, ...waiting];
  return rows.length === 0 ? '' : table(['lock', 'type', 'holder', 'token', 'expires (UTC)'], rows);
}

function tasksOf({ global: { tasks, metrics } }: SwarmState): string {
  const byStatus = new Map<string, number>();
  for (const { status } of Object.values(tasks)) {
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  }
  const told = [...byStatus].map(([status, number]) => `${count(number)} ${status}`).join(', ');
  const average = `${metrics.averageTaskDuration.toFixed(1)} ms`;
  return `  tasks    ${told === '' ? 'none' : told}
  metrics  completed ${count(metrics.totalTasksCompleted)}, failed ${count(metrics.totalTasksFailed)}, handoffs ${count(metrics.totalHandoffs)}, average duration ${average}`;
}
