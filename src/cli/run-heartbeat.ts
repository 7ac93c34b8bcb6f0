/** `stig run heartbeat`: checks the machine, the swarm and what a command says, at an interval or once. */
import { InvalidArgumentError, type Command } from 'commander';
import colors from 'picocolors';
import {
  diskCheck,
  eventLoopCheck,
  loadCheck,
  lockQueuesCheck,
  memoryCheck,
  sessionsCheck,
} from '../agents/built-in-checks.ts';
import type { Check } from '../agents/check.ts';
import { commandCheck } from '../agents/command-check.ts';
import type { Deliver } from '../agents/heartbeat-delivery.ts';
import type { HeartbeatRound } from '../agents/heartbeat-round.ts';
import { checkOnce, runHeartbeat } from '../agents/heartbeat.ts';
import { showingLife } from '../agents/signs-of-life.ts';
import { systemClock } from '../core/clock.ts';
import type { Priority } from '../events/identity.ts';
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
import { many, RunOutput, type OutputOptions } from './run-output.ts';

const CHECKS = {
  disk: (directory) => diskCheck({ directory }),
  memory: () => memoryCheck(),
  'event-loop': () => eventLoopCheck(),
  load: () => loadCheck(),
  sessions: () => sessionsCheck(),
  locks: () => lockQueuesCheck(),
} as const satisfies Readonly<Record<string, (directory: string) => Check>>;

type CheckName = keyof typeof CHECKS;

interface HeartbeatRunOptions extends RunOptions, OutputOptions {
  readonly check?: readonly CheckName[];
  readonly interval: number;
  readonly repo: string;
  readonly timeout: number;
  readonly once?: true;
}

/** What a Heartbeat is to check, and where. */
interface Checking {
  readonly directory: string;
  readonly words: Words | undefined;
}

const INTERVAL_SECONDS = 60;
const TIMEOUT_SECONDS = 30;

/** Makes the command. */
export function runHeartbeatCommand(): Command {
  return runCommand('heartbeat', 'Check things at an interval, and tell what is new.')
    .argument('[command...]', 'one more check: a command; write -- before it')
    .option(
      '--check <name>',
      `one of ${Object.keys(CHECKS).join(', ')}; may be given again (default: all)`,
      anotherCheck,
    )
    .option('--interval <seconds>', 'between two rounds of checks', seconds, INTERVAL_SECONDS)
    .option('--repo <directory>', 'whose disk is looked at, and where the command runs', '.')
    .option('--timeout <seconds>', 'how long the command may take', seconds, TIMEOUT_SECONDS)
    .option('--once', 'check everything once, and end')
    .option(...QUIET)
    .addHelpText(
      'after',
      `
The command finds something when it prints "FINDING: high: the build is red", a line for each; and when it prints none and ends
with another exit status than 0. It knows who it is: STIGMERGY_CHECK, STIGMERGY_AGENT_ID, STIGMERGY_AGENT_TYPE,
STIGMERGY_SESSION_ID. What was found is told again when it had gone away. docs/agents.md has the rest.

Exit status: with --once 0 when nothing was found and 1 when something was; 2 when it could not be begun, 130 after Ctrl-C.

Examples:
  $ stig run heartbeat --interval 300
  $ stig run heartbeat --once --check disk -- sh -c 'npm test || echo "FINDING: high: the tests fail"'`,
    )
    .action(async (words: readonly string[], options: HeartbeatRunOptions) => {
      await run(options, wordsOf(words));
    });
}

function anotherCheck(name: string, before: readonly CheckName[] = []): readonly CheckName[] {
  if (isCheckName(name)) return [...before, name];
  throw new InvalidArgumentError(`It must be one of ${Object.keys(CHECKS).join(', ')}.`);
}

function isCheckName(name: string): name is CheckName {
  return Object.hasOwn(CHECKS, name);
}

async function run(options: HeartbeatRunOptions, words: Words | undefined): Promise<void> {
  const directory = await directoryAt(options.repo);
  await findCommand(words, directory);
  await runAgent(options, {
    agentType: 'heartbeat',
    work: async (parts) => work(parts, options, { directory, words }),
  });
}

async function work(
  { session, env, ...by }: AgentAtWork,
  options: HeartbeatRunOptions,
  { directory, words }: Checking,
): Promise<WorkEnd> {
  const { check: names = Object.keys(CHECKS).filter(isCheckName), once, interval } = options;
  const output = new RunOutput(options);
  const checks: Check[] = [...new Set(names)].map((name) => CHECKS[name](directory));
  if (words !== undefined) {
    const timeoutMs = options.timeout * 1_000;
    const ran = { command: words, cwd: directory, env, timeoutMs, onOutput: output.show };
    checks.push(commandCheck({ type: 'command', ...ran }));
  }
  const deliver: Deliver = (notification, { finding }) => {
    const { priority, summary } = notification;
    const cells = [colorOf(priority)(priority.padEnd(8)), (finding?.type ?? '').padEnd(11)];
    output.tellNow({ notification, finding }, `${cells.join('  ')}  ${harmless(summary)}`);
  };
  const { signal } = by;
  const onRound = (round: HeartbeatRound) => {
    if (!signal.aborted) output.tellNow({ round }, roundLine(round)); // one that was broken off is none
  };
  const intervalMs = interval * 1_000;
  const beating = { checks, intervalMs, deliver, onRound };
  if (once !== true) {
    await runHeartbeat(session, { ...beating, signal });
    return { exitStatus: exitStatusOf(by) };
  }
  try {
    const { checks: checked } = await showingLife(
      session,
      { clock: systemClock, signal },
      async (end) => checkOnce(session, { ...beating, signal: end }),
    );
    const foundSome = checked.some(({ findings }) => findings > 0);
    return { exitStatus: exitStatusOf(by, foundSome ? 1 : 0) };
  } finally {
    for (const check of checks) await check.close?.();
  }
}

function roundLine({ checks, failed }: HeartbeatRound): string {
  const found = checks.reduce((sum, { findings }) => sum + findings, 0);
  const broken = checks.filter(({ status }) => status === 'failed').map(({ type }) => type);
  const cells = [
    many(checks.length, 'check'),
    found === 0 ? 'nothing found' : many(found, 'finding'),
    ...(broken.length === 0 ? [] : [`failed: ${broken.join(', ')}`]),
    ...(failed.length === 0 ? [] : [`not told: ${failed.length}`]),
  ];
  return cells.join(', ');
}

function colorOf(priority: Priority): (text: string) => string {
  switch (priority) {
    case 'critical':
    case 'high':
      return colors.red;
    case 'normal':
      return colors.yellow;
    case 'low':
      return colors.dim;
  }
}
