import { expect, test } from 'vitest';
import { formatPath, parsePath } from '../../src/core/path.ts';
import { inFull, resourceInFull } from '../../src/events/full-path.ts';

function full(text: string): string {
  const parsed = parsePath(text);
  return parsed.ok ? formatPath(inFull(parsed.steps)) : parsed.code;
}

test.each([
  ['agents.pulse.s1.note', 'agents.pulse.s1.data.note'],
  ['agents.pulse.s1.note[2].deep', 'agents.pulse.s1.data.note[2].deep'],
  ['locks.l1', 'locks.locks.l1'],
  ['locks.l1.holder.id', 'locks.locks.l1.holder.agentId'],
  ['locks.locks.l1.holder.id', 'locks.locks.l1.holder.agentId'],
  ['locks.lock-456.holder.id', 'locks.locks.lock-456.holder.agentId'], // the appendix's own
])('%s is short for %s', (short, long) => {
  expect(full(short)).toBe(long);
  expect(full(long)).toBe(long);
});

test.each([
  'global.config.maxConcurrentAgents',
  'agents.pulse.session-123.data.currentIteration',
  'agents',
  'agents.pulse.s1',
  'agents.pulse.s1.status',
  'agents.pulse.s1.progress.current',
  'locks',
  'locks.waitQueue["a.ts"]',
  'locks.locks.l1.holder.id.deep',
  'global.tasks.holder.id',
  'events.events[0]',
])('%s is in full', (path) => {
  expect(full(path)).toBe(path);
});

test.each([
  ['state/agents/pulse/s1/note/**', 'state/agents/pulse/s1/data/note/**'],
  ['state/locks/a~1b', 'state/locks/locks/a~1b'],
  ['state/global/tasks/a~b~2', 'state/global/tasks/a~0b~02'],
])('the resource %s is %s', (short, long) => {
  expect(resourceInFull(short)).toBe(long);
  expect(resourceInFull(long)).toBe(long);
});

test.each([
  'state',
  'state/**',
  'state/agents/**',
  'state/agents/pulse/s1/data/**',
  'state/global/tasks/a~1b~0c',
  'repo/agents/pulse/s1/note',
  'a~b',
])('the resource %s has no other name', (resource) => {
  expect(resourceInFull(resource)).toBe(resource);
});
