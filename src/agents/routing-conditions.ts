/**
 * Which rules match a task (specification, `RoutingRule.condition`): every field that a condition has must hold.
 *
 * The cheap fields are asked first; an expression is evaluated only when the others hold, over a copy of the task that is made
 * once for all rules. An expression that cannot say whether it holds does not match, and why is told.
 */
import { assert } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { RoutingRule } from '../events/state-schemas.ts';
import type { TaskState } from '../events/task-state.ts';
import { toExpressionInput, type ExpressionInput } from '../protocol/expression-input.ts';
import { languageNow } from '../protocol/expression-language.ts';
import { goalWords, hasKeyword, type GoalWords } from './keywords.ts';
import type { KindLoads } from './swarm-load.ts';

/** What a task is routed by. */
export type RoutableTask = Pick<
  TaskState,
  'id' | 'goal' | 'priority' | 'metadata' | 'createdAt' | 'attempts'
> &
  Partial<Pick<TaskState, 'requires' | 'dependsOn' | 'parentTaskId'>>;

/** A rule whose expression could not say whether it holds. */
export interface RuleFault {
  readonly rule: string;
  readonly reason: string;
}

/** The rules that match, in their order, and those that could not be asked. */
export interface Matches {
  readonly rules: readonly RoutingRule[];
  readonly faults: readonly RuleFault[];
}

/** The type of a task: `metadata.type`; empty when it has none. */
export function typeOf({ metadata }: RoutableTask): string {
  const type = metadata['type'];
  return typeof type === 'string' ? type : '';
}

/** Tries the rules that are enabled. */
export function matchRules(
  task: RoutableTask,
  { rules, loads }: { readonly rules: readonly RoutingRule[]; readonly loads: KindLoads },
): Matches {
  const matching: RoutingRule[] = [];
  const faults: RuleFault[] = [];
  const asked: Asked = { task, goal: goalWords(task.goal), input: once(task, loads) };
  for (const rule of rules) {
    if (!rule.enabled || !holdsPlainly(rule, asked)) continue;
    const { custom } = rule.condition;
    const verdict = custom === undefined ? true : evaluated(custom, asked);
    if (verdict === true) matching.push(rule);
    else if (verdict !== false) faults.push({ rule: rule.id, reason: verdict });
  }
  return { rules: matching, faults };
}

interface Asked {
  readonly task: RoutableTask;
  readonly goal: GoalWords;
  readonly input: () => ReturnType<typeof toExpressionInput>;
}

/** Whether the fields hold that need no expression. */
function holdsPlainly({ condition }: RoutingRule, { task, goal }: Asked): boolean {
  const { taskType, priority, keywords = [] } = condition;
  if (priority !== undefined && priority !== task.priority) return false;
  if (taskType !== undefined && !isOfType(typeOf(task), taskType)) return false;
  return keywords.length === 0 || keywords.some((word) => hasKeyword(goal, word));
}

/** `review` is that type; `code/*` is every type that begins with `code/`. */
function isOfType(type: string, wanted: string): boolean {
  return wanted.endsWith('*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
}

/** Whether an expression holds, or why nobody can say. */
function evaluated(custom: string, { input }: Asked): boolean | string {
  const language = languageNow();
  assert(language !== undefined, 'who routes has loaded the language of the rules');
  const expression = language.compileExpression(custom);
  if (!expression.ok) return String(expression.details['reason']); // of a log that was written under other rules
  const values = input();
  const verdict = values.ok ? expression.evaluate(values) : values;
  if (!verdict.ok) return verdict.reason;
  return 'holds' in verdict && verdict.holds;
}

function once(
  task: RoutableTask,
  loads: KindLoads,
): () => ExpressionInput | { readonly ok: false; readonly reason: string } {
  let made: ReturnType<typeof toExpressionInput> | undefined;
  return () => (made ??= toExpressionInput({ task: shown(task), loads: shownLoads(loads) }));
}

function shownLoads(loads: KindLoads): JsonValue {
  return Object.fromEntries(Object.entries(loads).map(([kind, load]) => [kind, { ...load }]));
}

/** The task as an expression sees it: every field is there, whatever the task says. */
function shown(task: RoutableTask): JsonValue {
  return {
    id: task.id,
    goal: task.goal,
    type: typeOf(task),
    priority: task.priority,
    metadata: task.metadata as { readonly [key: string]: JsonValue },
    requires: task.requires ?? [],
    dependsOn: task.dependsOn ?? [],
    parentTaskId: task.parentTaskId ?? '',
    attempts: task.attempts,
    createdAt: task.createdAt,
  };
}
