/** `stig demo`: the whole idea at work, on a real directory. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import colors from 'picocolors';
import { openSwarm } from '../../coordinator/open-swarm.ts';
import { Fault } from '../../core/errors.ts';
import { command, wholeNumber, type CommonOptions } from '../common.ts';
import { count, print, printJson } from '../output.ts';
import { findSourceFiles } from './source-files.ts';
import { readStory, type LiveState } from './story.ts';
import type { Told } from './news.ts';
import { tellStory } from './tell-story.ts';
import { workAsSwarm, type Job, type Outcome } from './swarm-at-work.ts';

/** Short, so that a death shows within seconds; a real swarm uses the default. */
const LIMITS = { graceMs: 400 };
/** Denials are recorded; one session in error, of however many, degrades the swarm, and two quiet looks are calm. */
const CONFIG = {
  audit: { denials: true },
  health: { errorShareDegraded: 0.001, calmLooks: 2 },
};
/** The most sources that are analysed: keeps the demonstration under half a minute. */
const FILES_MAX = 1_000;
/** The most Pulse sessions: more would only wait for each other on one machine. */
const AGENTS_MAX = 100;

interface DemoOptions extends CommonOptions {
  readonly agents: number;
}

/** Makes the command. */
export function demoCommand(): Command {
  return command(
    'demo',
    'Let a swarm analyse a directory, kill one of its agents, and travel back to that moment.',
  )
    .argument('[directory]', 'whose JavaScript and TypeScript sources are analysed', '.')
    .option('--agents <n>', `how many Pulse sessions work, from 2 to ${AGENTS_MAX}`, agentsOf, 4)
    .addHelpText(
      'after',
      `
What you see: a Conductor makes one task per source and gives them out by its rules; Pulse sessions lock the file, parse it
and write down what they find; a Heartbeat measures, two Guardians watch, a Dream Weaver writes report/report.md, and a Pulse
commits it in archive/, a git repository. In the middle one Pulse session dies without a word. Its lock expires, its task goes
back, and another session finishes it. Then everything is closed, rebuilt from the log alone, and the moment of the death
is looked at again.`,
    )
    .action(async (directory: string, options: DemoOptions) => {
      await demonstrate(directory, options);
    });
}

function agentsOf(text: string): number {
  const agents = wholeNumber(2)(text);
  if (agents > AGENTS_MAX) throw new InvalidArgumentError(`It must be at most ${AGENTS_MAX}.`);
  return agents;
}

async function demonstrate(directory: string, options: DemoOptions): Promise<void> {
  const sources = resolve(directory);
  const found = await findSourceFiles(sources, { max: FILES_MAX });
  if (!found.ok) throw new Fault(found.code, found.message, { details: found.details });
  const isForPeople = options.json !== true;
  const title = titleOf(sources, found.files.length, found.leftOut, options);
  const job: Job = {
    sources,
    projectName: basename(sources),
    files: found.files,
    directory: resolve(options.dir),
    reportPath: join(resolve(options.dir), 'report', 'report.md'),
    agents: options.agents,
  };
  const { live, outcome } = await runSwarm(job, options.dir, isForPeople ? title : undefined);
  const told = await readStory(options.dir, live, outcome);
  if (isForPeople) print(tellStory(told, againIn(options.dir)));
  else printJson(told.story);
  const { sameState, sameCount, badlyEnded } = told.story;
  if (!sameState || !sameCount || badlyEnded.length > 0) process.exitCode = 1;
}

async function runSwarm(
  job: Job,
  directory: string,
  title: string | undefined,
): Promise<{ readonly live: LiveState; readonly outcome: Outcome }> {
  const swarm = await openSwarm({
    directory,
    limits: LIMITS,
    config: CONFIG,
  });
  try {
    await mkdir(dirname(job.reportPath), { recursive: true });
    if (title !== undefined) print(title);
    const outcome = await withTelling(title !== undefined, directory, (told) =>
      workAsSwarm(swarm, job, told),
    );
    await swarm.durable();
    return { outcome, live: { state: swarm.state, stateHash: swarm.stateHash } };
  } finally {
    await swarm.close();
  }
}

/** Tells what happens while it happens: lines, and under them a bar on a terminal. */
async function withTelling<T>(
  isForPeople: boolean,
  directory: string,
  work: (told: Told) => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const line = (text: string) =>
    `  ${colors.dim(`${((performance.now() - started) / 1000).toFixed(2)} s`)}  ${text}`;
  if (!isForPeople) return work({ progress() {}, event() {} });
  if (!process.stdout.isTTY) return work({ progress() {}, event: (text) => print(line(text)) });
  const bars = new MultiBar(
    {
      format: '  {bar} {value}/{total} tasks',
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stdout,
    },
    Presets.shades_grey,
  );
  const interrupt = () => {
    bars.stop(); // gives the terminal its cursor back
    print(`interrupted; what was done is kept in ${directory}: stig verify --dir ${directory}`);
    process.exit(130);
  };
  process.once('SIGINT', interrupt);
  let bar: SingleBar | undefined;
  try {
    return await work({
      progress(done, of) {
        bar ??= bars.create(of, 0);
        bar.update(done);
      },
      event: (text) => bars.log(`${line(text)}\n`),
    });
  } finally {
    process.off('SIGINT', interrupt);
    bars.update();
    bars.stop();
  }
}

function titleOf(
  sources: string,
  files: number,
  leftOut: number,
  { agents, dir }: DemoOptions,
): string {
  const rest = leftOut === 0 ? '' : ` (${count(leftOut)} more are left out)`;
  return [
    `${colors.bold('stigmergy')}  ${agents} Pulse sessions, a Conductor, a Heartbeat, a Dream Weaver and two Guardians`,
    `  analyse ${colors.bold(count(files))} sources of ${sources}${rest}; everything they do is recorded in ${dir}`,
    '',
  ].join('\n');
}

/** How the program is called again from here: its name, and what follows the command. */
function againIn(dir: string): string {
  const name = process.env['npm_lifecycle_event'] === undefined ? 'stig' : 'npx stig';
  return `${name}|${dir === './.stigmergy' ? '' : ` --dir ${JSON.stringify(dir)}`}`;
}
