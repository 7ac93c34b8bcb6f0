/**
 * The expressions that a command puts into routing rules: found in whatever form a direct write has, and checked.
 *
 * Asked before a command is decided, and not in decisions or replays (I6): a rule that was written stays as it is, whatever a
 * later version of the language makes of it.
 */
import { refuse, type Refusal } from '../core/errors.ts';
import { ANY, formatPath, parsePath, type PathStep } from '../core/path.ts';
import { inFull } from '../events/full-path.ts';
import type { SwarmCommand } from './commands.ts';
import { languageNow, loadLanguage } from './expression-language.ts';
import { writesAsked, type WriteAsked } from './paths.ts';

/** The place of an expression. */
// prettier-ignore
const PLACE = ['agents', 'conductor', ANY, 'data', 'routingTable', ANY, 'condition', 'custom'] as const;

/** Characters of all expressions in one command (I12): reading them keeps everybody else waiting. */
const EXPRESSION_CHARS_MAX = 32_768;

/** An expression that a value holds. */
interface Found {
  /** Where in the value; nowhere for the value itself. */
  readonly inside: readonly PathStep[];
  readonly text: string;
}

/** Refuses, with `INVALID_INPUT`, a command that would put an expression into a rule which cannot be used there. */
export function checkRules(command: SwarmCommand): Refusal | undefined {
  return checkRuleWrites(writesAsked(command));
}

/** The same for writes that belong together. */
export function checkRuleWrites(writes: readonly WriteAsked[]): Refusal | undefined {
  let chars = 0;
  for (const write of writes) {
    const parsed = parsePath(write.path);
    if (!parsed.ok || parsed.steps[1] !== PLACE[1]) continue; // the usual case
    const steps = inFull(parsed.steps);
    const place = write.isAppended === true ? [...steps, 0] : steps;
    for (const found of expressionsIn(place, write.value)) {
      chars += found.text.length;
      const refusal = chars > EXPRESSION_CHARS_MAX ? tooMany() : check(found.text);
      if (refusal !== undefined) return refusedAt(write.path, found.inside, refusal);
    }
  }
  return undefined;
}

/** The language is there, but for a moment after a Conductor was registered by a bare command. */
function check(text: string): Refusal | undefined {
  const language = languageNow();
  if (language !== undefined) return language.checkExpression(text);
  void loadLanguage();
  return refuse('OVERLOADED', 'The language of rules is being loaded. Ask again in a moment.');
}

/** The expressions of a value that is written to a place; its steps are in full. */
export function expressionsIn(steps: readonly PathStep[], value: unknown): readonly Found[] {
  const leads = steps.every((step, at) => PLACE[at] === ANY || PLACE[at] === step);
  return leads && steps.length <= PLACE.length ? [...below(value, steps.length, [])] : [];
}

function* below(value: unknown, depth: number, inside: readonly PathStep[]): Generator<Found> {
  const next = PLACE[depth];
  if (next === undefined) {
    if (typeof value === 'string') yield { inside, text: value };
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const isList = Array.isArray(value);
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    if (next !== ANY && next !== key) continue;
    yield* below(item, depth + 1, [...inside, isList ? Number(key) : key]);
  }
}

function refusedAt(path: string, inside: readonly PathStep[], { details }: Refusal): Refusal {
  const at = formatPath(inside);
  const where = at === '' ? path : `${path}, at ${at}`;
  const message = `${where}: the expression cannot be used: ${String(details['reason'])}.`;
  return refuse('INVALID_INPUT', message, { path, at, ...details });
}

function tooMany(): Refusal {
  const reason = `one command writes expressions of more than ${EXPRESSION_CHARS_MAX} characters`;
  return refuse('INVALID_INPUT', `Write the rules in several commands: ${reason}.`, { reason });
}
