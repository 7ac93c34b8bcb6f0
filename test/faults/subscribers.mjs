/**
 * A program with 1,000 subscribers, of which one never returns and one throws, and events for all of them.
 *
 *     node --expose-gc subscribers.mjs DIRECTORY EVENTS
 *
 * Prints one JSON object: what everybody got, and the memory that was in use after each tenth of the events.
 */
import { openSwarm } from '../../dist/src/index.js';

const [directory, events] = process.argv.slice(2);
const SUBSCRIBERS = 1_000;
const total = Number(events);

const swarm = await openSwarm({ directory });
const next = new Uint32Array(SUBSCRIBERS).fill(1);
let outOfOrder = 0;
const well = Array.from({ length: SUBSCRIBERS - 2 }, (_, index) =>
  swarm.events.subscribe({ type: 'app.number' }, ({ payload }) => {
    if (payload.n !== next[index]) outOfOrder += 1;
    next[index] = payload.n + 1;
  }),
);
const stuck = swarm.events.subscribe({ type: 'app.number' }, () => new Promise(() => {}));
const fails = swarm.events.subscribe({ type: 'app.number' }, () => {
  throw new Error('no');
});

const heapMb = [];
const text = 'x'.repeat(200);
for (let n = 1; n <= total; n++) {
  swarm.events.emit({ type: 'app.number', payload: { n, text } });
  if (n % 250 === 0) await swarm.durable();
  if (n % (total / 10) !== 0) continue;
  while ([...well, fails].some(({ next: at }) => at <= swarm.durableSequence)) {
    await new Promise(setImmediate);
  }
  globalThis.gc();
  heapMb.push(Math.round(process.memoryUsage().heapUsed / 1e5) / 10);
}
const handled = well.map(({ stats }) => stats.processed);
process.stdout.write(
  JSON.stringify({
    least: Math.min(...handled),
    most: Math.max(...handled),
    outOfOrder,
    stuck: stuck.stats,
    fails: fails.stats,
    heapMb,
  }),
);
process.exit(0);
