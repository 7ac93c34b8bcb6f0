/**
 * Where a task goes: pure, so that the same rules, loads and task always give the same answer.
 *
 * Of the rules that match, the one is taken whose kind of agent has the least to do for its weight; of the sessions of that kind,
 * the one whose agent is the least full. Never beyond a capacity. Not here: what a decision asks of the swarm (conductor.ts).
 */
import type { AgentIdentity } from '../events/identity.ts';
import type { ConductorDecision, RoutingRule } from '../events/state-schemas.ts';
import { matchRules, typeOf, type RoutableTask, type RuleFault } from './routing-conditions.ts';
import { hasRoom, kindLoads, takesTasks, type KindLoads, type SessionLoad } from './swarm-load.ts';

/** What a task is routed by. */
export interface Routing {
  readonly task: RoutableTask;
  /** In any order: of equals, the smaller id counts. */
  readonly rules: readonly RoutingRule[];
  readonly sessions: readonly SessionLoad[];
  /** Whether a critical task may take the place of a low one (`config.features.preemption`). */
  readonly preemption?: boolean;
  /** The session that is to lose the task: it does not get it. */
  readonly except?: string;
}

/** What was found out about a task. `input` and `output` are those of the decision to be recorded. */
export type Routed = {
  readonly reason: string;
  readonly faults: readonly RuleFault[];
} & (
  | ({ readonly type: 'route' | 'preempt' } & Sent)
  | ({ readonly type: 'reject' } & Ruled)
  /** Nobody can take it now: no decision, and asked again later. */
  | { readonly type: 'wait' }
);

interface Ruled extends Pick<ConductorDecision, 'input' | 'output'> {
  readonly rule: RoutingRule;
}

interface Sent extends Ruled {
  readonly to: AgentIdentity;
}

/** So much of a goal stands in a decision. */
const GOAL_CHARS_MAX = 200;
/** The capacity that the registry shows of an agent that declared none. */
const CAPACITY_UNDECLARED = 10_000;
/** So many of the rules that match. */
const LISTED_MAX = 8;
/** So many of those that could not be asked. */
const FAULTS_MAX = 4;

/** Routes a task. */
export function route(routing: Routing): Routed {
  const { task, rules, sessions } = routing;
  const loads = kindLoads(sessions);
  const { rules: matching, faults } = matchRules(task, { rules, loads });
  // A rule without weight is for what no other rule takes.
  const weighty = matching.filter(({ weight }) => weight > 0);
  const chosen = (weighty.length > 0 ? weighty : matching).toSorted(byShare(loads));
  const [first] = chosen;
  if (first === undefined) return { type: 'wait', reason: 'no rule matches', faults };
  const input = inputOf(task, { matching, faults, loads });
  // Guardians take no tasks: what only leads to them is not to be done.
  const open = chosen.filter(({ target }) => target !== 'guardian');
  if (open.length === 0) {
    const reason = `the rule ${first.id} sends it to Guardians, which take no tasks`;
    return { type: 'reject', rule: first, input, output: { rule: first.id }, reason, faults };
  }
  for (const find of [roomiest, preemptible]) {
    for (const rule of open) {
      const to = find(routing, rule);
      if (to === undefined) continue;
      const type = putsDown(routing, to) ? 'preempt' : 'route';
      return { type, ...sent(rule, to, input), faults };
    }
  }
  return { type: 'wait', reason: whyNobody(routing, open), faults };
}

/** The tasks of a rule's kind with this one, for its weight: the least first, then the smaller id. */
function byShare(loads: KindLoads): (one: RoutingRule, other: RoutingRule) => number {
  const share = ({ target, weight }: RoutingRule) => (loads[target].tasks + 1) / weight;
  return (one, other) => {
    const [left, right] = [share(one), share(other)];
    return left === right ? compare(one.id, other.id) : left - right; // two of no weight are equal
  };
}

/** The session of a rule's kind that is the least full; undefined when none has room. */
function roomiest(routing: Routing, rule: RoutingRule): SessionLoad | undefined {
  return able(routing, rule)
    .filter((session) => takesTasks(session) && hasRoom(session))
    .toSorted(byFullness)[0];
}

/** A full session that would put down a task of low priority for this one; undefined when there is none, or it may not be. */
function preemptible(routing: Routing, rule: RoutingRule): SessionLoad | undefined {
  return able(routing, rule)
    .filter((session) => putsDown(routing, session))
    .toSorted(byFullness)[0];
}

/** Whether a session would put down a task of low priority for this one: what `task.assign` does then. */
function putsDown({ task, preemption }: Routing, session: SessionLoad): boolean {
  if (preemption !== true || task.priority !== 'critical') return false;
  const { status, isStalled, running, capacity, runsLow } = session;
  // An agent that declared no capacity is taken to run one task at once.
  const isFull = capacity === CAPACITY_UNDECLARED ? running > 0 : running === capacity;
  return status === 'busy' && !isStalled && isFull && runsLow;
}

/** The sessions of a rule's kind that can do the task. */
function able(
  { task, sessions, except }: Routing,
  { target }: RoutingRule,
): readonly SessionLoad[] {
  return sessions.filter(({ identity, capabilities }) => {
    if (identity.agentType !== target || identity.sessionId === except) return false;
    return (task.requires ?? []).every((one) => capabilities.includes(one));
  });
}

function byFullness(one: SessionLoad, other: SessionLoad): number {
  return (
    one.assigned / one.capacity - other.assigned / other.capacity ||
    one.held - other.held ||
    compare(one.identity.agentId, other.identity.agentId) ||
    compare(one.identity.sessionId, other.identity.sessionId)
  );
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function sent(
  rule: RoutingRule,
  { identity, assigned, capacity }: SessionLoad,
  input: ConductorDecision['input'],
): Sent & { readonly reason: string } {
  const output = { rule: rule.id, target: rule.target, assignedTo: identity };
  const reason = `the rule ${rule.id} sends it to a ${rule.target}; ${identity.agentId} holds ${assigned} of ${capacity}`;
  return { rule, to: identity, input, output, reason };
}

function whyNobody(routing: Routing, rules: readonly RoutingRule[]): string {
  const kinds = [...new Set(rules.map(({ target }) => target))];
  const why = kinds.map((kind) => {
    const rule = rules.find(({ target }) => target === kind);
    const some = rule === undefined ? [] : able(routing, rule);
    if (some.length === 0) return `no ${kind} that can do it is there`;
    return some.some(takesTasks) ? `every ${kind} is full` : `no ${kind} takes tasks now`;
  });
  return why.join('; ');
}

function inputOf(
  task: RoutableTask,
  {
    matching,
    faults,
    loads,
  }: {
    readonly matching: readonly RoutingRule[];
    readonly faults: readonly RuleFault[];
    readonly loads: KindLoads;
  },
): ConductorDecision['input'] {
  const targets = new Set(matching.map(({ target }) => target));
  return {
    taskId: task.id,
    goal: task.goal.slice(0, GOAL_CHARS_MAX),
    taskType: typeOf(task),
    priority: task.priority,
    matching: matching.slice(0, LISTED_MAX).map(({ id }) => id),
    loads: Object.fromEntries([...targets].map((kind) => [kind, loads[kind]])),
    ...(faults.length === 0 ? {} : { faults: faults.slice(0, FAULTS_MAX) }),
  };
}
