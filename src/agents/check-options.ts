/**
 * What the runtimes of agents are called with, looked at before anything is done: a session, and options that have their names and
 * types.
 *
 * A mistake is refused with `INVALID_INPUT` that says which option and what is expected, instead of failing somewhere in the
 * middle. What only one runtime knows better (ranges, what excludes what) it checks itself.
 */
import * as z from 'zod';
import { refuse, Refused } from '../core/errors.ts';
import { AGENT_KINDS } from '../events/identity.ts';

const WAIT_MS_MAX = 2 ** 31 - 1; // Node's longest timer

function be(expected: string, holds: (value: unknown) => boolean): z.ZodType {
  return z.custom(holds, expected);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** What a system lets a program have as an argument or a variable. */
function isWord(value: unknown): boolean {
  return isText(value) && !value.includes('\0');
}

function isCommand(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isWord) && value[0] !== '';
}

function isTexts(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isWord);
}

function hasFunctions(value: unknown, ...names: readonly string[]): boolean {
  return isObject(value) && names.every((name) => typeof value[name] === 'function');
}

function isWhole(value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
}

function whole(min: number): z.ZodType {
  return be(`a whole number from ${min}`, (value) => isWhole(value, min));
}

const text = be('a text', isText);
const number = be('a number', (value) => typeof value === 'number');
const callback = be('a function', (value) => typeof value === 'function');
const texts = be('an object whose values are texts', isTexts);
const command = be('a list of texts, the program first', isCommand);
const milliseconds = be(`a whole number of milliseconds from 1 to ${WAIT_MS_MAX}`, (value) =>
  isWhole(value, 1, WAIT_MS_MAX),
);
const signal = be('an AbortSignal', (value) => value instanceof AbortSignal);
const clock = be('a clock, with wallMs, monotonicMs and schedule', (value) =>
  hasFunctions(value, 'wallMs', 'monotonicMs', 'schedule'),
);
const check = be('a check, with type and measure', (value) => {
  return isObject(value) && isText(value['type']) && hasFunctions(value, 'measure');
});
const rule = be('a rule, as the routing table has them', isObject);
const PHASES = ['planning', 'generating', 'refining'];
const weave = be(`{ command }, or a function for each of ${PHASES.join(', ')}`, (value) => {
  if (!isObject(value)) return false;
  return 'command' in value ? isWeaveCommand(value) : hasFunctions(value, ...PHASES);
});

function isWeaveCommand(value: Readonly<Record<string, unknown>>): boolean {
  const { env, timeoutMs, onOutput } = value;
  const isTimed = timeoutMs === undefined || isWhole(timeoutMs, 1, WAIT_MS_MAX);
  const isHeard = onOutput === undefined || typeof onOutput === 'function';
  return isCommand(value['command']) && (env === undefined || isTexts(env)) && isTimed && isHeard;
}

const conductor = z.strictObject({
  rules: z.array(rule, 'a list of rules').optional(),
  clock: clock.optional(),
  ids: callback.optional(),
});

const guardian = z.strictObject({
  intervalMs: milliseconds,
  directory: text.optional(),
  log: be('what has a sequence and a durableSequence, as a swarm', (value) => {
    return isObject(value) && isWhole(value['sequence'], 0) && isWhole(value['durableSequence'], 0);
  }).optional(),
  probe: callback.optional(),
  calmLooks: whole(1).optional(),
  onHealth: callback.optional(),
  signal: signal.optional(),
  clock: clock.optional(),
});

const heartbeat = z.strictObject({
  checks: z.array(check, 'a list of checks'),
  intervalMs: milliseconds,
  targets: be('an object of true and false', (value) => {
    return isObject(value) && Object.values(value).every((one) => typeof one === 'boolean');
  }).optional(),
  deliver: callback.optional(),
  deliveryTimeoutMs: milliseconds.optional(),
  onRound: callback.optional(),
  signal: signal.optional(),
  clock: clock.optional(),
  ids: callback.optional(),
});

/** The options of each runtime. */
const SCHEMAS = {
  runPulse: z.strictObject({
    goal: text.optional(),
    repository: text,
    command,
    branchName: text.optional(),
    maxIterations: number.optional(), // their ranges: pulse-options.ts
    iterationTimeoutMs: number.optional(),
    unknownSignalsMax: number.optional(),
    taskId: text.optional(),
    env: texts.optional(),
    signal: signal.optional(),
    clock: clock.optional(),
    onOutput: callback.optional(),
    onIteration: callback.optional(),
  }),
  conductOnce: conductor,
  runConductor: conductor.extend({
    signal: signal.optional(),
    intervalMs: milliseconds.optional(),
    onRound: callback.optional(),
  }),
  checkOnce: heartbeat,
  runHeartbeat: heartbeat,
  runGuardian: guardian,
  HealthWatch: guardian,
  runDreamWeaver: z.strictObject({
    dream: be('{ dreamId, dreamType, prompt }, all of them texts', (value) => {
      return (
        isObject(value) && ['dreamId', 'dreamType', 'prompt'].every((one) => isText(value[one]))
      );
    }),
    directory: text,
    weave,
    documents: z.array(text, 'a list of paths').optional(),
    maxTokens: whole(0).optional(),
    taskId: text.optional(),
    roundsMax: whole(1).optional(),
    onPhase: callback.optional(),
    signal: signal.optional(),
    clock: clock.optional(),
    ids: callback.optional(),
  }),
} as const;

/** Refuses what is no session, with `INVALID_INPUT`. */
export function checkSession(runtime: keyof typeof SCHEMAS, session: unknown): void {
  const identity = isObject(session) ? session['identity'] : undefined;
  const kinds: readonly unknown[] = AGENT_KINDS;
  const isOne = isObject(identity) && kinds.includes(identity['agentType']);
  if (isOne && hasFunctions(session, 'get', 'update', 'heartbeat')) return;
  throw misused(runtime, 'session', 'has to be a session, as swarm.register gives it');
}

/** Refuses options that a runtime does not have, or that are of another type, with `INVALID_INPUT`. */
export function checkOptions(runtime: keyof typeof SCHEMAS, options: unknown): void {
  if (!isObject(options)) throw misused(runtime, 'options', 'have to be an object');
  const parsed = SCHEMAS[runtime].safeParse(options);
  const issue = parsed.error?.issues[0];
  if (issue === undefined) return;
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(SCHEMAS[runtime].shape).join(', ');
    const [name = ''] = issue.keys;
    throw misused(runtime, name, `is no option; there are ${known}`);
  }
  throw misused(runtime, issue.path.join('.'), `has to be ${issue.message}`);
}

/** The refusal of a call that cannot be meant like this. */
export function misused(runtime: keyof typeof SCHEMAS, option: string, why: string): Refused {
  return new Refused(refuse('INVALID_INPUT', `${runtime}: ${option} ${why}.`, { option }));
}
