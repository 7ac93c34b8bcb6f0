/** `stig run`: lets an agent work in a swarm, one subcommand a kind. */
import { Command } from 'commander';
import { runPulseCommand } from './run-pulse.ts';

/** Makes the command. */
export function runAgentCommand(): Command {
  return new Command('run')
    .description('Let an agent work in a swarm, without any code.')
    .addCommand(runPulseCommand());
}
