// Any command can be an agent: it runs in a git repository, says how far it is, and its commits are written down.
//
//   npm run build && node examples/07-shell-command-as-agent.mjs
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSwarm, runPulse } from 'stigmergy';

const repository = await mkdtemp(join(tmpdir(), 'stigmergy-example-'));
const git = (...words) => execFileSync('git', words, { cwd: repository, encoding: 'utf8' });
git('init', '--quiet', '--initial-branch', 'main');
git('config', 'user.name', 'Ant');
git('config', 'user.email', 'ant@example.org');

// One iteration: a piece of work, a commit, a summary, and a signal. A real one would call an agent's program here.
const script = `
  n=$STIGMERGY_ITERATION
  echo "$STIGMERGY_GOAL" > "chapter $n.txt"
  git add --all && git commit --quiet --message "chapter $n"
  echo "SUMMARY: wrote chapter $n"
  if [ $n = 3 ]; then echo COMPLETE; else echo CONTINUE; fi`;

const swarm = await openSwarm();
const ant = await swarm.register({ agentType: 'pulse', agentId: 'ant' });
const outcome = await runPulse(ant, {
  goal: 'write three chapters',
  repository,
  command: ['sh', '-c', script],
  onIteration({ iteration: { number, signal, summary, filesModified } }) {
    console.log(number, signal, summary, JSON.stringify(filesModified));
  },
});

const { status, iterations, commits, task } = outcome;
console.log(`${status} after ${iterations} iterations and ${commits.length} commits`);
const reported = git('rev-list', '--reverse', 'HEAD').trim().split('\n');
console.log('git reports the same commits:', reported.join() === commits.join());
console.log('the task:', task.status, task.attempts, 'attempt');
await swarm.close();
await rm(repository, { recursive: true });
