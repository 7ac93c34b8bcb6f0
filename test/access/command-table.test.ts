/** Every command × role × relation: who is let through and who is not, on states in which both relations are real. */
import { expect, test } from 'vitest';
import { COMMAND_TABLE, type Relation } from '../../src/access/command-table.ts';
import { permit } from '../../src/access/permit.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { COORDINATOR, OPERATOR } from '../../src/events/identity.ts';
import type { AgentIdentity, AgentKind } from '../../src/events/identity.ts';
import { COMMANDS, type CommandType } from '../../src/protocol/commands.ts';
import { issue, readRequest } from '../../src/protocol/receive.ts';
import { countedIds } from '../../src/testing/index.ts';
import { Given } from '../support/given.ts';

/** The table, said once more: workers, Conductor, Guardian, operator. */
const EXPECTED = `
session.register          no         no         no         any
session.start             own        own        own        any
session.heartbeat         own        own        own        no
session.pause             own        any        own        any
session.resume            own        any        own        any
session.drain             own        any        own        any
session.stop              own        any        own        any
session.fail              own        own        own        any
session.recover           own        own        own        any
session.expire            no         no         no         coordinator
session.sweep             no         no         no         coordinator
session.report_stalled    no         no         no         coordinator
session.hand_over         no         no         no         coordinator
task.create               any        any        no         any
task.claim                any        any        no         no
task.assign               no         any        no         any
task.start                holder     holder     no         no
task.progress             holder     holder     no         no
task.complete             former     former     no         no
task.fail                 holder     holder     no         no
task.cancel               holder     any        no         any
task.close                no         any        no         any
task.requeue              no         any        no         any
task.expire               no         no         no         coordinator
task.cascade              no         no         no         coordinator
lock.acquire              any        any        no         no
lock.renew                holder     holder     no         no
lock.release              holder     holder     no         no
lock.upgrade              holder     holder     no         no
lock.downgrade            holder     holder     no         no
lock.force_release        no         any        no         any
lock.abandon              holder     holder     no         no
lock.expire               no         no         no         coordinator
handoff.request           holder     holder     no         no
handoff.accept            addressee  addressee  no         no
handoff.reject            addressee  addressee  no         no
handoff.complete          holder     holder     no         no
handoff.expire            no         no         no         coordinator
state.update              any        any        any        any
state.delete              any        any        any        any
state.batch               any        any        any        any
event.emit                any        any        any        any
compound.apply            any        any        any        any
subscription.create       any        any        any        any
subscription.advance      any        any        any        any
subscription.remove       any        any        any        any
deadletter.add            any        any        any        any
deadletter.requeue        any        any        any        any
deadletter.resolve        any        any        any        any
deadletter.drop           any        any        any        any
access.report_denied      no         no         no         coordinator
system.initialize         no         no         no         coordinator
system.resume             no         no         no         coordinator
system.stall              no         no         no         coordinator
system.raise_alert        no         any        any        any
system.note_maintenance   no         no         no         any
system.configure          no         no         no         any
`;

const expected = new Map(
  EXPECTED.trim()
    .split('\n')
    .map((line) => {
      const [type = '', ...relations] = line.split(/ +/);
      const [worker, conductor, guardian, system] = relations as Relation[];
      const workers = { pulse: worker, heartbeat: worker, dream_weaver: worker };
      return [type, { ...workers, conductor, guardian, system }] as const;
    }),
);

/** Somebody of a role with a session, a task, a lock and handoffs of his own; and beside him another one with the same. */
function scene(kind: AgentKind | 'system') {
  const given = new Given();
  const role = kind === 'system' ? 'pulse' : kind;
  const me = given.session('me', role);
  const worker = role === 'guardian' ? 'pulse' : role; // Guardians hold nothing
  const holders = {
    mine: role === 'guardian' ? given.session('stand-in') : me,
    theirs: given.session('peer', worker),
  };
  const giver = given.session('giver');
  for (const [whose, holder] of Object.entries(holders)) {
    const start = (taskId: string, by: AgentIdentity) => {
      given.ask('task.create', { taskId, goal: 'g' });
      given.ask('task.assign', { taskId, assignedTo: by });
      given.ask('task.start', { taskId }, by);
    };
    const offer = (handoffId: string, taskId: string) => {
      start(taskId, giver);
      given.ask('handoff.request', { handoffId, taskId, to: holder, reason: 'r' }, giver);
    };
    start(`task-${whose}`, holder);
    const lock = { lockId: `lock-${whose}`, resource: `r-${whose}`, type: 'exclusive' } as const;
    given.ask('lock.acquire', lock, holder);
    offer(`offer-${whose}`, `offered-${whose}`);
    offer(`taken-${whose}`, `changing-${whose}`);
    given.ask('handoff.accept', { handoffId: `taken-${whose}` }, holder);
  }
  return { given, me: kind === 'system' ? OPERATOR : me };
}

/** What a command is given beside the thing that it is about. */
const REST: Readonly<Partial<Record<CommandType, object>>> = {
  'session.register': { agentId: 'x', agentType: 'pulse', sessionId: 'new' },
  'session.fail': { code: 'E', message: 'm' },
  'session.hand_over': { handoffId: 'h' },
  'task.create': { goal: 'g', taskId: 'new' },
  'task.claim': { taskId: undefined },
  'task.assign': { assignedTo: { agentId: 'agent-me', agentType: 'pulse', sessionId: 'me' } },
  'task.progress': { progress: 1 },
  'task.fail': { error: { code: 'E', message: 'm' } },
  'lock.acquire': { resource: 'other', type: 'shared', lockId: 'new' },
  'lock.force_release': { reason: 'r' },
  'handoff.request': { handoffId: 'h', to: { agentType: 'pulse' }, reason: 'r' },
  'event.emit': { type: 'app.a', data: 1 },
  'compound.apply': { commands: [{ type: 'event.emit', payload: { type: 'app.a', data: 1 } }] },
  'subscription.create': { name: 'n' },
  'subscription.advance': { name: 'n', through: 1 },
  'subscription.remove': { name: 'n' },
  'deadletter.add': {
    subscription: 'n',
    eventSequence: 1,
    attempts: 1,
    error: { code: 'E', message: 'm' },
  },
  'deadletter.requeue': { letterId: 'l' },
  'deadletter.resolve': { letterId: 'l' },
  'deadletter.drop': { letterId: 'l' },
  'access.report_denied': { subject: 'p' },
  'system.initialize': { swarmId: 's', config: undefined, limits: DEFAULT_LIMITS },
  'system.resume': { epoch: 2, gapMs: 0 },
  'system.stall': { gapMs: 0 },
  'system.raise_alert': { severity: 'low', summary: 's' },
  'system.note_maintenance': { action: 'a' },
  'system.configure': { config: { defaultPriority: 'low' } },
};

function payloadOf(type: CommandType, given: Given, me: AgentIdentity, whose: 'mine' | 'theirs') {
  const [family] = type.split('.');
  const rest = { ...REST[type] };
  if (type === 'system.initialize') return { ...rest, config: given.view.swarm?.config };
  if (family === 'state') {
    // The matrix says who may write what: here only that the command is let through to it.
    const path = me === OPERATOR ? 'global.health' : `agents.${me.agentType}.me.data.x`;
    const isOpen = me.agentType !== 'conductor';
    const one = { path: isOpen ? path : 'global.health', newValue: 1 };
    if (type === 'state.update') return one;
    return type === 'state.delete' ? { path: one.path } : { updates: [one] };
  }
  const ids: Readonly<Record<string, object>> = {
    session: { sessionId: whose === 'mine' ? 'me' : 'peer' },
    access: { sessionId: whose === 'mine' ? 'me' : 'peer' },
    task: { taskId: `task-${whose}` },
    lock: { lockId: `lock-${whose}` },
    handoff:
      type === 'handoff.request'
        ? { taskId: `task-${whose}` }
        : { handoffId: `${type === 'handoff.complete' ? 'taken' : 'offer'}-${whose}` },
  };
  return { ...ids[family ?? ''], ...rest };
}

function codeOf(given: Given, type: CommandType, payload: object, source: AgentIdentity): string {
  const limits = DEFAULT_LIMITS;
  const read = readRequest({ type, payload }, { ids: countedIds(), limits });
  if (!read.ok) throw new Error(`${type}: ${read.message}`);
  return permit(given.view, issue(read.request, { source, timeMs: given.nowMs }))?.code ?? 'may';
}

/** The codes for the thing that is one's own, and for another's. */
const OUTCOMES: Readonly<Record<Relation, readonly [mine: string, theirs: string]>> = {
  any: ['may', 'may'],
  own: ['may', 'FORBIDDEN'],
  holder: ['may', 'NOT_HOLDER'],
  former: ['may', 'NOT_HOLDER'],
  addressee: ['may', 'FORBIDDEN'],
  coordinator: ['FORBIDDEN', 'FORBIDDEN'],
  no: ['FORBIDDEN', 'FORBIDDEN'],
};

const ROLES = ['pulse', 'heartbeat', 'dream_weaver', 'conductor', 'guardian', 'system'] as const;

test('the table is the one that is said here', () => {
  expect(Object.fromEntries(expected)).toEqual(COMMAND_TABLE);
});

test.each(ROLES)('%s: every command, on its own thing and on another', (role) => {
  const { given, me } = scene(role);
  for (const type of Object.keys(COMMANDS) as CommandType[]) {
    const relation = expected.get(type)?.[role];
    if (relation === undefined) throw new Error(`${type} has no row`);
    const codes = (['mine', 'theirs'] as const).map((whose) =>
      codeOf(given, type, payloadOf(type, given, me, whose), me),
    );
    expect([type, relation, ...codes]).toEqual([type, relation, ...OUTCOMES[relation]]);
  }
});

test('the coordinator itself may what is only for it', () => {
  const { given } = scene('pulse');
  for (const [type, { system }] of expected) {
    if (system !== 'coordinator') continue;
    const command = type as CommandType;
    const payload = payloadOf(command, given, OPERATOR, 'mine');
    expect([type, codeOf(given, command, payload, COORDINATOR)]).toEqual([type, 'may']);
  }
});

test('who had a task and lost it is let through, to be refused where it is recorded', () => {
  const { given, me } = scene('pulse');
  given.ask('task.requeue', { taskId: 'task-mine' });
  expect(codeOf(given, 'task.complete', { taskId: 'task-mine' }, me)).toBe('may');
  expect(codeOf(given, 'task.progress', { taskId: 'task-mine', progress: 1 }, me)).toBe(
    'NOT_HOLDER',
  );
});

test('who made an offer may take it back', () => {
  const { given } = scene('pulse');
  const giver = given.view.session('giver')?.identity ?? OPERATOR;
  expect(codeOf(given, 'handoff.reject', { handoffId: 'offer-mine' }, giver)).toBe('may');
  expect(codeOf(given, 'handoff.accept', { handoffId: 'offer-mine' }, giver)).toBe('FORBIDDEN');
});
