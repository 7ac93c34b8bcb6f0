/** `swarm.conflicts`: the specification's conflict resolver, with the defaults of the configuration. */
import { refuse, Refused } from '../core/errors.ts';
import { copyJson, frozen, type JsonValue } from '../core/json.ts';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import { parsePath } from '../core/path.ts';
import { configuredStrategy, resolvePair, type Weighed } from '../events/conflict.ts';
import { inFull } from '../events/full-path.ts';
import type { Priority } from '../events/identity.ts';
import type { ConflictStrategy } from '../events/strategies.ts';
import { DEFAULT_CONFIG } from '../events/system.ts';
import type { Projector } from '../projections/projector.ts';
import type { StateUpdate } from './state-writer.ts';

/** The specification's "Conflict Resolution". */
export interface ConflictResolver {
  /**
   * One value out of two, in the order in which they were written.
   * @throws {Refused} `INVALID_INPUT` when the values are not of the kind that the strategy resolves
   */
  readonly strategies: {
    /** The second. */
    'last-write-wins'(a: unknown, b: unknown): unknown;
    /** The first. */
    'first-write-wins'(a: unknown, b: unknown): unknown;
    /** Both, merged deeply; where both have a value that is no object, the second. Own keys only. */
    'merge-objects'(a: object, b: object): object;
    /** The elements of both, in order; equal ones once. */
    'merge-arrays'(a: unknown[], b: unknown[]): unknown[];
    /** The one of the higher priority, whichever came first; of two alike that with the greater canonical JSON. */
    'higher-priority-wins'(
      a: { value: unknown; priority: Priority },
      b: { value: unknown; priority: Priority },
    ): unknown;
  };
  /**
   * One value out of any number of updates of a path, in the order in which they were written. Without a strategy that of the
   * most specific pattern of `config.conflicts`, and `last-write-wins` when none matches. Changes nothing.
   * @throws {Refused} `INVALID_INPUT`, `INVALID_PATH`, `PAYLOAD_TOO_LARGE`
   */
  resolve(
    path: string,
    conflictingUpdates: readonly StateUpdate[],
    strategy?: keyof ConflictResolver['strategies'],
  ): unknown;
}

const STRATEGIES: ConflictResolver['strategies'] = {
  'last-write-wins': (a, b) => pair('last-write-wins', a, b),
  'first-write-wins': (a, b) => pair('first-write-wins', a, b),
  'merge-objects': (a, b) => pair('merge-objects', a, b) as object,
  'merge-arrays': (a, b) => pair('merge-arrays', a, b) as unknown[],
  'higher-priority-wins': (a, b) =>
    resolved([weighed(a.value, a.priority), weighed(b.value, b.priority)], 'higher-priority-wins'),
};

/** Resolves by the configuration of an open swarm. */
export class SwarmConflicts implements ConflictResolver {
  readonly strategies = STRATEGIES;
  readonly #projector: Projector;

  constructor(projector: Projector) {
    this.#projector = projector;
  }

  resolve(
    path: string,
    conflictingUpdates: readonly StateUpdate[],
    strategy?: ConflictStrategy,
  ): unknown {
    const parsed = parsePath(path);
    if (!parsed.ok) throw new Refused(parsed);
    const config = this.#projector.swarm?.config ?? DEFAULT_CONFIG;
    const values = conflictingUpdates.map(({ newValue, priority }) =>
      weighed(newValue, priority ?? config.defaultPriority),
    );
    const known = strategy ?? configuredStrategy(config, inFull(parsed.steps));
    return resolved(values, known ?? 'last-write-wins');
  }
}

function pair(strategy: ConflictStrategy, a: unknown, b: unknown): unknown {
  return resolved([weighed(a, 'normal'), weighed(b, 'normal')], strategy);
}

function resolved([first, ...others]: readonly Weighed[], strategy: ConflictStrategy): unknown {
  if (!Object.hasOwn(STRATEGIES, strategy)) {
    const known = Object.keys(STRATEGIES).join(', ');
    throw new Refused(
      refuse(
        'INVALID_INPUT',
        `There is no strategy ${JSON.stringify(strategy)}. Strategies: ${known}.`,
      ),
    );
  }
  if (first === undefined) {
    throw new Refused(refuse('INVALID_INPUT', 'There is no update to resolve.'));
  }
  let result = first;
  for (const next of others) {
    const one = resolvePair(strategy, result, next);
    if (!one.ok) throw new Refused(one);
    result = one;
  }
  return frozen(result.value);
}

function weighed(value: unknown, priority: Priority): Weighed {
  const { payloadCharsMax, payloadNodesMax, payloadDepthMax } = DEFAULT_LIMITS;
  const bounds = {
    charsMax: payloadCharsMax,
    nodesMax: payloadNodesMax,
    depthMax: payloadDepthMax,
  };
  const copied = copyJson(value, bounds);
  if (!copied.ok) throw new Refused(copied);
  return { value: copied.value satisfies JsonValue, priority };
}
