/**
 * One round of a Conductor: every task that waits or is stuck is looked at once.
 *
 * Between the look at the swarm and the commands that follow from it nobody else is let in, so no capacity is exceeded. After
 * some tasks others get their turn, and the swarm is looked at anew.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { AgentSession } from '../coordinator/agent-session.ts';
import type { Clock } from '../core/clock.ts';
import type { Refusal } from '../core/errors.ts';
import type { IdSource } from '../core/ids.ts';
import { isoTime } from '../core/time.ts';
import type { ConductorDecision } from '../events/state-schemas.ts';
import type { TaskState } from '../events/task-state.ts';
import { candidatesOf, readyNow, type Candidate } from './conductor-candidates.ts';
import { carryOut, decisionOf, type Decided } from './conductor-decision.ts';
import { conductorData, readSessions } from './load-reader.ts';
import type { RuleFault } from './routing-conditions.ts';
import { route } from './routing.ts';
import { afterMove } from './swarm-load.ts';

/** A task that was left as it is. */
export interface LeftTask {
  readonly taskId: string;
  /** Why: no rule matches it, nobody has room, or the swarm refused. */
  readonly reason: string;
  /** The rules whose expression could not say whether it holds. */
  readonly faults: readonly RuleFault[];
}

/** What a round came to. */
export interface ConductorRound {
  /** Those that happened, in their order. */
  readonly decisions: readonly ConductorDecision[];
  /** What could be begun, and nobody has got. */
  readonly left: readonly LeftTask[];
}

/** What a round works with. */
export interface RoundParts {
  /** The open tasks. */
  readonly open: Iterable<TaskState>;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** Tasks that are looked at before others get their turn. */
const TASKS_AT_ONCE = 64;

/**
 * Looks at every candidate once. Resolves when what was decided is durable.
 * @throws {Refused} when a record is refused; what was decided beside it has happened
 */
export async function goRound(session: AgentSession, parts: RoundParts): Promise<ConductorRound> {
  const { open } = parts;
  const sessions = readSessions(session, { open, preemption: false });
  const candidates = candidatesOf(session, { open, sessions });
  const decisions: ConductorDecision[] = [];
  const left: LeftTask[] = [];
  for (let at = 0; at < candidates.length; at += TASKS_AT_ONCE) {
    if (at > 0) await yieldToOthers();
    const some = decideSome(session, candidates.slice(at, at + TASKS_AT_ONCE), parts);
    left.push(...some.left);
    for (const [{ decision }, refusal] of await happened(some.happening)) {
      if (refusal === undefined) decisions.push(decision);
      else left.push(refused(decision, refusal));
    }
  }
  return { decisions, left };
}

/** A decision under way. */
type Happening = readonly [decided: Decided, answer: Promise<Refusal | undefined>];

/** Decides about some candidates on the swarm as it is now, and begins to carry it out. */
function decideSome(
  session: AgentSession,
  candidates: readonly Candidate[],
  { open, clock, ids }: RoundParts,
): { readonly happening: readonly Happening[]; readonly left: readonly LeftTask[] } {
  const happening: Happening[] = [];
  const left: LeftTask[] = [];
  const rules = conductorData(session, 'routingTable');
  const preemption = session.get('global.config.features.preemption') === true;
  let sessions = readSessions(session, { open, preemption });
  const nowMs = clock.wallMs();
  for (const candidate of candidates) {
    const task = readyNow(session, candidate, nowMs);
    if (task === undefined) continue;
    const from = candidate.from?.identity;
    const except = from === undefined ? {} : { except: from.sessionId };
    const routed = route({ task, rules, sessions, preemption, ...except });
    const mark = { id: ids(), timestamp: isoTime(nowMs) };
    const decided = decisionOf(candidate, routed, mark);
    if (decided === undefined) {
      left.push({ taskId: task.id, reason: routed.reason, faults: routed.faults });
      continue;
    }
    happening.push([decided, carryOut(session, decided)]);
    if (routed.type === 'wait' || routed.type === 'reject') continue;
    sessions = afterMove(sessions, {
      to: routed.to,
      from,
      isPreempting: routed.type === 'preempt',
    });
  }
  return { happening, left };
}

/** Waits until all have happened, also when one of them fails. */
async function happened(
  happening: readonly Happening[],
): Promise<readonly (readonly [Decided, Refusal | undefined])[]> {
  await Promise.allSettled(happening.map(async ([, answer]) => answer));
  return Promise.all(happening.map(async ([decided, answer]) => [decided, await answer] as const));
}

function refused({ input }: ConductorDecision, { code, message }: Refusal): LeftTask {
  return { taskId: String(input['taskId']), reason: `${code}: ${message}`, faults: [] };
}
