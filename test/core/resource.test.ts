import { expect, test } from 'vitest';
import {
  covers,
  isMisleading,
  isSubtree,
  overlaps,
  stateResource,
  subtreesOver,
} from '../../src/core/resource.ts';

const COVERED: readonly (readonly [resource: string, other: string, covers: boolean])[] = [
  ['repo/a.ts', 'repo/a.ts', true],
  ['repo/a.ts', 'repo/b.ts', false],
  ['repo/**', 'repo/a.ts', true],
  ['repo/**', 'repo/src/a.ts', true],
  ['repo/**', 'repo/src/**', true],
  ['repo/**', 'repo', true],
  ['repo/**', 'repo/**', true],
  ['repo/**', 'repository/a.ts', false],
  ['repo/**', 'repo2/**', false],
  ['repo/src/**', 'repo/**', false],
  ['repo/src/**', 'repo', false],
  ['repo', 'repo/**', false],
  ['/**', '/a', false], // a plain name: there is nothing above a root
];

test.each(COVERED)('%s covers %s: %s', (resource, other, expected) => {
  expect(covers(resource, other)).toBe(expected);
  expect(overlaps(resource, other)).toBe(expected || covers(other, resource));
  expect(overlaps(other, resource)).toBe(overlaps(resource, other));
  if (expected && resource !== other) expect([...subtreesOver(other)]).toContain(resource);
});

test.each([
  ['src/a.ts', false],
  ['src/**', false],
  ['src/.env', false],
  ['..a/b', false],
  ['./src/a.ts', true],
  ['src/../a.ts', true],
  ['src/*.ts', true],
  ['src/**/a', true],
  ['**', true],
  ['src/**/**', true],
  ['/**', true],
  ['src/./**', true],
])('%s could be taken for another name: %s', (resource, expected) => {
  expect(isMisleading(resource)).toBe(expected);
});

test('the subtrees over a resource are those that cover it, the narrowest first', () => {
  expect([...subtreesOver('a/b/c')]).toEqual(['a/b/c/**', 'a/b/**', 'a/**']);
  expect([...subtreesOver('a/b/**')]).toEqual(['a/**']);
  expect([...subtreesOver('a')]).toEqual(['a/**']);
  for (const name of subtreesOver('a//b/')) expect(covers(name, 'a//b/')).toBe(true);
});

test('a place of the state is named with slashes; keys with slashes and tildes as in a JSON Pointer', () => {
  expect(stateResource(['global', 'config', 'timeouts'])).toBe('state/global/config/timeouts');
  expect(stateResource(['global', 'tasks', 'a/b~c', 0])).toBe('state/global/tasks/a~1b~0c/0');
  expect(isSubtree('state/global/**')).toBe(true);
});
