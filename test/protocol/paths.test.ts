/** What each command is about: the place whose lock keeps others from it. */
import { expect, test } from 'vitest';
import { COMMAND_TABLE } from '../../src/access/command-table.ts';
import { formatPath } from '../../src/core/path.ts';
import { COORDINATOR } from '../../src/events/identity.ts';
import { COMMANDS } from '../../src/protocol/commands.ts';
import type { CommandType, SwarmCommand } from '../../src/protocol/commands.ts';
import { placesAsked } from '../../src/protocol/paths.ts';
import { Given } from '../support/given.ts';

const given = new Given();
const ant = given.session('ant');
given.session('bee');
given.ask('task.create', { taskId: 't', goal: 'g' });
given.ask('task.claim', { taskId: 't', start: true }, ant);
given.ask('handoff.request', { handoffId: 'h', taskId: 't', to: { agentId: 'agent-bee' }, reason: 'r' }, ant); // prettier-ignore
given.ask('lock.acquire', { lockId: 'l', resource: 'r', type: 'exclusive' }, ant);

const session = { sessionId: 'ant' };
const task = { taskId: 't' };
const lock = { lockId: 'l' };
const handoff = { handoffId: 'h' };

const NOWHERE = 'no place that can be locked';
const ANT = 'agents.pulse.ant';
const TASK = 'global.tasks.t';

/** Everything that somebody may ask for, and what it is about. */
const ABOUT: Readonly<Partial<Record<CommandType, readonly [payload: object, place: string]>>> = {
  'session.register': [{ ...session, agentType: 'pulse', agentId: 'agent-ant' }, NOWHERE],
  'session.start': [session, ANT],
  'session.heartbeat': [session, NOWHERE],
  'session.pause': [session, ANT],
  'session.resume': [session, ANT],
  'session.drain': [session, ANT],
  'session.stop': [session, ANT],
  'session.fail': [session, ANT],
  'session.recover': [session, NOWHERE],
  'task.create': [task, TASK],
  'task.claim': [task, TASK],
  'task.assign': [{ ...task, assignedTo: ant }, TASK],
  'task.start': [task, TASK],
  'task.progress': [task, TASK],
  'task.complete': [task, TASK],
  'task.fail': [task, TASK],
  'task.cancel': [task, TASK],
  'task.close': [task, TASK],
  'task.requeue': [task, TASK],
  'lock.acquire': [{ ...lock, resource: 'r' }, NOWHERE],
  'lock.renew': [lock, NOWHERE],
  'lock.release': [lock, NOWHERE],
  'lock.upgrade': [lock, NOWHERE],
  'lock.downgrade': [lock, NOWHERE],
  'lock.force_release': [lock, NOWHERE],
  'lock.abandon': [lock, NOWHERE],
  'handoff.request': [{ ...handoff, ...task }, TASK],
  'handoff.accept': [handoff, TASK],
  'handoff.reject': [handoff, TASK],
  'handoff.complete': [handoff, TASK],
  'state.update': [{ path: 'agents.pulse.ant.note' }, 'agents.pulse.ant.data.note'],
  'state.delete': [{ path: 'agents.pulse.ant.note' }, 'agents.pulse.ant.data.note'],
  'state.batch': [
    { updates: [{ path: 'agents.pulse.ant.note' }, { path: 'global.health', delete: true }] },
    'agents.pulse.ant.data.note, global.health',
  ],
  'event.emit': [{ type: 'app.a', data: 1 }, NOWHERE],
  'subscription.create': [{ name: 'n' }, NOWHERE],
  'subscription.advance': [{ name: 'n', through: 1 }, NOWHERE],
  'subscription.remove': [{ name: 'n' }, NOWHERE],
  'deadletter.add': [{ letterId: 'd' }, NOWHERE],
  'deadletter.requeue': [{ letterId: 'd' }, NOWHERE],
  'deadletter.resolve': [{ letterId: 'd' }, NOWHERE],
  'deadletter.drop': [{ letterId: 'd' }, NOWHERE],
  'compound.apply': [{ commands: [{ type: 'task.start', payload: task }] }, NOWHERE], // each part has its own
  'system.raise_alert': [{ severity: 'low', summary: 's' }, NOWHERE],
  'system.note_maintenance': [{ action: 'a' }, NOWHERE],
  'system.configure': [{}, 'global.config'],
};

function placeOf(type: CommandType, payload: object): string {
  const command = { type, version: 1, payload, source: COORDINATOR, timeMs: given.nowMs };
  const places = placesAsked(given.view, command as SwarmCommand);
  return places.length === 0 ? NOWHERE : places.map(formatPath).join(', ');
}

test.each(Object.entries(ABOUT))('[I10] %s: %o', (type, [payload, place]) => {
  expect(placeOf(type as CommandType, payload)).toBe(place);
});

test('[I10] nothing that somebody may ask for is left out', () => {
  const asked = (Object.keys(COMMANDS) as CommandType[]).filter((type) =>
    Object.values(COMMAND_TABLE[type]).some((how) => how !== 'no' && how !== 'coordinator'),
  );
  expect(Object.keys(ABOUT)).toEqual(asked);
});

test('[I10] what names nothing that exists, or nothing yet, is about no place', () => {
  expect(placeOf('session.stop', { sessionId: 'nobody' })).toBe(NOWHERE);
  expect(placeOf('handoff.accept', { handoffId: 'none' })).toBe(NOWHERE);
  expect(placeOf('task.claim', {})).toBe(NOWHERE);
  expect(placeOf('state.update', { path: 'global.*' })).toBe(NOWHERE);
});
