/** `docs/commands.md` is the commands and the command table as a page. Run vitest with `--update` after a change. */
import { expect, test } from 'vitest';
import { COMMAND_TABLE, type Relation } from '../../src/access/command-table.ts';
import type { AgentType } from '../../src/events/identity.ts';
import { COMMANDS, type CommandType } from '../../src/protocol/commands.ts';
import { PART_TYPES } from '../../src/protocol/compound.ts';
import { NOTES } from './command-notes.ts';
import { describeFields, wordList } from './describe-schema.ts';
import { page, table } from './markdown.ts';

const ROLES: readonly (readonly [AgentType, string])[] = [
  ['pulse', 'Pulse'],
  ['heartbeat', 'Heartbeat'],
  ['dream_weaver', 'Dream Weaver'],
  ['conductor', 'Conductor'],
  ['guardian', 'Guardian'],
  ['system', 'system'],
];

const RELATIONS: Readonly<Record<Relation, string>> = {
  any: 'yes',
  own: 'own',
  holder: 'holder',
  former: 'holder',
  addressee: 'addressee',
  coordinator: 'itself',
  no: '–',
};

const INTRODUCTION = `# Commands

This page is made from \`src/protocol/commands.ts\` and \`src/access/command-table.ts\` by \`test/docs/commands.test.ts\`.

A command is plain data: \`{ type, payload, correlationId?, causationId?, trace? }\`. \`swarm.dispatch(command)\` gives it as
the operator, whose role is \`system\`; \`session.dispatch(command)\` gives it as the session. The methods of a session's handle
(\`tasks.claim\`, \`locks.acquire\`, …) give the commands of the same name.

Who may give a command depends on the role of the caller and on its relation to the thing:

- **yes**: the role is enough.
- **own**: to its own session only.
- **holder**: when it holds the task or the lock, waits for the lock, or accepted the handoff. A \`task.complete\` of a session
  that lost the task is refused too, and recorded as \`task.late_completion\`.
- **addressee**: when the handoff is offered to it; \`handoff.reject\` also when it made the offer.
- **itself**: the coordinator only.
- **–**: never.

Commands that are marked **itself** are given by the coordinator, when it opens a swarm or when a deadline has come; its
operator may not give them.

A field marked with a question mark may be absent. A field marked _drawn_ gets a fresh id when the caller leaves it out. The words:

${wordList()}
`;

const SECTIONS: readonly (readonly [prefix: string, title: string])[] = [
  ['session', 'Sessions'],
  ['task', 'Tasks'],
  ['lock', 'Locks'],
  ['handoff', 'Handoffs'],
  ['state', 'Direct writes'],
  ['event', 'Events of applications'],
  ['compound', 'Several as one'],
  ['subscription', 'Durable subscriptions'],
  ['deadletter', 'Dead letters'],
  ['access', 'Access'],
  ['system', 'The swarm'],
];

const PATHS = `
Who may give these follows from the paths, by the permission matrix: see [access](access.md). What can be written at all is less: of a
session \`progress\`, \`resources\` and \`data\` can be written, of a task its \`metadata\`, and of the swarm \`global.config\` and
\`global.health\`; every other path follows from commands.
`;

const PARTS = `
Each part is an object of \`type\` and \`payload\`, is permitted like a command of its own, and sees what the parts before it left. The
first that is refused refuses the whole; the details of the refusal have its index as \`part\`. These can be parts:
${PART_TYPES.map((type) => `\`${type}\``).join(', ')}.
`;

const OWNED = `
A durable subscription, and a dead letter of it, is for the sessions of the agent that made it, and for the operator; a dead letter
also for a Conductor. Others are refused with \`NOT_HOLDER\`.
`;

/** What is said beside the tables. */
const BESIDE: Readonly<Record<string, string>> = {
  state: PATHS,
  compound: PARTS,
  subscription: OWNED,
};

function section([prefix, title]: (typeof SECTIONS)[number]): string {
  const types = (Object.keys(COMMANDS) as CommandType[]).filter((type) =>
    type.startsWith(`${prefix}.`),
  );
  const fields = table(
    ['command', 'what it asks for', 'payload'],
    types.map((type) => [`\`${type}\``, NOTES[type], payloadOf(type)]),
  );
  const permissions = table(
    ['command', ...ROLES.map(([, name]) => name)],
    types.map((type) => [
      `\`${type}\``,
      ...ROLES.map(([role]) => RELATIONS[COMMAND_TABLE[type][role]]),
    ]),
  );
  return `## ${title}\n\n${fields}\n\n${permissions}\n${BESIDE[prefix] ?? ''}`;
}

function payloadOf(type: CommandType): string {
  const { schema, draws } = COMMANDS[type];
  const fields = describeFields(schema);
  return draws === null
    ? fields
    : fields.replace(`\`${draws}\` (id)`, `\`${draws}\` (id, _drawn_)`);
}

test('docs/commands.md shows every command', async () => {
  const text = [INTRODUCTION, ...SECTIONS.map(section)].join('\n');
  for (const type of Object.keys(COMMANDS)) expect(text).toContain(`| \`${type}\` |`);
  await expect(await page(text)).toMatchFileSnapshot('../../docs/commands.md');
});
