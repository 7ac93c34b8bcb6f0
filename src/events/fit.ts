/**
 * Whether a direct write leaves its document as the specification describes it.
 *
 * Only what a write puts there is looked at, with as much around it as the write makes: an append to a long list costs its
 * element. What a schema changes to make a value right (`fields.ts`) is put in its place, and said.
 */
import * as z from 'zod';
import { canonicalJson, frozen, type JsonObject, type JsonValue } from '../core/json.ts';
import { formatPath, type PathStep } from '../core/path.ts';
import { childAt, leavesOf, valueAt, withValueAt, written, type Write } from './state.ts';

/** A write as it fits, or why it does not. */
export type Fit =
  | {
      readonly ok: true;
      readonly write: Write;
      /** What was changed of it; absent when nothing was. */
      readonly reason?: string;
    }
  | { readonly ok: false; readonly reason: string };

/** A document with its schema, and a place in it. */
export interface DocumentPlace {
  readonly schema: z.ZodType;
  readonly document: JsonObject;
  /** The steps inside the document. */
  readonly steps: readonly PathStep[];
}

/** Fits a write to the schema of the document that it changes; `leaves` are what it puts there. */
export function fitWrite(
  { schema, document, steps }: DocumentPlace,
  write: Write,
  leaves = leavesOf(document, write, steps),
): Fit {
  if (write.type === 'state.deleted') return fitRemoval(schema, write, steps);
  let newValue = write.payload.newValue as JsonValue;
  const reasons: string[] = [];
  for (const leaf of leaves) {
    const found = placeToCheck(schema, document, leaf.steps);
    if (!found.ok) return found;
    const isLeaf = found.steps.length === leaf.steps.length;
    const value = (
      isLeaf ? leaf.after : valueAt(written(document, write, steps), found.steps)
    ) as JsonValue;
    const parsed = found.schema.safeParse(value);
    if (!parsed.success) return { ok: false, reason: reasonOf(parsed.error, value, found.steps) };
    if (value === parsed.data) continue;
    const differing = [...differences(value, parsed.data as JsonValue, found.steps)];
    if (differing.length === 0) continue;
    reasons.push(...differing);
    const kept = valueAt(parsed.data, leaf.steps.slice(found.steps.length)) as JsonValue;
    newValue = withValueAt(newValue, leaf.steps.slice(steps.length), kept);
  }
  if (reasons.length === 0) return { ok: true, write };
  const payload = { ...write.payload, newValue: frozen(newValue) };
  return { ok: true, write: { ...write, payload }, reason: told(reasons) };
}

/** So many changes are told in words. */
const TOLD_MAX = 8;

function told(reasons: readonly string[]): string {
  const more = reasons.length - TOLD_MAX;
  const all = reasons.slice(0, TOLD_MAX).join('; ');
  return more > 0 ? `${all}; and ${more} more` : all;
}

/** What the specification requires is not taken away. */
function fitRemoval(schema: z.ZodType, write: Write, steps: readonly PathStep[]): Fit {
  const above = schemaAt(schema, steps.slice(0, -1));
  const inside = above instanceof z.ZodObject ? namedField(above, String(steps.at(-1))) : undefined;
  if (inside === undefined || inside instanceof z.ZodOptional) return { ok: true, write };
  return { ok: false, reason: `${formatPath(steps)}: is required: write an empty value instead` };
}

interface Place {
  readonly ok: true;
  readonly schema: z.ZodType;
  readonly steps: readonly PathStep[];
}

/** The smallest place that holds all that a leaf makes: itself, or what is made above it, or what is only right as a whole. */
function placeToCheck(
  schema: z.ZodType,
  document: JsonObject,
  steps: readonly PathStep[],
): Place | { readonly ok: false; readonly reason: string } {
  let at = schema;
  let value: unknown = document;
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index] ?? '';
    if (isWhole(at) || value === undefined) {
      return { ok: true, schema: at, steps: steps.slice(0, index) };
    }
    const next = childOf(at, step);
    if (next === undefined) {
      const place = formatPath(steps.slice(0, index + 1));
      return { ok: false, reason: `${place}: there is no such field` };
    }
    at = next;
    value = childAt(value, step);
  }
  return { ok: true, schema: at, steps };
}

/** Whether what a schema says of several fields is only right or wrong of all of them. */
function isWhole(schema: z.ZodType): boolean {
  return schema instanceof z.ZodRecord && (schema.def.checks ?? []).length > 0;
}

function schemaAt(schema: z.ZodType, steps: readonly PathStep[]): z.ZodType | undefined {
  return steps.reduce<z.ZodType | undefined>((at, step) => at && childOf(at, step), schema);
}

/** The schema one step further in; undefined where nothing may be. Without an optional or null around it. */
function childOf(schema: z.ZodType, step: PathStep): z.ZodType | undefined {
  const found = stepInto(schema, step);
  return found instanceof z.ZodOptional ? (found.unwrap() as z.ZodType) : found;
}

function stepInto(schema: z.ZodType, step: PathStep): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) return fieldOf(schema, String(step));
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  return schema instanceof z.ZodCustom || schema instanceof z.ZodUnknown ? FREE : undefined;
}

/** What is free may hold any JSON, and that it is JSON was seen when it came in. */
const FREE = z.unknown();

/** The schema of a field; of one that a loose object does not name, anything. */
function fieldOf(schema: z.ZodObject, field: string): z.ZodType | undefined {
  return (
    namedField(schema, field) ?? (schema.def.catchall instanceof z.ZodUnknown ? FREE : undefined)
  );
}

function namedField({ shape }: z.ZodObject, field: string): z.ZodType | undefined {
  return Object.hasOwn(shape, field) ? (shape[field] as z.ZodType) : undefined;
}

function reasonOf(
  { issues: [issue] }: z.ZodError,
  value: JsonValue,
  at: readonly PathStep[],
): string {
  const inside = (issue?.path ?? []) as readonly PathStep[];
  const isMissing = valueAt(value, inside) === undefined;
  const hint = inside.length === 1 ? '; a merge keeps what it does not name' : '';
  const why = isMissing ? `is required${hint}` : issue?.message;
  return `${formatPath([...at, ...inside])}: ${why ?? 'is not valid'}`;
}

/** The places where a schema kept another value than it was given, in words. */
function* differences(
  given: JsonValue,
  kept: JsonValue,
  steps: readonly PathStep[],
): Generator<string> {
  if (given === kept) return;
  if (typeof given !== 'object' || given === null) {
    yield `${formatPath(steps)}: ${canonicalJson(given)} is kept as ${canonicalJson(kept)}`;
    return;
  }
  for (const key of Array.isArray(given) ? given.keys() : Object.keys(given)) {
    const [one, other] = [valueAt(given, [key]), valueAt(kept, [key])];
    yield* differences(one as JsonValue, other as JsonValue, [...steps, key]);
  }
}
