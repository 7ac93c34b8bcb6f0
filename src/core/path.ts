/**
 * State paths: dots and `[n]`, as in the appendix of the specification.
 *
 * | text                       | segments                     |
 * | -------------------------- | ---------------------------- |
 * | `global.config`            | 'global', 'config'           |
 * | `a.list[2]`                | 'a', 'list', 2               |
 * | `locks["repo/a.ts"].x`     | 'locks', 'repo/a.ts', 'x'    |
 * | `agents.*.s1`              | 'agents', ANY, 's1'          |
 * | `agents.**`                | 'agents', ANY_DEPTH          |
 *
 * Keeps I11: a path that could reach a prototype is refused in both forms. What a path leads to is not known here.
 */
import { refuse, type Refusal } from './errors.ts';
import { isForbiddenKey } from './json.ts';

/** Matches one level. */
export const ANY: unique symbol = Symbol('*');
/** Matches any number of levels. */
export const ANY_DEPTH: unique symbol = Symbol('**');

/** A step of a path that leads to one place: a key of an object, or an index of a list. */
export type PathStep = string | number;
/** A step of a path, or a wildcard. */
export type PathSegment = PathStep | typeof ANY | typeof ANY_DEPTH;

/** The longest path that is read, in characters. */
export const PATH_CHARS_MAX = 4_096;

const TOKEN = /\.?(\*\*|\*|[A-Za-z0-9_-]{1,128})|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** Reads a path that may hold wildcards. Refuses with `INVALID_PATH`; the details say where reading stopped. */
export function parsePattern(
  text: string,
): { readonly ok: true; readonly segments: readonly PathSegment[] } | Refusal {
  if (typeof text !== 'string') return refuse('INVALID_PATH', 'A path is a text.');
  if (text.length > PATH_CHARS_MAX) {
    return refuse('INVALID_PATH', `A path has at most ${PATH_CHARS_MAX} characters.`);
  }

  const segments: PathSegment[] = [];
  const token = new RegExp(TOKEN);
  while (token.lastIndex < text.length) {
    const position = token.lastIndex;
    const match = token.exec(text);
    const segment = match === null ? undefined : readSegment(match);
    const dotted = match?.[0].startsWith('.') === true;
    const wantsDot = segments.length > 0 && match?.[1] !== undefined;
    if (segment === undefined || dotted !== wantsDot) return badPath(text, position);
    segments.push(segment);
  }
  return segments.length === 0 ? badPath(text, 0) : { ok: true, segments };
}

interface ParsedPath {
  readonly ok: true;
  readonly steps: readonly PathStep[];
}

/** Paths that were read lately: a write reads its path at every step of its journey. Only a memory of what reading gives. */
const lately = new Map<string, ParsedPath>();
const LATELY_MAX = 256;

/** Reads a path that leads to one place. Refuses with `INVALID_PATH`, also when it holds a wildcard. */
export function parsePath(text: string): ParsedPath | Refusal {
  const known = lately.get(text);
  if (known !== undefined) return known;
  const parsed = readPath(text);
  if (!parsed.ok) return parsed;
  if (lately.size >= LATELY_MAX) lately.clear();
  lately.set(text, parsed);
  return parsed;
}

function readPath(text: string): ParsedPath | Refusal {
  const pattern = parsePattern(text);
  if (!pattern.ok) return pattern;
  const steps = pattern.segments.filter(isStep);
  if (steps.length < pattern.segments.length) {
    return refuse('INVALID_PATH', `${text}: a wildcard does not lead to one place.`, {
      path: text,
    });
  }
  return Object.freeze({ ok: true, steps: Object.freeze(steps) });
}

/** The texts of steps that were read lately and cannot change. Only a memory of what writing gives. */
const texts = new WeakMap<readonly PathStep[], string>();

/** Writes steps in the one form in which paths are recorded and compared. */
export function formatPath(steps: readonly PathStep[]): string {
  const known = texts.get(steps);
  if (known !== undefined) return known;
  const text = written(steps);
  if (Object.isFrozen(steps)) texts.set(steps, text);
  return text;
}

function written(steps: readonly PathStep[]): string {
  let text = '';
  for (const step of steps) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[A-Za-z0-9_-]{1,128}$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

function isStep(segment: PathSegment): segment is PathStep {
  return typeof segment !== 'symbol';
}

function readSegment(match: RegExpExecArray): PathSegment | undefined {
  const [, plain, index, quoted] = match;
  if (index !== undefined) return Number(index);
  if (plain === '*') return ANY;
  if (plain === '**') return ANY_DEPTH;
  const key = plain ?? unquote(quoted);
  return key === undefined || isForbiddenKey(key) ? undefined : key;
}

function unquote(quoted: string | undefined): string | undefined {
  if (quoted === undefined) return undefined;
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined; // a bad escape
  }
}

function badPath(text: string, position: number): Refusal {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return refuse(
    'INVALID_PATH',
    `${JSON.stringify(shown)} is not a state path: cannot read on at character ${position}. ` +
      'Keys are separated by dots; a key with other characters than letters, digits, _ and - is written ["key"].',
    { path: shown, position },
  );
}
