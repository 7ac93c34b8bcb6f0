/**
 * Which events a subscriber wants (specification, `EventPattern`).
 *
 * Regular expressions are carried out by an engine whose time grows with the text and not with the expression: one that
 * would take JavaScript's own for ever takes this one microseconds. What it cannot express (looking around, referring back) is
 * refused when somebody subscribes.
 */
import { RE2JS } from 're2js';
import { refuse, type Refusal } from '../core/errors.ts';
import { appEventTypeSchema, isAppEventType } from '../events/app-event.ts';
import { definitionOf, isBookkeeping } from '../events/catalog.ts';
import type { Fact, SwarmEvent } from '../events/envelope.ts';
import { described } from './letter-writer.ts';
import { typeMatcher } from '../events/filter.ts';
import { AGENT_KINDS, type AgentIdentity, type AgentType } from '../events/identity.ts';

/** A pattern: an event must match every field that is given (specification, `EventPattern`). */
export interface EventPattern {
  /** A type, several, or an expression over types; a trailing `*` stands for any ending: `task.*`. */
  readonly type?: string | readonly string[] | RegExp;
  /** Who caused the event: one session, or any of a kind. */
  readonly source?: AgentIdentity | AgentType;
  /** Asked last. When it throws, the event counts as one that the handler failed at. */
  readonly custom?: (event: SwarmEvent) => boolean;
}

/** A pattern that is ready to be asked. `custom` is not: it may throw, so whoever delivers asks it. */
export interface CompiledPattern {
  readonly ok: true;
  matches(fact: Fact): boolean;
  /** Whether it wants events of a type. */
  names(type: string): boolean;
}

const TYPE_CHARS_MAX = 1_024;
const TYPES_MAX = 256;
const EXPRESSION_CHARS_MAX = 256;
/** An expression is as large as what it repeats, times how often: a type has at most some hundred characters. */
const REPEATS_MAX = 100;
const REPEAT = /\{(\d+)(?:,(\d*))?\}/g;
/** Steps of the compiled expression; each may be taken for each character of a type. */
const STEPS_MAX = 2_000;
/** The kernel has about sixty types; applications make their own, and no end of them is kept. */
const KNOWN_TYPES_MAX = 1_024;
/** What JavaScript reads as plain letters when the flag `u` is missing. */
const MEANS_ANOTHER = /\\(?:[pP]|u\{)/;
const AGENT_TYPES: readonly unknown[] = [...AGENT_KINDS, 'system'];

/** Makes a pattern ready. Refuses with `INVALID_INPUT` one that cannot be meant. */
export function compilePattern(pattern: EventPattern): CompiledPattern | Refusal {
  try {
    return compileFields(pattern);
  } catch (error) {
    return notMeant('pattern', `plain data (${described(error).message.slice(0, 200)})`);
  }
}

function compileFields(pattern: EventPattern): CompiledPattern | Refusal {
  if (typeof pattern !== 'object' || pattern === null) {
    return notMeant('pattern', "an object, such as { type: 'app.*' }; {} is every event");
  }
  const known = new Set(['type', 'source', 'custom']);
  const other = Object.keys(pattern).find((key) => !known.has(key));
  if (other !== undefined)
    return notMeant(other.slice(0, 80), 'no such field: there are type, source and custom');
  const { type, source, custom } = pattern;
  if (custom !== undefined && typeof custom !== 'function') return notMeant('custom', 'a function');
  const isType = compileType(type);
  if (!isType.ok) return isType;
  const isSource = compileSource(source);
  if (!isSource.ok) return isSource;
  return {
    ok: true,
    matches: (fact) => isType.test(fact.type) && isSource.test(fact.source),
    names: (name) => isType.test(name),
  };
}

interface Test<T> {
  readonly ok: true;
  test(value: T): boolean;
}

function compileType(type: EventPattern['type']): Test<string> | Refusal {
  if (type === undefined) return { ok: true, test: (name) => !isBookkeeping(name) };
  if (type instanceof RegExp) {
    const expression = compileExpression(type);
    if (!expression.ok) return expression;
    return { ok: true, test: remembered((name) => !isBookkeeping(name) && expression.test(name)) };
  }
  const types = listOf(type);
  const areNames =
    types !== undefined &&
    types.every((name) => typeof name === 'string' && name.length <= TYPE_CHARS_MAX);
  if (!areNames)
    return notMeant('type', `a type, a RegExp, or a list of at most ${TYPES_MAX} types`);
  const names = types as readonly string[];
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined) {
    const name = JSON.stringify(unknown.slice(0, 80));
    return notMeant('type', `a type that there is, with * at its end only, and not ${name}`);
  }
  const isOne = typeMatcher(names);
  return {
    ok: true,
    test: remembered((name) => (isBookkeeping(name) ? names.includes(name) : isOne(name))),
  };
}

/** A copy, since the list is the caller's and may change; undefined when it is none, or too long. */
function listOf(type: string | readonly string[]): readonly unknown[] | undefined {
  if (typeof type === 'string') return [type];
  return Array.isArray(type) && type.length <= TYPES_MAX ? [...(type as unknown[])] : undefined;
}

/** Whether there can be events of a type, or of one that begins so. */
function isKnown(name: string): boolean {
  const star = name.indexOf('*');
  if (star !== -1) return star === name.length - 1;
  if (isAppEventType(name)) return appEventTypeSchema.safeParse(name).success;
  return definitionOf(name) !== undefined;
}

/** The answers of a test by type: there are few types and many events. */
function remembered(test: (type: string) => boolean): (type: string) => boolean {
  const answers = new Map<string, boolean>();
  return (type) => {
    let answer = answers.get(type);
    if (answer === undefined) {
      answer = test(type);
      if (answers.size >= KNOWN_TYPES_MAX) answers.clear();
      answers.set(type, answer);
    }
    return answer;
  };
}

function compileExpression({ source, flags }: RegExp): Test<string> | Refusal {
  if (source.length > EXPRESSION_CHARS_MAX) {
    return notMeant('type', `an expression of at most ${EXPRESSION_CHARS_MAX} characters`);
  }
  let repeats = 1;
  for (const [, least = '1', most] of source.matchAll(REPEAT)) {
    repeats *= Math.max(1, Number(most === undefined || most === '' ? least : most));
  }
  if (repeats > REPEATS_MAX) return notMeant('type', `at most ${REPEATS_MAX} repeats, {n}`);
  if (!/[uv]/.test(flags) && MEANS_ANOTHER.test(source.replaceAll('\\\\', ''))) {
    return notMeant('type', 'the flag u, without which \\p and \\u{ mean something else');
  }
  try {
    const expression = RE2JS.compile(RE2JS.translateRegExp(source), flagsOf(flags));
    if (expression.programSize() > STEPS_MAX) {
      return notMeant('type', 'an expression of less choices and repeats');
    }
    return { ok: true, test: (type) => expression.test(type) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return notMeant(
      'type',
      `an expression without looking around and referring back (${reason.slice(0, 200)})`,
    );
  }
}

function flagsOf(flags: string): number {
  return (
    (flags.includes('i') ? RE2JS.CASE_INSENSITIVE : 0) |
    (flags.includes('m') ? RE2JS.MULTILINE : 0) |
    (flags.includes('s') ? RE2JS.DOTALL : 0)
  );
}

function compileSource(source: EventPattern['source']): Test<AgentIdentity> | Refusal {
  if (source === undefined) return { ok: true, test: () => true };
  if (typeof source === 'string') {
    if (!AGENT_TYPES.includes(source))
      return notMeant('source', `one of ${AGENT_TYPES.join(', ')}`);
    return { ok: true, test: ({ agentType }) => agentType === source };
  }
  const { agentId, agentType, sessionId } = source ?? {};
  if ([agentId, agentType, sessionId].some((part) => typeof part !== 'string')) {
    return notMeant(
      'source',
      'an identity of agentId, agentType and sessionId, or a type of agent',
    );
  }
  return {
    ok: true,
    test: (by) =>
      by.sessionId === sessionId && by.agentId === agentId && by.agentType === agentType,
  };
}

function notMeant(at: string, expected: string): Refusal {
  return refuse('INVALID_INPUT', `An event pattern: ${at}: expected ${expected}.`, { at });
}
