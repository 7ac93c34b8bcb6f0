/**
 * The permission matrix of the specification ("Access Control"), as data: row by row, column by column, footnote by footnote.
 *
 * What it leaves open is decided below it, and marked as ours. Who may give which command is in `command-table.ts`; what a row
 * and a mark mean for a path, in `access-rules.ts`.
 */
import type { AgentKind } from '../events/identity.ts';

/** What a role may do: R reads, W writes and deletes; with a footnote, what of it. `–` is nothing, and no row has it. */
export type Mark = '–' | 'R' | 'RW' | 'RW¹' | 'RW²';

/** A state path, and the mark of each role. `X.*` is everything below `X`; any other path is itself and everything below it. */
export type MatrixRow = readonly [
  path: string,
  pulse: Mark,
  heartbeat: Mark,
  dreamWeaver: Mark,
  conductor: Mark,
  guardian: Mark,
];

/** The roles, in the order of the columns. */
export const COLUMNS: readonly AgentKind[] = [
  'pulse',
  'heartbeat',
  'dream_weaver',
  'conductor',
  'guardian',
];

/** The rows of the specification. */
export const PERMISSION_MATRIX: readonly MatrixRow[] = [
  //                        Pulse  Heartbeat  Dream Weaver  Conductor  Guardian
  ['global.config', 'R', 'R', 'R', 'RW', 'R'],
  ['global.registry', 'R', 'R', 'R', 'RW', 'R'],
  ['global.tasks', 'R', 'R', 'R', 'RW', 'R'],
  ['global.metrics', 'R', 'R', 'R', 'RW', 'R'],
  ['global.health', 'R', 'R', 'R', 'RW', 'RW'],
  ['agents.pulse.*', 'RW¹', 'R', 'R', 'RW', 'R'],
  ['agents.heartbeat.*', 'R', 'RW¹', 'R', 'RW', 'R'],
  ['agents.dream_weaver.*', 'R', 'R', 'RW¹', 'RW', 'R'],
  ['agents.conductor.*', 'R', 'R', 'R', 'RW', 'R'],
  ['locks.*', 'RW²', 'RW²', 'RW²', 'RW', 'R'],
];

/** What the marks stand for, in the words of the specification. */
export const FOOTNOTES = { '¹': 'Only own sessions', '²': 'Only own locks' } as const;

/** Ours: rows that the specification does not have. */
export const OUR_ROWS: readonly MatrixRow[] = [
  ['agents.guardian.*', 'R', 'R', 'R', 'RW', 'RW¹'],
  ['events.*', 'R', 'R', 'R', 'R', 'R'],
];

/** Ours: what the specification does not say about its rows. */
export const OUR_RULES = {
  'default deny': 'A path that no row has may be neither read, written nor deleted.',
  system: 'The operator and the coordinator may do everything. Nobody else is `system`.',
  delete: 'Who may write a place may delete it.',
  containers:
    '`global`, `agents`, `agents.TYPE`, `locks` and `events` as a whole are shown without what may not be read in them, and written by no session.',
  'own sessions':
    'The session of the handle, under its own kind of agent; not others of the same agent.',
  'own locks': 'A lock that the session holds or waits for, and its own request in the queue.',
} as const;
