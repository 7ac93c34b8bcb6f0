// What a subscriber cannot handle is kept as a dead letter, and the others are not kept waiting. Somebody repairs the cause, and
// has it delivered again.
//
//   npm run build && node examples/10-dead-letters.mjs
import { setTimeout as sleep } from 'node:timers/promises';
import { openSwarm } from 'stigmergy';

const swarm = await openSwarm();
const { deadLetters } = swarm.events;
const until = async (isSo) => {
  while (!isSo()) await sleep(5);
};

const addresses = new Map([
  ['ada', 'ada@example.org'],
  ['cyd', 'cyd@example.org'],
]);

/** Fails for whoever has no address. A handler has failed when it throws. */
function welcome({ payload: name }, { attempt }) {
  const address = addresses.get(name);
  if (address === undefined) throw new Error(`${name} has no address`);
  console.log(`sent to ${address} at attempt ${attempt}`);
}

// A subscription with a name is durable: its place and its dead letters are in the log. Twice it tries again, then it gives up.
const mail = swarm.events.subscribe({ type: 'app.joined' }, welcome, {
  name: 'mail',
  onError: 'retry',
  maxRetries: 2,
  backoff: { baseMs: 10, maxMs: 50 },
});
for (const name of ['ada', 'bob', 'cyd', 'nobody']) {
  swarm.events.emit({ type: 'app.joined', payload: name });
}
await until(() => deadLetters.list().length === 2);
console.log(`handled ${mail.stats.processed} of ${mail.stats.received}`);

// Each says what was to be handled, by whom, how often it was tried, and why that failed.
const [bob, nobody] = deadLetters.list('mail');
for (const { subscription, attempts, error, status } of [bob, nobody]) {
  console.log(`${status}: ${subscription}, ${attempts} attempts, ${error.code}: ${error.message}`);
}

// The cause is repaired first. Over a directory, `stig deadletters` and `stig deadletters retry ID` do the same.
addresses.set('bob', 'bob@example.org');
await deadLetters.retry(bob.id);
await until(() => deadLetters.list().length === 1);

// The other one is given up. The log keeps that, and why.
await deadLetters.drop(nobody.id, 'a test account');
console.log(`dead letters: ${deadLetters.list().length}`);
for (const { type } of swarm.events.query({ types: ['deadletter.*'] })) console.log(type);
await swarm.close();
