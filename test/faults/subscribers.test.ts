/** With 1,000 subscribers, one of which never returns and one of which throws, the others get everything in order, and memory stays flat. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { requireDist, temporaryDirectories } from './processes.ts';

const PROGRAM = fileURLToPath(new URL('subscribers.mjs', import.meta.url));
const EVENTS = 10_000;
/** 8,000 events more, of 200 characters each, would be more than twice this in one buffer, and 16,000 MB in one for each. */
const GROWTH_MB_MAX = 3;

const temporary = temporaryDirectories();
beforeAll(requireDist);

test('[I12] 1,000 subscribers of 10,000 events', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    PROGRAM,
    temporary(),
    String(EVENTS),
  ]);
  const { heapMb, ...found } = JSON.parse(stdout) as { heapMb: readonly number[] };
  console.log(`memory in use after each tenth of the events, in MB: ${heapMb.join(', ')}`);
  expect(found).toEqual({
    least: EVENTS,
    most: EVENTS,
    outOfOrder: 0,
    stuck: { received: 1, processed: 0, errors: 0 },
    fails: { received: EVENTS, processed: 0, errors: EVENTS },
  });
  // From the second tenth on: until then the window of the newest events and the history of the state fill.
  const [, ...later] = heapMb;
  expect(Math.max(...later) - (later[0] ?? 0)).toBeLessThan(GROWTH_MB_MAX);
}, 120_000);
