/**
 * Checks that measure the machine, this process and the swarm. Each has limits with a unit, a default and a reason; a summary
 * names the limit that was passed, and the details what was measured.
 */
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { LockRequest } from '../events/lock-state.ts';
import type { Check, Found } from './check.ts';
import { percent } from './sentences.ts';

/** The limits of the built-in checks. Shares are 0–1. */
export const CHECK_LIMITS = {
  /** Below this share of free room a disk fills within a day of logs and builds. */
  diskFreeShareMin: 0.05,
  /** Below this share of available memory the machine begins to swap. */
  memoryFreeShareMin: 0.05,
  /** A process whose timers come so late (99 of 100 sooner), in milliseconds, answers its agents late. */
  eventLoopDelayMsMax: 200,
  /** Processes that want to run, for each processor, over a minute. */
  loadPerCpuMax: 2,
  /** So many sessions that wait for one lock work one after the other. */
  lockQueueMax: 10,
  /** How long somebody may wait for a lock, in milliseconds: as long as `timeouts.lockDefault` is at first. */
  lockWaitMsMax: 30_000,
} as const;

/** Free room on the disk of a directory. */
export function diskCheck({
  directory,
  freeShareMin = CHECK_LIMITS.diskFreeShareMin,
}: {
  readonly directory: string;
  readonly freeShareMin?: number;
}): Check {
  return {
    type: 'disk',
    async measure() {
      const { bavail, blocks, bsize } = await statfs(directory);
      const freeShare = blocks === 0 ? 1 : bavail / blocks;
      if (freeShare >= freeShareMin) return [];
      const summary = `less than ${percent(freeShareMin)} of the disk of ${directory} is free`;
      return [{ priority: 'high', summary, details: { freeShare, freeBytes: bavail * bsize } }];
    },
  };
}

/** Memory of the machine that is available. */
export function memoryCheck({
  freeShareMin = CHECK_LIMITS.memoryFreeShareMin,
}: { readonly freeShareMin?: number } = {}): Check {
  return {
    type: 'memory',
    measure() {
      const [freeBytes, totalBytes] = [freemem(), totalmem()];
      if (freeBytes / totalBytes >= freeShareMin) return [];
      const summary = `less than ${percent(freeShareMin)} of the memory is free`;
      return [{ priority: 'high', summary, details: { freeBytes, totalBytes } }];
    },
  };
}

/** How late the timers of this process were since the last time. Measures from its creation to its `close`. */
export function eventLoopCheck({
  delayMsMax = CHECK_LIMITS.eventLoopDelayMsMax,
}: { readonly delayMsMax?: number } = {}): Check {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  return {
    type: 'event-loop',
    measure() {
      const delayMs = delays.percentile(99) / 1e6;
      const longestMs = delays.max / 1e6;
      delays.reset();
      if (!(delayMs > delayMsMax)) return [];
      const summary = `the event loop is late by more than ${delayMsMax} ms`;
      return [{ priority: 'normal', summary, details: { delayMs, longestMs } }];
    },
    close() {
      delays.disable();
    },
  };
}

/** Processes that want to run, for each processor. */
export function loadCheck({
  perCpuMax = CHECK_LIMITS.loadPerCpuMax,
}: { readonly perCpuMax?: number } = {}): Check {
  return {
    type: 'load',
    measure() {
      const cpus = availableParallelism();
      const [load = 0] = loadavg();
      if (load / cpus <= perCpuMax) return [];
      const summary = `more than ${perCpuMax} processes want each processor`;
      return [{ priority: 'normal', summary, details: { load, cpus } }];
    },
  };
}

/** Sessions of the swarm that are in error, because they were silent or say so; and those that bring no task forward. */
export function sessionsCheck(): Check {
  return {
    type: 'sessions',
    measure({ session }) {
      return session.query('agents.*.*.status').flatMap(({ path, value }) => {
        if (value === 'offline') return [];
        const place = path.slice(0, -'.status'.length);
        return [
          ...(value === 'error' ? [inError(session, place)] : []),
          ...stalled(session, place),
        ];
      });
    },
  };
}

function inError(session: AgentSession, place: string): Found {
  const last = session.get(`${place}.errors.last`) as { readonly code: string } | undefined;
  const agentId = session.get(`${place}.agentId`) as string;
  const what = last?.code === 'HEARTBEAT_MISSED' ? 'is silent' : 'is in error';
  return { priority: 'high', summary: `${agentId} ${what}`, details: { place, last } };
}

function stalled(session: AgentSession, place: string): readonly Found[] {
  const stalledSince = session.get(`${place}.stalledSince`);
  if (stalledSince === undefined) return [];
  const summary = `${session.get(`${place}.agentId`) as string} brings no task forward`;
  return [{ priority: 'normal', summary, details: { place, stalledSince } }];
}

/** Queues in front of locks: long ones, and those in which somebody has waited for long. */
export function lockQueuesCheck({
  queueMax = CHECK_LIMITS.lockQueueMax,
  waitMsMax = CHECK_LIMITS.lockWaitMsMax,
}: { readonly queueMax?: number; readonly waitMsMax?: number } = {}): Check {
  return {
    type: 'lock-queues',
    measure({ session, clock }) {
      const queues = session.get('locks.waitQueue') as Readonly<
        Record<string, readonly LockRequest[]>
      >;
      return Object.entries(queues).flatMap(([resource, queue]) => {
        const waiting = queue.length;
        const waitMs = longestWaitMs(queue, clock.wallMs());
        const details = { resource, waiting, waitMs };
        return [
          ...(waiting > queueMax
            ? [`more than ${queueMax} requests wait for the lock on ${resource}`]
            : []),
          ...(waitMs > waitMsMax
            ? [`somebody has waited for the lock on ${resource} for more than ${waitMsMax} ms`]
            : []),
        ].map((summary): Found => ({ priority: 'normal', summary, details }));
      });
    },
  };
}

/** How long the one has waited who has waited longest, in milliseconds. */
export function longestWaitMs(queue: readonly LockRequest[], nowMs: number): number {
  return queue.reduce((ms, { requestedAt }) => Math.max(ms, nowMs - Date.parse(requestedAt)), 0);
}

/** All of them, with their default limits, for the disk of a directory. */
export function builtInChecks({ directory }: { readonly directory: string }): readonly Check[] {
  return [
    diskCheck({ directory }),
    memoryCheck(),
    eventLoopCheck(),
    loadCheck(),
    sessionsCheck(),
    lockQueuesCheck(),
  ];
}
