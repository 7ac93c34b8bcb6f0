/** The Heartbeat session of the demonstration: measures the machine and the log, on its interval. */
import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { AgentSession } from '../../coordinator/agent-session.ts';
import { Refused } from '../../core/errors.ts';
import { pause, type Workplace } from './workplace.ts';

const INTERVAL_MS = 250;

interface Check {
  readonly type: string;
  /** What is wrong; undefined when nothing is. */
  readonly finding?: string | undefined;
  readonly details: Readonly<Record<string, number>>;
}

/** Checks until the work is over. */
export async function runHeartbeat(
  workplace: Workplace,
  onDenied: (refusal: Refused) => void,
): Promise<void> {
  const { swarm, over } = workplace;
  const session = await swarm.register({ agentType: 'heartbeat', agentId: 'heartbeat' });
  const data = `agents.heartbeat.${session.identity.sessionId}.data`;
  const custom = ['disk', 'memory', 'event-loop', 'log-head'];
  const newValue = { checkInterval: INTERVAL_MS, targets: { custom } };
  await session.update({ path: data, newValue, merge: true });
  await overreach(session).catch((error: unknown) => {
    if (!(error instanceof Refused)) throw error;
    onDenied(error);
  });
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();
  for (let round = 0; !over.aborted; round++) {
    await checkAll(session, workplace, { data, round, lagMs: lag.percentile(99) / 1e6 });
    lag.reset();
    await pause(INTERVAL_MS, over);
  }
  lag.disable();
  await session.stop('the work is over');
}

async function checkAll(
  session: AgentSession,
  workplace: Workplace,
  { data, round, lagMs }: { readonly data: string; readonly round: number; readonly lagMs: number },
): Promise<void> {
  const started = performance.now();
  const checks = [await checkDisk(workplace), checkMemory(), checkLag(lagMs), checkLog(workplace)];
  const now = new Date();
  const nextCheck = new Date(now.getTime() + INTERVAL_MS).toISOString();
  const lastCheck = now.toISOString();
  await session.update({ path: data, newValue: { lastCheck, nextCheck }, merge: true });
  for (const [index, { type, finding, details }] of checks.entries()) {
    const number = round * checks.length + index;
    await session.update({
      path: `${data}.checks`,
      append: true,
      newValue: {
        id: `check-${number}`,
        type,
        timestamp: lastCheck,
        duration: performance.now() - started,
        status: 'success',
        findings: finding === undefined ? 0 : 1,
      },
    });
    if (finding !== undefined) await report(session, data, { type, finding, details });
  }
}

async function report(session: AgentSession, data: string, check: Check): Promise<void> {
  await session.append(`${data}.findings`, {
    id: randomUUID(),
    type: check.type,
    priority: 'high',
    summary: check.finding,
    details: check.details,
    notified: false,
    timestamp: new Date().toISOString(),
  });
}

/** Whoever measures may not say how the swarm is: that is for Guardians. It tries, once. */
async function overreach(session: AgentSession): Promise<void> {
  await session.update({ path: 'global.health.status', newValue: 'healthy' });
}

async function checkDisk({ reportPath }: Workplace): Promise<Check> {
  const { bavail, bsize, blocks } = await statfs(dirname(reportPath));
  const freeMb = Math.round((bavail * bsize) / 1e6);
  const finding = bavail / blocks < 0.05 ? `only ${freeMb} MB of the disk are free` : undefined;
  return { type: 'disk', finding, details: { freeMb } };
}

function checkMemory(): Check {
  const freeMb = Math.round(freemem() / 1e6);
  const finding =
    freemem() / totalmem() < 0.05 ? `only ${freeMb} MB of memory are free` : undefined;
  return { type: 'memory', finding, details: { freeMb } };
}

function checkLag(lagMs: number): Check {
  const finding = lagMs > 200 ? `the event loop lags by ${Math.round(lagMs)} ms` : undefined;
  return { type: 'event-loop', finding, details: { lagMs } };
}

function checkLog({ swarm }: Workplace): Check {
  const waiting = swarm.sequence - swarm.durableSequence;
  const finding = waiting > 10_000 ? `${waiting} events wait for the disk` : undefined;
  return { type: 'log-head', finding, details: { sequence: swarm.sequence, waiting } };
}
