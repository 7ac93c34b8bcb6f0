/**
 * A line of a beads event log, read once into a record (I11): its kind, its item, its actor, its time and its values.
 *
 * Here and nowhere else foreign input gets its shape. Not here: what a record asks for (`beads-plan.ts`).
 */
import * as z from 'zod';
import { parseTime } from '../core/time.ts';

/** Every kind of record. */
export const BEADS_KINDS = [
  'created',
  'updated',
  'status_changed',
  'claimed',
  'closed',
  'reopened',
  'label_added',
  'label_removed',
  'commented',
  'renamed',
] as const;

/** What a record tells of. */
export type BeadsKind = (typeof BEADS_KINDS)[number];

/** The fields of an item, as a value of the log holds them. */
export type BeadsFields = Readonly<Record<string, unknown>>;

/** One record. */
export interface BeadsRecord {
  readonly id: number | string;
  readonly kind: BeadsKind;
  /** Ids as a swarm takes them: see {@link idOf}. */
  readonly item: string;
  readonly actor: string;
  readonly timeMs: number;
  /** The item before the record; undefined when the value is empty or no object. */
  readonly before: BeadsFields | undefined;
  /** The fields that changed; undefined when the value is empty or no object. */
  readonly changes: BeadsFields | undefined;
  /** The new value when it is a text, or the comment; empty when there is neither. */
  readonly text: string;
  readonly oldText: string;
}

/** A record, or what is wrong with the line. */
export type ReadRecord =
  | { readonly ok: true; readonly record: BeadsRecord }
  | { readonly ok: false; readonly message: string };

const ID_CHARS_MAX = 128;
/** Records from before and after are taken for mistakes: one year 9999 would move the time of the swarm there for good. */
const TIME_MS_MIN = Date.UTC(2000);
const TIME_MS_MAX = Date.UTC(2100);

/** A name as an id of a swarm: what an id may not hold, white space for example, is percent-encoded. */
export function idOf(name: string): string {
  return name.replaceAll(/[\s\p{C}%]/gu, encodeURIComponent);
}

/** Names that the system has for itself. */
const RESERVED = /^(?=(?:coordinator|operator)$)./;

const idSchema = z
  .string()
  .min(1)
  .refine((name) => !/\p{Cs}/u.test(name), 'well-formed text')
  .transform(idOf)
  .refine((id) => id.length <= ID_CHARS_MAX, `at most ${ID_CHARS_MAX} characters`);

/** An agent cannot be called as the system itself: the first letter of such a name is encoded too. */
const agentSchema = idSchema.transform((id) =>
  id.replace(RESERVED, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
);

const timeSchema = z.string().transform((text, context) => {
  const timeMs = parseTime(text);
  if (timeMs !== undefined && timeMs >= TIME_MS_MIN && timeMs < TIME_MS_MAX) return timeMs;
  context.addIssue('an ISO 8601 time from 2000 to 2099');
  return z.NEVER;
});

const textSchema = z.string().nullish();

const recordSchema = z.object({
  id: z.union([z.int(), z.string().min(1).max(ID_CHARS_MAX)]),
  event_type: z.enum(BEADS_KINDS),
  issue_id: idSchema,
  actor: agentSchema,
  created_at: timeSchema,
  old_value: textSchema,
  new_value: textSchema,
  comment: textSchema,
});

/** What the importer acts on must have the right type; everything else is kept as it is. */
const fieldsSchema = z.looseObject({
  title: z.string().optional(),
  status: z.string().min(1).max(64).optional(),
  assignee: z.union([z.literal(''), z.null().transform(() => ''), agentSchema]).optional(),
  priority: z.int().optional(),
});

/** Reads a line. */
export function readRecord(line: string): ReadRecord {
  const parsed = parseJson(line);
  if (parsed === undefined) return { ok: false, message: 'not JSON' };
  const read = recordSchema.safeParse(parsed.value);
  if (!read.success) return invalid(read.error);
  const { id, event_type, issue_id, actor, created_at, old_value, new_value, comment } = read.data;
  const before = readFields(old_value ?? '');
  const changes = readFields(new_value ?? '');
  if (before?.success === false) return invalid(before.error, 'old_value.');
  if (changes?.success === false) return invalid(changes.error, 'new_value.');
  const isText = changes === undefined || (event_type === 'closed' && !statusIn(changes.data));
  const told = isText && new_value ? new_value : (comment ?? '');
  return {
    ok: true,
    record: {
      id,
      kind: event_type,
      item: issue_id,
      actor,
      timeMs: created_at,
      before: before?.data,
      changes: changes?.data,
      text: told,
      oldText: old_value ?? '',
    },
  };
}

/** The fields in a value; undefined when it is empty or a text. */
function readFields(value: string) {
  if (!value.startsWith('{')) return undefined;
  const parsed = parseJson(value);
  return parsed === undefined ? undefined : fieldsSchema.safeParse(parsed.value);
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function invalid(error: z.ZodError, where = ''): ReadRecord {
  const [issue] = error.issues;
  return { ok: false, message: `${where}${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` };
}

/** The assignee in some fields: empty when they name nobody, undefined when they do not say. */
export function assigneeIn(fields: BeadsFields | undefined): string | undefined {
  const assignee = fields?.['assignee'];
  return typeof assignee === 'string' ? assignee : undefined;
}

/** The status in some fields. */
export function statusIn(fields: BeadsFields | undefined): string | undefined {
  const status = fields?.['status'];
  return typeof status === 'string' ? status : undefined;
}

/** Whether a record does not say what records of its kind have to say. */
export function isMute(record: BeadsRecord): boolean {
  const { kind, changes, text, oldText } = record;
  const needsFields = kind === 'updated' || kind === 'status_changed';
  return (
    (needsFields && (changes === undefined || Object.keys(changes).length === 0)) ||
    (kind === 'status_changed' && statusIn(changes) === undefined) ||
    (kind.startsWith('label_') && labelIn(text) === undefined) ||
    (kind === 'commented' && text === '') ||
    (kind === 'renamed' && oldText === '')
  );
}

/** Whether a record ends its item. */
export function isClose({ kind, changes }: BeadsRecord): boolean {
  const status = statusIn(changes);
  if (kind === 'closed') return status === undefined || status === 'closed';
  return (kind === 'status_changed' || kind === 'updated') && status === 'closed';
}

/** The label that a record adds or removes. */
export function labelIn(text: string): string | undefined {
  return /^(?:Added|Removed) label: (\S.*)$/s.exec(text)?.[1];
}
