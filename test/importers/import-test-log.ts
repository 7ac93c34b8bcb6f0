/** Imports small logs that a test writes by hand, and checks of each import what holds of every import. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { openSwarm } from '../../src/coordinator/open-swarm.ts';
import type { SwarmEvent } from '../../src/events/envelope.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import { History } from '../../src/history/history.ts';
import type { BeadsItem } from '../../src/importers/beads-item.ts';
import { BeadsLog } from '../../src/importers/beads-log.ts';
import type { BeadsKind } from '../../src/importers/beads-record.ts';
import { importBeads } from '../../src/importers/import-beads.ts';
import type { ImportOptions, ImportReport } from '../../src/importers/import-beads.ts';
import type { SwarmState } from '../../src/projections/swarm-state.ts';
import { checkReplay, liveState, ManualClock, type LiveState } from '../../src/testing/index.ts';

/** The parts of a record that a test cares for. */
export interface TestRecord {
  readonly kind: BeadsKind;
  readonly item: string;
  readonly actor: string;
  readonly old?: object | string;
  readonly new?: object | string;
  readonly comment?: string;
}

/** What an import left behind. */
export interface Imported {
  readonly report: ImportReport;
  readonly directory: string;
  readonly state: SwarmState;
  readonly items: ReadonlyMap<string, BeadsItem>;
  readonly events: readonly SwarmEvent[];
  readonly task: (id: string) => TaskState;
  /** The events about tasks, as `who type`. */
  readonly story: () => readonly string[];
}

const START = Date.UTC(2026, 1, 26, 12);

/** The lines of a log: ids from 1, a minute after each other. */
export function linesOf(records: readonly TestRecord[]): string {
  const lines = records.map(({ kind, item, actor, comment, ...values }, index) =>
    JSON.stringify({
      id: index + 1,
      event_type: kind,
      issue_id: item,
      actor,
      old_value: textOf(values.old),
      new_value: textOf(values.new),
      comment: comment ?? null,
      created_at: new Date(START + index * 60_000).toISOString().replace('.000Z', 'Z'),
    }),
  );
  return lines.map((line) => `${line}\n`).join('');
}

function textOf(value: object | string | undefined): string | null {
  return value === undefined || typeof value === 'string' ? (value ?? null) : JSON.stringify(value);
}

/** A path that is removed after the test. */
export async function scratch(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stigmergy-import-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return join(folder, name);
}

/** Imports what a file would hold. */
export async function importText(
  text: string | Uint8Array,
  options: ImportOptions = {},
): Promise<Imported> {
  const file = await scratch('events.jsonl');
  await writeFile(file, text);
  return importFile(file, options);
}

export async function importRecords(...records: TestRecord[]): Promise<Imported> {
  return importText(linesOf(records));
}

/** Imports a file, and checks what holds of every import: replay, no deadline, and that the plan followed the coordinator. */
export async function importFile(file: string, options: ImportOptions = {}): Promise<Imported> {
  const directory = options.directory ?? (await scratch('swarm'));
  const shown: { live?: LiveState; state?: SwarmState; items?: Imported['items'] } = {};
  const log = await BeadsLog.open(file);
  const report = await importBeads(log, {
    ...options,
    directory,
    onEnd(swarm, items) {
      shown.live = liveState(swarm);
      shown.state = swarm.state;
      shown.items = items;
    },
  });
  await log.close();
  const { live, state, items } = shown;
  if (live === undefined || state === undefined || items === undefined) throw new Error('no end');

  await checkReplay(directory, live);
  expect(live).toMatchObject({ sequence: report.sequence, stateHash: report.stateHash });
  expect(report.accepted + report.refused).toBe(report.records);
  checkItems(state, items);
  const events = await eventsOf(directory);
  await checkNothingArmed(directory, report.sequence);
  return {
    report,
    directory,
    state,
    items,
    events,
    task(id) {
      const task = state.global.tasks[id];
      if (task === undefined) throw new Error(`there is no task ${id}`);
      return task;
    },
    story: () =>
      events
        .filter(({ type }) => type.startsWith('task.') || type.startsWith('state.'))
        .map(({ source, type }) => `${source.agentId} ${type}`),
  };
}

/** What the importer believed of each task is what the coordinator made of it. */
function checkItems({ global }: SwarmState, items: Imported['items']): void {
  for (const { taskId, phase, holder } of items.values()) {
    const task = global.tasks[taskId];
    const isEnded = task?.status === 'complete';
    const shown = { phase: isEnded ? 'ended' : task?.status, holder: task?.assignedTo?.agentId };
    expect({ taskId, ...shown }).toEqual({ taskId, phase, holder: holder ?? undefined });
  }
}

async function eventsOf(directory: string): Promise<readonly SwarmEvent[]> {
  const history = await History.open(directory);
  const events: SwarmEvent[] = [];
  for await (const event of history.events({})) events.push(event);
  expect(await history.verify()).toMatchObject({ ok: true });
  await history.close();
  return events;
}

/** A year later it is opened again: no timer waits, and nothing has run out. */
async function checkNothingArmed(directory: string, before: number): Promise<void> {
  const clock = new ManualClock(Date.UTC(2027, 5, 1));
  const swarm = await openSwarm({ directory, clock });
  expect(clock.pending).toBe(0);
  await clock.advance(86_400_000);
  await swarm.close();
  const history = await History.open(directory);
  const types: string[] = [];
  for await (const { type } of history.events({ fromSequence: before + 1 })) types.push(type);
  await history.close();
  expect(types).toEqual(['system.resumed']);
}
