// A program is killed in the middle of its work and started again, and still every event has its effect exactly once.
//
//   npm run build && node examples/09-exactly-once-subscriber.mjs
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { History, openSwarm } from 'stigmergy';

const ORDERS = 5;
await (process.argv.length === 2 ? parent() : child(process.argv[2], Number(process.argv[3])));

/** The child writes an invoice for every order. Started again, it goes on under the same name, where it was. */
async function child(directory, stuckAt) {
  process.channel.ref(); // a program that only listens would end here
  const swarm = await openSwarm({ directory });
  const writeInvoice = async ({ payload: order }, context) => {
    // The number, the invoice, and that the order is done: one commit after the handler, or nothing of it happens.
    const number = ((await context.storage.get('last number')) ?? 0) + 1;
    context.storage.set('last number', number);
    context.emit({ type: 'app.invoice', payload: { number, order } });
    await swarm.durable(); // the orders before this one are done, on disk too
    process.send(order);
    if (order === stuckAt) await new Promise(() => {}); // here it is killed
  };
  const options = { name: 'invoices', delivery: 'exactly-once', from: 'beginning' };
  swarm.events.subscribe({ type: 'app.order' }, writeInvoice, options);

  // Who listens hears what is durable. So when the last invoice is heard, everything is done.
  swarm.events.subscribe({ type: 'app.invoice' }, async ({ payload }) => {
    if (payload.order === ORDERS) await swarm.close().then(() => process.disconnect());
  });
}

/** The parent takes the orders, kills the child in the middle of the third, and starts another one. */
async function parent() {
  const directory = await mkdtemp(join(tmpdir(), 'exactly-once-'));
  const swarm = await openSwarm({ directory });
  for (let order = 1; order <= ORDERS; order++) {
    swarm.events.emit({ type: 'app.order', payload: order });
  }
  await swarm.close();

  for (const stuckAt of [3, 0]) {
    const worker = fork(process.argv[1], [directory, stuckAt]);
    worker.on('message', (order) => {
      console.log(`began order ${order}`);
      if (order === stuckAt) worker.kill('SIGKILL');
    });
    const [, signal] = await once(worker, 'close');
    console.log(signal === null ? 'ended' : `killed by ${signal}`);
  }
  const history = await History.open(directory);
  const invoices = history.events({ types: ['app.invoice'] });
  for await (const { payload } of invoices) console.log(JSON.stringify(payload));
  await history.close();
  await rm(directory, { recursive: true });
}
