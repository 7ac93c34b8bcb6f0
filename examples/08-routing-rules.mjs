// Rules send each task to the kind of agent that does it; what an expression says is checked when its rule is written.
//
//   npm run build && node examples/08-routing-rules.mjs
import { conductOnce, openSwarm, Refused } from 'stigmergy';

const swarm = await openSwarm();
const carl = await swarm.register({ agentType: 'conductor', agentId: 'carl', sessionId: 'carl-1' });
await swarm.register({ agentType: 'pulse', agentId: 'ant', capacity: 2 });
await swarm.register({ agentType: 'pulse', agentId: 'bee', capacity: 2 });
await swarm.register({ agentType: 'dream_weaver', agentId: 'wren', capacity: 1 });

/** Every condition that a rule has must hold. Nobody may print passwords: Guardians take no tasks. */
const rules = [
  { id: 'reports', condition: { taskType: 'report' }, target: 'dream_weaver', weight: 1 },
  {
    id: 'code',
    condition: { custom: 'task.type.startsWith("code/")' },
    target: 'pulse',
    weight: 1,
  },
  { id: 'secrets', condition: { keywords: ['password'] }, target: 'guardian', weight: 1 },
].map((rule) => ({ ...rule, enabled: true }));

const tasks = [
  ['parser', 'port the parser', 'code/port', 'normal'],
  ['lexer', 'fix the lexer', 'code/fix', 'critical'],
  ['report', 'write what was done', 'report', 'low'],
  ['again', 'write it again', 'report', 'low'],
  ['print', 'print the password', 'print', 'high'],
  ['song', 'sing', 'song', 'low'],
];
for (const [taskId, goal, type, priority] of tasks) {
  await carl.tasks.create({ taskId, goal, priority, metadata: { type } });
}

// One look at everything that waits, the most urgent first; `runConductor` goes on until it is told to end.
const { left } = await conductOnce(carl, { rules });
for (const { taskId, reason } of left) console.log(`left: ${taskId}, since ${reason}`);

// Every decision is on record, with what it was made of, and comes back from the log as it was.
for (const { type, input, output } of swarm.get('agents.conductor.carl-1.data.decisions')) {
  const to = output.assignedTo ? ` to ${output.assignedTo.agentId}` : '';
  console.log(`${type}: ${input.taskId} (${input.priority})${to}, by ${output.rule}`);
}

// A rule whose expression cannot be used is not written.
for (const custom of ['priority == "high"', 'task.goal = "sing"', 'task.attempts + 1']) {
  const path = 'agents.conductor.carl-1.data.routingTable[1].condition.custom';
  await carl.update({ path, newValue: custom }).catch((error) => {
    if (!(error instanceof Refused)) throw error;
    const { position, reason } = error.details;
    console.log(error.code, 'at', position, reason);
  });
}
await swarm.close();
