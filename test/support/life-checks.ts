/** What must hold of the log of any life: checkers that watch from outside, commit by commit. */
import { expect } from 'vitest';
import { permit } from '../../src/access/permit.ts';
import { decide, denied } from '../../src/actors/decide.ts';
import { unreachable } from '../../src/core/errors.ts';
import { isLockFact, type SwarmFact } from '../../src/events/catalog.ts';
import type { Commit } from '../../src/events/envelope.ts';
import { Projector } from '../../src/projections/projector.ts';
import { lockFaults } from './lock-oracle.ts';
import type { SwarmCommand } from '../../src/protocol/commands.ts';

/** Checks the log of a life from its first commit to its last. */
export function checkLog(commits: readonly Commit[]): void {
  checkOrder(commits);
  checkFencingTokens(commits);
  checkEndings(commits);
  checkWaits(commits);
  checkLocks(commits);
  checkDecidedAgain(commits);
}

/** [I4] No gap and no repeat; [I5] time never goes back. */
function checkOrder(commits: readonly Commit[]): void {
  const facts = commits.flatMap((commit) => commit.facts);
  expect(facts.map(({ sequence }) => sequence)).toEqual(facts.map((_fact, index) => index + 1));
  const times = facts.map(({ timeMs }) => timeMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
}

/** The token of a grant is its sequence, so tokens of a resource only grow. */
function checkFencingTokens(commits: readonly Commit[]): void {
  const projector = new Projector();
  const newest = new Map<string, number>();
  for (const commit of commits) {
    projector.apply(commit);
    for (const fact of commit.facts as readonly SwarmFact[]) {
      if (fact.type !== 'lock.acquired' && fact.type !== 'lock.upgraded') continue;
      const { resource, lockId } = fact.payload;
      const hold = projector.resource(resource)?.holders.find(({ id }) => id === lockId);
      if (hold !== undefined) expect(hold.fencingToken).toBeGreaterThanOrEqual(fact.sequence);
      expect(fact.sequence).toBeGreaterThan(newest.get(resource) ?? 0);
      newest.set(resource, fact.sequence);
    }
  }
}

const ENDS: ReadonlySet<string> = new Set([
  'task.completed',
  'task.closed',
  'task.failed',
  'task.cancelled',
]);

/** Every task ends at most once. */
function checkEndings(commits: readonly Commit[]): void {
  const ended = new Set<string>();
  for (const { type, payload } of commits.flatMap(({ facts }) => facts)) {
    if (!ENDS.has(type)) continue;
    const { taskId } = payload as { readonly taskId: string };
    expect(ended).not.toContain(taskId);
    ended.add(taskId);
  }
}

/** Every request that waits is served, or its end is recorded; no lock id waits twice at once. */
function checkWaits(commits: readonly Commit[]): void {
  const waiting = new Set<string>();
  const upgrading = new Set<string>();
  const facts = commits.flatMap((commit) => commit.facts as readonly SwarmFact[]);
  for (const fact of facts.filter(isLockFact)) {
    switch (fact.type) {
      case 'lock.requested':
        expect(waiting).not.toContain(fact.payload.lockId);
        waiting.add(fact.payload.lockId);
        break;
      case 'lock.upgrade_requested':
        expect(upgrading).not.toContain(fact.payload.lockId);
        upgrading.add(fact.payload.lockId);
        break;
      case 'lock.acquired':
        waiting.delete(fact.payload.lockId);
        break;
      case 'lock.abandoned': {
        const { lockId } = fact.payload;
        expect(waiting.delete(lockId) || upgrading.delete(lockId)).toBe(true);
        break;
      }
      case 'lock.upgraded':
      case 'lock.released':
      case 'lock.expired':
        upgrading.delete(fact.payload.lockId);
        break;
      case 'lock.renewed':
      case 'lock.downgraded':
      case 'lock.contention':
        break;
      default:
        unreachable(fact);
    }
  }
  expect([...waiting, ...upgrading]).toEqual([]);
}

/** After no commit do two exclude each other, or does anybody wait in vain or for ever. */
function checkLocks(commits: readonly Commit[]): void {
  const projector = new Projector();
  for (const commit of commits) {
    projector.apply(commit);
    const { sequence, timeMs } = commit.facts.at(-1) ?? { sequence: 0, timeMs: 0 };
    expect(lockFaults(projector, timeMs), `after ${sequence}`).toEqual([]);
  }
}

/** Carries a command as far as its facts, as the dispatcher does. */
function permittedAndDecided(projector: Projector, command: SwarmCommand) {
  const refusal = permit(projector, command);
  if (refusal !== undefined) return denied(projector, command, refusal);
  let isPartDenied = false;
  const decided = decide(projector, command, (view, part) => {
    const denial = permit(view, part);
    isPartDenied = denial !== undefined;
    return denial;
  });
  return isPartDenied && !decided.ok ? denied(projector, command, decided) : decided;
}

/** [I6] A recorded command, permitted and decided again on the state that it met, gives the recorded facts, or is refused as it was. */
function checkDecidedAgain(commits: readonly Commit[]): void {
  const projector = new Projector();
  for (const commit of commits) {
    const command = commit.command as SwarmCommand;
    const decided = permittedAndDecided(projector, command);
    expect(decided.facts).toEqual(commit.facts);
    expect(decided.ok ? undefined : decided.code).toBe(commit.refused);
    projector.apply(commit);
  }
}
