/** Every state that can come about is one that the specification describes, and the types say the same as the schemas. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type * as z from 'zod';
import type { HandoffRequest } from '../../src/events/handoff.ts';
import type { LockType } from '../../src/events/lock.ts';
import type { Lock, LockRequest } from '../../src/events/lock-state.ts';
import type { AgentStatus } from '../../src/events/session.ts';
import { STATE_SCHEMAS } from '../../src/events/state-schemas.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import type {
  AgentRegistration,
  AgentState,
  GlobalState,
  LockRegistry,
} from '../../src/projections/swarm-state.ts';
import { countedIds } from '../../src/testing/index.ts';
import { LIFE_LIMITS, lifeOf, live } from '../support/random-life.ts';
import { GatedDatabase, openSwarmOver } from '../support/swarm-over.ts';

/** A type with what may be absent marked, whether or not it may be `undefined` too, and nothing read-only. */
type Plain<Value> = Value extends readonly (infer Item)[]
  ? Plain<Item>[]
  : Value extends object
    ? {
        -readonly [Key in keyof Value]-?: object extends Pick<Value, Key>
          ? ['optional', Plain<Exclude<Value[Key], undefined>>]
          : Plain<Value[Key]>;
      }
    : Value;

type IsSame<One, Other> = [Plain<One>, Plain<Other>] extends [Plain<Other>, Plain<One>]
  ? true
  : false;

type Of<Name extends keyof typeof STATE_SCHEMAS> = z.infer<(typeof STATE_SCHEMAS)[Name]>;

/** The compiler refuses this file when one of them differs from its schema. */
const SAME: {
  readonly GlobalState: IsSame<Of<'GlobalState'>, GlobalState>;
  readonly TaskState: IsSame<Of<'TaskState'>, TaskState>;
  readonly AgentState: IsSame<Of<'AgentState'>, AgentState>;
  readonly AgentStatus: IsSame<Of<'AgentStatus'>, AgentStatus>;
  readonly AgentRegistration: IsSame<Of<'AgentRegistration'>, AgentRegistration>;
  readonly HandoffRequest: IsSame<Of<'HandoffRequest'>, HandoffRequest>;
  readonly LockType: IsSame<Of<'LockType'>, LockType>;
  readonly Lock: IsSame<Of<'Lock'>, Lock>;
  readonly LockRequest: IsSame<Of<'LockRequest'>, LockRequest>;
  readonly LockRegistry: IsSame<Of<'LockRegistry'>, LockRegistry>;
} = {
  GlobalState: true,
  TaskState: true,
  AgentState: true,
  AgentStatus: true,
  AgentRegistration: true,
  HandoffRequest: true,
  LockType: true,
  Lock: true,
  LockRequest: true,
  LockRegistry: true,
};

test('the types of the state are those of the schemas', () => {
  expect(Object.keys(SAME).every((name) => name in STATE_SCHEMAS)).toBe(true);
});

test('the state of any life fits the schemas', async () => {
  let kinds = 0;
  const property = fc.asyncProperty(lifeOf(80), async (operations) => {
    const database = new GatedDatabase();
    const ids = countedIds();
    const { swarm } = await live(operations, (clock) =>
      openSwarmOver(database, { clock, ids, limits: LIFE_LIMITS }),
    );
    const parsed = STATE_SCHEMAS.SwarmState.safeParse(swarm.state);
    kinds = Math.max(kinds, Object.keys(swarm.state.agents).length);
    await swarm.close();
    await database.close();
    expect(parsed.error?.issues ?? []).toEqual([]);
  });
  await fc.assert(property, { seed: 4, numRuns: 60 });
  expect(kinds).toBe(3);
});
