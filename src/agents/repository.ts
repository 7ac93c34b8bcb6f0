/**
 * A git repository as a Pulse needs it: where it is, on which branch, and what happened between two of its commits.
 *
 * Asks the git of the machine, and changes nothing but the branch. Names of files come apart at NUL, since they may hold
 * anything else. Variables that lead git to another repository, as in a hook, are taken away.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { refuse, Refused } from '../core/errors.ts';
import { runChild, type ChildEnd } from './child-command.ts';

/** Variables by which git would look elsewhere than in the directory; for the command that works there too. */
export const NOT_ELSEWHERE: Readonly<Record<string, undefined>> = {
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
  GIT_OBJECT_DIRECTORY: undefined,
  GIT_ALTERNATE_OBJECT_DIRECTORIES: undefined,
  GIT_COMMON_DIR: undefined,
  GIT_NAMESPACE: undefined,
  GIT_PREFIX: undefined,
};

/** Long enough for the checkout of a large repository. */
const GIT_TIMEOUT_MS = 300_000;
/** Names of about 100,000 files. */
const GIT_OUTPUT_CHARS_MAX = 8_388_608;
const HASH = /^[0-9a-f]{40,64}$/;

/** The work tree of a git repository. */
export class Repository {
  /** Where commands run: the directory that was named, which may be below {@link root}. */
  readonly directory: string;
  /** The top of the work tree, as git names it. */
  readonly root: string;

  private constructor(directory: string, root: string) {
    this.directory = directory;
    this.root = root;
  }

  /**
   * Looks at a directory of a work tree.
   * @throws {Refused} `NOT_A_REPOSITORY`; `GIT_FAILED` where git cannot be started
   */
  static async open(path: string): Promise<Repository> {
    const directory = resolve(path);
    const isThere = await stat(directory).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isThere) throw notARepository(directory, 'there is no such directory');
    const asked = await git(directory, ['rev-parse', '--is-inside-work-tree']);
    if (asked.exitCode !== 0) throw notARepository(directory, wordsOf(asked));
    if (asked.stdout.trim() !== 'true') throw notARepository(directory, 'it has no work tree');
    const top = await answer(directory, ['rev-parse', '--show-toplevel']);
    return new Repository(directory, top.replace(/\r?\n$/, ''));
  }

  /** The commit that is checked out; null when there is none yet. */
  async head(): Promise<string | null> {
    const args = ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'];
    const asked = await git(this.directory, args);
    if (asked.exitCode === 1) return null;
    return checked(args, asked).stdout.trim();
  }

  /** The branch that is checked out, also when it has no commit yet; null when none is. */
  async branch(): Promise<string | null> {
    const args = ['symbolic-ref', '--quiet', '--short', 'HEAD'];
    const asked = await git(this.directory, args);
    if (asked.exitCode === 1) return null;
    return checked(args, asked).stdout.trim();
  }

  /**
   * Checks a branch out, and makes it from what is checked out when there is none of this name. Files that git does not track
   * do not matter.
   * @throws {Refused} `INVALID_INPUT` for a name that no branch can have; `WORK_TREE_DIRTY` when there is a need to switch and
   * there are changes that are not committed; `GIT_FAILED`
   */
  async switchTo(branchName: string): Promise<void> {
    const { directory } = this;
    const ref = `refs/heads/${branchName}`;
    const named = await git(directory, ['check-ref-format', ref]);
    if (named.exitCode !== 0 || branchName.startsWith('-')) {
      const message = `${JSON.stringify(branchName)} is no name that a branch can have.`;
      throw new Refused(refuse('INVALID_INPUT', message, { branchName }));
    }
    if ((await this.branch()) === branchName) return;
    const changes = await answer(directory, ['status', '--porcelain', '--untracked-files=no']);
    if (changes !== '') throw dirty(directory, branchName);
    const found = await git(directory, ['show-ref', '--verify', '--quiet', ref]);
    const words = found.exitCode === 0 ? [branchName, '--'] : ['-b', branchName];
    await answer(directory, ['checkout', '--quiet', ...words]);
  }

  /** The commits that lead to one moment and not to an earlier one, the oldest first. */
  async commitsBetween(before: string | null, after: string | null): Promise<readonly string[]> {
    if (after === null || after === before) return [];
    const without = before === null ? [] : [`^${before}`];
    const args = ['rev-list', '--topo-order', '--reverse', after, ...without, '--'];
    const lines = (await answer(this.directory, args)).split('\n');
    return lines.filter((line) => HASH.test(line));
  }

  /** The files in which two moments differ, from the top of the work tree. */
  async filesBetween(before: string | null, after: string | null): Promise<readonly string[]> {
    if (after === before) return [];
    const ends = [before ?? (await this.#emptyTree()), after ?? (await this.#emptyTree())];
    const args = ['diff', '--name-only', '-z', '--no-ext-diff', '--no-relative', ...ends, '--'];
    const names = await answer(this.directory, args);
    const whole = names.length < GIT_OUTPUT_CHARS_MAX ? names : names.replace(/^[^\0]*\0/, '');
    return whole.split('\0').filter((name) => name !== '');
  }

  /** The tree of no files, in the hash of this repository. */
  async #emptyTree(): Promise<string> {
    return (await answer(this.directory, ['hash-object', '-t', 'tree', '--stdin'])).trim();
  }
}

async function git(cwd: string, args: readonly string[]): Promise<ChildEnd> {
  const end = await runChild({
    command: ['git', ...args],
    cwd,
    env: { ...NOT_ELSEWHERE, GIT_OPTIONAL_LOCKS: '0' },
    timeoutMs: GIT_TIMEOUT_MS,
    outputCharsMax: GIT_OUTPUT_CHARS_MAX,
  });
  return end.how === 'exited' && end.exitCode !== null ? end : checked(args, end);
}

async function answer(cwd: string, args: readonly string[]): Promise<string> {
  return checked(args, await git(cwd, args)).stdout;
}

/** What git answered, when it did what it was asked to. */
function checked(args: readonly string[], end: ChildEnd): ChildEnd {
  if (end.exitCode === 0) return end;
  const [verb = ''] = args;
  const message = `git ${verb} failed: ${wordsOf(end)}`;
  throw new Refused(refuse('GIT_FAILED', message, { arguments: args, exitCode: end.exitCode }));
}

/** What git said, in one line. */
function wordsOf({ output, reason, exitCode }: ChildEnd): string {
  const said = output.trim().replaceAll(/\s+/g, ' ').slice(0, 1_000);
  return said === '' ? (reason ?? `exit status ${exitCode}`) : said;
}

function notARepository(directory: string, reason: string): Refused {
  const message = `${directory} is not the work tree of a git repository: ${reason}.`;
  return new Refused(refuse('NOT_A_REPOSITORY', message, { directory, reason }));
}

function dirty(directory: string, branchName: string): Refused {
  const message = `${directory} has changes that are not committed, and ${branchName} is another branch. Commit or stash them first.`;
  return new Refused(refuse('WORK_TREE_DIRTY', message, { directory, branchName }));
}
