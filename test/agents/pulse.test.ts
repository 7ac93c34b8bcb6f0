/** The Pulse at work: real commands in real repositories, on the tasks of a real swarm. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { STATE_SCHEMAS } from '../../src/events/state-schemas.ts';
import { runPulse } from '../../src/agents/pulse.ts';
import type { PulseIterationEnd } from '../../src/agents/pulse-iteration.ts';
import { eventTypes, statusOf } from '../support/open-test-swarm.ts';
import { pulseAtWork } from '../support/pulse-at-work.ts';

/** Commits something, and is done with the second commit. */
const TWO_COMMITS = `
  echo "line $STIGMERGY_ITERATION" >> story.txt
  echo x > "part $STIGMERGY_ITERATION.txt"
  git add --all
  git commit --quiet --message "step $STIGMERGY_ITERATION"
  echo "SUMMARY: step $STIGMERGY_ITERATION"
  if [ "$STIGMERGY_ITERATION" = 2 ]; then echo COMPLETE; else echo CONTINUE; fi`;

/** Says the words of an iteration, one after the other. */
function saying(...words: readonly string[]): string {
  const cases = words.map((word, index) => `${index + 1}) echo "${word}" ;;`);
  return `case $STIGMERGY_ITERATION in ${cases.join(' ')} esac`;
}

/** The code of a refusal; what else came of it when there was none. */
async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.catch(({ code }: { code: unknown }) => code);
}

describe('what a Pulse writes down is what git reports', () => {
  test('two commits under a shell command', async () => {
    const pulse = await pulseAtWork();
    const ends: PulseIterationEnd[] = [];
    const outcome = await pulse.run(TWO_COMMITS, { onIteration: (end) => void ends.push(end) });

    const { repository, state } = pulse;
    const hashes = repository.lines('log', '--reverse', '--format=%H');
    expect(hashes).toHaveLength(2);
    const files = hashes.map((hash) =>
      repository.lines('-c', 'core.quotePath=false', 'show', '--format=', '--name-only', hash),
    );
    expect(STATE_SCHEMAS.PulseState.parse(state)).toEqual(state);
    expect(state).toMatchObject({
      status: 'idle',
      progress: { current: 100, message: 'step 2' },
      data: {
        projectPath: repository.directory,
        goal: 'port the parser',
        branchName: 'main',
        currentIteration: 2,
        maxIterations: 10,
        lastSignal: 'COMPLETE',
        totalCommits: 2,
        commitHashes: hashes,
        filesModified: ['part 1.txt', 'story.txt', 'part 2.txt'],
        taskId: outcome.task.id,
      },
    });
    const { iterations, progressLog } = state.data;
    expect(iterations).toMatchObject([
      { number: 1, status: 'complete', signal: 'CONTINUE', summary: 'step 1' },
      { number: 2, status: 'complete', signal: 'COMPLETE', summary: 'step 2' },
    ]);
    expect(iterations.map(({ commitHash }) => commitHash)).toEqual(hashes);
    expect(iterations.map(({ filesModified }) => filesModified)).toEqual(files);
    expect(progressLog.map(({ message, iteration }) => [message, iteration])).toEqual([
      ['CONTINUE: step 1', 1],
      ['COMPLETE: step 2', 2],
    ]);

    expect(outcome).toMatchObject({ status: 'complete', code: null, iterations: 2 });
    expect([outcome.commits, outcome.files]).toEqual([hashes, state.data.filesModified]);
    const result = { iterations: 2, commits: hashes, files: outcome.files, summary: 'step 2' };
    expect(outcome.task).toMatchObject({ status: 'complete', goal: 'port the parser', result });
    expect(ends.map(({ iteration }) => iteration)).toEqual(iterations);
    expect(ends.map(({ commits }) => commits)).toEqual(hashes.map((hash) => [hash]));
  });

  test('an iteration is three commits to the log, and shows while it runs', async () => {
    const pulse = await pulseAtWork();
    const running = pulse.run(
      `echo $$ > pid; while [ ! -e go ]; do sleep 0.02; done; echo BLOCKED`,
    );
    await pulse.fileOf('pid');
    expect(pulse.state).toMatchObject({
      status: 'busy',
      currentTask: { goal: 'port the parser' },
      progress: { current: 0, message: 'iteration 1 runs' },
      data: { currentIteration: 1, iterations: [{ status: 'running', completedAt: null }] },
    });
    await pulse.repository.write('go', '');
    await running;
    const commits = await pulse.test.commits();
    const types = commits.map(({ command }) => command.type);
    expect(types.filter((type) => type !== 'session.heartbeat').slice(2)).toEqual([
      'task.create',
      'task.claim',
      'state.update', // the task begins
      'state.batch',
      'state.batch',
      'task.fail',
    ]);
  });

  test('several commits in one iteration, and none in another', async () => {
    const pulse = await pulseAtWork();
    const first = await pulse.repository.commit('before', '');
    const script = `
      if [ $STIGMERGY_ITERATION = 1 ]; then
        for n in 1 2 3; do echo $n > same; git add same; git commit -qm $n; done; echo CONTINUE
      else echo uncommitted > other; echo COMPLETE; fi`;
    const { commits, files } = await pulse.run(script);
    const made = pulse.repository.lines('rev-list', '--reverse', `${first}..HEAD`);
    expect([commits, files]).toEqual([made, ['same']]);
    expect(pulse.state.data.iterations).toMatchObject([
      { commitHash: made[2], filesModified: ['same'] },
      { commitHash: null, filesModified: [] },
    ]);
  });

  test('names of files with anything in them', async () => {
    const pulse = await pulseAtWork();
    const names = ['two words', 'a\nb', `quote"s'`, 'käse', '-dash', 'back\\slash', '$HOME', '🐜'];
    const made = names.map((name) => `printf x > './${name.replaceAll("'", `'\\''`)}'`).join('\n');
    const { files } = await pulse.run(`${made}\ngit add --all; git commit -qm all; echo COMPLETE`);
    expect(files.toSorted()).toEqual(names.toSorted());
    const reported = pulse.repository.git('ls-tree', '-r', '-z', '--name-only', 'HEAD');
    expect(reported.split('\0').slice(0, -1)).toEqual(files);
  });

  test('many commits and many files fit', async () => {
    const pulse = await pulseAtWork();
    const script = `
      for n in $(seq 100 130); do echo $n > "$n.$STIGMERGY_ITERATION"; git add --all; git commit -qm $n; done
      if [ $STIGMERGY_ITERATION = 2 ]; then echo COMPLETE; else echo CONTINUE; fi`;
    const { commits, files } = await pulse.run(script);
    expect(commits).toEqual(pulse.repository.lines('rev-list', '--reverse', 'HEAD'));
    expect(files.toSorted()).toEqual(pulse.repository.lines('ls-files'));
    expect(pulse.state.data).toMatchObject({ totalCommits: 62, commitHashes: { length: 62 } });
  });

  test('where the swarm has lower limits, it keeps less and says so', async () => {
    const pulse = await pulseAtWork({ limits: { filesModifiedMax: 2 } });
    const script = `touch a b c; git add --all; git commit -qm all; echo COMPLETE`;
    const { status, files } = await pulse.run(script);
    expect([status, files]).toEqual(['complete', []]);
    const [hash] = pulse.repository.lines('rev-list', 'HEAD');
    expect(pulse.state.data).toMatchObject({ totalCommits: 1, commitHashes: [hash] });
    const [entry] = pulse.state.data.progressLog;
    expect(entry?.message).toBe('COMPLETE (3 more files are not listed)');
  });

  test('a repository that its command destroyed fails the task', async () => {
    const pulse = await pulseAtWork();
    await pulse.repository.commit('file', '');
    const outcome = await pulse.run('rm -rf .git; echo COMPLETE');
    expect(outcome).toMatchObject({ status: 'failed', code: 'GIT_FAILED' });
    expect(pulse.state.data.iterations).toMatchObject([{ status: 'failed', signal: 'COMPLETE' }]);
  });
});

describe('the command', () => {
  test('knows who it is and what it is for', async () => {
    const pulse = await pulseAtWork({}, { sessionId: 's.1/[x]' });
    const goal = 'port "the" parser\nof $HOME';
    const print = `node -e 'for (const [k, v] of Object.entries(process.env).sort())
      if (k.startsWith("STIGMERGY_")) console.log(k.slice(10) + "=" + JSON.stringify(v))'`;
    let printed = '';
    const { task } = await pulse.run(`pwd; ${print}; echo SIGNAL: COMPLETE`, {
      goal,
      branchName: 'feature',
      env: { STIGMERGY_DIR: '/swarm', STIGMERGY_GOAL: 'another', MORE: 'more' },
      onOutput: (text) => (printed += text),
    });
    expect(printed.trim().split('\n')).toEqual([
      pulse.repository.directory,
      'AGENT_ID="ant"',
      'AGENT_TYPE="pulse"',
      'BRANCH="feature"',
      'DIR="/swarm"',
      `GOAL=${JSON.stringify(goal)}`,
      'ITERATION="1"',
      'SESSION_ID="s.1/[x]"',
      `TASK_ID="${task.id}"`,
      'SIGNAL: COMPLETE',
    ]);
  });

  test('runs on the branch that was named, which is made when there is none', async () => {
    const pulse = await pulseAtWork();
    const base = await pulse.repository.commit('file', '');
    await pulse.run(TWO_COMMITS, { branchName: 'feature' });
    expect(pulse.state.data.branchName).toBe('feature');
    expect(pulse.repository.lines('log', '--format=%s', 'feature')).toHaveLength(3);
    expect(pulse.repository.git('rev-parse', 'main').trim()).toBe(base);
  });

  test('takes goals that no variable of a system could hold', async () => {
    const pulse = await pulseAtWork();
    const goal = `a\0b${'ä'.repeat(65_000)}`;
    const { status, task } = await pulse.run('echo ${#STIGMERGY_GOAL}; echo COMPLETE', { goal });
    expect([status, task.goal]).toEqual(['complete', goal]);
  });
});

describe('signals', () => {
  test('BLOCKED fails the task with the summary', async () => {
    const pulse = await pulseAtWork();
    const outcome = await pulse.run('echo SUMMARY: no key for the door; echo BLOCKED');
    const error = { code: 'BLOCKED', message: 'no key for the door' };
    expect(outcome).toMatchObject({
      status: 'blocked',
      ...error,
      task: { status: 'failed', error },
    });
    expect(pulse.state).toMatchObject({ status: 'idle', data: { lastSignal: 'BLOCKED' } });
  });

  test('CONTINUE goes on, until there have been as many as there may be', async () => {
    const pulse = await pulseAtWork();
    const outcome = await pulse.run('echo CONTINUE', { maxIterations: 3 });
    expect(outcome).toMatchObject({ status: 'failed', code: 'MAX_ITERATIONS', iterations: 3 });
    expect(outcome.task).toMatchObject({ status: 'failed', progress: 99 });
    expect(pulse.state.progress.current).toBe(99);
  });

  test('0 iterations are as many as it takes', async () => {
    const pulse = await pulseAtWork();
    const script = 'if [ $STIGMERGY_ITERATION = 12 ]; then echo COMPLETE; else echo CONTINUE; fi';
    const outcome = await pulse.run(script, { maxIterations: 0 });
    expect(outcome).toMatchObject({ status: 'complete', iterations: 12 });
  });

  test('without a signal it goes on for a while', async () => {
    const pulse = await pulseAtWork();
    const outcome = await pulse.run('echo thinking');
    expect(outcome).toMatchObject({ status: 'failed', code: 'NO_SIGNAL', iterations: 3 });
    expect(outcome.task.error?.code).toBe('NO_SIGNAL');
    expect(pulse.state.data).toMatchObject({
      lastSignal: 'UNKNOWN',
      iterations: Array.from({ length: 3 }, () => ({ status: 'complete', summary: 'thinking' })),
    });
  });

  test('a signal between them starts the count anew, and the count can be set', async () => {
    const pulse = await pulseAtWork();
    const script = saying('', '', 'CONTINUE', '', '', 'COMPLETE');
    expect(await pulse.run(script)).toMatchObject({ status: 'complete', iterations: 6 });
    const once = await pulse.run('true', { unknownSignalsMax: 1 });
    expect(once).toMatchObject({ status: 'failed', code: 'NO_SIGNAL', iterations: 1 });
  });

  test('PAUSE keeps the task, and the next call goes on with the next iteration', async () => {
    const pulse = await pulseAtWork();
    const script = `git commit -q --allow-empty -m x\n${saying('CONTINUE', 'PAUSE', 'COMPLETE')}`;
    const paused = await pulse.run(script);
    expect(paused).toMatchObject({ status: 'paused', iterations: 2, task: { status: 'running' } });
    expect(pulse.state).toMatchObject({ status: 'paused', currentTask: { id: paused.task.id } });
    const done = await pulse.run(script);
    expect(done).toMatchObject({ status: 'complete', iterations: 3, task: { id: paused.task.id } });
    expect(pulse.state.data.iterations.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(pulse.state.data.totalCommits).toBe(3);
    expect(done.commits).toEqual(pulse.repository.lines('rev-list', '--reverse', 'HEAD'));
    const types = eventTypes(pulse.test.swarm).filter((type) => /paused|resumed/.test(type));
    expect(types).toEqual(['agent.paused', 'agent.resumed']);
  });

  test('a paused session that is given another goal begins with it', async () => {
    const pulse = await pulseAtWork();
    const first = await pulse.run('echo PAUSE');
    const second = await pulse.run('echo COMPLETE', { goal: 'another' });
    expect(second).toMatchObject({ status: 'complete', iterations: 1, task: { goal: 'another' } });
    expect(pulse.state).toMatchObject({ status: 'busy', data: { currentIteration: 1 } });
    const { id: taskId } = first.task;
    const again = await pulse.run('echo COMPLETE', { taskId });
    expect(again).toMatchObject({ status: 'complete', task: { id: taskId } });
  });

  test('a pause at the last iteration leaves none, unless more are allowed', async () => {
    const pulse = await pulseAtWork();
    await pulse.run('echo PAUSE', { maxIterations: 1 });
    const more = await pulse.run('echo PAUSE', { maxIterations: 2 });
    expect(more).toMatchObject({ status: 'paused', iterations: 2 });
    const none = await pulse.run('echo COMPLETE', { maxIterations: 2 });
    expect(none).toMatchObject({ status: 'failed', code: 'MAX_ITERATIONS', iterations: 2 });
  });
});

describe('a command that fails', () => {
  test.each([
    ['without a word', 'exit 3', 'exit status 3'],
    ['with last words', 'echo no network; exit 3', 'exit status 3: no network'],
    ['after it said that it is done', 'echo COMPLETE; exit 1', 'exit status 1'],
    ['by a signal', 'kill -9 $$', 'ended by SIGKILL'],
  ])('%s fails the task', async (_name, script, message) => {
    const pulse = await pulseAtWork();
    const outcome = await pulse.run(script);
    const error = { code: 'COMMAND_FAILED', message };
    expect(outcome).toMatchObject({ status: 'failed', iterations: 1, task: { error } });
    expect(pulse.state.data.iterations).toMatchObject([{ status: 'failed' }]);
  });

  test('that it is not done in time is such a failure, and nothing of it goes on', async () => {
    const pulse = await pulseAtWork();
    const script = 'echo $$ > pid; echo COMPLETE; sleep 60';
    const outcome = await pulse.run(script, { iterationTimeoutMs: 1_000 });
    expect(outcome).toMatchObject({ status: 'failed', code: 'COMMAND_FAILED', iterations: 1 });
    expect(outcome.message).toBe('not done within 1000 ms');
    await pulse.gone(await pulse.fileOf('pid'));
  });

  test.each([
    ['CONTINUE', 'failed', 'MAX_ITERATIONS', 2],
    ['BLOCKED', 'blocked', 'BLOCKED', 1],
    ['PAUSE', 'paused', null, 1],
  ])('is heard when it says %s', async (word, status, code, iterations) => {
    const pulse = await pulseAtWork();
    const outcome = await pulse.run(`echo ${word}; exit 1`, { maxIterations: 2 });
    expect(outcome).toMatchObject({ status, code, iterations });
    const failed = { status: 'failed', signal: word };
    expect(pulse.state.data.iterations).toMatchObject(
      Array.from({ length: iterations }, () => failed),
    );
  });
});

describe('the task', () => {
  test('is the one that is named: claimed, started, with its own goal', async () => {
    const pulse = await pulseAtWork();
    const { id: taskId } = await pulse.session.tasks.create({ goal: 'count the leaves' });
    const outcome = await pulse.run('echo "$STIGMERGY_GOAL"; echo COMPLETE', { taskId });
    expect(outcome).toMatchObject({
      message: 'count the leaves',
      task: { id: taskId, attempts: 1 },
    });
    expect(pulse.state.data.goal).toBe('count the leaves');
  });

  test('of another session is refused, and nothing has run', async () => {
    const pulse = await pulseAtWork();
    const bee = await pulse.test.swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const { id: taskId } = await bee.tasks.create({ goal: 'mine' });
    await bee.tasks.claim({ taskId, start: true });
    expect(await refusal(pulse.run('touch ran', { taskId }))).toBe('TASK_TAKEN');
    expect(await refusal(pulse.run('touch ran', { taskId: 'none' }))).toBe('NOT_FOUND');
    expect(pulse.state).toMatchObject({ status: 'idle', data: { iterations: [], goal: '' } });
  });

  test('is tried again when its policy says so', async () => {
    const pulse = await pulseAtWork();
    const retry = { maxAttempts: 2 };
    const { id: taskId } = await pulse.session.tasks.create({ goal: 'g', retry });
    const first = await pulse.run('echo BLOCKED', { taskId });
    expect(first).toMatchObject({ status: 'blocked', task: { status: 'pending', attempts: 1 } });
    const second = await pulse.run('echo COMPLETE', { taskId });
    expect(second).toMatchObject({ status: 'complete', iterations: 1, task: { attempts: 2 } });
  });

  test('of a session that ended is done by another one, from its first iteration', async () => {
    const pulse = await pulseAtWork({ limits: { heartbeatTimeoutMs: 1_000, graceMs: 1_000 } });
    const { id: taskId } = await pulse.session.tasks.create({ goal: 'g' });
    const stop = new AbortController();
    const silent = pulse.run(saying('CONTINUE', 'PAUSE'), { taskId, signal: stop.signal });
    expect(await silent).toMatchObject({ status: 'paused' });
    await pulse.test.clock.advance(2_000); // it paused, and then fell silent
    expect(statusOf(pulse.test.swarm, pulse.session.identity)).toBe('offline');
    const session = await pulse.test.swarm.register({ agentType: 'pulse', agentId: 'bee' });
    const { directory } = pulse.repository;
    const command = ['sh', '-c', saying('COMPLETE')] as const;
    const done = await runPulse(session, { taskId, repository: directory, command });
    expect(done).toMatchObject({ status: 'complete', iterations: 1, task: { attempts: 2 } });
    expect(await refusal(pulse.run('true', { taskId }))).toBe('SESSION_OFFLINE');
  });

  test('an iteration whose end nobody wrote down has failed when its session goes on', async () => {
    const pulse = await pulseAtWork();
    const failing = pulse.run('echo CONTINUE', {
      onIteration: ({ iteration: { number } }) => {
        if (number === 2) throw new Error('the caller gave up');
      },
    });
    await expect(failing).rejects.toThrow('gave up');
    const { sessionId } = pulse.session.identity;
    const data = `agents.pulse.${sessionId}.data`;
    const begun = { ...pulse.state.data.iterations[1], number: 3, status: 'running' };
    await pulse.session.updateAll([
      { path: `${data}.iterations`, newValue: begun, append: true },
      { path: `${data}.currentIteration`, newValue: 3 },
    ]);
    expect(await pulse.run(saying('', '', '', 'COMPLETE'))).toMatchObject({ iterations: 4 });
    const statuses = pulse.state.data.iterations.map(({ status }) => status);
    expect(statuses).toEqual(['complete', 'complete', 'failed', 'complete']);
  });
});

describe('what ends it from outside', () => {
  const WAITS = 'echo $$ > pid; sleep 60 & wait';

  test('a signal: the command ends, and the task waits for somebody else', async () => {
    const pulse = await pulseAtWork();
    const stop = new AbortController();
    const running = pulse.run(WAITS, { signal: stop.signal });
    const pid = await pulse.fileOf('pid');
    stop.abort();
    const outcome = await running;
    await pulse.gone(pid);
    expect(outcome).toMatchObject({ status: 'cancelled', code: null, iterations: 1 });
    expect(outcome.task).toMatchObject({ status: 'pending', assignedTo: null });
    expect(pulse.state).toMatchObject({
      status: 'offline',
      data: { iterations: [{ status: 'failed', summary: 'ended early' }] },
    });
    const bee = await pulse.test.swarm.register({ agentType: 'pulse', agentId: 'bee' });
    expect(await bee.tasks.claim()).toMatchObject({ id: outcome.task.id });
  });

  test('a signal between two iterations', async () => {
    const pulse = await pulseAtWork();
    const stop = new AbortController();
    const { signal } = stop;
    const outcome = await pulse.run('echo CONTINUE', { signal, onIteration: () => stop.abort() });
    expect(outcome).toMatchObject({ status: 'cancelled', iterations: 1 });
    expect(pulse.state.data.iterations).toMatchObject([{ status: 'complete' }]);
  });

  test('a signal that comes when it is done already changes nothing', async () => {
    const pulse = await pulseAtWork();
    const stop = new AbortController();
    const { signal } = stop;
    const outcome = await pulse.run('echo COMPLETE', { signal, onIteration: () => stop.abort() });
    expect(outcome).toMatchObject({ status: 'complete', task: { status: 'complete' } });
  });

  test('a signal that was given before: nothing is taken', async () => {
    const pulse = await pulseAtWork();
    const signal = AbortSignal.abort(new Error('not today'));
    await expect(pulse.run('touch ran', { signal })).rejects.toThrow('not today');
    expect(pulse.test.swarm.state.global.tasks).toEqual({});
  });

  test.each(['task.requeue', 'task.cancel', 'task.close'] as const)(
    '%s of somebody else: the command ends, and the task is left alone',
    async (type) => {
      const pulse = await pulseAtWork();
      const { id: taskId } = await pulse.session.tasks.create({ goal: 'g' });
      const running = pulse.run(WAITS, { taskId });
      const pid = await pulse.fileOf('pid');
      const { swarm } = pulse.test;
      await swarm.dispatch({ type, payload: { taskId } });
      const outcome = await running;
      await pulse.gone(pid);
      expect(outcome).toMatchObject({ status: 'lost', code: null, iterations: 1 });
      const status = {
        'task.requeue': 'pending',
        'task.cancel': 'cancelled',
        'task.close': 'complete',
      };
      expect(outcome.task.status).toBe(status[type]);
      expect(pulse.state).toMatchObject({
        status: 'idle',
        data: { iterations: [{ status: 'failed' }] },
      });
      expect(swarm.state.global.metrics.totalTasksFailed).toBe(0);
    },
  );

  test('the end of its session', async () => {
    const pulse = await pulseAtWork();
    const running = pulse.run(WAITS);
    const pid = await pulse.fileOf('pid');
    const { sessionId } = pulse.session.identity;
    await pulse.test.swarm.dispatch({ type: 'session.stop', payload: { sessionId } });
    expect(await running).toMatchObject({ status: 'lost', task: { status: 'pending' } });
    await pulse.gone(pid);
  });

  test('its task is over while its command says that it is done', async () => {
    const pulse = await pulseAtWork();
    const { id: taskId } = await pulse.session.tasks.create({ goal: 'g' });
    const { swarm } = pulse.test;
    const onIteration = async () => {
      await swarm.dispatch({ type: 'task.cancel', payload: { taskId } });
    };
    const outcome = await pulse.run('echo COMPLETE', { taskId, onIteration });
    expect(outcome).toMatchObject({ status: 'lost', task: { status: 'cancelled', result: null } });
  });

  test('the task runs out of time', async () => {
    const pulse = await pulseAtWork();
    const { id: taskId } = await pulse.session.tasks.create({ goal: 'g', timeout: 5_000 });
    const running = pulse.run(WAITS, { taskId });
    await pulse.fileOf('pid');
    await pulse.test.clock.advance(5_000);
    const outcome = await running;
    expect(outcome).toMatchObject({ status: 'lost', task: { error: { code: 'TASK_TIMEOUT' } } });
  });

  test('somebody pauses its session: it ends its iteration, and then waits', async () => {
    const pulse = await pulseAtWork();
    const { swarm } = pulse.test;
    const { sessionId } = pulse.session.identity;
    const outcome = await pulse.run('echo CONTINUE', {
      onIteration: async ({ iteration: { number } }) => {
        if (number === 2) await swarm.dispatch({ type: 'session.pause', payload: { sessionId } });
      },
    });
    expect(outcome).toMatchObject({ status: 'paused', iterations: 2, task: { status: 'running' } });
    const done = await pulse.run(saying('', '', 'COMPLETE'));
    expect(done).toMatchObject({ status: 'complete', iterations: 3 });
  });

  test('the swarm closes: the command ends, and the caller is told why', async () => {
    const pulse = await pulseAtWork();
    const running = refusal(pulse.run(WAITS));
    const pid = await pulse.fileOf('pid');
    await pulse.test.close();
    expect(await running).toBe('CLOSED');
    await pulse.gone(pid);
  });
});

describe('while its command runs for long', () => {
  test('its session stays alive, and nothing is recorded but that', async () => {
    const pulse = await pulseAtWork({ limits: { heartbeatTimeoutMs: 9_000, graceMs: 1_000 } });
    const { clock, swarm } = pulse.test;
    const script = 'echo $$ > pid; while [ ! -e go ]; do sleep 0.02; done; echo COMPLETE';
    const running = pulse.run(script, { clock });
    await pulse.fileOf('pid');
    const { sequence } = swarm;
    await clock.advance(60_000);
    expect(pulse.state.status).toBe('busy');
    const heard = swarm.sequence - sequence;
    expect(heard).toBeGreaterThanOrEqual(60_000 / 9_000);
    expect(heard).toBeLessThanOrEqual(60_000 / 3_000);
    expect(eventTypes(swarm, sequence)).toEqual([]); // signs of life stay out of the ring
    await pulse.repository.write('go', '');
    expect(await running).toMatchObject({ status: 'complete' });
    expect(pulse.state.errors.count).toBe(0);
    expect(pulse.state.data.iterations).toMatchObject([{ durationSeconds: 60 }]);
    expect(clock.pending).toBeLessThanOrEqual(1); // what the coordinator itself waits for
  });
});

describe('what cannot be', () => {
  test('is refused before a task is taken', async () => {
    const pulse = await pulseAtWork();
    const { directory } = pulse.repository;
    await pulse.repository.commit('file', '');
    await pulse.repository.write('file', 'changed');
    const refused = [
      ['NOT_A_REPOSITORY', { repository: join(directory, 'nowhere') }],
      ['NOT_A_REPOSITORY', { repository: join(directory, '.git') }],
      ['WORK_TREE_DIRTY', { branchName: 'other' }],
      ['INVALID_INPUT', { branchName: 'a b' }],
      ['INVALID_INPUT', { command: ['no-such-program-here'] }],
      ['INVALID_INPUT', { command: ['./file'] }],
      ['INVALID_INPUT', { command: [] as never }],
      ['INVALID_INPUT', { command: [''] }],
      ['INVALID_INPUT', { command: ['sh', 'a\0b'] }],
      ['INVALID_INPUT', { goal: '' }],
      ['INVALID_INPUT', { maxIterations: -1 }],
      ['INVALID_INPUT', { maxIterations: 1.5 }],
      ['INVALID_INPUT', { iterationTimeoutMs: 0 }],
      ['INVALID_INPUT', { iterationTimeoutMs: 2 ** 31 }],
      ['INVALID_INPUT', { unknownSignalsMax: 0 }],
    ] as const;
    for (const [code, more] of refused) {
      expect([more, await refusal(pulse.run('touch ran', more))]).toEqual([more, code]);
    }
    const owl = await pulse.test.swarm.register({ agentType: 'guardian', agentId: 'owl' });
    const command = ['true'] as const;
    const asOwl = runPulse(owl, { goal: 'g', repository: directory, command });
    expect(await refusal(asOwl)).toBe('INVALID_INPUT');
    expect(pulse.test.swarm.state.global.tasks).toEqual({});
    expect(pulse.repository.lines('branch', '--show-current')).toEqual(['main']);
    const ran = readFile(join(directory, 'ran')).catch(({ code }: { code: unknown }) => code);
    expect(await ran).toBe('ENOENT');
  });

  test('a dirty tree is no obstacle where nothing has to be switched', async () => {
    const pulse = await pulseAtWork();
    await pulse.repository.commit('file', '');
    await pulse.repository.write('file', 'changed');
    const outcome = await pulse.run('echo COMPLETE', { branchName: 'main' });
    expect(outcome).toMatchObject({ status: 'complete', commits: [], files: [] });
  });
});

test('a listener that throws ends the run: the iteration has failed, and another call goes on with the task', async () => {
  const pulse = await pulseAtWork();
  const full = new Error('the screen is full');
  const ends: PulseIterationEnd[] = [];
  const run = pulse.run('echo $$ > pid; echo COMPLETE; sleep 60', {
    onOutput: () => {
      throw full;
    },
    onIteration: (end) => void ends.push(end),
  });
  await expect(run).rejects.toBe(full);
  await pulse.gone(await pulse.fileOf('pid'));
  const summary = 'ended, because onOutput threw: the screen is full';
  const failed = { number: 1, status: 'failed', signal: 'UNKNOWN', summary };
  expect(ends).toMatchObject([{ iteration: failed, exitCode: null }]);
  expect(pulse.state).toMatchObject({
    status: 'busy',
    currentTask: { goal: 'port the parser', status: 'running' },
    data: { currentIteration: 1, iterations: [failed] },
  });
  expect(await pulse.run('echo COMPLETE')).toMatchObject({ status: 'complete', iterations: 2 });
});
