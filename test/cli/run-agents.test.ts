/** `stig run heartbeat`, `dream-weaver`, `conductor` and `guardian` as their users run them: the built program, real commands. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSwarm, type Swarm } from 'stigmergy';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runStig, type Ran } from '../support/run-stig.ts';
import { gone, parsedLines, startStig, type StigAtWork } from '../support/stig-at-work.ts';

let home = '';
/** Where the commands run. */
let cwd = '';
let swarm = '';

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'stig-run-')));
  cwd = join(home, 'work');
  await mkdir(cwd);
  swarm = join(home, 'swarm');
});

/** Whatever was done: the log is whole, and decides and folds to what it says. */
afterEach(async () => {
  const made = (await readdir(home)).includes('swarm');
  const { status, out } = made ? await stig('verify') : { status: 0, out: '' };
  await rm(home, { recursive: true, force: true });
  expect([status, out]).toEqual([0, made ? expect.stringContaining('sound') : '']);
});

async function stig(...words: string[]): Promise<Ran> {
  return runStig(words, { cwd, swarm });
}

/** Runs an agent, with a shell script for a command. */
async function run(kind: string, script: string, ...flags: string[]): Promise<Ran> {
  return stig('run', kind, ...flags, '--', 'sh', '-c', script);
}

async function start(kind: string, flags: readonly string[], script?: string): Promise<StigAtWork> {
  const words = script === undefined ? [] : ['--', 'sh', '-c', script];
  return startStig(['run', kind, ...flags, ...words], { cwd, swarm });
}

async function jsonLines(...words: string[]): Promise<Record<string, unknown>[]> {
  return parsedLines((await stig(...words, '--json')).out);
}

/** The state of the newest session of a kind. */
async function sessionOf(kind: string): Promise<Record<string, unknown>> {
  const found = await jsonLines('get', `agents.${kind}.*`);
  const sessions = found.map(({ value }) => value as Record<string, unknown>);
  return (
    sessions.toSorted((a, b) => (String(a['startedAt']) < String(b['startedAt']) ? 1 : -1))[0] ?? {}
  );
}

/** Prepares the swarm by a program of its own. */
async function given(work: (open: Swarm) => Promise<void>): Promise<void> {
  const open = await openSwarm({ directory: swarm });
  await work(open);
  await open.close();
}

const TIME = String.raw`\d\d:\d\d:\d\d`;
const WAITS = 'echo $$ > pid; sleep 60 & wait';
/** Only what the test itself makes is found: the machine may be full or busy. */
const OWN = ['--check', 'sessions'];

/** The types of the checks of the last round. */
function typesOf(out: string): readonly string[] {
  const { round } = parsedLines(out).at(-1) as { round: { checks: { type: string }[] } };
  return round.checks.map(({ type }) => type);
}

describe('stig run heartbeat', () => {
  test('--once tells what it finds, and that it found something', async () => {
    const script = 'echo looking; echo "FINDING: high: the build is red"; echo "FINDING: b"';
    const { status, out, error } = await run('heartbeat', script, '--once', ...OWN);
    expect(out.trimEnd().split('\n')).toEqual([
      expect.stringMatching(new RegExp(`^${TIME} {2}high {6}command {6}the build is red$`)),
      expect.stringMatching(new RegExp(`^${TIME} {2}normal {4}command {6}b$`)),
      expect.stringMatching(new RegExp(`^${TIME} {2}2 checks, 2 findings$`)),
    ]);
    expect([status, error]).toEqual([1, expect.stringMatching(/^looking\n/)]);
    expect(await sessionOf('heartbeat')).toMatchObject({
      agentId: 'heartbeat',
      status: 'offline',
      data: {
        startedBy: 'stig run',
        checkInterval: 60_000,
        targets: { custom: ['sessions', 'command'] },
        checks: [{ type: 'sessions' }, { type: 'command', status: 'success', findings: 2 }],
        findings: [{ priority: 'high', notified: true }, { notified: true }],
      },
    });
  });

  test('--once ends well when nothing is found; for programs each line is JSON', async () => {
    const flags = ['--once', '--json', '--quiet', '--agent', 'heart', ...OWN];
    const { status, out, error } = await run('heartbeat', 'echo well', ...flags);
    const checks = [{ type: 'sessions' }, { type: 'command', findings: 0 }];
    expect(parsedLines(out)).toMatchObject([{ round: { checks, findings: [], failed: [] } }]);
    expect([status, error]).toEqual([0, '']);
    expect(await sessionOf('heartbeat')).toMatchObject({ agentId: 'heart' });
    const again = await run('heartbeat', 'exit 3', ...flags);
    expect(parsedLines(again.out)).toMatchObject([
      { finding: { type: 'command', summary: 'sh ended with exit status 3' } },
      { round: { findings: [{ details: { exitCode: 3 } }] } },
    ]);
    expect(again.status).toBe(1);
  });

  test('makes every built-in check when none is named, and each that is named once', async () => {
    const all = await stig('run', 'heartbeat', '--once', '--json');
    const types = ['disk', 'memory', 'event-loop', 'load', 'sessions', 'lock-queues'];
    expect(typesOf(all.out)).toEqual(types);
    expect(all.status).toBe(all.out.includes('"finding":') ? 1 : 0);
    const names = ['locks', 'sessions', 'locks'].flatMap((name) => ['--check', name]);
    const some = await stig('run', 'heartbeat', '--once', '--json', ...names);
    expect(typesOf(some.out)).toEqual(['lock-queues', 'sessions']);
  });

  test('its command knows who it is, and runs in the directory', async () => {
    await mkdir(join(cwd, 'there'));
    await run('heartbeat', 'env > env', '--once', '--repo', 'there', ...OWN);
    const text = await readFile(join(cwd, 'there', 'env'), 'utf8');
    const { sessionId } = await sessionOf('heartbeat');
    const own = ['AGENT_ID=heartbeat', 'AGENT_TYPE=heartbeat', 'CHECK=command', `DIR=${swarm}`];
    for (const line of [...own, `SESSION_ID=${String(sessionId)}`]) {
      expect(text.split('\n')).toContain(`STIGMERGY_${line}`);
    }
  });

  test('a command that takes too long has failed', async () => {
    const { status, out } = await run('heartbeat', WAITS, '--once', '--timeout', '1', ...OWN);
    expect(out).toMatch(/ high {6}command {6}the check command failed\n/);
    expect(out).toMatch(/ 2 checks, 1 finding, failed: command\n$/);
    expect(status).toBe(1);
    await gone(Number(await readFile(join(cwd, 'pid'), 'utf8')));
  });

  test('checks at its interval and tells a finding once, until it is told to end', async () => {
    const script = 'echo "FINDING: low: dust"';
    const running = await start('heartbeat', ['--interval', '1', ...OWN], script);
    await running.printed(/ 1 finding$/gm, 3);
    const { status, out } = await running.end('SIGTERM');
    expect(status).toBe(143);
    expect(out.match(/ dust$/gm)).toHaveLength(1);
    const { data } = await sessionOf('heartbeat');
    expect(data).toMatchObject({ checkInterval: 1_000, findings: [{ summary: 'dust' }] });
  });

  test('Ctrl-C ends the command too', async () => {
    const running = await start('heartbeat', OWN, WAITS);
    const pid = await running.pid();
    const { status, out, error } = await running.end('SIGINT');
    await gone(pid);
    expect([status, out]).toEqual([130, '']);
    expect(error).toMatch(/^interrupted: /m);
    const { status: left, data } = await sessionOf('heartbeat');
    expect(left).toBe('offline');
    expect((data as { checks: unknown[] }).checks).toHaveLength(1); // what was not over is not recorded
  });

  test('what it finds is harmless for a terminal', async () => {
    const { out } = await run(
      'heartbeat',
      String.raw`printf 'FINDING: a\033]0;b\007c\n'`,
      '--once',
    );
    expect(out).toContain(String.raw`a\u001b]0;b\u0007c`);
  });
});

const WEAVE = `echo "$STIGMERGY_PHASE for $STIGMERGY_GOAL" > "$STIGMERGY_PHASE.md"
  cat > prompt.txt
  echo "QUALITY: coherence=0.8 relevance=0.$STIGMERGY_ROUND"
  if [ $STIGMERGY_PHASE = refining ] && [ $STIGMERGY_ROUND = 1 ]; then echo AGAIN; fi`;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The line of an artifact. */
function artifactLine(type: string, text: string, name: string): string {
  return `  ${type.padEnd(8)}  ${text.length} B  sha256 ${sha256(text).slice(0, 12)}  ${name}`;
}

describe('stig run dream-weaver', () => {
  test('shows each phase with what it made, and what came of them', async () => {
    const { status, out, error } = await run('dream-weaver', WEAVE, '--goal', 'ants');
    const planned = 'planning for ants\n';
    const generated = 'generating for ants\n';
    const refined = 'refining for ants\n';
    expect(out.trimEnd().split('\n')).toEqual([
      'planning    round 1  2 files',
      artifactLine('document', planned, 'planning.md'),
      artifactLine('document', 'ants', 'prompt.txt'),
      'generating  round 1  1 file',
      artifactLine('document', generated, 'generating.md'),
      'refining    round 1  1 file',
      artifactLine('document', refined, 'refining.md'),
      'generating  round 2  0 files',
      'refining    round 2  0 files',
      'complete: 2 rounds, 4 files; coherence 0.8, relevance 0.2, creativity 0',
    ]);
    expect(status).toBe(0);
    expect(error.match(/^AGAIN$/gm)).toHaveLength(1);
    expect(await sessionOf('dream_weaver')).toMatchObject({
      agentId: 'dream-weaver',
      status: 'offline',
      data: { phase: 'complete', prompt: 'ants', dreamType: 'analysis', startedBy: 'stig run' },
    });
  });

  test('does a task, named by the beginning of its id; its command knows what it has to', async () => {
    await given(async (open) => {
      const payload = { taskId: 'say-why-ants-walk', goal: 'say why' };
      await open.dispatch({ type: 'task.create', payload });
    });
    await writeFile(join(cwd, 'notes.md'), 'They smell.');
    await writeFile(join(cwd, 'long.md'), 'x'.repeat(400));
    await mkdir(join(cwd, 'ants'));
    const flags = ['--task', 'say', '--goal', 'ants in lines', '--repo', 'ants', '--json'];
    const reading = ['--document', 'notes.md', '--document', 'long.md', '--max-tokens', '10'];
    const more = ['--type', 'research', '--quiet', ...reading];
    const { status, out, error } = await run('dream-weaver', 'env > env', ...flags, ...more);
    expect([status, error]).toEqual([0, '']);
    const text = await readFile(join(cwd, 'ants', 'env'), 'utf8');
    const { sessionId, data } = await sessionOf('dream_weaver');
    const { dreamId } = data as { dreamId: string };
    const told = [
      'PHASE=refining',
      'ROUND=1',
      'GOAL=say why',
      'PROMPT=ants in lines',
      `DREAM_ID=${dreamId}`,
      'DREAM_TYPE=research',
      'DOCUMENTS=../notes.md',
      'TASK_ID=say-why-ants-walk',
      'AGENT_ID=dream-weaver',
      'AGENT_TYPE=dream_weaver',
      `SESSION_ID=${String(sessionId)}`,
      `DIR=${swarm}`,
    ];
    for (const line of told) expect(text.split('\n')).toContain(`STIGMERGY_${line}`);
    const path = join(cwd, 'ants', 'env');
    const artifact = { path, metadata: { sha256: sha256(text) } };
    expect(parsedLines(out)).toMatchObject([
      { phase: 'planning', round: 1, artifacts: [{ type: 'data', path }] },
      { phase: 'generating', round: 1 },
      { phase: 'refining', round: 1, artifacts: [artifact] },
      {
        outcome: 'complete',
        dreamId,
        artifacts: [artifact],
        told: [expect.stringMatching(/^\.\.\/long\.md was left out: /)],
        taskId: 'say-why-ants-walk',
        taskStatus: 'complete',
      },
    ]);
    const result = { dreamId, artifacts: [{ path, sha256: sha256(text) }] };
    expect(await jsonLines('tasks')).toMatchObject([{ status: 'complete', result }]);
  });

  test('a phase that fails is the end: exit status 1, and why', async () => {
    await given(async (open) => {
      await open.dispatch({ type: 'task.create', payload: { taskId: 't', goal: 'g' } });
    });
    const script = 'echo "no key"; [ $STIGMERGY_PHASE = planning ]';
    const { status, out } = await run('dream-weaver', script, '--task', 't');
    expect(out).toMatch(
      /^planning .*\nfailed \(PHASE_FAILED\): .*; task t is failed\n {2}generating: .*no key$/m,
    );
    expect(status).toBe(1);
    const { data } = await sessionOf('dream_weaver');
    expect(data).toMatchObject({ phase: 'generating', prompt: 'g' });
  });

  test('Ctrl-C ends the command, and hands the task back', async () => {
    await given(async (open) => {
      await open.dispatch({ type: 'task.create', payload: { taskId: 't', goal: 'g' } });
    });
    const running = await start('dream-weaver', ['--task', 't'], WAITS);
    const pid = await running.pid();
    const { status, out } = await running.end('SIGINT');
    await gone(pid);
    expect(status).toBe(130);
    expect(out).toMatch(/^cancelled while planning: .*; task t is pending$/m);
    expect(await jsonLines('tasks')).toMatchObject([{ status: 'pending', assignedTo: null }]);
    expect((await run('dream-weaver', 'true', '--task', 't')).status).toBe(0);
  });
});

const FOR_EVER = { heartbeatTimeout: 0 };
const CODE = {
  id: 'code',
  condition: { taskType: 'code/*', custom: 'task.attempts < 3' },
  target: 'pulse',
  weight: 1,
  enabled: true,
};

async function rulesFile(rules: unknown): Promise<string> {
  await writeFile(join(cwd, 'rules.json'), JSON.stringify(rules));
  return 'rules.json';
}

/** A Pulse that stays, and two tasks. */
async function twoTasks(): Promise<void> {
  await given(async (open) => {
    await open.register({ agentType: 'pulse', agentId: 'ant', ...FOR_EVER });
    const port = { taskId: 'port', goal: 'port the parser', metadata: { type: 'code/port' } };
    await open.dispatch({ type: 'task.create', payload: port });
    await open.dispatch({ type: 'task.create', payload: { taskId: 'other', goal: 'dust' } });
  });
}

describe('stig run conductor', () => {
  test('--once gives out what it can by the rules of a file, and tells what is left', async () => {
    await twoTasks();
    const flags = ['--once', '--rules', await rulesFile([CODE])];
    const { status, out, error } = await stig('run', 'conductor', ...flags);
    expect(out.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        new RegExp(
          `^${TIME} {2}route {4}port {2}port the parser {2}to ant \\(pulse\\) {2}by code {2}the rule code sends it`,
        ),
      ),
      expect.stringMatching(new RegExp(`^${TIME} {2}left {5}other {2}dust {2}no rule matches$`)),
    ]);
    expect([status, error]).toEqual([1, '']);
    const tasks = await jsonLines('tasks');
    expect(tasks).toMatchObject([{ id: 'port', assignedTo: { agentId: 'ant' } }, { id: 'other' }]);
    expect(await sessionOf('conductor')).toMatchObject({
      agentId: 'conductor',
      status: 'offline',
      data: { routingTable: [CODE], decisions: [{ type: 'route' }], startedBy: 'stig run' },
    });
  });

  test('--rule without keywords takes what no other one takes; lines for programs', async () => {
    await twoTasks();
    await given(async (open) => {
      await open.register({ agentType: 'dream_weaver', agentId: 'weaver', ...FOR_EVER });
    });
    const rules = ['--rule', 'pulse: moss, Parser', '--rule', 'dream-weaver'];
    const { status, out } = await stig('run', 'conductor', '--once', '--json', ...rules);
    expect(parsedLines(out)).toMatchObject([
      { decision: { type: 'route', input: { taskId: 'port' }, output: { rule: 'rule-1' } } },
      { decision: { type: 'route', input: { taskId: 'other' }, output: { rule: 'rule-2' } } },
    ]);
    expect(status).toBe(0);
    const { data } = await sessionOf('conductor');
    expect(data).toMatchObject({
      routingTable: [
        { condition: { keywords: ['moss', 'Parser'] }, target: 'pulse', weight: 1 },
        { condition: {}, target: 'dream_weaver', weight: 0 },
      ],
    });
  });

  test('what only leads to Guardians is rejected; what a rule cannot say is told', async () => {
    await twoTasks();
    const odd = { ...CODE, id: 'odd', condition: { custom: 'task.metadata.lines > 3' } };
    const none = { ...CODE, id: 'none', condition: { keywords: ['dust'] }, target: 'guardian' };
    const flags = ['--once', '--rules', await rulesFile([odd, none])];
    const { status, out } = await stig('run', 'conductor', ...flags);
    expect(out).toMatch(/ reject {3}other {2}dust {2}to nobody {2}by none {2}/);
    expect(out).toMatch(/ left {5}port .* no rule matches; the rule odd: .*lines/);
    expect(status).toBe(1);
  });

  test('works until it is told to end, and tells of a task that is left once', async () => {
    await given(async (open) => {
      const ant = await open.register({ agentType: 'pulse', agentId: 'ant' });
      const retry = { maxAttempts: 2, backoffMs: 2_500 };
      await ant.tasks.create({ taskId: 'later', goal: 'later', retry });
      await ant.tasks.claim({ taskId: 'later', start: true });
      await ant.tasks.fail('later', { code: 'E', message: 'm' });
      await ant.stop();
      await open.dispatch({ type: 'task.create', payload: { taskId: 'now', goal: 'now' } });
    });
    const running = await start('conductor', ['--rule', 'pulse']);
    await running.printed(/ left {5}later /g); // it has looked some times since it told of the other one
    const { status, out } = await running.end('SIGINT');
    expect(status).toBe(130);
    expect(out.match(/ left {5}now .* no pulse that can do it is there$/gm)).toHaveLength(1);
    expect(await sessionOf('conductor')).toMatchObject({ status: 'offline' });
  });

  test.each([
    ['{', /^stig: error \[INVALID_INPUT\] rules\.json is no JSON: /],
    [{ rules: [CODE] }, / rules\.json has to be a list of rules\./],
    [[], / rules\.json has no rule\./],
    [[CODE, CODE], / Two rules have the id "code"\./],
    [[CODE, 7], / rules\.json: rule 2: Invalid input/],
    [[{ ...CODE, target: 'queen' }], / rules\.json: rule 1 \(code\), at target: /],
    [[{ ...CODE, colour: 1 }], / rule 1 \(code\): Unrecognized key: "colour"/],
    [[{ ...CODE, condition: { keywords: ['a', 1] } }], /, at condition\.keywords\[1\]: /],
    [
      [{ ...CODE, condition: { custom: 'task.' } }],
      / rule 1 \(code\), at condition\.custom: .*, at character \d/,
    ],
  ])('the rules %j cannot be used, and it says where', async (rules, said) => {
    const file = await rulesFile(rules);
    if (typeof rules === 'string') await writeFile(join(cwd, file), rules);
    const { status, out, error } = await stig('run', 'conductor', '--rules', file);
    expect([status, out]).toEqual([2, '']);
    expect(error).toMatch(said);
    expect(error.trimEnd()).not.toContain('\n');
    expect(await readdir(home)).toEqual(['work']);
  });
});

describe('stig run guardian', () => {
  test('--once writes what it finds, at once for the worse and for the better', async () => {
    const bad = await run('guardian', 'echo looking; echo "no mail"; exit 1', '--once');
    expect(bad.out).toMatch(new RegExp(`^${TIME} {2}degraded\n {2}no mail\n$`));
    expect([bad.status, bad.error]).toEqual([1, 'looking\nno mail\n']);
    const [health] = await jsonLines('get', 'global.health');
    expect(health?.['value']).toMatchObject({ status: 'degraded', issues: ['no mail'] });
    const [alert] = await jsonLines('log', '--type', 'system.alert');
    expect(alert?.['payload']).toMatchObject({ summary: 'degraded: no mail' });
    const good = await run('guardian', 'echo well', '--once', '--json', '--quiet');
    expect(parsedLines(good.out)).toMatchObject([{ health: { status: 'healthy', issues: [] } }]);
    expect([good.status, good.error]).toEqual([0, '']);
    expect(await sessionOf('guardian')).toMatchObject({ agentId: 'guardian', status: 'offline' });
  });

  test('looks at the disk, of the swarm or of another directory', async () => {
    await given(async (open) => {
      const newValue = { diskFreeShareDegraded: 1, diskFreeShareCritical: 0 };
      await open.update({ path: 'global.config.health', newValue });
    });
    for (const flags of [[], ['--repo', '..']]) {
      const { status, out } = await stig('run', 'guardian', '--once', ...flags);
      expect(out).toMatch(/ degraded\n {2}less than 100 % of the disk is free\n/);
      expect(status).toBe(1);
    }
  });

  test('its command knows who it is; one that takes too long cannot tell', async () => {
    const script = `env > env; ${WAITS}`;
    const { status, out } = await run('guardian', script, '--once', '--timeout', '1');
    expect(out).toMatch(/ degraded\n {2}the probe cannot tell: it took longer than 1000 ms\n/);
    expect(status).toBe(1);
    await gone(Number(await readFile(join(cwd, 'pid'), 'utf8')));
    const text = await readFile(join(cwd, 'env'), 'utf8');
    for (const line of ['AGENT_ID=guardian', 'AGENT_TYPE=guardian', `DIR=${swarm}`]) {
      expect(text.split('\n')).toContain(`STIGMERGY_${line}`);
    }
  });

  test('watches until it is told to end, and tells when the health changes', async () => {
    const script = 'if [ -e red ]; then echo "the build is red"; exit 1; fi';
    const running = await start('guardian', ['--interval', '1'], script);
    await running.printed(/ healthy$/gm);
    await writeFile(join(cwd, 'red'), '');
    await running.printed(/ degraded\n {2}the build is red$/gm);
    await rm(join(cwd, 'red'));
    await running.printed(/ healthy$/gm, 2);
    const { status, out } = await running.end('SIGTERM');
    expect(status).toBe(143);
    expect(out.trimEnd().split('\n')).toHaveLength(4);
    expect(await sessionOf('guardian')).toMatchObject({ status: 'offline' });
  });

  test('Ctrl-C ends the command, and writes nothing of it', async () => {
    const running = await start('guardian', ['--once'], WAITS);
    const pid = await running.pid();
    const { status, out } = await running.end('SIGINT');
    await gone(pid);
    expect([status, out]).toEqual([130, '']);
    const [health] = await jsonLines('get', 'global.health');
    expect(health?.['value']).toMatchObject({ status: 'healthy', issues: [] });
  });
});

describe('bad usage', () => {
  const command = ['--', 'true'];
  const noProgram = ['--', 'no-such-program-here'];
  const dream = ['dream-weaver', '--goal', 'g'];
  const conductor = ['conductor', '--rule', 'pulse'];

  test.each([
    ['heartbeat', '--interval', '0'],
    ['heartbeat', '--interval', '1.5'],
    ['heartbeat', '--interval', '2147484'],
    ['heartbeat', '--timeout', 'long', ...command],
    ['heartbeat', '--check', 'weather'],
    ['heartbeat', '--check', 'toString'],
    ['heartbeat', '--repo', 'nowhere'],
    ['heartbeat', '--bogus'],
    ['heartbeat', ...noProgram],
    ['heartbeat', '--', ''],
    [...dream],
    ['dream-weaver', ...command],
    ['dream-weaver', '--goal', '', ...command],
    [...dream, ...noProgram],
    [...dream, '--type', 'poem', ...command],
    [...dream, '--document', 'nowhere.md', ...command],
    [...dream, '--document', '.', ...command],
    [...dream, '--max-tokens', '-1', ...command],
    [...dream, '--repo', 'nowhere', ...command],
    [...dream, '--dir', 'inside', ...command],
    [...dream, '--dir', '.', ...command],
    ['conductor'],
    ['conductor', '--rules', 'nowhere.json'],
    ['conductor', '--rules', '.'],
    ['conductor', '--rule', 'queen'],
    ['conductor', '--rule', ''],
    ['conductor', '--rule', 'pulse:'],
    ['conductor', '--rule', 'pulse: ,'],
    ['conductor', '--rule', `pulse: ${'x'.repeat(5_000)}`],
    [...conductor, '--quiet'],
    [...conductor, ...command],
    ['guardian', '--interval', 'often'],
    ['guardian', '--repo', 'nowhere'],
    ['guardian', '--once=1'],
    ['guardian', ...noProgram],
  ])('stig run %s %s: exit status 2, one line, and no swarm', async (...words) => {
    const { status, out, error } = await stig('run', ...words);
    expect([status, out]).toEqual([2, '']);
    expect(error).toMatch(/^stig: error \[INVALID_INPUT\] [^\n]+\n$/);
    expect([await readdir(home), await readdir(cwd)]).toEqual([['work'], []]);
  });

  test('a task that is not there, one that somebody has, a swarm that somebody has', async () => {
    await given(async (open) => {
      const ant = await open.register({ agentType: 'pulse', agentId: 'ant', ...FOR_EVER });
      await ant.tasks.create({ taskId: 'taken', goal: 'g' });
      await ant.tasks.claim({ taskId: 'taken' });
    });
    const none = await run('dream-weaver', 'true', '--task', 'nothing');
    expect([none.status, none.error]).toEqual([1, expect.stringContaining('[NOT_FOUND]')]);
    const taken = await run('dream-weaver', 'true', '--task', 'taken');
    expect([taken.status, taken.error]).toEqual([1, expect.stringContaining('[TASK_TAKEN]')]);
    const running = await start('guardian', []);
    await running.printed(/healthy/g);
    const held = await run('heartbeat', 'true', '--once');
    expect([held.status, held.error]).toEqual([2, expect.stringContaining('[SWARM_HELD]')]);
    await running.end('SIGINT');
  });

  test.each(['heartbeat', 'dream-weaver', 'conductor', 'guardian'])(
    'help for %s is no error',
    async (kind) => {
      const { status, out, error } = await stig('run', kind, '--help');
      expect([status, error]).toEqual([0, '']);
      expect(out).toContain(`Usage: stig run ${kind}`);
    },
  );
});
