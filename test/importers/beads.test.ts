/** What each kind of record becomes, and what is refused; `docs/import-beads.md` is the same as a table. */
import { describe, expect, test } from 'vitest';
import { importRecords, importText, linesOf, type TestRecord } from './import-test-log.ts';

const ITEM = { id: 'bd-1', title: 'Mend the roof', status: 'open', priority: 1, issue_type: 'bug' };
const created: TestRecord = { kind: 'created', item: 'bd-1', actor: 'mayor' };
const hooked = (assignee: string, actor = 'mayor'): TestRecord => ({
  kind: 'status_changed',
  item: 'bd-1',
  actor,
  old: ITEM,
  new: { assignee, status: 'hooked' },
});
const status = (actor: string, changes: object): TestRecord => ({
  kind: 'status_changed',
  item: 'bd-1',
  actor,
  new: changes,
});
const closed = (actor: string, reason = ''): TestRecord => ({
  kind: 'closed',
  item: 'bd-1',
  actor,
  old: '',
  new: reason,
});

describe('an item', () => {
  test('that is created is a task of its actor, as the first old value of a later record tells', async () => {
    const { task, story, state, events } = await importRecords(created, hooked('ada'));
    expect(task('bd-1')).toMatchObject({ goal: 'Mend the roof', priority: 'high', timeout: 0 });
    expect(task('bd-1').metadata).toEqual({ beads: { priority: 1, issue_type: 'bug' } });
    expect(task('bd-1').createdAt).toBe('2026-02-26T12:00:00.000Z');
    expect(story()).toEqual(['mayor task.created', 'mayor task.assigned']);
    expect(Object.keys(state.agents.pulse ?? {})).toEqual(['ada']); // never acts, and is given something
    const labels = events.map(({ metadata }) => metadata.correlationId);
    expect(labels.slice(-1)).toEqual(['beads:2']);
  });

  test('that nothing is told of has its id as goal, and the priority that tasks have', async () => {
    const { task } = await importRecords(created);
    expect(task('bd-1')).toMatchObject({ goal: 'bd-1', priority: 'normal', metadata: {} });
  });

  test('that is created again is refused, also when it has ended', async () => {
    const { report } = await importRecords(created, created, closed('mayor'), created);
    expect(report.reasons).toEqual({ ALREADY_EXISTS: 2 });
    expect(report.examples).toEqual({ ALREADY_EXISTS: [2, 4] });
  });

  test('first seen at its close is made by the operator, with its id and no more', async () => {
    const { task, story, report } = await importRecords(closed('mayor', 'pollution'));
    expect(story()).toEqual(['operator task.created', 'mayor task.closed']);
    expect(task('bd-1')).toMatchObject({ goal: 'bd-1', status: 'complete', assignedTo: null });
    expect(task('bd-1').metadata).toEqual({ beads: { first_seen: 'closed' } });
    expect(report).toMatchObject({ records: 1, accepted: 1, firstSeen: { closed: 1 } });
  });

  test('first seen when it changes is what its old value says', async () => {
    const old = { ...ITEM, status: 'in_progress', assignee: 'ada', created_at: '1999-01-01' };
    const { task, story } = await importRecords({
      kind: 'updated',
      item: 'bd-1',
      actor: 'mayor',
      old,
      new: { notes: 'half done' },
    });
    expect(story()).toEqual([
      'operator task.created',
      'operator task.assigned',
      'mayor state.updated',
    ]);
    expect(task('bd-1')).toMatchObject({
      status: 'pending', // who started it, and when, is not told
      assignedTo: { agentId: 'ada' },
      createdAt: '2026-02-26T12:00:00.000Z', // of the record: a time in a value is no time of an event
      metadata: {
        beads: {
          first_seen: 'updated',
          status: 'in_progress',
          notes: 'half done',
          created_at: '1999-01-01',
        },
      },
    });
  });

  test('first seen when it is closed already is a closed task', async () => {
    const { task, report } = await importRecords({
      kind: 'updated',
      item: 'bd-1',
      actor: 'mayor',
      old: { ...ITEM, status: 'closed', assignee: 'ada', close_reason: 'done' },
      new: { notes: 'well done' },
    });
    expect(task('bd-1')).toMatchObject({ status: 'complete', assignedTo: { agentId: 'ada' } });
    expect(task('bd-1').metadata).toMatchObject({
      beads: { close_reason: 'done', notes: 'well done' },
    });
    expect(report.refused).toBe(0);
  });

  test.each([
    [0, 'critical'],
    [1, 'high'],
    [2, 'normal'],
    [3, 'low'],
    [4, 'low'],
    [9, 'normal'],
  ])('of priority %i is a task of priority %s', async (priority, expected) => {
    const { task } = await importRecords({ ...hooked('ada'), old: { ...ITEM, priority } });
    expect(task('bd-1').priority).toBe(expected);
    expect(task('bd-1').metadata).toMatchObject({ beads: { priority } });
  });
});

describe('work', () => {
  test('is assigned, started and completed by its holder', async () => {
    const { task, story, report, state } = await importRecords(
      created,
      hooked('ada'),
      status('ada', { status: 'in_progress' }),
      closed('ada', 'merged'),
    );
    expect(story().slice(1)).toEqual([
      'mayor task.assigned',
      'ada task.started',
      'ada task.completed',
    ]);
    expect(task('bd-1')).toMatchObject({ status: 'complete', result: 'merged' });
    expect(state.global.metrics).toMatchObject({ totalTasksCompleted: 1 });
    expect(state.global.metrics).not.toHaveProperty('totalTasksClosed');
    expect(report.closes.assignee).toEqual({ records: 1, accepted: 1, refused: 0 });
    expect(report.agents).toEqual({ conductor: 1, pulse: 1 });
  });

  test('that was never started is started by its holder as it completes it, and counts once', async () => {
    const { task, story, report } = await importRecords(created, hooked('ada'), closed('ada'));
    expect(story().slice(2)).toEqual(['ada task.started', 'ada task.completed']);
    expect(task('bd-1').startedAt).toBe(task('bd-1').completedAt);
    expect(report).toMatchObject({ records: 3, accepted: 3, refused: 0 });
  });

  test('is closed by anybody else, who is a conductor for it, and counted apart', async () => {
    const { task, state, report } = await importRecords(
      created,
      hooked('ada'),
      closed('eve', 'no'),
    );
    expect(task('bd-1')).toMatchObject({ status: 'complete', assignedTo: { agentId: 'ada' } });
    expect(state.agents.conductor).toHaveProperty('eve');
    expect(state.global.metrics).toMatchObject({ totalTasksCompleted: 0, totalTasksClosed: 1 });
    expect(report.closes.other).toEqual({ records: 1, accepted: 1, refused: 0 });
  });

  test('that is closed twice is refused the second time', async () => {
    const { report } = await importRecords(
      closed('eve'),
      closed('eve'),
      hooked('eve'),
      closed('eve'),
    );
    expect(report.reasons).toEqual({ ILLEGAL_TRANSITION: 3 });
    expect(report.closes.nobody).toEqual({ records: 2, accepted: 1, refused: 1 });
    expect(report.closes.assignee).toEqual({ records: 1, accepted: 0, refused: 1 });
  });

  test('is claimed by one, and by nobody after it', async () => {
    const { task, report } = await importRecords(
      { kind: 'claimed', item: 'bd-1', actor: 'ada', old: '', new: '' },
      { kind: 'claimed', item: 'bd-1', actor: 'bob' },
      status('eve', { assignee: 'eve', status: 'hooked' }),
      { kind: 'claimed', item: 'bd-1', actor: 'ada' },
      closed('ada'),
    );
    expect(task('bd-1')).toMatchObject({ status: 'complete', assignedTo: { agentId: 'ada' } });
    expect(report.reasons).toEqual({ TASK_TAKEN: 2 });
    expect(report.examples).toEqual({ TASK_TAKEN: [2, 3] });
  });

  test('that somebody claimed without a value that says so is its claimant’s to complete', async () => {
    const claimed: TestRecord = { kind: 'claimed', item: 'bd-1', actor: 'ada' };
    const { report, state } = await importRecords(claimed, closed('ada'));
    expect(report.closes.claimant).toEqual({ records: 1, accepted: 1, refused: 0 });
    expect(report.agents).toEqual({ conductor: 0, pulse: 1 });
    expect(state.global.metrics.totalTasksCompleted).toBe(1);
  });

  test('goes back when its assignee is taken away', async () => {
    const { task, story } = await importRecords(
      hooked('ada'),
      status('ada', { status: 'in_progress' }),
      status('mayor', { assignee: '', status: 'open' }),
    );
    expect(story().slice(-1)).toEqual(['mayor task.requeued']);
    expect(task('bd-1')).toMatchObject({ status: 'pending', assignedTo: null });
  });

  test('goes from one to another, also while it runs', async () => {
    const { task, story } = await importRecords(
      hooked('ada'),
      hooked('bob'),
      status('bob', { status: 'in_progress' }),
      hooked('ada'),
    );
    expect(story().slice(2)).toEqual([
      'mayor task.assigned',
      'bob task.started',
      'mayor task.requeued',
      'mayor task.assigned',
    ]);
    expect(task('bd-1')).toMatchObject({ status: 'pending', assignedTo: { agentId: 'ada' } });
  });

  test('is started by nobody but its holder: what others say of it is kept', async () => {
    const { task, report } = await importRecords(
      created,
      status('mayor', { status: 'in_progress' }),
      hooked('ada'),
      status('mayor', { status: 'in_progress' }),
    );
    expect(report.refused).toBe(0);
    expect(task('bd-1')).toMatchObject({ status: 'pending', startedAt: null });
    expect(task('bd-1').metadata).toMatchObject({ beads: { status: 'in_progress' } });
  });

  test('that is finished is not moved, and its metadata still is', async () => {
    const { task, report } = await importRecords(
      created,
      hooked('ada'),
      closed('ada'),
      hooked('bob'),
      status('mayor', { status: 'open', assignee: '' }),
      status('ada', { status: 'in_progress' }),
      { kind: 'updated', item: 'bd-1', actor: 'mayor', new: { assignee: 'bob' } },
      { kind: 'updated', item: 'bd-1', actor: 'mayor', new: { description: 'was: roof' } },
    );
    expect(report).toMatchObject({ accepted: 4, reasons: { ILLEGAL_TRANSITION: 4 } });
    expect(task('bd-1')).toMatchObject({ status: 'complete', assignedTo: { agentId: 'ada' } });
    expect(task('bd-1').metadata).toMatchObject({ beads: { description: 'was: roof' } });
  });
});

describe('a status that a task cannot show', () => {
  test('is kept in the metadata, and corrected there when it no longer holds', async () => {
    const before = [created, hooked('ada'), status('ada', { status: 'pinned' })];
    const pinned = await importRecords(...before);
    expect(pinned.task('bd-1')).toMatchObject({
      status: 'pending',
      assignedTo: { agentId: 'ada' },
    });
    expect(pinned.task('bd-1').metadata).toMatchObject({ beads: { status: 'pinned' } });

    const ended = await importRecords(...before, closed('ada'));
    expect(ended.task('bd-1').metadata).toMatchObject({ beads: { status: 'closed' } });
    expect(ended.report.refused).toBe(0);
  });

  test('a record that changes nothing is a write of the status as it is', async () => {
    const { story, task } = await importRecords(
      created,
      status('eve', { status: 'open', assignee: '' }),
    );
    expect(story()).toEqual(['mayor task.created', 'eve state.updated']);
    expect(task('bd-1').metadata).toEqual({ beads: { status: 'open' } });
  });
});

describe('a reopened item', () => {
  test('goes on as another task, to which its later records belong', async () => {
    const old = { ...ITEM, status: 'closed', assignee: 'ada', notes: 'not yet' };
    const { task, story, report } = await importRecords(
      created,
      hooked('ada'),
      closed('ada'),
      { kind: 'reopened', item: 'bd-1', actor: 'ada', old, new: { status: 'in_progress' } },
      closed('ada'),
      { kind: 'reopened', item: 'bd-1', actor: 'eve', old, new: { status: 'open' } },
      status('ada', { status: 'in_progress' }),
    );
    expect(report.refused).toBe(0);
    expect(story().slice(4)).toEqual([
      'ada task.created',
      'ada task.assigned',
      'ada task.started',
      'ada task.completed',
      'eve task.created',
      'eve task.assigned',
      'eve state.updated', // assigned and open, which a task would show as hooked
      'ada task.started',
      'ada state.updated',
    ]);
    expect(task('bd-1')).toMatchObject({ status: 'complete' });
    expect(task('bd-1~2')).toMatchObject({ status: 'complete', goal: 'Mend the roof' });
    expect(task('bd-1~2').metadata).toMatchObject({ reopens: 'bd-1', beads: { notes: 'not yet' } });
    expect(task('bd-1~3')).toMatchObject({ status: 'running', metadata: { reopens: 'bd-1~2' } });
  });

  test('that was not closed is refused', async () => {
    const reopened: TestRecord = {
      kind: 'reopened',
      item: 'bd-1',
      actor: 'eve',
      new: { status: 'open' },
    };
    const { report } = await importRecords(created, reopened);
    expect(report.reasons).toEqual({ ILLEGAL_TRANSITION: 1 });
  });

  test('whose new id is taken is refused, and counts once', async () => {
    const { report } = await importText(
      linesOf([
        { ...created, item: 'bd-1~2' },
        closed('mayor'),
        { kind: 'reopened', item: 'bd-1', actor: 'mayor', old: ITEM, new: { status: 'blocked' } },
      ]),
    );
    expect(report).toMatchObject({ records: 3, accepted: 2, reasons: { ALREADY_EXISTS: 1 } });
  });
});

function label(
  kind: 'label_added' | 'label_removed',
  text: string,
  at: 'new' | 'comment',
): TestRecord {
  return { kind, item: 'bd-1', actor: 'dog', [at]: text };
}

describe('what a task has no field for', () => {
  test('is in its metadata: fields, labels, comments, former ids', async () => {
    const { task, report } = await importRecords(
      created,
      {
        kind: 'updated',
        item: 'bd-1',
        actor: 'mayor',
        new: { notes: 'n', title: 'Mend it', x: [1] },
      },
      label('label_added', 'Added label: red', 'comment'),
      label('label_added', 'Added label: gt:agent', 'new'),
      label('label_removed', 'Removed label: red', 'comment'),
      label('label_removed', 'Removed label: never there', 'new'),
      { kind: 'commented', item: 'bd-1', actor: 'dog', comment: 'hm' },
      { kind: 'commented', item: 'bd-1', actor: 'mayor', comment: 'yes' },
      { kind: 'renamed', item: 'bd-1', actor: 'mayor', old: 'bd-0', new: 'bd-1' },
    );
    expect(report.refused).toBe(0);
    expect(task('bd-1').goal).toBe('bd-1');
    expect(task('bd-1').metadata).toEqual({
      beads: {
        notes: 'n',
        title: 'Mend it',
        x: [1],
        labels: ['gt:agent'],
        comments: [
          { actor: 'dog', text: 'hm' },
          { actor: 'mayor', text: 'yes' },
        ],
        renamed_from: 'bd-0',
      },
    });
  });

  test('a record that does not say what changed is refused, and makes nothing', async () => {
    const at = { item: 'bd-9', actor: 'dog' };
    const { report, state } = await importRecords(
      { kind: 'updated', ...at, new: '' },
      { kind: 'status_changed', ...at, new: { assignee: 'dog' } },
      { kind: 'label_added', ...at, comment: 'red' },
      { kind: 'commented', ...at },
      { kind: 'renamed', ...at },
    );
    expect(report).toMatchObject({ accepted: 0, reasons: { INVALID_INPUT: 5 } });
    expect(state.global.tasks).toEqual({});
  });
});

describe('an actor', () => {
  test('has a session that never falls silent, at the time of its first record', async () => {
    const { state } = await importRecords(created, closed('eve'));
    expect(state.global.registry['eve']).toMatchObject({
      registeredAt: '2026-02-26T12:01:00.000Z',
    });
    expect(state.agents.conductor?.['eve']).toMatchObject({ status: 'idle' });
  });

  test('whose name is no id gets one that nobody else has', async () => {
    const { state } = await importRecords(
      { ...created, actor: 'Ada L.' },
      { ...created, item: 'bd-2', actor: 'Ada%20L.' },
    );
    expect(Object.keys(state.agents.pulse ?? {}).toSorted()).toEqual(['Ada%20L.', 'Ada%2520L.']);
  });

  test('cannot be called as the system itself', async () => {
    const { report, state } = await importRecords(
      { ...created, actor: 'operator' },
      hooked('coordinator'),
    );
    expect(report.refused).toBe(0);
    expect(Object.keys(state.agents.pulse ?? {}).toSorted()).toEqual([
      '%63oordinator',
      '%6fperator',
    ]);
  });
});
