/**
 * The log of a real swarm of coding agents, which lies beside the repository and is not part of it: what the importer counts is
 * what a count by other means gives, and the state is the same each time.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importFile, scratch, type Imported } from './import-test-log.ts';

const DATA = resolve(import.meta.dirname, '../../../shared/data');
const FILE = resolve(DATA, 'gastown/events.jsonl');
const isThere = existsSync(DATA);

interface Row {
  readonly id: number;
  readonly event_type: string;
  readonly issue_id: string;
  readonly actor: string;
  readonly created_at: string;
  readonly old_value: string | null;
  readonly new_value: string | null;
}

function fieldsIn(value: string | null): Record<string, unknown> {
  return value?.startsWith('{') === true ? (JSON.parse(value) as Record<string, unknown>) : {};
}

/** Counts the closes by the values of the file alone, in the order of its lines. */
function countCloses(rows: readonly Row[]) {
  const assignees = new Map<string, string>();
  const closed = new Set<string>();
  const count = { assignee: 0, other: 0, nobody: 0, again: 0, nobodyButClaimed: 0 };
  const claimed = new Map<string, string>();
  for (const { event_type: kind, issue_id: item, actor, old_value, new_value } of rows) {
    const before = fieldsIn(old_value)['assignee'];
    if (!assignees.has(item)) assignees.set(item, typeof before === 'string' ? before : '');
    const after = fieldsIn(new_value)['assignee'];
    if (typeof after === 'string') assignees.set(item, after);
    if (kind === 'claimed') claimed.set(item, actor);
    if (kind === 'reopened') closed.delete(item);
    if (kind !== 'closed') continue;
    const assignee = assignees.get(item);
    if (!assignee) count.nobody += 1;
    else if (assignee === actor) count.assignee += 1;
    else count.other += 1;
    if (!assignee && claimed.get(item) === actor) count.nobodyButClaimed += 1;
    if (closed.has(item)) count.again += 1;
    closed.add(item);
  }
  return count;
}

// Where there is no such folder, the names of these tests say why they are skipped.
describe.skipIf(!isThere)('the log of gastown (needs ../shared/data beside the repository)', () => {
  let folder: string;
  let imported: Imported;
  let rows: readonly Row[];

  beforeAll(async () => {
    const text = await readFile(FILE, 'utf8');
    rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    folder = await mkdtemp(join(tmpdir(), 'stigmergy-gastown-'));
    imported = await importFile(FILE, { directory: join(folder, 'swarm') });
  });

  afterAll(() => rm(folder, { recursive: true }));

  test('has its lines in the order of time and id, the order in which they are carried out', () => {
    const inOrder = rows.toSorted((a, b) =>
      a.created_at === b.created_at ? a.id - b.id : a.created_at < b.created_at ? -1 : 1,
    );
    expect(rows).toEqual(inOrder);
    const ids = rows.map(({ id }) => id);
    expect(ids).not.toEqual(ids.toSorted((a, b) => a - b));
  });

  test('has 3,582 records of 52 actors about 1,792 items, 1,569 of which are first seen at their close', () => {
    const { report } = imported;
    expect(report.records).toBe(3_582);
    expect(report.items).toBe(new Set(rows.map(({ issue_id }) => issue_id)).size);
    expect(report.items).toBe(1_792);
    expect(new Set(rows.map(({ actor }) => actor)).size).toBe(52);
    expect(report.agents).toEqual({ conductor: 49, pulse: 4 }); // one is assigned something and never acts
    const first = new Map<string, string>();
    for (const { issue_id, event_type } of rows) {
      if (!first.has(issue_id)) first.set(issue_id, event_type);
    }
    const kinds = [...first.values()];
    const count = (kind: string) => kinds.filter((one) => one === kind).length;
    expect(report.firstSeen).toEqual({ closed: 1_569, status_changed: 14, claimed: 7 });
    for (const [kind, number] of Object.entries(report.firstSeen)) expect(number).toBe(count(kind));
  });

  test('has 122 closes by others and 1,750 of items without assignee, and 225 of what was closed', () => {
    const { closes, commands } = imported.report;
    const counted = countCloses(rows);
    expect(counted).toEqual({
      assignee: 124,
      other: 122,
      nobody: 1_750,
      again: 225,
      nobodyButClaimed: 7,
    });
    expect(closes.assignee.records).toBe(counted.assignee);
    expect(closes.other.records).toBe(counted.other);
    // A `claimed` record names nobody in its values; its actor is the assignee all the same.
    expect(closes.claimant.records).toBe(counted.nobodyButClaimed);
    expect(closes.nobody.records + closes.claimant.records).toBe(counted.nobody);

    const refused = Object.values(closes).reduce((sum, one) => sum + one.refused, 0);
    expect(refused).toBe(counted.again);
    const closed = commands.filter(({ kind }) => kind === 'closed');
    expect(closed.reduce((sum, one) => sum + one.records, 0)).toBe(1_996);
  });

  test('is refused where an item is created again, closed again, or moved when it has ended', () => {
    const { report } = imported;
    expect(report).toMatchObject({ accepted: 3_123, refused: 459 });
    // Of the closes of what was closed, 11 are by a holder whose item a Conductor had closed: late completions.
    expect(report.reasons).toEqual({
      ILLEGAL_TRANSITION: 225 - 11 + 19,
      ALREADY_EXISTS: 215,
      NOT_HOLDER: 11,
    });
    expect(report.examples).toEqual({
      ILLEGAL_TRANSITION: [4, 205, 206, 237, 239],
      ALREADY_EXISTS: [102, 103, 112, 113, 114],
      NOT_HOLDER: [503, 504, 536, 539, 542],
    });
    const late = imported.events.filter(({ type }) => type === 'task.late_completion');
    expect(late).toHaveLength(11);
  });

  test('leaves the metrics that its accepted closes make', () => {
    const { closes } = imported.report;
    expect(imported.state.global.metrics).toMatchObject({
      totalTasksCompleted: closes.assignee.accepted + closes.claimant.accepted,
      totalTasksClosed: closes.other.accepted + closes.nobody.accepted,
      totalTasksFailed: 0,
    });
  });

  test('lets nothing run out, and gives each event the time of a record', () => {
    const types = new Set<string>(imported.events.map(({ type }) => type));
    for (const type of ['agent.errored', 'agent.stopped', 'system.stalled', 'task.failed']) {
      expect(types.has(type)).toBe(false);
    }
    const times = new Set(rows.map(({ created_at }) => created_at.replace('Z', '.000Z')));
    expect(imported.events.filter(({ timestamp }) => !times.has(timestamp))).toEqual([]);
  });

  test('goes on with its seven reopened items as new tasks', () => {
    const tasks = Object.values(imported.state.global.tasks);
    const again = tasks.filter(({ metadata }) => metadata['reopens'] !== undefined);
    expect(again.map(({ id }) => id).toSorted()).toEqual([
      'bd-1lc~2',
      'bd-1~2',
      'bd-2ws~2',
      'bd-5x9~2',
      'bd-7vk~2',
      'bd-7vk~3',
      'bd-yzlh~2',
    ]);
    expect(tasks.length).toBe(1_792 + 7);
  });

  test('[I1] is the same state when it is imported again, with checkpoints on the way', async () => {
    const second = await importFile(FILE, {
      directory: await scratch('elsewhere'),
      snapshots: { everyEvents: 700, keep: 5 },
    });
    expect(second.report).toEqual(imported.report);
  });
});
