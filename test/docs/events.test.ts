/** `docs/events.md` is the catalogue as a page. Run vitest with `--update` after a change. */
import { expect, test } from 'vitest';
import { CATALOG, type KernelEventType } from '../../src/events/catalog.ts';
import type { EventDefinition } from '../../src/events/definition.ts';
import { describeFields, wordList } from './describe-schema.ts';
import { page, table } from './markdown.ts';

/** The specification's `KernelEventType`, as it stands there. */
const SPECIFIED = [
  'state.created',
  'state.updated',
  'state.deleted',
  'task.created',
  'task.assigned',
  'task.started',
  'task.progress',
  'task.completed',
  'task.failed',
  'task.cancelled',
  'handoff.requested',
  'handoff.accepted',
  'handoff.rejected',
  'handoff.completed',
  'agent.registered',
  'agent.started',
  'agent.stopped',
  'agent.health_changed',
  'lock.acquired',
  'lock.released',
  'lock.expired',
  'lock.contention',
  'system.config_changed',
  'system.alert',
  'system.maintenance',
];

const INTRODUCTION = `# Events

This page is made from \`src/events/catalog.ts\` by \`test/docs/events.test.ts\`.

Every change of a swarm is one of these events. **Origin** says whether the type stands in the specification or is ours.
**Emitted** names the command that leads to it and who may give it; _planned_ means that the type has its place and
its shape, and that nothing emits it yet. \`test/docs/journey-log.test.ts\` runs a swarm in which every type that is
emitted is seen in the log, and no planned one is.

**Writes** names the fields of the record that the event changes, and so whose version it becomes. An event that makes, replaces
or ends a record writes the whole of it; a mark of – means that it changes no field.

In **Payload** a question mark follows a field that may be absent. The words in it:

${wordList()}
`;

const SECTIONS: readonly (readonly [prefix: string, title: string, about: string])[] = [
  [
    'state',
    'State',
    'Direct writes to the parts of the state that no actor owns. They write the path in their payload.',
  ],
  ['task', 'Task', 'The record is the task.'],
  ['handoff', 'Handoff', 'The record is the handoff.'],
  [
    'agent',
    'Agent',
    `The record is the session; of \`agent.health_changed\` it is the agent in the registry. Events of a task also write
\`currentTask\`, \`taskQueue\` and, when it changes, \`status\` of the sessions that gain, run or lose it.`,
  ],
  [
    'lock',
    'Lock',
    'The record is the lock or the waiting request. The sequence of `lock.acquired` is the fencing token of the lock.',
  ],
  ['system', 'System', 'The record is the swarm itself.'],
  [
    'access',
    'Access',
    'What was denied: see [access](access.md). It changes no record but `global.metrics`.',
  ],
  [
    'subscription',
    'Subscription',
    'The record is the durable subscription: see [event bus](event-bus.md). It is not part of the state that is shown.',
  ],
  [
    'deadletter',
    'Dead letter',
    'The record is the letter: see [event bus](event-bus.md). It is not part of the state that is shown.',
  ],
];

const APPLICATIONS = `## Application

Applications have types of their own: \`app.\` and one to eight names of letters, digits, \`_\` and \`-\`, with dots between,
as in \`app.build.finished\`. \`event.emit\` and \`emit\` record them ([event bus](event-bus.md)); their payload is any JSON value,
and they change no record.
`;

function section([prefix, title, about]: (typeof SECTIONS)[number]): string {
  const types = (Object.keys(CATALOG) as KernelEventType[]).filter((type) =>
    type.startsWith(`${prefix}.`),
  );
  const rows = types.map((type) => rowOf(type, CATALOG[type]));
  const head = ['type', 'origin', 'version', 'emitted', 'payload', 'writes'];
  return `## ${title}\n\n${about}\n\n${table(head, rows)}\n`;
}

function rowOf(type: KernelEventType, definition: EventDefinition): string[] {
  const { origin, version, emitted, schema } = definition;
  return [
    `\`${type}\``,
    origin === 'specification' ? 'specification' : 'ours',
    String(version),
    emitted === 'planned' ? '_planned_' : emitted,
    describeFields(schema),
    writesOf(type, definition),
  ];
}

function writesOf(type: KernelEventType, { writes }: EventDefinition): string {
  if (type.startsWith('state.')) return 'the path';
  if (writes === null) return 'the whole';
  return writes.length === 0 ? '–' : writes.map((field) => `\`${field}\``).join(', ');
}

test('docs/events.md shows every type of the catalogue', async () => {
  const text = [INTRODUCTION, ...SECTIONS.map(section), APPLICATIONS].join('\n');
  for (const type of Object.keys(CATALOG)) expect(text).toContain(`| \`${type}\` |`);
  await expect(await page(text)).toMatchFileSnapshot('../../docs/events.md');
});

test('the catalogue has the 25 types of the specification, and marks no other as such', () => {
  const marked = (Object.keys(CATALOG) as KernelEventType[]).filter(
    (type) => CATALOG[type].origin === 'specification',
  );
  expect(SPECIFIED).toHaveLength(25);
  expect(marked.toSorted()).toEqual(SPECIFIED.toSorted());
});
