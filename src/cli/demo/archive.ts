/** The last task of the demonstration: a Pulse commits the report in a git repository, by a shell command of two iterations. */
import { execFile } from 'node:child_process';
import { devNull } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { runPulse } from '../../agents/pulse.ts';
import { iterationLine } from '../pulse-lines.ts';
import type { Told } from './news.ts';
import type { Workplace } from './workplace.ts';

/** Where the report was committed, and by which session. */
export interface Archived {
  readonly directory: string;
  readonly sessionId: string;
  readonly taskId: string;
}

/** An iteration is one run of it: the first commits the report, the second what is in it. */
const SCRIPT = `
if [ "$STIGMERGY_ITERATION" = 1 ]; then
  cp "$DEMO_REPORT" report.md
  git add report.md && git commit --quiet --allow-empty -m "Add the report of $DEMO_PROJECT" || exit 1
  echo "SUMMARY: the report is committed"
  echo CONTINUE
else
  sed -n 's/^## /- /p' report.md > contents.md
  git add contents.md && git commit --quiet --allow-empty -m "Say what is in the report" || exit 1
  echo "SUMMARY: so is what is in it"
  echo COMPLETE
fi`;

const execute = promisify(execFile);

/** Commits the report in a repository beside it, which is made when there is none; undefined without git. */
export async function archiveReport(
  { swarm, reportPath, projectName }: Workplace,
  told: Told,
): Promise<Archived | undefined> {
  const directory = join(dirname(dirname(reportPath)), 'archive');
  forgetOwnGit();
  try {
    const settings = ['-c', 'init.defaultBranch=main'];
    await execute('git', [...settings, 'init', '--quiet', '--template=', directory]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    told.event('git is not installed, so no Pulse commits the report');
    return undefined;
  }
  const session = await swarm.register({ agentType: 'pulse', agentId: 'pulse-git' });
  const { status, message, task } = await runPulse(session, {
    goal: 'commit the report',
    repository: directory,
    command: ['sh', '-c', SCRIPT],
    maxIterations: 2,
    env: { DEMO_REPORT: reportPath, DEMO_PROJECT: projectName },
    onIteration: (end) => told.event(`pulse-git: ${iterationLine(end)}`),
  });
  if (status !== 'complete') throw new Error(`the report was not committed: ${message}`);
  await session.stop('the report is committed');
  return { directory, sessionId: session.identity.sessionId, taskId: task.id };
}

/** Whoever runs this has settings of git, and perhaps the variables of a hook: none of them is for this repository. */
function forgetOwnGit(): void {
  const { env } = process;
  for (const name of Object.keys(env)) {
    if (name.startsWith('GIT_') && name !== 'GIT_EXEC_PATH') delete env[name];
  }
  const [name, email] = ['pulse-git', 'pulse-git@stigmergy.invalid'];
  Object.assign(env, {
    GIT_CONFIG_GLOBAL: devNull,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  });
}
