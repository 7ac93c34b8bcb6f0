/** `stig run`: lets an agent work in a swarm, one subcommand a kind. */
import { Command } from 'commander';
import { runConductorCommand } from './run-conductor.ts';
import { runDreamWeaverCommand } from './run-dream-weaver.ts';
import { runGuardianCommand } from './run-guardian.ts';
import { runHeartbeatCommand } from './run-heartbeat.ts';
import { runPulseCommand } from './run-pulse.ts';

/** Makes the command. */
export function runAgentCommand(): Command {
  return new Command('run')
    .description('Let an agent work in a swarm, without any code.')
    .addCommand(runPulseCommand())
    .addCommand(runHeartbeatCommand())
    .addCommand(runDreamWeaverCommand())
    .addCommand(runConductorCommand())
    .addCommand(runGuardianCommand());
}
