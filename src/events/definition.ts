/** How an event type is defined, and the marks that a fact leaves on the record it changed. */
import type * as z from 'zod';
import type { Fact } from './envelope.ts';
import type { Priority } from './identity.ts';

/** What the catalogue says about one event type. */
export interface EventDefinition<Shape extends z.ZodObject = z.ZodObject> {
  /** The version of the payload; an older one is lifted when it is read, an unknown one is refused. */
  readonly version: number;
  readonly schema: Shape;
  /** The names of the payload's fields, in this version: what may be left to the command in the log. */
  readonly fields: readonly string[];
  /** The versions before this one, oldest first, each with the step that lifts it to the next. */
  readonly earlier: readonly EarlierVersion[];
  /** The fields of the record that its fold writes; null when it writes the whole record. */
  readonly writes: readonly string[] | null;
  readonly origin: 'specification' | 'stigmergy';
  /** Who emits it and when; 'planned' when nothing does yet. */
  readonly emitted: string;
}

/** A former version of a payload. */
export interface EarlierVersion {
  readonly version: number;
  /** The names that its fields had. */
  readonly fields: readonly string[];
  /** Makes the next version of it: pure, and total over what was ever written. */
  lift(payload: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
}

/** Defines an event type of the specification. */
export function specified<Shape extends z.ZodObject>(
  emitted: string,
  writes: readonly string[] | null,
  schema: Shape,
  ...earlier: readonly EarlierVersion[]
): EventDefinition<Shape> {
  const fields = Object.keys(schema.shape);
  const version = earlier.length + 1;
  return { version, schema, fields, earlier, writes, origin: 'specification', emitted };
}

/** Defines an event type of ours. */
export function ours<Shape extends z.ZodObject>(
  emitted: string,
  writes: readonly string[] | null,
  schema: Shape,
): EventDefinition<Shape> {
  return { ...specified(emitted, writes, schema), origin: 'stigmergy' };
}

/** The facts that a table of definitions describes, as a closed union on `type`. */
export type FactsOf<Definitions extends Record<string, EventDefinition>> = {
  [Type in keyof Definitions & string]: Fact<Type, z.infer<Definitions[Type]['schema']>>;
}[keyof Definitions & string];

/** One writing: the version of what was written, when, and by which session. */
export interface Touch {
  readonly sequence: number;
  readonly timeMs: number;
  readonly by: string;
  /** There was something here, and what this touch marks is that it went: a tombstone. */
  readonly gone?: true;
  /** What the writer gave as the priority of the write; absent when it gave none. */
  readonly priority?: Priority;
}

/** The version of a record: one for the whole, and one per field or free path where it differs. */
export interface Touched {
  readonly whole: Touch;
  readonly fields: { readonly [path: string]: Touch } | null;
}

export function touchOf(fact: Fact): Touch {
  return { sequence: fact.sequence, timeMs: fact.timeMs, by: fact.source.sessionId };
}

/** Marks what a fact wrote; `writes` is null when it made or replaced the whole record. */
export function stamp(
  before: Touched | undefined,
  fact: Fact,
  writes: readonly string[] | null,
): Touched {
  const touch = touchOf(fact);
  if (before === undefined || writes === null) return { whole: touch, fields: null };
  const fields: Record<string, Touch> = { ...before.fields };
  for (const field of writes) fields[field] = touch;
  return { whole: before.whole, fields };
}

/** The version of a path of a record: the greatest of what was written at it, above it or below it. */
export function versionOf(touched: Touched, path: string): Touch {
  let newest = touched.whole;
  for (const [written, touch] of Object.entries(touched.fields ?? {})) {
    if (touch.sequence > newest.sequence && (isWithin(written, path) || isWithin(path, written))) {
      newest = touch;
    }
  }
  return newest;
}

/** Whether a path is, or lies below, another one. Both in the form of `formatPath`; the empty path is the root. */
export function isWithin(path: string, above: string): boolean {
  if (above === '') return true;
  if (!path.startsWith(above)) return false;
  const next = path[above.length];
  return next === undefined || next === '.' || next === '[';
}

/**
 * A record that is being made. A fact copies its record field by field into one literal, changes some fields, and lets nobody
 * see it before it is done: that is ten times quicker than spreading an object of sixteen fields.
 */
export type Draft<Record> = { -readonly [Field in keyof Record]: Record[Field] };
