/**
 * What all of `stig run` has in common: it owns the swarm while an agent works, registers a session for it, and ends that
 * whatever happens.
 *
 * Sessions that an earlier `stig run` left behind, killed for example, are ended first: whoever owns the swarm now knows that
 * their program is gone, and nobody has to wait for their silence to be noticed. A session that paused is left to whoever goes on
 * with it.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AgentSession } from '../coordinator/agent-session.ts';
import { openSwarm } from '../coordinator/open-swarm.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import { Refused } from '../core/errors.ts';
import { formatPath } from '../core/path.ts';
import type { AgentIdentity, AgentKind } from '../events/identity.ts';
import type { AgentState } from '../projections/swarm-state.ts';
import { command, type CommonOptions } from './common.ts';
import { interruptible, type Interruptible } from './interrupt.ts';

/** The options of every kind of agent. */
export interface RunOptions extends CommonOptions {
  readonly agent: string;
}

/** An agent that is to work. */
export interface AgentToRun {
  readonly agentType: AgentKind;
  /** The paused session that goes on; undefined for a new one. */
  readonly goesOn?: (swarm: Swarm) => AgentIdentity | undefined;
  /** Works until the signal aborts, or it is done. */
  readonly work: (parts: AgentAtWork) => Promise<WorkEnd>;
}

/** What an agent works with. */
export interface AgentAtWork extends Interruptible {
  readonly swarm: Swarm;
  readonly session: AgentSession;
  /** For the commands that it runs. */
  readonly env: { readonly STIGMERGY_DIR: string };
}

/** How work ended. */
export interface WorkEnd {
  readonly exitStatus: number;
  /** Leaves the session as it is, for whoever goes on with it. */
  readonly keepsSession?: boolean;
}

/** In the data of a session: who runs it. */
const STARTED_BY = 'stig run';

/** A subcommand of `stig run`. */
export function runCommand(kind: AgentKind, description: string): Command {
  const name = kind.replace('_', '-');
  return command(name, description).option('--agent <name>', 'its name in the swarm', name);
}

/** The exit status of an agent that works until it is ended, or of one look: it says what the look found. */
export function exitStatusOf({ interruption }: Interruptible, found = 0): number {
  return interruption()?.exitStatus ?? found;
}

/** Opens the swarm of a directory, made when there is none, and lets an agent work in it. */
export async function runAgent(options: RunOptions, agent: AgentToRun): Promise<void> {
  await interruptible(async (by) => {
    const swarm = await openSwarm({ directory: options.dir });
    try {
      process.exitCode = (await workIn(swarm, { options, agent, by })).exitStatus;
    } catch (error) {
      const exitStatus = by.interruption()?.exitStatus;
      if (exitStatus === undefined || error !== by.signal.reason) throw error;
      process.exitCode = exitStatus; // before anything was begun
    } finally {
      await swarm.close();
    }
  });
}

async function workIn(
  swarm: Swarm,
  parts: { readonly options: RunOptions; readonly agent: AgentToRun; readonly by: Interruptible },
): Promise<WorkEnd> {
  const { options, agent, by } = parts;
  const goesOn = agent.goesOn?.(swarm);
  await endLeftBehind(swarm, goesOn);
  by.signal.throwIfAborted();
  const session =
    goesOn === undefined ? await register(swarm, options, agent) : swarm.session(goesOn);
  const env = { STIGMERGY_DIR: resolve(options.dir) };
  let end: WorkEnd | undefined;
  try {
    end = await agent.work({ swarm, session, env, ...by });
    return end;
  } finally {
    if (end?.keepsSession !== true) await stop(session);
  }
}

async function register(
  swarm: Swarm,
  { agent: agentId }: RunOptions,
  { agentType }: AgentToRun,
): Promise<AgentSession> {
  const session = await swarm.register({ agentType, agentId });
  const path = formatPath(['agents', agentType, session.identity.sessionId, 'data', 'startedBy']);
  await session.update({ path, newValue: STARTED_BY });
  return session;
}

async function stop(session: AgentSession): Promise<void> {
  try {
    await session.stop('stig run is over');
  } catch (error) {
    // It has ended already; or the swarm has, and then that is what is told.
    if (!(error instanceof Refused)) throw error;
  }
}

async function endLeftBehind(swarm: Swarm, goesOn: AgentIdentity | undefined): Promise<void> {
  for (const { sessionId, status, data } of sessionsOf(swarm)) {
    const isLeft = status !== 'offline' && status !== 'paused' && data['startedBy'] === STARTED_BY;
    if (!isLeft || sessionId === goesOn?.sessionId) continue;
    const reason = 'left behind by an earlier stig run';
    await swarm.dispatch({ type: 'session.stop', payload: { sessionId, reason } });
  }
}

/** Every session of a swarm. */
export function sessionsOf(swarm: Swarm): readonly AgentState[] {
  return Object.values(swarm.state.agents).flatMap((ofType) => Object.values(ofType));
}
