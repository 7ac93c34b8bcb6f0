/**
 * A program that writes to a swarm until something stops it, for tests that kill it or take its disk away.
 *
 *     node writer.mjs DIRECTORY [everyEvents] [messageChars]
 *
 * Prints `opened SEQUENCE` once, and then one line for every command that was acknowledged, after its promise resolved and
 * before anything else happens: `SEQUENCE ID`, where the event at that sequence is about the task or lock of that id. A line
 * is written by one system call, so whoever kills this program has read every acknowledgement. When a write fails it prints
 * `failed JSON`, with what everybody was told, and ends.
 */
import { writeSync } from 'node:fs';
import { openSwarm } from '../../dist/src/index.js';

const [directory, everyEvents = '100', messageChars = '20'] = process.argv.slice(2);
const SESSIONS = 6;
const PROGRESS_PER_TASK = 12;
const message = 'm'.repeat(Number(messageChars));

function tell(line) {
  for (;;) {
    try {
      return writeSync(1, `${line}\n`);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // whoever reads is slow
    }
  }
}

const swarm = await openSwarm({
  directory,
  snapshots: { everyEvents: Number(everyEvents), keep: 2 },
});
tell(`opened ${swarm.durableSequence}`);

/** What the loops were refused with, the first of each. */
const codes = [];

async function work(session, name) {
  const ask = async (type, payload, id) => {
    const result = await session.dispatch({ type, payload });
    if (!result.ok) throw Object.assign(new Error(result.message), { code: result.code });
    tell(`${result.sequence} ${id}`);
  };
  for (let round = 0; ; round++) {
    const taskId = `${name}-t${round}`;
    const lockId = `${name}-l${round}`;
    await ask('task.create', { taskId, goal: 'write', priority: 'high' }, taskId);
    await ask('task.claim', { taskId, start: true }, taskId);
    await ask('lock.acquire', { lockId, resource: `files/${name}`, type: 'exclusive' }, lockId);
    for (let step = 1; step <= PROGRESS_PER_TASK; step++) {
      await ask('task.progress', { taskId, progress: step, message }, taskId);
    }
    await session.update({
      path: `agents.pulse["${session.identity.sessionId}"].data.round`,
      newValue: round,
    });
    await ask('task.complete', { taskId, result: { round } }, taskId);
    await ask('lock.release', { lockId }, lockId);
  }
}

const code = (ask) =>
  Promise.resolve()
    .then(ask)
    .then(
      (result) => (result?.ok === false ? result.code : 'served'),
      (error) => error.code ?? String(error),
    );

await Promise.all(
  Array.from({ length: SESSIONS }, async (_, index) => {
    try {
      const name = `e${swarm.sequence}-${index}`;
      await work(await swarm.register({ agentType: 'pulse', agentId: `writer-${index}` }), name);
    } catch (error) {
      codes.push(error.code ?? String(error));
    }
  }),
);
const after = {
  dispatch: await code(() => swarm.dispatch({ type: 'task.create', payload: { goal: 'more' } })),
  get: await code(() => swarm.get('global.tasks')),
  read: await code(() => swarm.read('global.health')),
  state: await code(() => swarm.state),
  stateHash: await code(() => swarm.stateHash),
  durable: await code(() => swarm.durable()),
  register: await code(() => swarm.register({ agentType: 'pulse', agentId: 'late' })),
};
const closed = await code(() => swarm.close());
tell(`failed ${JSON.stringify({ codes, after, closed })}`);
