/** A state for people: who is there, who holds which lock and which task, and what was done so far. */
import colors from 'picocolors';
import type { PastState } from '../history/history.ts';
import type { AgentState, SwarmState } from '../projections/swarm-state.ts';
import { lockReport, lockTables } from './lock-report.ts';
import { momentLine } from './moment.ts';
import { count, harmless, table } from './output.ts';

/** Writes the overview of a moment. */
export function overview(past: PastState): string {
  const { state } = past;
  const parts = [
    momentLine(past),
    sessionsOf(state),
    lockTables(lockReport(state.locks, past.timeMs), past.timeMs),
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
