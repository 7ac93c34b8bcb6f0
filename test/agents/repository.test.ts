/** What git reports, about real repositories. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Repository } from '../../src/agents/repository.ts';
import { makeRepository } from '../support/git-repository.ts';

const NAMES = ['two words', 'a\nb', 'quote"s\'', 'käse', 'tab\there', '-dash', 'back\\slash', '🐜'];

afterEach(() => {
  delete process.env['GIT_DIR'];
});

async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'granted',
    ({ code }: { code: unknown }) => code,
  );
}

describe('opening', () => {
  test('a directory below the top is part of it', async () => {
    const { directory } = await makeRepository();
    const below = join(directory, 'packages');
    await mkdir(below);
    expect(await Repository.open(below)).toMatchObject({ directory: below, root: directory });
  });

  test('what is no work tree is refused', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'stigmergy-none-'));
    const repository = await makeRepository();
    await repository.write('file', '');
    repository.git('init', '--quiet', '--bare', 'bare');
    const { directory } = repository;
    const places = [outside, join(outside, 'nowhere'), 'a\0b'];
    places.push(...['file', 'bare', '.git'].map((name) => join(directory, name)));
    for (const place of places) {
      expect([place, await refusal(Repository.open(place))]).toEqual([place, 'NOT_A_REPOSITORY']);
    }
    await rm(outside, { recursive: true });
  });

  test('a variable that leads git elsewhere, as in a hook, does not', async () => {
    const [one, other] = [await makeRepository(), await makeRepository()];
    await other.commit('file', '');
    process.env['GIT_DIR'] = join(other.directory, '.git');
    expect(await (await Repository.open(one.directory)).head()).toBeNull();
  });

  test.runIf(process.platform !== 'win32')('without git it says so', async () => {
    const { directory } = await makeRepository();
    const { PATH = '' } = process.env;
    process.env['PATH'] = directory;
    const code = await refusal(Repository.open(directory));
    process.env['PATH'] = PATH;
    expect(code).toBe('GIT_FAILED');
  });
});

describe('what happened between two commits', () => {
  test('commits, the oldest first, and files with odd names', async () => {
    const made = await makeRepository();
    const repository = await Repository.open(made.directory);
    expect([await repository.head(), await repository.branch()]).toEqual([null, 'main']);
    const hashes: string[] = [];
    for (const name of NAMES) hashes.push(await made.commit(name, name));
    const [first = '', ...rest] = hashes;
    const last = await repository.head();
    expect(await repository.commitsBetween(null, last)).toEqual(hashes);
    expect(await repository.commitsBetween(first, last)).toEqual(rest);
    expect(await repository.commitsBetween(last, first)).toEqual([]);
    expect(await repository.commitsBetween(last, last)).toEqual([]);
    expect(await repository.commitsBetween(null, null)).toEqual([]);
    expect([...(await repository.filesBetween(null, last))].toSorted()).toEqual(NAMES.toSorted());
    expect(await repository.filesBetween(last, last)).toEqual([]);
    const back = await repository.filesBetween(last, first);
    expect([...back].toSorted()).toEqual(NAMES.slice(1).toSorted());
  });

  test('commits that a merge brought are told too', async () => {
    const made = await makeRepository();
    const base = await made.commit('base', '');
    made.git('checkout', '--quiet', '-b', 'side');
    const side = await made.commit('side', '');
    made.git('checkout', '--quiet', 'main');
    const main = await made.commit('main', '');
    made.git('merge', '--quiet', '--no-ff', '--message', 'merge', 'side');
    const merge = made.git('rev-parse', 'HEAD').trim();
    const repository = await Repository.open(made.directory);
    const commits = await repository.commitsBetween(base, merge);
    expect(commits.at(-1)).toBe(merge);
    expect([...commits].toSorted()).toEqual([main, side, merge].toSorted());
    expect(await repository.filesBetween(main, merge)).toEqual(['side']);
  });

  test('names are from the top, whatever the configuration of the user says', async () => {
    const made = await makeRepository();
    made.git('config', 'diff.relative', 'true');
    made.git('config', 'diff.external', 'false');
    await mkdir(join(made.directory, 'below'));
    const hash = await made.commit('below/file', '');
    const repository = await Repository.open(join(made.directory, 'below'));
    expect(await repository.filesBetween(null, hash)).toEqual(['below/file']);
  });

  test('a commit that is not there is a failure', async () => {
    const repository = await Repository.open((await makeRepository()).directory);
    const none = '1'.repeat(40);
    expect(await refusal(repository.commitsBetween(null, none))).toBe('GIT_FAILED');
  });
});

describe('switching', () => {
  test('a branch is made, checked out, and left as it is', async () => {
    const made = await makeRepository();
    const repository = await Repository.open(made.directory);
    await repository.switchTo('first'); // before there is a commit
    expect(await repository.branch()).toBe('first');
    await made.commit('file', '');
    await repository.switchTo('feature/é');
    expect([await repository.branch(), made.lines('branch').length]).toEqual(['feature/é', 2]);
    await repository.switchTo('first');
    expect(await repository.branch()).toBe('first');
    await made.write('file', 'changed');
    await repository.switchTo('first'); // no need to switch
    made.git('checkout', '--quiet', '--detach');
    expect(await repository.branch()).toBeNull();
  });

  test('changes that are not committed are not carried along; files that git does not know may stay', async () => {
    const made = await makeRepository();
    await made.commit('file', '');
    await made.write('untracked', '');
    const repository = await Repository.open(made.directory);
    await repository.switchTo('other');
    await made.write('file', 'changed');
    expect(await refusal(repository.switchTo('main'))).toBe('WORK_TREE_DIRTY');
    expect(await refusal(repository.switchTo('new'))).toBe('WORK_TREE_DIRTY');
    made.git('add', 'file');
    expect(await refusal(repository.switchTo('main'))).toBe('WORK_TREE_DIRTY');
    expect([await repository.branch(), made.lines('branch').length]).toEqual(['other', 2]);
  });

  test.each(['', '-b', 'a b', 'a..b', '/x', 'x/', '@{-1}', 'a\nb', 'x.lock'])(
    'a branch cannot be named %j',
    async (name) => {
      const made = await makeRepository();
      await made.commit('file', '');
      const repository = await Repository.open(made.directory);
      expect(await refusal(repository.switchTo(name))).toBe('INVALID_INPUT');
      expect(await repository.branch()).toBe('main');
    },
  );

  test('what git refuses is told in its words', async () => {
    const made = await makeRepository();
    await made.commit('file', '');
    made.git('worktree', 'add', '--quiet', '-b', 'elsewhere', 'tree');
    const repository = await Repository.open(made.directory);
    const message = await repository.switchTo('elsewhere').catch((error: Error) => error.message);
    expect(message).toContain('tree');
    expect(await refusal(repository.switchTo('elsewhere'))).toBe('GIT_FAILED');
  });
});
