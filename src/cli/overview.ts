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
  const columns = COLUMNS.filter(({ cell }) => present.some((session) => cell(session) !== ''));
  const rows = present.map((session) => columns.map(({ cell }) => cell(session)));
  const shown = table(
    columns.map(({ title }) => title),
    rows,
  );
  const ended = sessions.length - present.length;
  const told =
    ended === 0
      ? ''
      : `  ${colors.dim(`${count(ended)} sessions have ended; --json shows them too`)}`;
  return [rows.length === 0 ? '' : shown, told].filter((part) => part !== '').join('\n');
}

interface Column {
  readonly title: string;
  /** Empty when there is nothing to say; a column that is empty for everybody is left out. */
  readonly cell: (session: AgentState) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'agent', cell: ({ agentId }) => agentId },
  { title: 'kind', cell: ({ agentType }) => agentType },
  { title: 'status', cell: statusOf },
  { title: 'works on', cell: ({ currentTask }) => harmless(currentTask?.goal ?? '–') },
  { title: 'progress', cell: progressOf },
  { title: 'uses', cell: resourcesOf },
  { title: 'errors', cell: errorsOf },
  { title: 'last seen (UTC)', cell: ({ lastActivityAt }) => timeOf(lastActivityAt) },
];

function progressOf({ progress: { current, message, eta } }: AgentState): string {
  const done = current === 0 && message === '' ? '' : `${Math.round(current)} % ${message}`.trim();
  const until = eta === undefined ? '' : `until ${timeOf(eta)}`;
  return harmless([done, until].filter((part) => part !== '').join(', '));
}

function resourcesOf({ resources }: AgentState): string {
  const { tokensUsed, tokensRemaining, memoryUsed, cpuTime } = resources;
  const tokens = `${count(tokensUsed)} tokens, ${count(tokensRemaining)} left`;
  return [
    tokensUsed + tokensRemaining === 0 ? '' : tokens,
    memoryUsed === 0 ? '' : `${count(Math.ceil(memoryUsed / 1_024))} KiB`,
    cpuTime === 0 ? '' : `${count(Math.round(cpuTime))} ms CPU`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function errorsOf({ errors: { count: number, last } }: AgentState): string {
  if (last === undefined) return '';
  return harmless(`${count(number)}, last ${last.code} at ${timeOf(last.timestamp)}`);
}

function timeOf(timestamp: string): string {
  return timestamp.slice(11, 23);
}

function statusOf({ status }: AgentState): string {
  if (status === 'error' || status === 'offline') return colors.red(status);
  return status === 'busy' ? colors.green(status) : status;
}

function tasksOf({ global: { tasks, metrics, health } }: SwarmState): string {
  const byStatus = new Map<string, number>();
  for (const { status } of Object.values(tasks)) {
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  }
  const told = [...byStatus].map(([status, number]) => `${count(number)} ${status}`).join(', ');
  const { totalTasksCompleted, totalTasksFailed, totalHandoffs, totalDenied } = metrics;
  const figures = [
    `completed ${count(totalTasksCompleted)}`,
    `failed ${count(totalTasksFailed)}`,
    `handoffs ${count(totalHandoffs)}`,
    ...(totalDenied === undefined ? [] : [`denied ${count(totalDenied)}`]),
    `average duration ${metrics.averageTaskDuration.toFixed(1)} ms`,
  ];
  const issues = health.issues.map((issue) => harmless(issue)).join('; ');
  return `  tasks    ${told === '' ? 'none' : told}
  metrics  ${figures.join(', ')}
  health   ${health.status}${issues === '' ? '' : `: ${issues}`}`;
}
