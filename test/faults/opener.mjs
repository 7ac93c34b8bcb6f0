/**
 * A program that opens a swarm as another process, and as another user when it is told one, and says how that went.
 *
 *     node opener.mjs '{"directory":"…","readonly":true,"uid":65534}'
 *
 * Prints one line of JSON: `{"ok":true,"sequence"}`, or `{"ok":false,"name","code","message","details"}`.
 */
import { openSwarm } from '../../dist/src/index.js';

const { uid, ...options } = JSON.parse(process.argv[2]);
if (uid !== undefined) process.setuid(uid);
try {
  const swarm = await openSwarm(options);
  const { durableSequence, stateHash } = swarm;
  await swarm.close();
  console.log(JSON.stringify({ ok: true, sequence: durableSequence, stateHash }));
} catch ({ name, code, message, details }) {
  console.log(JSON.stringify({ ok: false, name, code, message, details }));
}
