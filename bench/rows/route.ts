/** Route: each task through a table of 100 rules, half of which have an expression, against the same conditions by hand. */
import { matchRules, type RoutableTask } from '../../src/agents/routing-conditions.ts';
import { loadLanguage } from '../../src/protocol/expression-language.ts';
import { route as routeTask } from '../../src/agents/routing.ts';
import { kindLoads, type SessionLoad } from '../../src/agents/swarm-load.ts';
import { PRIORITIES } from '../../src/events/identity.ts';
import type { RoutingRule } from '../../src/events/state-schemas.ts';
import { compare, type Sample } from '../harness.ts';
import type { Variant, Work } from '../work.ts';

const RULES = 100;
const TASKS = 2_000;
const SESSIONS = 16;

/** A condition with the function that somebody would write instead of it. */
interface Condition {
  readonly condition: RoutingRule['condition'];
  readonly byHand: (task: RoutableTask) => boolean;
}

/** Four sorts of conditions, numbered so that every rule is another one. */
function conditionOf(number: number): Condition {
  const type = `kind-${number % 50}`;
  switch (number % 4) {
    case 0:
      return { condition: { taskType: type }, byHand: ({ metadata }) => metadata['type'] === type };
    case 1: {
      const word = `word${number}`;
      const priority = PRIORITIES[number % 3] ?? 'normal';
      const whole = new RegExp(`\\b${word}\\b`, 'i');
      return {
        condition: { priority, keywords: [word] },
        byHand: (task) => task.priority === priority && whole.test(task.goal),
      };
    }
    case 2:
      return {
        condition: { custom: `task.metadata.size > ${number * 10} && task.type == "${type}"` },
        byHand: ({ metadata }) =>
          (metadata['size'] as number) > number * 10 && metadata['type'] === type,
      };
    default:
      return {
        condition: { custom: `task.metadata.files.exists(file, file == "f${number}.ts")` },
        byHand: ({ metadata }) =>
          (metadata['files'] as string[]).some((file) => file === `f${number}.ts`),
      };
  }
}

const CONDITIONS = Array.from({ length: RULES }, (_, number) => conditionOf(number));
const RULE_LIST: readonly RoutingRule[] = CONDITIONS.map(({ condition }, number) => ({
  id: `r${number}`,
  condition,
  target: 'pulse',
  weight: 1,
  enabled: true,
}));
const TASK_LIST: readonly RoutableTask[] = Array.from({ length: TASKS }, (_, number) => ({
  id: `t${number}`,
  goal: `look at word${number % 120} in the sources, and say what it is`,
  priority: PRIORITIES[number % 4] ?? 'normal',
  metadata: {
    type: `kind-${number % 60}`,
    size: number % 1_500,
    files: Array.from({ length: 8 }, (_unused, file) => `f${(number + file * 13) % 200}.ts`),
  },
  createdAt: '2026-01-01T00:00:00.000Z',
  attempts: 0,
}));
const SESSION_LIST: readonly SessionLoad[] = Array.from({ length: SESSIONS }, (_, number) => ({
  identity: { agentId: `a${number}`, agentType: 'pulse', sessionId: `s${number}` },
  status: 'idle',
  capabilities: [],
  assigned: number % 4,
  running: 0,
  capacity: 8,
  held: 0,
  isStalled: false,
  runsLow: false,
}));

/** The work; the floor calls 100 functions. */
export const route: Work = {
  work: 'route',
  summary: `tasks through a table of ${RULES} rules, half of them expressions, against conditions by hand`,
  variants: [
    variant('which rules match', (task) => {
      const loads = kindLoads(SESSION_LIST);
      return matchRules(task, { rules: RULE_LIST, loads }).rules.length;
    }),
    variant(`and to which of ${SESSIONS} sessions`, (task) => {
      const routed = routeTask({ task, rules: RULE_LIST, sessions: SESSION_LIST });
      return routed.type === 'route' ? (routed.input['matching'] as readonly unknown[]).length : 0;
    }),
  ],
};

type Matching = (task: RoutableTask) => number;

function variant(name: string, ours: Matching): Variant {
  return {
    variant: name,
    unit: 'tasks/s',
    goal: { of: 'ratio', bound: 'at least', minimum: 0.01, aim: 0.025 },
    measure: async (setting) =>
      compare(
        {
          floor: async () =>
            sample((task) => CONDITIONS.filter(({ byHand }) => byHand(task)).length),
          ours: async () => {
            await loadLanguage();
            return sample(ours);
          },
        },
        setting,
      ),
  };
}

const MATCHES = TASK_LIST.map((task) => CONDITIONS.filter(({ byHand }) => byHand(task)).length);

/** Goes through all tasks; a task that other rules match than by hand ends the run with an error. */
function sample(matching: Matching): Sample {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  let beganMs = startMs;
  for (const [number, task] of TASK_LIST.entries()) {
    const found = matching(task);
    if (found !== MATCHES[number]) throw new Error(`${task.id}: ${found} rules match`);
    const endedMs = performance.now();
    latenciesMs.push(endedMs - beganMs);
    beganMs = endedMs;
  }
  return { value: (TASKS * 1_000) / (performance.now() - startMs), latenciesMs };
}
