/**
 * The routing table that somebody gives on the command line: rules in a file, and short ones as words.
 *
 * What is wrong with one is told with the rule and the place in it, before a swarm is touched. What a rule means, `docs/agents.md`
 * says.
 */
import { readFile } from 'node:fs/promises';
import { refuse, Refused } from '../core/errors.ts';
import { formatPath, type PathStep } from '../core/path.ts';
import { routingRuleSchema } from '../events/agent-data.ts';
import { AGENT_KINDS, type AgentKind } from '../events/identity.ts';
import type { RoutingRule } from '../events/state-schemas.ts';
import { checkExpression } from '../protocol/expression.ts';

/** Where rules are given. */
export interface RulesGiven {
  /** A file with a list of rules as JSON. */
  readonly rules?: string;
  /** `TARGET`, or `TARGET: KEYWORD, KEYWORD`. */
  readonly rule?: readonly string[];
}

/** The rules that are given, those of the file first. Throws `INVALID_INPUT`. */
export async function rulesGiven({ rules: file, rule = [] }: RulesGiven): Promise<RoutingRule[]> {
  const short = rule.map((text, at) => ruleOf(shortRule(text, at), { file: '--rule', at }));
  const rules = [...(file === undefined ? [] : await rulesOf(file)), ...short];
  const ids = rules.map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw wrong(`Two rules have the id ${JSON.stringify(twice)}.`);
  if (rules.length > 0) return rules;
  throw wrong(
    file === undefined
      ? 'Say where tasks go: --rules with a file, or --rule pulse.'
      : `${file} has no rule.`,
  );
}

async function rulesOf(file: string): Promise<readonly RoutingRule[]> {
  const list = parsed(await textOf(file), file);
  if (!Array.isArray(list)) throw wrong(`${file} has to be a list of rules.`);
  return list.map((value: unknown, at) => ruleOf(value, { file, at }));
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw wrong(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? ''}.`);
  }
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`${file} is no JSON: ${(error as Error).message}.`);
  }
}

function ruleOf(
  value: unknown,
  given: { readonly file: string; readonly at: number },
): RoutingRule {
  const named = nameOf(value, given);
  const { success, data, error } = routingRuleSchema.safeParse(value);
  if (!success) {
    const [issue] = error.issues;
    const place = formatPath((issue?.path ?? []) as readonly PathStep[]);
    throw wrong(`${named}${place === '' ? '' : `, at ${place}`}: ${issue?.message ?? ''}.`);
  }
  const { custom } = data.condition;
  const refusal = custom === undefined ? undefined : checkExpression(custom);
  if (refusal === undefined) return data;
  const { reason, position } = refusal.details;
  const where = typeof position === 'number' ? `, at character ${position}` : '';
  throw wrong(
    `${named}, at condition.custom: the expression cannot be used: ${String(reason)}${where}.`,
  );
}

function nameOf(
  value: unknown,
  { file, at }: { readonly file: string; readonly at: number },
): string {
  const id: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'id') : '';
  const said = typeof id === 'string' && id !== '' ? ` (${id})` : '';
  return `${file}: rule ${at + 1}${said}`;
}

/** A rule without keywords has no weight: it is for what no other one takes. */
function shortRule(text: string, at: number): RoutingRule {
  const [kind = '', ...rest] = text.split(':');
  const target = kindNamed(kind.trim(), text);
  const id = `rule-${at + 1}`;
  if (rest.length === 0) return { id, condition: {}, target, weight: 0, enabled: true };
  const words = rest.join(':').split(',');
  const keywords = words.map((word) => word.trim()).filter((word) => word !== '');
  if (keywords.length > 0) return { id, condition: { keywords }, target, weight: 1, enabled: true };
  throw wrong(`--rule ${JSON.stringify(text)} names no keyword: leave the colon out, or add some.`);
}

function kindNamed(name: string, text: string): AgentKind {
  const kind = AGENT_KINDS.find((one) => one === name.replaceAll('-', '_'));
  if (kind !== undefined) return kind;
  const kinds = AGENT_KINDS.map((one) => one.replace('_', '-')).join(', ');
  throw wrong(`--rule ${JSON.stringify(text)} has to begin with a kind of agent: ${kinds}.`);
}

function wrong(message: string): Refused {
  return new Refused(refuse('INVALID_INPUT', message));
}
