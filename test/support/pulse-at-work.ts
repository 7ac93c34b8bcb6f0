/** A Pulse in a swarm and a repository of a test's own, with shell scripts for commands. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runPulse } from '../../src/agents/pulse.ts';
import type { PulseOptions, PulseOutcome } from '../../src/agents/pulse-options.ts';
import type { AgentSession } from '../../src/coordinator/agent-session.ts';
import type { NewAgent } from '../../src/coordinator/swarm.ts';
import type { OpenOptions } from '../../src/coordinator/open-options.ts';
import { formatPath } from '../../src/core/path.ts';
import type { PulseState } from '../../src/events/state-schemas.ts';
import { makeRepository, type TestRepository } from './git-repository.ts';
import { openTestSwarm, type TestSwarm } from './open-test-swarm.ts';

/** A Pulse at work. */
export class PulseAtWork {
  readonly test: TestSwarm;
  readonly session: AgentSession;
  readonly repository: TestRepository;

  constructor(parts: Pick<PulseAtWork, 'test' | 'session' | 'repository'>) {
    this.test = parts.test;
    this.session = parts.session;
    this.repository = parts.repository;
  }

  /** Runs a shell script, iteration by iteration. */
  async run(script: string, more: Partial<PulseOptions> = {}): Promise<PulseOutcome> {
    const { session, repository } = this;
    const command = ['sh', '-c', script] as const;
    const goal = more.taskId === undefined ? { goal: 'port the parser' } : {};
    const iterationTimeoutMs = 30_000;
    const { directory } = repository;
    const options = { ...goal, repository: directory, command, iterationTimeoutMs, ...more };
    return runPulse(session, options);
  }

  /** The state of the session, as the specification shows it. */
  get state(): PulseState {
    const { agentType, sessionId } = this.session.identity;
    return this.test.swarm.get(formatPath(['agents', agentType, sessionId])) as PulseState;
  }

  /** The text of a file of the repository, once it is there and ends with a line. */
  async fileOf(name: string): Promise<string> {
    const path = join(this.repository.directory, name);
    for (;;) {
      const text = await readFile(path, 'utf8').catch(() => '');
      if (text.endsWith('\n')) return text;
      await delay(5);
    }
  }

  /** Waits until a process is gone. */
  async gone(pid: string): Promise<void> {
    for (;;) {
      const stat = await readFile(`/proc/${Number(pid)}/stat`, 'utf8').catch(() => '');
      const hasProc = await access('/proc/self/stat').then(
        () => true,
        () => false,
      );
      if (hasProc ? stat === '' || /\) Z /.test(stat) : !isThere(Number(pid))) return;
      await delay(5);
    }
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Puts a Pulse to a repository without commits. */
export async function pulseAtWork(
  options: OpenOptions = {},
  agent: Partial<NewAgent> = {},
): Promise<PulseAtWork> {
  const repository = await makeRepository();
  const test = await openTestSwarm(options);
  const session = await test.swarm.register({ agentType: 'pulse', agentId: 'ant', ...agent });
  return new PulseAtWork({ test, session, repository });
}
