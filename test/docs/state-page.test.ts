/** What `docs/state.md` shows runs as it says, its tables are those of the code, and no field is left out. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { formatPath, parsePath } from '../../src/core/path.ts';
import { DREAM_MOVES, ITERATION_MOVES } from '../../src/events/data-moves.ts';
import { inFull } from '../../src/events/full-path.ts';
import { LISTS } from '../../src/events/list-limits.ts';
import { STATE_SCHEMAS } from '../../src/events/state-schemas.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/state.md', import.meta.url), 'utf8');

/** The text of a section. */
function section(title: string): string {
  const [, text = ''] = page.split(`\n## ${title}\n`);
  return text.split('\n## ')[0] ?? '';
}

/** The cells of the rows of the tables in a text. */
function rowsOf(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.replaceAll('`', '').trim()))
    .filter(([first]) => !/^-+$/.test(first ?? ''))
    .slice(1);
}

test('the example of docs/state.md', async () => {
  const [example] = fences(page, ['js']);
  expect(example?.code).toContain('openSwarm');
  await runCode(example?.code ?? '');
});

test.each(rowsOf(section('Paths')))('%s is %s in full', (short, full) => {
  const parsed = parsePath(short ?? '');
  expect(parsed.ok && formatPath(inFull(parsed.steps))).toBe(full);
});

test('the lists are those of the code, with their limits and what they do when they are full', () => {
  const rows = rowsOf(section('What may be written')).filter(([, limit]) => limit?.endsWith('Max'));
  const expected = Object.entries(LISTS).map(([place, { name, isWindow }]) => [
    place.replaceAll('.[]', '[]').replace(/^health/, 'global.health'),
    name,
    DEFAULT_LIMITS[name].toLocaleString('en-US'),
    isWindow ? 'drops the oldest' : 'refuses another',
  ]);
  const other = ['any other', 'listLengthMax', '10,000', 'refuses another'];
  expect(rows).toEqual([...expected, other]);
});

function movesOf(place: string, moves: Readonly<Record<string, readonly string[]>>) {
  return Object.entries(moves).flatMap(([from, to]) => to.map((next) => [place, from, next]));
}

test('the legal moves are those of the code', () => {
  const rows = rowsOf(section('Legal moves')).flatMap(([place, from, to = '']) =>
    to
      .replace(', together with another id', '')
      .split(', ')
      .map((next) => [place, from, next]),
  );
  expect(rows).toEqual([
    ...movesOf('dream_weaver.data.phase', DREAM_MOVES),
    ...movesOf('pulse.data.iterations[].status', ITERATION_MOVES),
  ]);
});

/** Every field of a schema, those of its objects and of the elements of its lists included. */
function fieldsOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return fieldsOf(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodArray) return fieldsOf(schema.element as z.ZodType);
  if (schema instanceof z.ZodRecord) return fieldsOf(schema.valueType as z.ZodType);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([name, field]) => [
    name,
    ...fieldsOf(field as z.ZodType),
  ]);
}

const { GlobalState, AgentState, PulseState, HeartbeatState, DreamWeaverState, ConductorState } =
  STATE_SCHEMAS;
const own = AgentState.omit({ currentTask: true, taskQueue: true }).shape;

const TITLES: readonly (readonly [title: string, fields: readonly string[]])[] = [
  ['Configuration', fieldsOf(GlobalState.shape.config)],
  ['Of the swarm', fieldsOf(GlobalState.omit({ config: true, tasks: true }))],
  ['Of a session', [...fieldsOf(z.object(own)), 'currentTask', 'taskQueue']],
  ['Of a Pulse', fieldsOf(PulseState.shape.data)],
  ['Of a Heartbeat', fieldsOf(HeartbeatState.shape.data)],
  ['Of a Dream Weaver', fieldsOf(DreamWeaverState.shape.data)],
  [
    'Of a Conductor',
    fieldsOf(ConductorState.shape.data.omit({ pendingHandoffs: true })).concat('pendingHandoffs'),
  ],
];

describe.each(TITLES)('%s', (title, fields) => {
  const text = section(title);

  test.each([...new Set(fields)])('tells of %s', (field) => {
    expect(text).toMatch(new RegExp(`\`(?:[A-Za-z.]+\\.)?${field}[.\`]`));
  });
});
