/** Files as they come: broken lines, odd ends, other orders; and that the same file is the same swarm everywhere. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import { History } from '../../src/history/history.ts';
import { BeadsLog } from '../../src/importers/beads-log.ts';
import { importBeads } from '../../src/importers/import-beads.ts';
import { LINE_BYTES_MAX } from '../../src/importers/line-file.ts';
import { importFile, importText, linesOf, scratch, type TestRecord } from './import-test-log.ts';

const RECORDS: readonly TestRecord[] = [
  { kind: 'created', item: 'bd-1', actor: 'mayor' },
  {
    kind: 'status_changed',
    item: 'bd-1',
    actor: 'mayor',
    old: { title: 'Ü' },
    new: { status: 'hooked', assignee: 'ada' },
  },
  { kind: 'closed', item: 'bd-1', actor: 'ada', new: 'done' },
  { kind: 'closed', item: 'bd-1', actor: 'eve', new: 'done' },
  { kind: 'closed', item: 'bd-2', actor: 'eve', new: 'not needed' },
];
const TEXT = linesOf(RECORDS);
const [LINE = ''] = TEXT.split('\n');
const with_ = (change: object): string => JSON.stringify({ ...JSON.parse(LINE), ...change });

describe('[I11] a line that is no record', () => {
  test.each([
    ['not JSON', '{"id": 1,'],
    ['not an object', '[1, 2]'],
    ['of a kind that nobody knows', with_({ event_type: 'exploded' })],
    ['without an actor', with_({ actor: undefined })],
    ['with an empty actor', with_({ actor: '' })],
    ['without an item', with_({ issue_id: null })],
    ['with an item of another type', with_({ issue_id: 7 })],
    ['with an item as long as a book', with_({ issue_id: 'x'.repeat(129) })],
    ['with half a character for a name', with_({ actor: '\ud800' })],
    ['without an id', with_({ id: null })],
    ['without a time', with_({ created_at: undefined })],
    ['at a time that is none', with_({ created_at: 'yesterday' })],
    ['on a day that is none', with_({ created_at: '2026-02-30T00:00:00Z' })],
    ['in the year 9999', with_({ created_at: '9999-12-31T23:59:59Z' })],
    ['before computers', with_({ created_at: '0001-01-01T00:00:00Z' })],
    ['with a value of another type', with_({ new_value: { status: 'open' } })],
    ['with a status that is none', with_({ new_value: '{"status": 7}' })],
    ['with an assignee that is none', with_({ old_value: '{"assignee": {}}' })],
    ['too long', with_({ comment: 'x'.repeat(LINE_BYTES_MAX) })],
  ])('%s is refused with its number, and the rest goes on', async (_what, line) => {
    const { report } = await importText(`${line}\n${TEXT}`);
    expect(report).toMatchObject({ records: 6, accepted: 4, refused: 2 });
    expect(report.reasons).toEqual({ INVALID_INPUT: 1, ILLEGAL_TRANSITION: 1 });
    expect(report.examples.INVALID_INPUT).toEqual(['line 1']);
  });

  test('not UTF-8 is refused with its number', async () => {
    const { report } = await importText(
      Buffer.concat([Buffer.from(TEXT), Buffer.from([0xff, 10])]),
    );
    expect(report.examples.INVALID_INPUT).toEqual(['line 6']);
  });

  test('a key that would change a prototype is refused by the coordinator', async () => {
    const updated = with_({ id: 9, event_type: 'updated', new_value: '{"__proto__": {"x": 1}}' });
    const { report } = await importText(`${TEXT}${updated}\n`);
    expect(report.examples.INVALID_INPUT).toEqual([9]);
  });
});

describe('a file', () => {
  const plain = importedOnce(TEXT);
  test.each([
    ['with lines that end as on Windows', TEXT.replaceAll('\n', '\r\n')],
    ['with a byte order mark', `\ufeff${TEXT}`],
    ['with empty lines', `\n${TEXT.replaceAll('\n', '\n\n  \n')}`],
    ['whose last line has no end', TEXT.trimEnd()],
    ['in another order', TEXT.trimEnd().split('\n').toReversed().join('\n')],
  ])('%s gives the same tasks', async (_what, text) => {
    const { report, state } = await importText(text);
    expect(report).toMatchObject({ records: 5, accepted: 4, reasons: { ILLEGAL_TRANSITION: 1 } });
    expect(state.global.tasks).toEqual((await plain()).state.global.tasks);
  });

  test.each([
    ['that is empty', ''],
    ['of empty lines', '\n\n'],
    ['of something else', '# A title\n\nand some text\n'],
    ['of nothing but zeros', '\0'.repeat(100_000)],
  ])('%s is refused as a whole, before anything is written', async (_what, text) => {
    const file = await scratch('file');
    await writeFile(file, text);
    await expect(BeadsLog.open(file)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(await readdir(dirname(file))).toEqual(['file']);
  });

  test('that is longer than what is read at once has the same lines', async () => {
    const items = Array.from({ length: 1_000 }, (_, index) => `bd-ü${index}`);
    const { report, state } = await importText(
      linesOf(items.map((item) => ({ kind: 'created', item, actor: 'mayor' }))),
    );
    expect(report).toMatchObject({ records: 1_000, accepted: 1_000 });
    expect(Object.keys(state.global.tasks).toSorted()).toEqual(items.toSorted());
  });

  test('that is missing, or a directory, is refused', async () => {
    const file = await scratch('file');
    await expect(BeadsLog.open(file)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await mkdir(file);
    await expect(BeadsLog.open(file)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('that changes while it is imported ends the import', async () => {
    const file = await scratch('file');
    await writeFile(file, TEXT);
    const log = await BeadsLog.open(file);
    await writeFile(file, TEXT.replaceAll('2026-02-26T12:03', '2026-02-26T12:04'));
    await expect(importBeads(log, {})).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await log.close();
  });
});

/** An import that is made when somebody first compares with it. */
function importedOnce(text: string): () => ReturnType<typeof importText> {
  let made: ReturnType<typeof importText> | undefined;
  return async () => (made ??= importText(text));
}

describe('the same file', () => {
  test('[I1] is the same state anywhere, with checkpoints or without', async () => {
    const file = await scratch('events.jsonl');
    await writeFile(file, TEXT);
    const first = await importFile(file);
    const second = await importFile(file, { snapshots: { everyEvents: 1, keep: 100 } });
    expect(second.report).toEqual(first.report);
    expect(second.events).toEqual(first.events);
    expect(first.events[0]?.id).toMatch(/^beads-[\da-f]{16}/);
  });

  test('another file is another swarm', async () => {
    const first = await importText(TEXT);
    const second = await importText(TEXT.replace('done', 'gone'));
    expect(second.events[0]?.id).not.toBe(first.events[0]?.id);
  });

  test('[I5] the time of an event is that of its record, and the swarm begins with the first', async () => {
    const { events } = await importText(TEXT);
    const times = new Set(events.map(({ timestamp }) => timestamp));
    expect([...times]).toEqual([0, 1, 2, 3, 4].map((minute) => `2026-02-26T12:0${minute}:00.000Z`));
  });
});

describe('a directory', () => {
  test('[I5] that has a swarm is refused, and nothing is appended to it', async () => {
    const directory = await scratch('swarm');
    const swarm = await openSwarm({ directory });
    const { sequence } = swarm;
    await swarm.close();
    const file = await scratch('events.jsonl');
    await writeFile(file, TEXT);
    const log = await BeadsLog.open(file);
    await expect(importBeads(log, { directory })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await log.close();

    const history = await History.open(directory);
    expect(history.head).toMatchObject({ sequence, epoch: 1 });
    await history.close();
    await (await openSwarm({ directory })).close(); // it was given back
  });

  test('of an import that was interrupted has a sound log of the records so far', async () => {
    const file = await scratch('events.jsonl');
    await writeFile(file, TEXT);
    const controller = new AbortController();
    let told = 0;
    const { report, task } = await importFile(file, {
      signal: controller.signal,
      onProgress: () => {
        told += 1;
        if (told === 2) controller.abort();
      },
    });
    expect(report).toMatchObject({ records: 2, accepted: 2, complete: false });
    expect(task('bd-1')).toMatchObject({ status: 'pending', assignedTo: { agentId: 'ada' } });
  });
});
