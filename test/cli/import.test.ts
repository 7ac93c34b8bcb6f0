/** `stig import` as its users run it: the built program, in a process of its own. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROGRAM, runStig, type Ran } from '../support/run-stig.ts';
import { linesOf, type TestRecord } from '../importers/import-test-log.ts';

const MANY = 20_000;

let home: string;

async function stig(...words: string[]): Promise<Ran> {
  return runStig(words, { cwd: home, swarm: 'default' });
}

const RECORDS: readonly TestRecord[] = [
  { kind: 'created', item: 'bd-1', actor: 'mayor' },
  { kind: 'claimed', item: 'bd-1', actor: 'ada' },
  { kind: 'closed', item: 'bd-1', actor: 'ada', new: 'done' },
  { kind: 'closed', item: 'bd-1', actor: 'eve', new: 'done' },
  { kind: 'closed', item: 'bd-2', actor: 'eve\u001b[2J', new: '' },
];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stig-import-'));
  await writeFile(join(home, 'events.jsonl'), `${linesOf(RECORDS)}no record\n`);
  await writeFile(join(home, 'empty.jsonl'), '');
  await mkdir(join(home, 'folder'));
  await writeFile(join(home, 'folder/file'), 'of somebody');
  const created = Array.from({ length: MANY }, (_, index): TestRecord => {
    return { kind: 'created', item: `bd-${index}`, actor: 'mayor' };
  });
  await writeFile(join(home, 'many.jsonl'), linesOf(created));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

describe('stig import beads', () => {
  it('tells other programs what was accepted and refused, and the state that verify finds', async () => {
    const { status, out, error } = await stig(
      'import',
      'beads',
      'events.jsonl',
      '--dir',
      'a',
      '--json',
    );
    expect([status, error]).toEqual([0, '']);
    const report = JSON.parse(out) as Record<string, unknown>;
    expect(report).toMatchObject({
      records: 6,
      accepted: 4,
      refused: 2,
      reasons: { INVALID_INPUT: 1, ILLEGAL_TRANSITION: 1 },
      examples: { INVALID_INPUT: ['line 6'], ILLEGAL_TRANSITION: [4] },
      complete: true,
    });
    const first = ['records', 'accepted', 'refused', 'reasons', 'sequence', 'stateHash'];
    expect(Object.keys(report).slice(0, first.length)).toEqual(first);

    const verified = JSON.parse((await stig('verify', '--dir', 'a', '--json')).out) as object;
    expect(verified).toMatchObject({ ok: true, stateHash: report['stateHash'] });
  });

  it('tells people, without a control character, and ends with commands that work', async () => {
    const { status, out, error } = await stig('import', 'beads', 'events.jsonl', '--dir', 'b');
    expect([status, error]).toEqual([0, '']);
    expect(out).toContain('6 records of events.jsonl: 4 accepted, 2 refused');
    expect(out).toMatch(/ILLEGAL_TRANSITION +1 +4\n/);
    expect(out).not.toContain('\u001b');
    const commands = [...out.matchAll(/^ {2}(?:npx )?stig (.+)$/gm)].map(([, words = '']) => words);
    expect(commands).toHaveLength(3);
    for (const words of commands) {
      const ran = await stig(...words.replaceAll('"', '').split(' '));
      expect([words, ran.status, ran.error]).toEqual([words, 0, '']);
      expect(ran.out.trim()).not.toBe('');
    }
  });

  it('shows what a record caused, by its id', async () => {
    await stig('import', 'beads', 'events.jsonl', '--dir', 'c');
    const { out } = await stig('log', '--dir', 'c', '--json', '--correlation', 'beads:2');
    const types = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types).toEqual(['task.assigned', 'task.started']);
  });

  it.each([
    [['missing.jsonl'], 2, 'INVALID_INPUT'],
    [['empty.jsonl'], 2, 'INVALID_INPUT'],
    [['folder'], 2, 'INVALID_INPUT'],
    [['folder/file'], 2, 'INVALID_INPUT'],
    [[], 2, 'INVALID_INPUT'],
    [['events.jsonl', '--dir', 'folder'], 2, 'NOT_A_SWARM'],
    [['events.jsonl', '--dir', 'twice'], 1, 'ALREADY_EXISTS'],
  ])('%j ends with status %i and %s, in one line', async (words, status, code) => {
    await stig('import', 'beads', 'events.jsonl', '--dir', 'twice');
    const ran = await stig('import', 'beads', ...words);
    expect([ran.status, ran.out]).toEqual([status, '']);
    expect(ran.error).toMatch(new RegExp(`^stig: error \\[${code}\\] [^\\n]+\\n$`));
    expect(existsSync(join(home, 'default'))).toBe(false);
  });

  it('stops at Ctrl-C after a record, and leaves a log that verifies', async () => {
    const words = ['import', 'beads', 'many.jsonl', '--dir', 'cut', '--json'];
    const child = spawn(process.execPath, [PROGRAM, ...words], { cwd: home });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    while (!existsSync(join(home, 'cut'))) await new Promise((done) => setTimeout(done, 5));
    child.kill('SIGINT');
    const status = await new Promise((done) => child.once('close', done));

    expect(status).toBe(130);
    const report = JSON.parse(out) as { records: number; complete: boolean; stateHash: string };
    expect(report.complete).toBe(false);
    expect(report.records).toBeLessThan(MANY);
    const verified = JSON.parse((await stig('verify', '--dir', 'cut', '--json')).out) as object;
    expect(verified).toMatchObject({ ok: true, stateHash: report.stateHash });
  });
});
