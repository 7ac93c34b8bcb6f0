/** A git repository of a test's own, and what git says about it when it is asked by itself. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Who commits in tests, and nothing of the configuration of whoever runs them. */
export const GIT_ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_AUTHOR_NAME: 'Ant',
  GIT_AUTHOR_EMAIL: 'ant@example.org',
  GIT_COMMITTER_NAME: 'Ant',
  GIT_COMMITTER_EMAIL: 'ant@example.org',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
};

/** A work tree; removed after the test. */
export class TestRepository {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** What git prints. */
  git(...words: readonly string[]): string {
    const env = { ...process.env, ...GIT_ENVIRONMENT };
    return execFileSync('git', words, { cwd: this.directory, encoding: 'utf8', env });
  }

  /** The lines that git prints. */
  lines(...words: readonly string[]): readonly string[] {
    return this.git(...words)
      .split('\n')
      .filter((line) => line !== '');
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.directory, name), text);
  }

  /** Writes a file and commits it; gives the commit. */
  async commit(name: string, text: string): Promise<string> {
    await this.write(name, text);
    this.git('add', '--all');
    this.git('commit', '--quiet', '--message', `write ${JSON.stringify(name)}`);
    return this.git('rev-parse', 'HEAD').trim();
  }
}

/** Makes a repository on the branch `main`, with no commit. Commands that a test runs commit as {@link GIT_ENVIRONMENT} says. */
export async function makeRepository(): Promise<TestRepository> {
  Object.assign(process.env, GIT_ENVIRONMENT);
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'stigmergy-git-')));
  onTestFinished(async () => rm(directory, { recursive: true, force: true }));
  const repository = new TestRepository(directory);
  repository.git('init', '--quiet', '--initial-branch', 'main');
  return repository;
}
