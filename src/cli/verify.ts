/** `stig verify`: proves that a log is sound, or says where it is not. */
import type { Command } from 'commander';
import colors from 'picocolors';
import type { Verification } from '../history/verify.ts';
import { command, wholeNumber, withHistory, type CommonOptions } from './common.ts';
import { count, print, printJson, withProgress } from './output.ts';

/** Makes the command. */
export function verifyCommand(): Command {
  return command(
    'verify',
    'Prove that the log is sound: exit status 1 and a sequence when it is not.',
  )
    .option(
      '--expect <sequence>',
      'a sequence that was acknowledged: a log that ends before it was cut',
      wholeNumber(1),
    )
    .addHelpText(
      'after',
      `
What is proved, from the first event on: sequences without a gap; every block chained to the one before it, up to
the head; every payload of its catalogue's shape; every recorded command decided again to the same facts; and the
state from zero equal to the state from the newest checkpoint. That the end was cut off cannot be seen from inside a log:\nkeep the sequence that you were told last, and give it as --expect.`,
    )
    .action(async (options: CommonOptions & { readonly expect?: number }) => {
      const verification = await withHistory(options, async (history) =>
        withProgress('verify', history.head.sequence, (advance) =>
          history.verify({ expectSequence: options.expect ?? 0, onProgress: advance }),
        ),
      );
      if (options.json === true) printJson(verification);
      else print(toText(verification));
      if (!verification.ok) process.exitCode = 1;
    });
}

function toText(verification: Verification): string {
  if (!verification.ok) {
    const { code, message } = verification;
    return `${colors.red('not sound')} [${code}] ${message}`;
  }
  const { events, commits, blocks, bytes, epoch, headHash, stateHash, checkpoint } = verification;
  const damaged = verification.damagedCheckpoints;
  return [
    `${colors.green('sound')}  ${count(events)} events in ${count(commits)} commits, ${count(blocks)} blocks, ${count(bytes)} bytes; epoch ${epoch}`,
    `  every command decided again gave the recorded facts`,
    `  state from zero ${checkpoint === 0 ? '(there is no checkpoint yet)' : `equals the state from the checkpoint at ${count(checkpoint)}`}`,
    ...(damaged === 0
      ? []
      : [
          `  ${colors.yellow(`${damaged} damaged checkpoints`)}: they are passed over, nothing is lost`,
        ]),
    `  head   ${headHash}`,
    `  state  ${stateHash}`,
  ].join('\n');
}
