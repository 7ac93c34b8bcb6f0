/** `stig run guardian`: watches how the swarm is, its log and a disk, and writes it down when that changes. */
import type { Command } from 'commander';
import colors from 'picocolors';
import { commandProbe } from '../agents/guardian-probe.ts';
import { HealthWatch, runGuardian } from '../agents/guardian.ts';
import { showingLife } from '../agents/signs-of-life.ts';
import { systemClock } from '../core/clock.ts';
import type { SwarmHealth } from '../events/system.ts';
import { harmless } from './output.ts';
import {
  exitStatusOf,
  runAgent,
  runCommand,
  type AgentAtWork,
  type RunOptions,
  type WorkEnd,
} from './run-common.ts';
import { directoryAt, findCommand, QUIET, seconds, wordsOf, type Words } from './run-options.ts';
import { RunOutput, type OutputOptions } from './run-output.ts';

interface GuardianRunOptions extends RunOptions, OutputOptions {
  readonly interval: number;
  readonly repo?: string;
  readonly timeout: number;
  readonly once?: true;
}

const INTERVAL_SECONDS = 5;
const TIMEOUT_SECONDS = 30;

/** Makes the command. */
export function runGuardianCommand(): Command {
  return runCommand('guardian', 'Watch the health of the swarm, and write it down when it changes.')
    .argument('[command...]', 'asked at every look whether all is well; write -- before it')
    .option('--interval <seconds>', 'between two looks', seconds, INTERVAL_SECONDS)
    .option(
      '--repo <directory>',
      'whose disk is looked at, and where the command runs (default: the disk of the swarm, and here)',
    )
    .option('--timeout <seconds>', 'how long the command may take', seconds, TIMEOUT_SECONDS)
    .option('--once', 'look once, write what is found, and end')
    .option(...QUIET)
    .addHelpText(
      'after',
      `
When the command ends with another exit status than 0, the last line that it prints is an issue, and the swarm degraded. It knows
who it is: STIGMERGY_AGENT_ID, STIGMERGY_AGENT_TYPE, STIGMERGY_SESSION_ID. From when on something is wrong, global.config.health
says. docs/agents.md has the rest.

Exit status: with --once 0 when the swarm is healthy and 1 when it is not; 2 when it could not be begun, 130 after Ctrl-C.

Examples:
  $ stig run guardian
  $ stig run guardian --once -- sh -c 'curl --fail --silent --output /dev/null https://example.org || { echo offline; exit 1; }'`,
    )
    .action(async (words: readonly string[], options: GuardianRunOptions) => {
      await run(options, wordsOf(words));
    });
}

async function run(options: GuardianRunOptions, words: Words | undefined): Promise<void> {
  const cwd = await directoryAt(options.repo ?? '.');
  await findCommand(words, cwd);
  await runAgent(options, {
    agentType: 'guardian',
    work: async (parts) => work(parts, options, { cwd, words }),
  });
}

async function work(
  { swarm, session, env, ...by }: AgentAtWork,
  options: GuardianRunOptions,
  { cwd, words }: { readonly cwd: string; readonly words: Words | undefined },
): Promise<WorkEnd> {
  const { dir, repo, interval, timeout, once } = options;
  const { signal } = by;
  const output = new RunOutput(options);
  const tell = (health: SwarmHealth) => output.tellNow({ health }, healthLine(health));
  const ran = { cwd, env, timeoutMs: timeout * 1_000, onOutput: output.show };
  const watching = {
    intervalMs: interval * 1_000,
    directory: repo ?? dir,
    log: swarm,
    ...(words !== undefined && { probe: commandProbe({ command: words, ...ran }) }),
  };
  if (once === true) {
    // There is no look after this one, so it counts.
    const watch = new HealthWatch(session, { ...watching, calmLooks: 1 });
    await showingLife(session, { clock: systemClock, signal }, async (end) => watch.look(end));
    if (signal.aborted) return { exitStatus: exitStatusOf(by) };
    const { health } = swarm.state.global;
    tell(health);
    return { exitStatus: health.status === 'healthy' ? 0 : 1 };
  }
  tell(swarm.state.global.health);
  await runGuardian(session, { ...watching, onHealth: tell, signal });
  return { exitStatus: exitStatusOf(by) };
}

function healthLine({ status, issues }: SwarmHealth): string {
  const line = [colorOf(status)(status), ...issues.map((issue) => `  ${harmless(issue)}`)];
  return line.join('\n');
}

function colorOf(status: SwarmHealth['status']): (text: string) => string {
  switch (status) {
    case 'healthy':
      return colors.green;
    case 'degraded':
      return colors.yellow;
    case 'critical':
      return colors.red;
  }
}
