/** `stig` that is called wrongly says what is wrong, and names the help in which the right words stand. */
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { runStig } from '../support/run-stig.ts';

test.each([
  ['fly', "unknown command 'fly'. See: stig --help"],
  ['--unheard-of', "unknown option '--unheard-of'. See: stig --help"],
  ['log --unheard-of', "unknown option '--unheard-of'. See: stig log --help"],
  ['run pulse --unheard-of', "unknown option '--unheard-of'. See: stig run pulse --help"],
  ['run puls', "unknown command 'puls' (Did you mean pulse?). See: stig run --help"],
  [
    'subscriptions remove',
    "missing required argument 'name'. See: stig subscriptions remove --help",
  ],
  // These have a command for no word, which is not to answer for a mistyped one.
  [
    'deadletters retyr invoices',
    "unknown command 'retyr'; there are list, retry, drop. See: stig deadletters --help",
  ],
  [
    'deadletters --limit 5 retyr',
    "unknown command 'retyr'; there are list, retry, drop. See: stig deadletters --help",
  ],
  [
    'subscriptions remov',
    "unknown command 'remov'; there are list, remove. See: stig subscriptions --help",
  ],
  [
    'deadletters list all',
    "too many arguments for 'list'. Expected 0 arguments but got 1. See: stig deadletters list --help",
  ],
  [
    'demo --agents 101',
    "option '--agents <n>' argument '101' is invalid. It must be at most 100. See: stig demo --help",
  ],
  [
    'demo --agents 1',
    "option '--agents <n>' argument '1' is invalid. It must be a whole number from 2. See: stig demo --help",
  ],
])('stig %s', async (words, said) => {
  const swarm = join(tmpdir(), 'stigmergy-that-is-never-made');
  const error = `stig: error [INVALID_INPUT] ${said}\n`;
  expect(await runStig(words.split(' '), { swarm })).toEqual({ status: 2, out: '', error });
});
