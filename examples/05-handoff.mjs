// A task changes hands: offered to a kind of agent, taken by the first who accepts, moved in one step. The old holder can
// do nothing more with it, and what it tries too late is recorded.
//
//   npm run build && node examples/05-handoff.mjs
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { History, openSwarm, Refused } from 'stigmergy';

const directory = await mkdtemp(join(tmpdir(), 'handoff-'));
const swarm = await openSwarm({ directory });
const coder = await swarm.register({ agentType: 'pulse', agentId: 'coder' });
const anna = await swarm.register({ agentType: 'dream_weaver', agentId: 'anna' });
const bert = await swarm.register({ agentType: 'dream_weaver', agentId: 'bert' });

const { id: taskId } = await coder.tasks.create({ goal: 'describe the parser' });
await coder.tasks.claim({ taskId, start: true });

// Offered to any writer. Nothing has moved yet: the coder still holds the task.
const to = { agentType: 'dream_weaver' };
const context = { notes: ['two passes', 'no backtracking'] };
await coder.handoffs.request({ taskId, to, reason: 'it wants a writer', context });
const [offer] = anna.handoffs.offers();
console.log(`offered: ${offer.reason}, with ${offer.context.notes.length} notes`);

// Both want it: the first to accept has it.
await anna.handoffs.accept(offer.id);
await bert.handoffs.accept(offer.id).catch((error) => console.log(`bert: ${error.code}`));

// On completion it moves, in one commit.
await anna.handoffs.complete(offer.id);
console.log('holder:', swarm.get(`global.tasks["${taskId}"].assignedTo.agentId`));

// The coder did not listen, and finishes all the same. That is refused, and the attempt is recorded.
await coder.tasks.complete(taskId, 'a description').catch((error) => {
  if (!(error instanceof Refused)) throw error;
  console.log(`coder: ${error.code}`);
});

await anna.tasks.start(taskId);
const done = await anna.tasks.complete(taskId, 'a better description');
console.log(`${done.status}:`, done.result);
await swarm.close();

// In the log each step names the one that led to it, from the request to the completion.
const history = await History.open(directory);
const steps = [];
for await (const { id, type, metadata } of history.events({ types: ['handoff.*'] })) {
  const cause = steps.find((step) => step.id === metadata.causationId);
  steps.push({ id, type });
  console.log(cause === undefined ? type : `${cause.type} -> ${type}`);
}
for await (const { payload } of history.events({ types: ['task.late_completion'] })) {
  console.log(`too late: ${payload.by.agentId}`);
}
await history.close();
await rm(directory, { recursive: true });
