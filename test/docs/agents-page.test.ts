/** What `docs/agents.md` shows runs as it says, and its tables are those of the code. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Command } from 'commander';
import { openSwarm } from 'stigmergy';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { CHECK_LIMITS } from '../../src/agents/built-in-checks.ts';
import { commandCheck } from '../../src/agents/command-check.ts';
import { commandProbe } from '../../src/agents/guardian-probe.ts';
import { HealthWatch } from '../../src/agents/guardian.ts';
import { checkOnce } from '../../src/agents/heartbeat.ts';
import { pulseEnvironment } from '../../src/agents/pulse-iteration.ts';
import { PULSE_FAILURE_CODES } from '../../src/agents/pulse-verdict.ts';
import { runDreamWeaver } from '../../src/agents/dream-weaver.ts';
import { runConductorCommand } from '../../src/cli/run-conductor.ts';
import { runDreamWeaverCommand } from '../../src/cli/run-dream-weaver.ts';
import { runGuardianCommand } from '../../src/cli/run-guardian.ts';
import { runHeartbeatCommand } from '../../src/cli/run-heartbeat.ts';
import { runPulseCommand } from '../../src/cli/run-pulse.ts';
import { runAgentCommand } from '../../src/cli/run.ts';
import { DREAM_MOVES } from '../../src/events/data-moves.ts';
import { DEFAULT_HEALTH_THRESHOLDS } from '../../src/events/health-thresholds.ts';
import { EVALUATION_LIMITS } from '../../src/protocol/expression-cost.ts';
import { INPUT_LIMITS } from '../../src/protocol/expression-input.ts';
import { PATTERN_LIMITS } from '../../src/protocol/expression-pattern.ts';
import { EXPRESSION_LIMITS } from '../../src/protocol/expression-tree.ts';
import { checkExpression } from '../../src/protocol/expression.ts';
import { GIT_ENVIRONMENT } from '../support/git-repository.ts';
import { fences } from './markdown.ts';
import { runCode } from './run-code.ts';

const page = await readFile(new URL('../../docs/agents.md', import.meta.url), 'utf8');

/** The text below a heading, up to the next one that is not below it. */
function section(title: string): string {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(` ${title}`));
  expect(start, title).toBeGreaterThan(-1);
  const level = lines[start]?.indexOf(' ') ?? 0;
  const isNext = new RegExp(`^#{1,${level}} `);
  const end = lines.findIndex((line, at) => at > start && isNext.test(line));
  return lines.slice(start + 1, end === -1 ? undefined : end).join('\n');
}

/** The cells of the rows of the table with a head; without their quotes. */
function rows(head: string): readonly (readonly string[])[] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head} `));
  expect(start, head).toBeGreaterThan(-1);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

/** The names in the first cells of the table with a head. */
function names(head: string): readonly string[] {
  return rows(head).flatMap(([cell = '']) => cell.split(', '));
}

/** The members of an interface of ours. */
async function members(file: string, name: string): Promise<readonly string[]> {
  const text = await readFile(new URL(`../../src/agents/${file}`, import.meta.url), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023);
  const found = source.statements.find(
    (one): one is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(one) && one.name.text === name,
  );
  return (found?.members ?? []).flatMap((one) =>
    one.name !== undefined && ts.isIdentifier(one.name) ? [one.name.text] : [],
  );
}

const EXAMPLES = fences(page, ['js']).map(({ code }) => [/run[A-Z]\w+/.exec(code)?.[0], code]);

test('there is an example for each kind', () => {
  const kinds = ['runPulse', 'runHeartbeat', 'runDreamWeaver', 'runConductor', 'runGuardian'];
  expect(EXAMPLES.map(([name]) => name)).toEqual(kinds);
  expect(rows('kind').map(([, , runtime]) => runtime)).toEqual(kinds);
});

test.each(EXAMPLES)('the example of %s', async (_name, code = '') => {
  Object.assign(process.env, GIT_ENVIRONMENT);
  expect(code).toMatch(/\/\/ \S/);
  await runCode(code);
});

describe('the options of a runtime are all there', () => {
  test.each([
    ['option', 'pulse-options.ts', ['PulseOptions']],
    ['option of `runHeartbeat`', 'heartbeat-round.ts', ['HeartbeatOptions']],
    ['option of `runDreamWeaver`', 'dream-weaver.ts', ['DreamOptions']],
    ['option of `runConductor`', 'conductor.ts', ['ConductorOptions', 'ConductorRun']],
    ['option of `runGuardian`', 'guardian.ts', ['GuardianOptions']],
  ])('%s', async (head, file, interfaces) => {
    const all = await Promise.all(interfaces.map(async (name) => members(file, name)));
    expect(all.flat().length).toBeGreaterThan(4);
    expect(names(head).toSorted()).toEqual(all.flat().toSorted());
  });
});

/** The names of the variables of ours that a command printed. */
function variables(output: string): readonly string[] {
  return [...output.matchAll(/^(STIGMERGY_\w+)=/gm)].map(([, name = '']) => name).toSorted();
}

describe('the variables are those that a command gets', () => {
  const env = { STIGMERGY_DIR: '/swarm' };
  const command = ['env'] as const;
  const cwd = tmpdir();

  test('of a Pulse', () => {
    const identity = { agentId: 'a', agentType: 'pulse', sessionId: 's' } as const;
    const work = { identity, taskId: 't', goal: 'g', iteration: 1, branchName: null };
    const told = [...Object.keys(pulseEnvironment(work)), 'STIGMERGY_DIR'];
    expect(names('variable').toSorted()).toEqual(told.toSorted());
  });

  test('of a Heartbeat', async () => {
    await using swarm = await openSwarm();
    const session = await swarm.register({ agentType: 'heartbeat', agentId: 'a' });
    let output = '';
    const onOutput = (text: string) => (output += text);
    const checks = [commandCheck({ type: 't', command, cwd, env, onOutput })];
    await checkOnce(session, { checks, intervalMs: 1 });
    expect(names('variable of a check').toSorted()).toEqual(variables(output));
  });

  test('of a Guardian', async () => {
    await using swarm = await openSwarm();
    const session = await swarm.register({ agentType: 'guardian', agentId: 'a' });
    let output = '';
    const onOutput = (text: string) => (output += text);
    const probe = commandProbe({ command, cwd, env, onOutput });
    await new HealthWatch(session, { intervalMs: 1, probe }).look();
    expect(names('variable of a probe').toSorted()).toEqual(variables(output));
  });

  test('of a Dream Weaver', async () => {
    await using swarm = await openSwarm();
    const session = await swarm.register({ agentType: 'dream_weaver', agentId: 'a' });
    const { id: taskId } = await session.tasks.create({ goal: 'g' });
    let output = '';
    const onOutput = (text: string) => (output += text);
    await runDreamWeaver(session, {
      dream: { dreamId: 'd', dreamType: 'analysis', prompt: 'p' },
      directory: new URL('.', import.meta.url).pathname,
      taskId,
      weave: { command, env, onOutput },
    });
    const told = [...new Set(variables(output))];
    expect(names('variable of a dream').toSorted()).toEqual(told);
  });
});

function optionsOf(command: Command): readonly string[] {
  return command.options.map(({ long }) => long ?? '');
}

/** The options that the first cells of some tables name. */
function optionsTold(text: string): readonly string[] {
  const cells = [...text.matchAll(/^\| (`--.*?) \|/gm)];
  return cells.flatMap(([, cell = '']) => cell.match(/--[a-z-]+/g) ?? []);
}

describe('the options of stig run are all there', () => {
  const common = section('stig run');

  test.each([
    runPulseCommand(),
    runHeartbeatCommand(),
    runDreamWeaverCommand(),
    runConductorCommand(),
    runGuardianCommand(),
  ])('of $_name', (command) => {
    const own = optionsTold(section(`stig run ${command.name()}`));
    expect([...own, ...optionsTold(common)].toSorted()).toEqual(optionsOf(command).toSorted());
  });

  test('of every kind', () => {
    const kinds = runAgentCommand().commands.map((command) => `stig run ${command.name()}`);
    expect(rows('kind').map((cells) => cells[3])).toEqual(kinds);
  });
});

test('the codes are those with which a Pulse fails a task', () => {
  expect(names('code of the failed task').toSorted()).toEqual([...PULSE_FAILURE_CODES]);
});

test('the limits of the checks are those of the code', () => {
  const told = rows('check').map((cells) => Number(cells.at(-1)?.replace(',', '')));
  expect(told.filter((limit) => !Number.isNaN(limit))).toEqual(Object.values(CHECK_LIMITS));
});

test('the thresholds of a Guardian are those of the code, each with its default', () => {
  const told = [...rows('threshold'), ...rows('other')].flatMap(([all = '', , ...values]) =>
    all.split(', ').map((name, at) => [name, Number(values[at])] as const),
  );
  expect(Object.fromEntries(told)).toEqual(DEFAULT_HEALTH_THRESHOLDS);
});

test('the phases of a dream are those of the code', () => {
  const phases = rows('phase');
  expect(phases.map(([phase]) => phase)).toEqual(Object.keys(DREAM_MOVES));
  for (const [phase = '', leads = ''] of phases) {
    const named = Object.keys(DREAM_MOVES).filter((one) => leads.includes(one));
    expect(named.toSorted()).toEqual([...(DREAM_MOVES[phase] ?? [])].toSorted());
  }
});

test('the expressions of a Conductor can be used', () => {
  const [expressions] = fences(section('Expressions'), ['text']);
  const texts = (expressions?.code ?? '').trim().split('\n');
  expect(texts).toHaveLength(3);
  for (const text of texts) expect(checkExpression(text)).toBeUndefined();
});

test('the limits of expressions are those of the code', () => {
  const told = rows('limit').map(([, value = '']) => Number(value.replaceAll(',', '')));
  const { charsMax, bracketsMax, nodesMax, depthMax, comprehensionsMax } = EXPRESSION_LIMITS;
  const { elementsMax, stepsMax } = EVALUATION_LIMITS;
  const { charsMax: patternChars, repeatsMax, sizeMax } = PATTERN_LIMITS;
  const { valuesMax, keysMax } = INPUT_LIMITS;
  // prettier-ignore
  expect(told).toEqual([
    charsMax, bracketsMax, nodesMax, depthMax, comprehensionsMax, elementsMax,
    patternChars, repeatsMax, sizeMax, stepsMax, valuesMax, keysMax, 32_768,
  ]);
});
