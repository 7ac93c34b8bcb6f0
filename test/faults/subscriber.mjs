/**
 * A program that emits numbered events and handles them by a durable subscription, for tests that kill it around its handler.
 *
 *     node subscriber.mjs DIRECTORY GUARANTEE
 *
 * Prints a line for everything that happens, each by one system call, so whoever kills it has read all of it:
 * `emitted N` when the event is durable, `begin N` when the handler gets it, `end N` when the handler is about to return.
 * The handler keeps a counter in the storage of the subscription and emits `app.effect` with exactly-once.
 */
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openSwarm } from '../../dist/src/index.js';

const [directory, delivery] = process.argv.slice(2);
const tell = (line) => writeSync(1, `${line}\n`);

const swarm = await openSwarm({ directory, snapshots: { everyEvents: 200, keep: 2 } });
const handler = async ({ payload }, context) => {
  tell(`begin ${payload}`);
  await pause(payload % 3);
  if (delivery === 'exactly-once') {
    const handled = (await context.storage.get('handled')) ?? [];
    context.storage.set('handled', [...handled, payload]);
    context.emit({ type: 'app.effect', payload });
  }
  tell(`end ${payload}`);
};
swarm.events.subscribe({ type: 'app.number' }, handler, {
  name: 'numbers',
  delivery,
  from: 'beginning',
});
tell('ready');
const before = await lastNumber();
for (let number = before + 1; ; number++) {
  swarm.events.emit({ type: 'app.number', payload: number });
  await swarm.durable();
  tell(`emitted ${number}`);
  await pause(number % 2);
}

async function lastNumber() {
  let last = 0;
  await swarm.events.replay({ types: ['app.number'] }, ({ payload }) => {
    last = payload;
  });
  return last;
}
