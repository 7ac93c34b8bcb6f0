/** `stig run conductor`: gives out the tasks that nobody has, by rules. */
import type { Command } from 'commander';
import colors from 'picocolors';
import type { ConductorRound, LeftTask } from '../agents/conductor-round.ts';
import { conductOnce, runConductor } from '../agents/conductor.ts';
import type { Swarm } from '../coordinator/swarm.ts';
import { refuse, Refused } from '../core/errors.ts';
import type { AgentIdentity } from '../events/identity.ts';
import type { ConductorDecision, RoutingRule } from '../events/state-schemas.ts';
import { cut, harmless, ID_CHARS } from './output.ts';
import { rulesGiven, type RulesGiven } from './routing-table.ts';
import {
  exitStatusOf,
  runAgent,
  runCommand,
  type AgentAtWork,
  type RunOptions,
  type WorkEnd,
} from './run-common.ts';
import { another } from './run-options.ts';
import { RunOutput, type OutputOptions } from './run-output.ts';

interface ConductorRunOptions extends RunOptions, OutputOptions, RulesGiven {
  readonly once?: true;
}

const GOAL_CHARS = 40;

/** Makes the command. */
export function runConductorCommand(): Command {
  return runCommand('conductor', 'Give out the tasks that nobody has, by rules.')
    .argument('[command...]', 'none: a Conductor decides by its rules alone')
    .option('--rules <file>', 'a list of rules as JSON, as a routing table has them')
    .option(
      '--rule <target[: keywords]>',
      'a kind of agent, and the words in a goal for which it gets a task; may be given again',
      another,
    )
    .option('--once', 'look once, and end')
    .addHelpText(
      'after',
      `
A rule of a file: { "id": "code", "condition": { "taskType": "code/*" }, "target": "pulse", "weight": 1, "enabled": true }.
A condition has taskType, priority, keywords and custom, an expression; each may be absent. A --rule without keywords is for what
no other rule takes. docs/agents.md has the rest.

Exit status: with --once 0 when nothing was left that could be begun and 1 when something was; 2 when it could not be begun, 130
after Ctrl-C.

Examples:
  $ stig run conductor --once --rule 'pulse: tests, parser' --rule dream-weaver
  $ stig run conductor --rules rules.json --json`,
    )
    .action(async (words: readonly string[], options: ConductorRunOptions) => {
      if (words.length > 0) throw new Refused(refuse('INVALID_INPUT', NO_COMMAND));
      const rules = await rulesGiven(options);
      await runAgent(options, {
        agentType: 'conductor',
        work: async (parts) => work(parts, options, rules),
      });
    });
}

const NO_COMMAND =
  'A Conductor runs no command: nobody is let in while it decides. A --rule without keywords takes what no other rule takes.';

async function work(
  { swarm, session, ...by }: AgentAtWork,
  options: ConductorRunOptions,
  rules: readonly RoutingRule[],
): Promise<WorkEnd> {
  const { once } = options;
  const telling = new RoundTelling(swarm, new RunOutput(options));
  if (once !== true) {
    await runConductor(session, { rules, onRound: telling.tell, signal: by.signal });
    return { exitStatus: exitStatusOf(by) };
  }
  const round = await conductOnce(session, { rules });
  telling.tell(round);
  return { exitStatus: exitStatusOf(by, round.left.length > 0 ? 1 : 0) };
}

/** Tells of every decision, and of a task that is left when it is so for another reason than before. */
class RoundTelling {
  readonly #swarm: Swarm;
  readonly #output: RunOutput;
  #reasonByTask: ReadonlyMap<string, string> = new Map();

  constructor(swarm: Swarm, output: RunOutput) {
    this.#swarm = swarm;
    this.#output = output;
  }

  readonly tell = ({ decisions, left }: ConductorRound): void => {
    for (const decision of decisions) this.#output.tellNow({ decision }, decisionLine(decision));
    for (const task of left) {
      const { taskId, reason } = task;
      if (this.#reasonByTask.get(taskId) === reason) continue;
      this.#output.tellNow({ left: task }, this.#leftLine(task));
    }
    this.#reasonByTask = new Map(left.map(({ taskId, reason }) => [taskId, reason]));
  };

  #leftLine({ taskId, reason, faults }: LeftTask): string {
    const goal = this.#swarm.state.global.tasks[taskId]?.goal ?? '';
    const why = [reason, ...faults.map((fault) => `the rule ${fault.rule}: ${fault.reason}`)];
    return [colors.yellow('left   '), ...taskCells(taskId, goal), harmless(why.join('; '))].join(
      '  ',
    );
  }
}

/** The output of a decision, as a Conductor of ours makes it. */
interface Output {
  readonly rule?: string;
  readonly assignedTo?: AgentIdentity;
}

function decisionLine({ type, input, output, reason }: ConductorDecision): string {
  const { rule = '', assignedTo } = output as Output;
  const to =
    assignedTo === undefined
      ? 'to nobody'
      : `to ${assignedTo.agentId} (${assignedTo.agentType.replace('_', '-')})`;
  const color = type === 'reject' ? colors.red : colors.green;
  return [
    color(type.padEnd(7)),
    ...taskCells(String(input['taskId']), String(input['goal'])),
    harmless(to),
    harmless(`by ${rule}`),
    harmless(reason),
  ].join('  ');
}

function taskCells(taskId: string, goal: string): readonly string[] {
  return [harmless(taskId.slice(0, ID_CHARS)), cut(harmless(goal), GOAL_CHARS)];
}
