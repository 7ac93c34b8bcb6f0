/** `docs/errors.md` says of every code what the table says, and what to do. Run vitest with `--update` after a change. */
import { expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/core/errors.ts';
import { ADVICE } from './error-advice.ts';
import { page } from './markdown.ts';

const INTRODUCTION = `# Errors

This page is made from \`src/core/errors.ts\` by \`test/docs/errors.test.ts\`.

A **refusal** is expected: somebody asked for what the rules do not allow. \`dispatch\` gives it as a value
\`{ ok: false, code, message, details }\`; the methods of a session's handle throw it as \`Refused\`, with the same \`code\` and
\`details\`. What was asked for did not happen, and nothing of it is recorded. A **fault** is thrown as \`Fault\`: the directory, the disk, the log or a rule of the
coordinator itself failed. It has a \`code\` of the same table, \`details\`, and often a \`cause\`.

Codes are stable. Messages may change at any time: never compare them.

**Retryable** says whether the same request may succeed later without being changed. **HTTP** is the status that means
the same. **Exit** is the status of \`stig\`: 1 when what was asked or checked does not hold, 2 for bad usage.
\`stig\` prints an error in one line to standard error: \`stig: error [CODE] message\`.
`;

function section(code: ErrorCode): string {
  const { meaning, retryable, http, exit } = ERRORS[code];
  const { when, todo } = ADVICE[code];
  const figures = `Retryable: ${retryable ? 'yes' : 'no'} · HTTP: ${http} · Exit: ${exit}`;
  const items = [`**When:** ${when}`, `**What to do:** ${todo}`, figures];
  return `## ${code}\n\n${meaning}\n\n${items.map((text) => `- ${text}`).join('\n')}\n`;
}

test('docs/errors.md explains every code', async () => {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const text = [INTRODUCTION, ...codes.map(section)].join('\n');
  await expect(await page(text)).toMatchFileSnapshot('../../docs/errors.md');
});
